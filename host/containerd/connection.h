/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a connection, for connection.c and for upgrade.c, which carries it over. */
#ifndef SHIMHOST_CONTAINERD_CONNECTION_H
#define SHIMHOST_CONTAINERD_CONNECTION_H

#include "containerd/server.h"

struct connection {
    struct source source; /* first */
    struct server *server;
    struct connection *next, **link;
    struct ttrpc_reader reader;
    uint8_t *output; /* what the client has not taken yet */
    size_t written;  /* of it */
    size_t n_output;
    size_t room;
    uint32_t last_stream;
    struct call *calls;
    unsigned int n_waits; /* of the calls */
    unsigned int number;  /* in a snapshot */
    bool broken;          /* to be closed when its turn comes */
};

/* A call on a stream, for requests and for those of a snapshot; `connection` may be NULL: its
 * client is gone. NULL: out of memory. */
struct call *call_new(struct server *server, struct connection *connection, uint32_t stream);

#endif
