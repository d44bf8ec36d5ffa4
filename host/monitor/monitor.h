/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor of one container process: what it knows, and its parts.
 *
 *   main.c      makes the process fit for the job, then watches
 *   plan.c      the arguments
 *   watch.c     the one loop: states, events, and what follows from which
 *   launch.c    the launch command, and taking the process that it leaves
 *   adopt.c     taking over a process from a monitor that died
 *   cleanup.c   what is run after the end, and the killing of what is left
 *   children.c  executing commands, reaping, finding descendants
 *   streams.c   descriptors 0 to 2
 *   control.c   the control FIFO
 *   record.c    the small files that say what is true
 *   event.c     lines in the journal
 *   oom.c       whether memory ran out
 *   privileges.c  capabilities: passed on to nobody, and dropped where they are not needed
 *   log.c       shim-log.json
 *
 * Everything lives on the stack of main: the program has no data page of its own.
 */
#ifndef SHIMHOST_MONITOR_MONITOR_H
#define SHIMHOST_MONITOR_MONITOR_H

#include "plan.h"
#include "streams.h"
#include "system.h"
#include "text.h"

enum state {
    LAUNCHING, /* the launch command runs */
    ABORTING,  /* the launch failed: what it left is being killed */
    WATCHING,  /* the process lives */
    YIELDING,  /* it is over, but the runtime is still changing something for a host */
    CLEANING,  /* cleanup commands run */
    DRAINING,  /* all is done, but somebody still holds a stream that is copied */
    TELLING,   /* all is done, but the exit status could not be written yet */
    DONE,
};

/* How a launch failed, as the host is told. */
enum failure {
    FAILED_NOT,
    FAILED_EXITED,    /* with this status */
    FAILED_KILLED,    /* by this signal */
    FAILED_TIMEOUT,   /* after this many milliseconds */
    FAILED_CANCELLED, /* 0 */
    FAILED_EXEC,      /* this errno */
    FAILED_PIDFILE,   /* this errno: none, not a pid, nobody has it, or a process that was there
                         before */
    FAILED_SYSTEM,    /* this errno */
};

#define BOOT_ID_SIZE 40
#define CAPTURE_SIZE 256 /* what is kept of a cleanup command's output */

/* A line of the control FIFO that has not come to its end. */
struct control_line {
    char text[32];
    uint8_t length;
    bool too_long;
};

struct monitor {
    const struct plan *plan;
    enum state state;
    enum failure failure; /* of the launch */
    int failure_number;

    int self;            /* the monitor's own pid */
    uint64_t self_start; /* and start time */
    char boot_id[BOOT_ID_SIZE];

    int process;           /* the pid of what is watched, or 0 */
    uint64_t start_time;   /* its start time */
    bool foreign;          /* it is not our child: only its pidfd tells of its end */
    bool unreaped;         /* a foreign process has ended, but nobody has reaped it yet */
    bool over;             /* it has ended, */
    bool told;             /* and the exit FIFO is closed */
    int exit_status;       /* or -1: not known */
    unsigned tries;        /* at writing the exit status */
    int command;           /* the pid of the launch or cleanup command that runs, or 0 */
    unsigned next_cleanup; /* index in the plan */
    bool killed;           /* the cleanup command ran into its deadline */
    bool unclean;          /* something is left to be cleaned */
    int64_t deadline;      /* of the state, on the monotonic clock in milliseconds, or 0 */

    int ready_fd;       /* the host waits at its other end, or -1 */
    int signal_fd;      /* signalfd */
    int exit_fd;        /* whoever waits sees its end; -1 once told */
    int control_fd;     /* orders */
    int status_fd;      /* the exit status's file, with room set aside, or -1 */
    int pidfd;          /* of a foreign process, or -1 */
    int change_fd;      /* read by a host that has the runtime change something, or -1 */
    int capture_fd;     /* output of the cleanup command, or -1 */
    int oom_fd;         /* the kernel's counter of what it killed for want of memory, or -1; */
    uint64_t oom_kills; /* what it said before the process */

    bool guarded;  /* our oom_score_adj has been lowered; */
    char score[8]; /* it was this, and commands get it back */

    bool input_closed; /* and what was held of it */
    struct streams streams;

    struct control_line control;
    uint16_t capture_length;
    char capture[CAPTURE_SIZE];
};

/* ---- main.c -----------------------------------------------------------------------------------
 */

/* A monitor that has no descriptor yet, and nothing to watch: LAUNCHING. */
void monitor_init(struct monitor *monitor, const struct plan *plan);

/* ---- watch.c ----------------------------------------------------------------------------------
 */

/* Runs until the process is over and everything is cleaned up, or the launch has failed. Returns
 * the monitor's exit status. */
