/* SPDX-License-Identifier: Apache-2.0 */
/* The programs that work in a directory: of a process's, its monitor, and the calls of its runtime.
 */
#ifndef SHIMHOST_PROCESS_WORKERS_H
#define SHIMHOST_PROCESS_WORKERS_H

#include <shimhost/plugin.h>
#include <sys/types.h>

/* Finds one whose working directory it is, other than the caller, `monitor` (0: none) and that
 * one's children; ret_identity->size is the caller's. 1: here it is; 0: there is none, or none that
 * /proc shows; or a negative errno. */
int workers_find(int directory_fd, pid_t monitor, struct shim_identity *ret_identity,
                 struct shim_error *error);

#endif
