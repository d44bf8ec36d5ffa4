/* SPDX-License-Identifier: Apache-2.0 */
/* Our own files in a bundle, so that `delete` finds what a server that is dead has left. */
#ifndef SHIMHOST_CONTAINERD_BUNDLE_H
#define SHIMHOST_CONTAINERD_BUNDLE_H

#define BUNDLE_STATE "shimhost-state"     /* a symbolic link to the container's state directory */
#define BUNDLE_CONFIG "shimhost-config"   /* the path of the configuration that options named */
#define BUNDLE_RUNTIME "shimhost-runtime" /* the name of the runtime that the link's name chose */
#define BUNDLE_PID "init.pid"

/* The path of the container's state directory, for the caller to free. NULL: none. */
char *bundle_state(const char *bundle);

#endif
