/* SPDX-License-Identifier: Apache-2.0 */
/* For the actions that have something to say to a server that lives. */
#ifndef SHIMHOST_CONTAINERD_CLIENT_H
#define SHIMHOST_CONTAINERD_CLIENT_H

#include <shimhost/plugin.h>

#include "ttrpc.pb-c.h"

#define SERVER_SERVICE "shimhost.Server" /* what a server can be asked by us alone */

/* Calls a method of that service on the server that listens on `path`. Returns the connection, for
 * the caller to close; the server does what it is asked for also if that happens at once.
 * -ECONNREFUSED, -ENOENT: nobody listens; -EPERM: somebody else does. */
int client_ask(const char *path, const char *method, const ProtobufCMessage *payload,
               struct shim_error *error);

/* Waits for the answer, for the caller to free. -ETIMEDOUT; -EPIPE: the server is gone. */
int client_hear(int fd, int64_t deadline, Pb__Response **ret, struct shim_error *error);

#endif