int watch_run(struct monitor *monitor);

/* Milliseconds on the monotonic clock. */
int64_t watch_now(void);

/* The deadline that lies `timeout` milliseconds ahead; none if that is 0. */
int64_t watch_deadline(int64_t timeout);

/* ---- launch.c ---------------------------------------------------------------------------------
 */

/* Starts the launch command: the next state is LAUNCHING, WATCHING (direct) or, on failure,
 * ABORTING. */
void launch_begin(struct monitor *monitor);

/* The launch command has ended. The next state is WATCHING or ABORTING. */
void launch_ended(struct monitor *monitor, int wait_status);

/* Gives the launch up for a reason. Kills what it has left: ABORTING. */
void launch_abort(struct monitor *monitor, enum failure failure, int number);

/* The process is known and its files are written: tells the host, and settles down. WATCHING. */
void launch_settle(struct monitor *monitor);

/* Tells the host how it went, once, and closes the ready pipe. */
void launch_tell(struct monitor *monitor);

/* ---- adopt.c ----------------------------------------------------------------------------------
 */

/* Takes over the process that `pid` and `starttime` name. The next state is WATCHING, or DONE with
 * a failure. */
void adopt_begin(struct monitor *monitor);

/* The pidfd of a foreign process says that it is over. Finds out how, as wait() would give it, or
 * -1: it cannot be known. -EAGAIN: not before its parent has reaped it; `last` says that this will
 * not be waited for. */
int adopt_ended(struct monitor *monitor, bool last, int *ret_wait_status);

/* ---- cleanup.c --------------------------------------------------------------------------------
 */

/* The process is over. Does what cleanup_next() does, once no host has the runtime change anything
 * (YIELDING): what that works on must not vanish under its hands. */
void cleanup_begin(struct monitor *monitor);

/* The host that it waited for is done, or dead. */
void cleanup_unhindered(struct monitor *monitor);

/* Runs the next cleanup command (CLEANING), or finishes when there is none: TELLING or DONE. */
void cleanup_next(struct monitor *monitor);

/* The running cleanup command has ended. */
void cleanup_ended(struct monitor *monitor, int wait_status);

/* It has not, in time. */
void cleanup_timed_out(struct monitor *monitor);

/* All is done but to tell the exit status, or to copy what is left. The next state is TELLING,
 * DRAINING or DONE. */
void cleanup_settle(struct monitor *monitor);

/* Reads what it has to say. Never blocks. */
void cleanup_read(struct monitor *monitor);

/* Kills every child (ABORTING). When none is left, runs the cleanup commands. */
void cleanup_kill(struct monitor *monitor);

/* ---- children.c -------------------------------------------------------------------------------
 */

/* A command to be executed, and what became of that. */
struct command {
    char *const *argv;
    char *const *environment;
    int output; /* descriptor for 1 and 2, with 0 from /dev/null; or -1: 0 to 2 stay as they are */
    const char *score; /* for its oom_score_adj, or NULL: leave it */
    int mortal_for;    /* dies with its parent, who is this, or 0 */
    int error;         /* what execve() said, negative; 0 if it has begun */
};

/* Executes a command as the leader of a process group of its own, with default signals, umask 022,
 * no other descriptors than 0 to 2. Returns its pid, or a negative errno. */
int child_execute(struct command *command);

/* What /proc/PID/stat says. */
struct child_stat {
    char state;
    int parent;
    uint64_t start_time;
    int exit_code; /* of a zombie, as wait() gives it */
};

/* Reads it out of a text, with its NUL. -EBADMSG: it makes no sense. */
int child_parse_stat(const struct text *text, struct child_stat *ret_stat);

/* Reads it. -ESRCH: there is no such process. -EBADMSG: it makes no sense. */
int child_stat(int pid, struct child_stat *ret_stat);

/* Opens a pidfd of the process that began then. -ESRCH: it is gone, which only who can look says.
 */
int child_open(int pid, uint64_t start_time);

/* Sends `signal` to every child of `parent`. Returns how many there are, or a negative errno. */
int child_signal_all(int parent, int signal);

/* 0-255 out of what wait() gives: 128 + N for signal N. */
int child_exit_status(int wait_status);

/* ---- streams.c --------------------------------------------------------------------------------
 */

/* Before anything else: nothing is open. */
void streams_init(struct monitor *monitor);

/* Makes pipes and sockets. 0 or a negative errno. */
int streams_prepare(struct monitor *monitor);

/* The launch command has its descriptors: lets go of 0 to 2, but for those that are to be kept. */
void streams_release(struct monitor *monitor);

/* The launch command has ended: by now it must have sent the terminal, if there is to be one.
 * -ENOTTY: it has not. */
int streams_await_terminal(struct monitor *monitor);

