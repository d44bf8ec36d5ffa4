/* SPDX-License-Identifier: Apache-2.0 */
/* All that a server knows, as one message, and back. */
#ifndef SHIMHOST_CONTAINERD_SNAPSHOT_H
#define SHIMHOST_CONTAINERD_SNAPSHOT_H

#include "containerd/server.h"
#include "snapshot.pb-c.h"

/* What a snapshot needs to be understood: 2 if there are calls in it that have not been begun,
 * which a program of before would drop, and else 1. */
#define SNAPSHOT_VERSION 2
#define SNAPSHOT_VERSION_OLDEST 1

/* NULL: out of memory. Its descriptors are the server's own. */
Pb__Snapshot *snapshot_take(struct server *server);
void snapshot_free(Pb__Snapshot *snapshot);

/* Makes an empty server into the one that the snapshot was taken of. -ENOMEM and the like: it is
 * to be given up. */
int snapshot_restore(struct server *server, const Pb__Snapshot *snapshot, struct shim_error *error);

#endif
