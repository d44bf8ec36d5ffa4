/* SPDX-License-Identifier: Apache-2.0 */
/* What a monitor leaves behind when it is killed: its children, which become those of the host. */
#ifndef SHIMHOST_PROCESS_ORPHANS_H
#define SHIMHOST_PROCESS_ORPHANS_H

#include <shimhost/plugin.h>
#include <sys/types.h>

/* A monitor that is dead but not yet reaped, so that its pid, which is also its session's id, is
 * still its own. */
struct dead_monitor {
    pid_t pid;
    const char *program; /* its path: what else executes it is another monitor, and none of ours */
    int directory_fd;
    const char *pid_file; /* that the runtime may have written; or NULL */
};

/* Kills and reaps what the monitor left, again and again until nothing is, while the calling
 * process is a child subreaper. What it left are the processes of its session; the one in the pid
 * file, if it is a child of ours that is younger than the monitor; all that descend from these;
 * and, when this process has one thread only, every child of ours that is younger than the monitor,
 * because nobody else can have made it.
 *
 * Returns 0, or -EBUSY if some will not die within `timeout` milliseconds. Blocks that long at
 * most. */
int orphans_kill(const struct dead_monitor *monitor, int64_t timeout, struct shim_error *error);

#endif
