/* SPDX-License-Identifier: Apache-2.0 */
/* Pid files: a decimal number, with or without a newline after it, as runtimes write them. */
#ifndef SHIMHOST_PROCESS_PIDFILE_H
#define SHIMHOST_PROCESS_PIDFILE_H

#include <shimhost/plugin.h>

/* Writes "PID\n", atomically. -EINVAL: not a pid. */
int pidfile_write(int directory_fd, const char *name, pid_t pid, struct shim_error *error);

/* Reads one. -ENOENT: none; -EBADMSG: not a pid (1 to 2147483647), and the error shows what it
 * holds. */
int pidfile_read(int directory_fd, const char *name, pid_t *ret_pid, struct shim_error *error);

/* Waits until a pid file appears by rename, or is closed after writing, and reads it. An empty one
 * is not there yet; one that is there at once is read at once. Events wake it, it does not poll.
 * `timeout` is in milliseconds (SHIM_FOREVER; 0: only look). -ETIMEDOUT; -ECANCELED: `cancel_fd`
 * (or -1) is readable or at its end; -ESTALE: the directory was removed; -EMFILE: no inotify
 * instance is left; -EBADMSG as above. */
int pidfile_await(int directory_fd, const char *name, int64_t timeout, int cancel_fd,
                  pid_t *ret_pid, struct shim_error *error);

#endif
