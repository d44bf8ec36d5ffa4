/* SPDX-License-Identifier: Apache-2.0 */
/* All that a server knows, as one message, and back. */
#ifndef SHIMHOST_CONTAINERD_SNAPSHOT_H
#define SHIMHOST_CONTAINERD_SNAPSHOT_H

#include "containerd/server.h"
#include "snapshot.pb-c.h"

/* Grows whenever a snapshot of before cannot be understood any more. */
#define SNAPSHOT_VERSION 1

/* NULL: out of memory. Its descriptors are the server's own. */
Pb__Snapshot *snapshot_take(struct server *server);
void snapshot_free(Pb__Snapshot *snapshot);

/* Makes an empty server into the one that the snapshot was taken of. -ENOMEM and the like: it is
 * to be given up. */
int snapshot_restore(struct server *server, const Pb__Snapshot *snapshot, struct shim_error *error);

#endif
