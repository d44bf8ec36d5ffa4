/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a process is: its pid, its start time and the boot, so that a pid which the kernel has given
 * to someone else is never taken for the one that was meant. The structure is the ABI's struct
 * shim_identity; one that is handed in has its size set.
 */
#ifndef SHIMHOST_PROCESS_IDENTITY_H
#define SHIMHOST_PROCESS_IDENTITY_H

#include <shimhost/plugin.h>
#include <stdbool.h>

/* What /proc/PID/stat says, as far as it is needed. */
struct process_stat {
    pid_t pid;
    char state; /* 'R', 'S', 'Z' ... */
    pid_t parent;
    pid_t group;         /* 0: not visible from here, or forgotten already */
    pid_t session;       /* the same */
    uint64_t start_time; /* clock ticks since boot */
};

/* Reads the text of a /proc/PID/stat, whatever the program calls itself. Touches nothing else.
 * Returns 0 or -EBADMSG. */
int identity_parse_stat(const char *text, size_t length, struct process_stat *ret);

/* Reads /proc/PID/stat. -ESRCH: nobody has the pid; -EACCES: somebody has, but /proc does not show
 * it. */
int identity_stat(pid_t pid, struct process_stat *ret, struct shim_error *error);

/* Whether it is `parent` itself, or a child of it. Of a process that cannot be seen: no. */
bool identity_is_or_child_of(pid_t pid, pid_t parent);

/* Reads the boot id. */
int identity_boot(char ret_boot_id[40], struct shim_error *error);

/* The identity of a process that lives now or is a zombie. ret_identity->size is the caller's and
 * stays. Errors: those of identity_stat(); -EINVAL: size too small. */
int identity_of(pid_t pid, struct shim_identity *ret_identity, struct shim_error *error);

/* 1: it belongs to another boot of the machine, so nobody who lives is it; 0: to this one. */
int identity_of_other_boot(const struct shim_identity *identity, struct shim_error *error);

bool identity_same(const struct shim_identity *a, const struct shim_identity *b);

/* Opens a pidfd on exactly that process, close-on-exec, for the caller to close; it becomes
 * readable when the process ends. A zombie can still be opened. -ESRCH: it is gone, or from another
 * boot, or the pid is someone else's now. Anything else, such as -EACCES or -EMFILE, says nothing
 * about the process. */
int identity_open(const struct shim_identity *identity, int *ret_pidfd, struct shim_error *error);

/* Waits until a pidfd says that its process is over. `timeout` is in milliseconds (SHIM_FOREVER).
 * -ETIMEDOUT; -ECANCELED: `cancel_fd` (or -1) is readable or at its end. */
int pidfd_await(int pidfd, int64_t timeout, int cancel_fd);

/* Sends a signal (0: none, only the checks) to exactly that process. -ESRCH as above, also of a
 * zombie; -EPERM. */
int identity_signal(const struct shim_identity *identity, int signal, struct shim_error *error);

/* Has it been sent a signal that it has not got, as a frozen process has? Also false if it is gone.
 */
bool identity_pending(const struct shim_identity *identity, int signal);

/* 1: it lives; 0: it is over, a zombie included. A process whose first thread alone has ended
 * lives. A negative errno: could not be found out; never to be taken for 0. */
int identity_alive(const struct shim_identity *identity, struct shim_error *error);

/* A process's directory. `pid` holds "PID\n", `starttime` "TICKS\nBOOTID\n", `monitor`
 * "PID\nTICKS\nBOOTID\n". *ret_identity is set whole, its size too. -ENOENT: not there (of a
 * process: one of the two files is not there yet); -EBADMSG: malformed, also when only the last
 * newline is missing, because a number may be cut short; the error shows what the file holds. */
int identity_read_process(int directory_fd, struct shim_identity *ret_identity,
                          struct shim_error *error);
int identity_read_monitor(int directory_fd, struct shim_identity *ret_identity,
                          struct shim_error *error);

/* The same written, atomically; of a process `pid` before `starttime`. */
int identity_write_process(int directory_fd, const struct shim_identity *identity,
                           struct shim_error *error);
int identity_write_monitor(int directory_fd, const struct shim_identity *identity,
                           struct shim_error *error);

#endif
