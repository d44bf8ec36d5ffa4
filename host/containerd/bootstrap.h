/* SPDX-License-Identifier: Apache-2.0 */
/* What containerd says on standard input of `start`, and the answer, in the words of whoever asks:
 * each generation of containerd has its own. */
#ifndef SHIMHOST_CONTAINERD_BOOTSTRAP_H
#define SHIMHOST_CONTAINERD_BOOTSTRAP_H

#include <stdbool.h>

#include "containerd/arguments.h"

/* How the caller wants to be answered. */
enum dialect {
    DIALECT_TEXT,    /* containerd 1.6: the address and nothing else */
    DIALECT_JSON,    /* 1.7 to 2.2: an object */
    DIALECT_MESSAGE, /* from 2.3 on: a BootstrapResult */
};

struct bootstrap {
    enum dialect dialect;
    bool debug;
    char *socket_directory; /* or NULL */
    char *shim_cgroup;      /* or NULL */
    char *events_address;   /* or NULL */
};
#define BOOTSTRAP_NONE                                                                             \
    { .dialect = DIALECT_TEXT }

/* Reads standard input and the environment into *ret, for the caller to clear. */
int bootstrap_read(const struct arguments *arguments, struct bootstrap *ret,
                   struct shim_error *error);
void bootstrap_clear(struct bootstrap *bootstrap);

/* Writes the address of the server that listens on `path` to standard output. */
int bootstrap_answer(const struct bootstrap *bootstrap, const char *path, struct shim_error *error);

#endif