/* Closes what is kept of standard input, so that the process reads the end once others have closed
 * it, too. */
void streams_close_input(struct monitor *monitor);

/* Sets the size of its terminal, if it has one. */
void streams_resize(struct monitor *monitor, unsigned width, unsigned height);

/* Opens log files anew, under their names. */
void streams_reopen(struct monitor *monitor);

/* Fills in what to wait for: STREAM_SLOTS, or none. Returns how many. */
int streams_poll(const struct monitor *monitor, struct pollfd *slots);

/* Acts on what came of it. */
void streams_handle(struct monitor *monitor, const struct pollfd *slots);

/* Something is being copied; later, streams_idle() gives the memory for that back. */
void streams_busy(struct monitor *monitor);
void streams_idle(struct monitor *monitor);

/* The process is over, which nobody has been told yet: copies what it has written, as far as
 * anybody takes it. */
void streams_catch_up(struct monitor *monitor);

/* The process is over: closes what was kept. What is still in pipes is copied for a while yet. */
void streams_end(struct monitor *monitor);

/* Is all of that copied? */
bool streams_drained(struct monitor *monitor);

/* It is not in time: from now on only the owner is waited for, who gets what was written until
 * then. */
void streams_abandon(struct monitor *monitor);

/* ---- control.c --------------------------------------------------------------------------------
 */

/* Reads orders and carries them out. Never blocks. */
void control_read(struct monitor *monitor);

/* ---- record.c ---------------------------------------------------------------------------------
 */

/* Writes a file of the working directory: a temporary dot-name, then a rename. 0 or a negative
 * errno. */
int record_write(const char *name, const struct text *text);

/* Reads a small file into `text`. 0 or a negative errno; -EFBIG: it does not fit. */
int record_read(const char *path, struct text *text);

/* Reads a pid file. -EBADMSG: it holds something else. */
int record_read_pid(const char *name, int *ret_pid);

/* Reads who `pid` and `starttime` in a directory name, which is "", our own, or ends in a slash.
 * -ESRCH: they are of another boot. */
int record_read_process(const struct monitor *monitor, const char *directory, int *ret_pid,
                        uint64_t *ret_start_time);

/* Finds out who we are and in which boot. */
int record_identify(struct monitor *monitor);

/* Writes `monitor`. */
int record_monitor(struct monitor *monitor);

/* Writes pid, starttime, status, in this order. */
int record_process(struct monitor *monitor);

/* Writes `status`. */
int record_status(const char *status);

/* Sets room aside for the exit status, so that a full disk cannot lose it. */
int record_prepare_exit(struct monitor *monitor);

/* Writes the exit status, or why it is not known, under its name. */
int record_exit(struct monitor *monitor);

/* Leaves `.cleaned`: all cleanup commands have succeeded, the runtime knows nothing of it any more.
 */
void record_cleaned(void);

/* ---- event.c ----------------------------------------------------------------------------------
 */

/* Tells the journal that the process is there, and whether it runs; */
void event_begun(const struct monitor *monitor);

/* that it has been taken over from a monitor that died; */
void event_adopted(const struct monitor *monitor);

/* that it is over, how if that is known, and whether memory had run out. */
void event_ended(const struct monitor *monitor, bool out_of_memory);

/* ---- oom.c ------------------------------------------------------------------------------------
 */

/* The launch command is about to run. What it makes in a container may have been killed before the
 * command is over: opens the counter of the container. */
void oom_prepare(struct monitor *monitor);

/* The process is known. Opens the counter of what the kernel kills in its cgroup for want of
 * memory, if that has one of its own. */
void oom_begin(struct monitor *monitor);

/* The process is over: leaves `oomKilled`, with how many were killed, if there were any. Of an exec
 * only if it was killed itself. True if so. */
bool oom_end(struct monitor *monitor, int wait_status);

/* Puts the path of the counter together out of the text of /proc/PID/cgroup. False: there is none.
 */
bool oom_counter_path(const char *groups, struct text *path);

/* The count in the text of memory.events, or of memory.oom_control. */
uint64_t oom_count(const char *counts);

/* ---- privileges.c -----------------------------------------------------------------------------
 */

/* Before anything is executed: nothing is inherited from here on. 0 or a negative errno. */
int privileges_begin(void);

/* From now on the monitor only watches: keeps what it needs for that and for cleaning up. */
void privileges_rest(const struct monitor *monitor);

/* The caller is the child that executes a cleanup command next: takes up what gets it there. */
void privileges_raise(void);

/* ---- log.c ------------------------------------------------------------------------------------
 */

/* Appends a line to shim-log.json. Never blocks, never fails; the file stays below 64 KiB. */
void log_line(const struct monitor *monitor, const char *level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
