/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a file that another process is about to write. */
#ifndef SHIMHOST_BASE_AWAIT_H
#define SHIMHOST_BASE_AWAIT_H

#include <shimhost/plugin.h>

/* Is it there? 1: yes; 0: not yet; a negative errno ends the waiting and is returned. */
typedef int await_look(int directory_fd, const char *name, void *user, struct shim_error *error);

/* Waits until `look` finds what it looks for: it is asked at once, and again whenever a file of the
 * directory appears, by rename too, or is closed after writing. Events wake it, it does not poll.
 * `name` is the file's, for errors. `timeout` is in milliseconds (SHIM_FOREVER; 0: only look).
 * -ETIMEDOUT; -ECANCELED: `cancel_fd` (or -1) is readable or at its end; -ESTALE: the directory was
 * removed; -EMFILE: no inotify instance is left; what `look` says. */
int await_file(int directory_fd, const char *name, int64_t timeout, int cancel_fd, await_look *look,
               void *user, struct shim_error *error);

#endif
