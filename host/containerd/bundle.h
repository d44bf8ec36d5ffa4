/* SPDX-License-Identifier: Apache-2.0 */
/* Our own files in a bundle, so that `delete` finds what a server that is dead has left; and where
 * processes are in the state directory. */
#ifndef SHIMHOST_CONTAINERD_BUNDLE_H
#define SHIMHOST_CONTAINERD_BUNDLE_H

#include <string.h>

#define BUNDLE_STATE "shimhost-state"     /* a symbolic link to the container's state directory */
#define BUNDLE_CONFIG "shimhost-config"   /* the path of the configuration that options named */
#define BUNDLE_RUNTIME "shimhost-runtime" /* the name of the runtime that the link's name chose */
#define BUNDLE_PID "init.pid"

/* What is added to an exec's id to make the name of its directory in the container's, where some
 * names are not for execs. containerd's ids do not end so. */
static inline const char *exec_suffix(const char *exec_id) {
    return strcmp(exec_id, "init") == 0 || strcmp(exec_id, "container.json") == 0 ? "_" : "";
}

/* The path of the container's state directory, for the caller to free. NULL: none. */
char *bundle_state(const char *bundle);

#endif
