/* SPDX-License-Identifier: Apache-2.0 */
/* The long-running server: one for a container, or for all containers of a pod. */
#ifndef SHIMHOST_CONTAINERD_SERVE_H
#define SHIMHOST_CONTAINERD_SERVE_H

#include "containerd/arguments.h"

#define SERVE_LISTENER 3 /* the descriptor that the listening socket comes on */

/* The path of the program that a process executes, of its directory in /proc; after it was replaced
 * that of the one which is there now. Negative errno. */
int program_of(int proc_fd, char *path, size_t size);

/* Serves until the last container is deleted and Shutdown has been called. */
int serve(const struct arguments *arguments, struct shim_error *error);

#endif
