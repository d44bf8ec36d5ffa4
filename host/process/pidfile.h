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

/* Waits for one, as await_file() does (base/await.h), and reads it. An empty one is not there yet.
 * -EBADMSG as above. */
int pidfile_await(int directory_fd, const char *name, int64_t timeout, int cancel_fd,
                  pid_t *ret_pid, struct shim_error *error);

#endif
