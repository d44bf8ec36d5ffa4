/* SPDX-License-Identifier: Apache-2.0 */
/* Launches the monitor of a process, and waits until it is known how that went. */
#ifndef SHIMHOST_PROCESS_LAUNCH_H
#define SHIMHOST_PROCESS_LAUNCH_H

#include <shimhost/plugin.h>
#include <stdbool.h>

/* As many cleanup commands as a monitor takes. */
#define LAUNCH_CLEANUPS_MAX 8

/* All vectors are NULL-terminated; everything stays the caller's. */
struct launch_plan {
    const char *monitor;   /* absolute path of the shimhost-monitor program */
    const char *directory; /* path of the process's directory, for messages */
    int directory_fd;      /* the same, open: the monitor's working directory */
    const char *container; /* the names */
    const char *process;

    const char *const
        *command;       /* what brings the process into being; argv[0] is an absolute path. NULL:
                         * adopt the one that `pid` and `starttime` in the directory name */
    const char *action; /* what `command` is to the reader of an error, such as "create"; or NULL */
    const char *const *const *cleanup; /* argvs, run in this order after the end; or NULL */
    bool unclean;                      /* adopting: what is to be cleaned is not known */
    const char *const *environment;    /* NAME=VALUE, all that command and cleanup get */
    const char *pid_file;    /* where `command` leaves the pid, in the directory; NULL: `command`
                              * itself becomes    the process */
    const char *runtime_log; /* the runtime's JSON log, in the directory, for the reason of a
                                failure; or NULL */
    bool created;            /* `status` is to say created, not running */

    int streams[3];    /* what `command` gets as descriptors 0 to 2; -1: /dev/null */
    unsigned int keep; /* bit N: the monitor keeps descriptor N open beside the process */

    int64_t spawn_timeout;   /* milliseconds for `command`, or SHIM_FOREVER */
    int64_t cleanup_timeout; /* milliseconds for each cleanup command, or SHIM_FOREVER */
    int cancel_fd;           /* gives up when it becomes readable or ends; or -1 */

    const int *descriptors; /* from 4 on, which the monitor gets under their own numbers */
    size_t n_descriptors;
    const char *const *words; /* further KEY=VALUE arguments of the monitor; or NULL */
};

/* Makes the FIFOs `exit` and `control` if they are missing, starts the monitor, and waits for
 * whichever comes first: the process exists and its files are written; the launch failed; the
 * monitor died; the deadline; cancellation.
 *
 * Returns the monitor's pid. It is a child of the caller, who reaps it some time if he lives that
 * long, and is in nobody's way when he does not. That the launch succeeded wins over a cancellation
 * at the same time.
 *
 * On failure everything that was launched is dead and reaped, the cleanup commands have run, and
 * the error says which it was, with the runtime's own last error: -ECHILD the command failed, or
 * left no process; -EPIPE the monitor died; -ETIMEDOUT; -ECANCELED; -ESRCH (adopting) the process
 * is gone; or why nothing could be started. Files in the directory are left to the caller.
 *
 * Blocks up to the spawn time-out, and after a failure for as long as killing and cleaning take.
 * While it runs, the caller's process is a child subreaper. Any thread may call it; what a dead
 * monitor leaves is found with less certainty, though never wrongly killed, while there are other
 * threads. */
int launch_monitor(const struct launch_plan *plan, struct shim_error *error);

#endif
