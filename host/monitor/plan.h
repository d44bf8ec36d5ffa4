/* SPDX-License-Identifier: Apache-2.0 */
/* What a monitor is to do, as its arguments say it. */
#ifndef SHIMHOST_MONITOR_PLAN_H
#define SHIMHOST_MONITOR_PLAN_H

#include <stdbool.h>
#include "system.h"

/* More than any runtime needs: kill what is left, delete, an exit command. */
#define PLAN_CLEANUPS 8

#define PLAN_HELD 8 /* descriptors that are only kept open */

/* What the words say of standard output or error. */
struct plan_output {
    bool copy;    /* through a pipe of ours (or the terminal) to the sinks */
    bool logged;  /* one of them is the log */
    bool drop;    /* lose what `fifo` does not take, instead of waiting */
    bool program; /* `fifo` is a pipe to a program, which may die */
    int fifo;     /* takes the bytes as they are, or -1 */
};

enum log_format { LOG_RAW, LOG_K8S, LOG_JSON };

/* All strings and vectors are the program's own arguments. */
struct plan {
    const char *name;                    /* CONTAINER/PROCESS */
    char **launch;                       /* argv of the launch command, or NULL when adopting */
    char *const *cleanup[PLAN_CLEANUPS]; /* argvs */
    unsigned cleanup_count;
    char *const *environment; /* of every command */
    const char *status;       /* what to write to `status` once launched: created or running */
    const char *pid_file;     /* that the launch command writes, or NULL with `direct` */
    int64_t spawn_timeout;    /* milliseconds; 0 is no limit */
    int64_t cleanup_timeout;  /* milliseconds for each command; 0 is no limit */
    int ready_fd;             /* where to say how the launch went */
    unsigned keep;            /* bit N: descriptor N (0-2) stays open while the process lives */
    /* The streams; what is not given is false, or -1. */
    int held[PLAN_HELD]; /* stay open while the process lives */
    unsigned held_count;
    int held_input;                /* the same, until its standard input is closed */
    struct plan_output outputs[3]; /* of 1 and 2 */
    bool feed;                     /* standard input is a pipe of ours */
    int input_fifo;                /* feeds the terminal */
    bool attachable;               /* clients may attach */
    bool await;                    /* read no output before the first one has */
    bool console;                  /* the runtime sends a terminal */
    unsigned columns, rows;        /* its initial size, or 0 */
    int owner, group;              /* of pipes */
    int64_t drain_timeout;         /* milliseconds for what is left in pipes after the end */
    enum log_format log_format;
    int log_fd;
    const char *log_path;
    uint64_t log_max_size; /* 0: never rotated */
    unsigned log_max_files;

    bool direct;  /* the launch command is the process itself */
    bool adopt;   /* take over the process that the directory describes */
    bool unclean; /* the cleanup commands are not all that there is to be cleaned */
};

/* Reads the arguments:
 *
 *   shimhost-monitor CONTAINER/PROCESS WORD...
 *     launch=N A1..AN      the command that brings the process into being; A1 is an absolute path
 *     cleanup=N B1..BN     a command for afterwards; several run in this order
 *     adopt=1              instead of launch: take over the process that pid and starttime name
 *     unclean=1            with adopt: what is to be cleaned is not known, and is left to a host
 *     direct=1             the launch command is the process; it writes no pid file
 *     status=WORD          what `status` says then: created, or running (the default)
 *     pid-file=NAME        where the launch command leaves the pid
 *     ready=FD             where to say how it went
 *     spawn-timeout=MS     how long the launch command may take; 0, the default, is for ever
 *     cleanup-timeout=MS   the same, for each cleanup command
 *     keep=LIST            which of 0,1,2 stay open beside the process: FIFOs open both ways
 *
 * about the streams; every FD is inherited under that number:
 *     hold=FD,FD...        descriptors that only stay open beside the process
 *     hold-stdin=FD        the same, but closed with its standard input
 *     stdin=pipe           standard input is a pipe that attached clients feed
 *     stdout=copy, stderr=copy   what it writes goes through a pipe of ours to
 *     stdout-fifo=FD …     a FIFO, as it is; stdout-gone=block|drop: what if nobody reads that
 *     stdout-program=FD …  a pipe to a program, as it is; lost once that is dead
 *     log-fd=FD log-path=PATH log-format=k8s-file|json-file|raw log-streams=stdout|stderr|both
 *     log-max-size=BYTES log-max-files=N   rotated; N counts the current one, too
 *     attach=1             clients of the socket `attach`
 *     await-attach=1       nothing is read before the first of them, who then loses nothing, or
 *                          before drain-timeout has passed
 *     console=1 term=COLSxROWS   a terminal takes the place of the pipes
 *     stdin-fifo=FD        feeds the terminal
 *     owner=UID:GID        of pipes
 *     drain-timeout=MS     how long pipes are read after the end that somebody still holds; what
 *                          was read, or is in them then, waits for the owner
 *
 * `argv` is changed: the commands in it become NULL-terminated vectors. Returns NULL, or a word
 * that is not understood, or what is missing. */
const char *plan_read(struct plan *plan, int argc, char **argv, char **environment);

/* Is it a container's first process, and not an exec? */
bool plan_is_init(const struct plan *plan);

#endif
