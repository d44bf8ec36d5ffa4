/* SPDX-License-Identifier: Apache-2.0 */
/* What a monitor is to do, as its arguments say it. */
#ifndef SHIMHOST_MONITOR_PLAN_H
#define SHIMHOST_MONITOR_PLAN_H

#include <stdbool.h>
#include "system.h"

/* More than any runtime needs: kill what is left, delete, an exit command. */
#define PLAN_CLEANUPS 8

/* All strings and vectors are the program's own arguments. */
struct plan {
    const char *name;                    /* CONTAINER/PROCESS */
    char *const *launch;                 /* argv of the launch command, or NULL when adopting */
    char *const *cleanup[PLAN_CLEANUPS]; /* argvs */
    unsigned cleanup_count;
    char *const *environment; /* of every command */
    const char *status;       /* what to write to `status` once launched: created or running */
    const char *pid_file;     /* that the launch command writes, or NULL with `direct` */
    int64_t spawn_timeout;    /* milliseconds; 0 is no limit */
    int64_t cleanup_timeout;  /* milliseconds for each command; 0 is no limit */
    int ready_fd;             /* where to say how the launch went */
    unsigned keep;            /* bit N: descriptor N (0-2) stays open while the process lives */
    bool direct;              /* the launch command is the process itself */
    bool adopt;               /* take over the process that the directory describes */
};

/* Reads the arguments:
 *
 *   shimhost-monitor CONTAINER/PROCESS WORD...
 *     launch=N A1..AN      the command that brings the process into being; A1 is an absolute path
 *     cleanup=N B1..BN     a command for afterwards; several run in this order
 *     adopt=1              instead of launch: take over the process that pid and starttime name
 *     direct=1             the launch command is the process; it writes no pid file
 *     status=WORD          what `status` says once the process is there: created or running (the
 * default) pid-file=NAME        where the launch command leaves the pid ready=FD             where
 * to say how it went spawn-timeout=MS     how long the launch command may take; 0, the default, is
 * for ever cleanup-timeout=MS   how long each cleanup command may take; 0, the default, is for ever
 *     keep=LIST            which of 0,1,2 stay open beside the process: FIFOs opened for reading
 * and writing
 *
 * `argv` is changed: the commands in it become NULL-terminated vectors. Returns NULL, or a word
 * that is not understood, or what is missing. */
const char *plan_read(struct plan *plan, int argc, char **argv, char **environment);

#endif
