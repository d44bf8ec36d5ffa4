/* SPDX-License-Identifier: Apache-2.0 */
/* The command line that containerd gives, in Go's style: -name value, -name=value, --name. */
#ifndef SHIMHOST_CONTAINERD_ARGUMENTS_H
#define SHIMHOST_CONTAINERD_ARGUMENTS_H

#include <shimhost/plugin.h>
#include <stdbool.h>

/* All texts are those of argv, or empty. */
struct arguments {
    const char *namespace;
    const char *id;
    const char *address; /* of containerd */
    const char *publish_binary;
    const char *bundle;
    const char *runtime; /* ours, from start to serve */
    const char *timeout; /* of upgrade, in seconds */
    const char *action;  /* "start", "delete", "upgrade", or empty: serve */
    bool debug;
    bool version;
    bool info;
    int resume; /* ours: the descriptor of a snapshot to go on from, or -1 */
    int check;  /* ours: only see whether that snapshot can be gone on from, or -1 */
};

/* Reads argv. What is not known is ignored, so that a newer containerd can say more: an unknown
 * flag takes the word after it along when that is followed by further flags or an action in the
 * end, which is how Go's flags without "=" look. -EINVAL: a flag lacks its value, or a namespace
 * or id is no containerd identifier. */
int arguments_read(int argc, char **argv, struct arguments *ret, struct shim_error *error);

/* The name of a runtime that the program was called by ("containerd-shim-crun-v1": "crun";
 * "containerd-shim-shimhost-crun-v1" likewise), in `buffer`, or NULL for the program's own name. */
const char *arguments_runtime(const char *program, char *buffer, size_t size);

#endif
