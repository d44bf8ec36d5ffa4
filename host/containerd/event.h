/* SPDX-License-Identifier: Apache-2.0 */
/* One event, and what it is wrapped in. */
#ifndef SHIMHOST_CONTAINERD_EVENT_H
#define SHIMHOST_CONTAINERD_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

struct server;

struct event {
    struct event *next;
    size_t length;   /* of `frame` */
    uint8_t frame[]; /* a header, then the request */
};

/* Queues the request of an event, which is copied. */
void event_append(struct server *server, const uint8_t *request, size_t length);

/* Wraps an event, at the present time, into a request to Forward it, for the caller to free;
 * returns its length, or 0: out of memory. `name` is that of the type in containerd.events. */
size_t event_wrap(const char *namespace, const char *topic, const char *name,
                  const ProtobufCMessage *event, uint8_t **ret_request);

#endif
