/* SPDX-License-Identifier: Apache-2.0 */
/* The small files of a process's directory that say how it is: status, exitStatus, exitUnknown,
 * oomKilled, .changing. */
#ifndef SHIMHOST_STATE_STATUS_H
#define SHIMHOST_STATE_STATUS_H

#include <shimhost/plugin.h>

/* "created", "running", "paused", "stopped"; "incomplete" for SHIM_STATUS_UNKNOWN. */
const char *status_name(uint32_t status);

/* Reads the file `status`. A missing one is SHIM_STATUS_UNKNOWN. -EBADMSG: it holds something else.
 */
int status_read(int directory_fd, uint32_t *ret_status, struct shim_error *error);
int status_write(int directory_fd, uint32_t status, struct shim_error *error);

/* Waits until it is there, whatever it holds, as await_file() does (base/await.h). */
int status_await(int directory_fd, int64_t timeout, int cancel_fd, struct shim_error *error);

/* Reads exitStatus: 0-255. -ENOENT: not there; -EBADMSG: empty or malformed, and the error says
 * how. */
int status_exit_read(int directory_fd, int32_t *ret_exit_status, struct shim_error *error);

/* Writes exitStatus, once: -EEXIST if there is one already. */
int status_exit_write(int directory_fd, int32_t exit_status, struct shim_error *error);

/* Reads why the exit status is not known, into `buffer`. -ENOENT: there is no such file; -EBADMSG,
 * -EFBIG: it holds something else, and the error says so. */
int status_unknown_read(int directory_fd, char *buffer, size_t size, struct shim_error *error);
int status_unknown_write(int directory_fd, const char *why, struct shim_error *error);

/* Is an end recorded? 1: yes, with *ret_exit_status or with a reason why nobody knows it, which
 * leaves *ret_exit_status alone; 0: no. Errors: those of the two that it reads. */
int status_ended(int directory_fd, int32_t *ret_exit_status, struct shim_error *error);

/* Reads how many of its processes the kernel has killed for want of memory, as its monitor left it
 * at the end. -ENOENT: none; -EBADMSG: malformed. */
int status_oom_read(int directory_fd, uint64_t *ret_kills, struct shim_error *error);

/* What a host has made of a process, unless that is over by then: its monitor tells the end before
 * it writes `stopped`, so that whichever of the two is last writes the truth. */
int status_change(int directory_fd, uint32_t status, struct shim_error *error);

/* Marks that a host is about to let the runtime change something, and that it is done. A mark
 * without a lock tells the next host that `status` may be behind. It is a FIFO: as long as
 * *ret_fd, for the caller to close, is open, the monitor does not let the runtime clean up. */
int status_changing_set(int directory_fd, int *ret_fd, struct shim_error *error);
void status_changing_clear(int directory_fd);
int status_changing(int directory_fd); /* 1 or 0 */

/* `.cleaned`: what the runtime had of it is gone. Left by a monitor whose cleanup commands have all
 * succeeded, and by a host that has done what they would. */
void status_cleaned_set(int directory_fd);
int status_cleaned(int directory_fd); /* 1 or 0 */

/* What is true of a process, from its directory and /proc alone. Changes nothing. The contract of
 * `load` in shimhost/plugin.h. ret_state->size is the caller's and stays; -EINVAL: too small. */
int status_load(int directory_fd, struct shim_state *ret_state, struct shim_error *error);

/* The monitor of a process: 1 it lives, 0 it does not (or has not begun). */
int status_monitor_alive(int directory_fd, struct shim_identity *ret_identity,
                         struct shim_error *error);

/* To be asked of a process that is known, whose end is not, and whose monitor seems to be dead.
 * -EBADMSG: only the file that names the monitor is missing, which is written before the process is
 * known, and it may live. */
int status_monitor_named(int directory_fd, const struct shim_identity *process,
                         struct shim_error *error);

/* Has a process been launched there, as far as any file of one tells? 1 or 0. A monitor names
 * itself before it does anything, so where none has, no runtime has been called; the other files
 * are looked for in case that one alone has been lost. */
int status_launched(int directory_fd);

/* Takes from a process's directory what says so, so that a removal that is cut short leaves what
 * looks like a spawn that never finished, which can be removed whatever else is missing. */
int status_retract(int directory_fd, const char *process, struct shim_error *error);

#endif
