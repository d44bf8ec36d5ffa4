/* SPDX-License-Identifier: Apache-2.0 */
/* Whose pids and start times stand in a state directory. Pids are those of a pid namespace, start
 * times those of a time namespace; in another one everybody seems to be dead. So STATE/.namespace
 * says in which boot and in which two namespaces its containers were begun. It is a symbolic link
 * to nowhere, because that is made whole or not at all, and read by one call. */
#ifndef SHIMHOST_STATE_NAMESPACE_H
#define SHIMHOST_STATE_NAMESPACE_H

#include <shimhost/plugin.h>

#define NAMESPACE_FILE ".namespace"

/* 1: the state directory is the caller's; 0: nobody's: nothing says whose it is, or that was in
 * another boot; -EXDEV: it belongs to others; -EBADMSG: nobody knows whose it is. */
int namespace_check(int state_fd, struct shim_error *error);

/* It is the caller's from now on. Where that cannot be written it stays nobody's. */
void namespace_take(int state_fd);

#endif
