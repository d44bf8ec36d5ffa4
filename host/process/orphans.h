/* SPDX-License-Identifier: Apache-2.0 */
/* What a monitor leaves behind when it is killed: its children, which become those of the host. */
#ifndef SHIMHOST_PROCESS_ORPHANS_H
#define SHIMHOST_PROCESS_ORPHANS_H

#include <shimhost/plugin.h>
#include <stdbool.h>
#include <sys/types.h>

#include "process/identity.h"

/* A monitor that is dead but not yet reaped, so that its pid, which is also its session's id, is
 * still its own. */
struct dead_monitor {
    pid_t pid;
    bool alone; /* whoever launched it had no child by then */
    int directory_fd;
    const char *pid_file; /* that the runtime may have written; or NULL */
};

/* Marks, beside those that are marked already, all that descend from them, and the rest of their
 * sessions. Never `self`, its session, or the first process, so nothing of theirs either. A session
 * of 0 is none: the kernel shows that of a process that is just ending, and of one whose session is
 * another pid namespace's. */
void orphans_mark_related(const struct process_stat *all, bool *marked, size_t count,
                          const struct process_stat *self);

/* Kills and reaps what the monitor left, again and again until nothing is, while the calling
 * process is a child subreaper. What it left are the processes of its session; the one in the pid
 * file, if it is a child of ours that is younger than the monitor; all that descend from these;
 * and, if it was launched alone and this process has one thread only, every child of ours that is
 * younger than the monitor. Whoever had other children then gets their orphans, too, and the first
 * process of a pid namespace gets everybody's.
 *
 * Returns 0, or -EBUSY if some will not die within `timeout` milliseconds. Blocks that long at
 * most. */
int orphans_kill(const struct dead_monitor *monitor, int64_t timeout, struct shim_error *error);

#endif
