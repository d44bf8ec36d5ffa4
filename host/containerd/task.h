/* SPDX-License-Identifier: Apache-2.0 */
/* Containers as containerd knows them, each with its first process and its execs, and what becomes
 * of them. */
#ifndef SHIMHOST_CONTAINERD_TASK_H
#define SHIMHOST_CONTAINERD_TASK_H

#include "containerd/server.h"

struct process {
    struct source watch; /* first: its exit FIFO, while it lives */
    struct task *task;
    struct process *next; /* among the execs */
    char *exec_id;        /* empty: the container's first */
    char *spec;           /* of an exec that has not been started: a JSON text */
    char *stdio[3];       /* as containerd named them */
    bool terminal;
    bool close_input;       /* its standard input is to be closed, as soon as there is one */
    uint16_t width, height; /* of the terminal, when that was said before the start */
    uint32_t pid;           /* 0: not yet */
    Pb__TaskStatus status;  /* as the world knows it */
    bool starting;          /* its start is under way: its end waits until that has been told */
    bool over;              /* it has ended, told or not */
    bool early;             /* it has run since Create, and waits for Start only in our words */
    bool deleting;
    uint32_t exit_status;
    struct timespec exited_at;
    struct call *waiters;
    struct call *deleters; /* who want it deleted while it is being deleted */
    struct timer again;    /* when it is looked again how it is */
};

struct task {
    struct task *next;
    struct server *server;
    char *id;
    char *bundle;
    char *state; /* the container's state directory; NULL before it is known */
    bool creating;
    bool unwanted; /* given up while it was being created */
    bool paused;
    bool shared_pids; /* others are in its pid namespace: its end does not end its execs */
    bool ending;      /* its first process is over, and that waits for the execs' ends to be told */
    char *cgroup;     /* /proc/PID/cgroup of its first process, or NULL */
    uint64_t oom_kills;    /* as last seen */
    struct source oom;     /* tells of the kernel's killing for memory */
    struct timer patience; /* how long the first process's end waits for the execs' */
    struct process init;
    struct process *execs;
};

/* ------------------------------------------------------------------ task.c: the table */

struct task *task_find(struct server *server, const char *id);
/* -ENOMEM as NULL. In the table from now on. */
struct task *task_new(struct server *server, const char *id, const char *bundle);
/* Forgets it; whoever still waits is told that it is gone. */
void task_free(struct task *task);

/* `exec_id` empty or NULL: the first. NULL: there is none of that name. */
struct process *process_find(struct task *task, const char *exec_id);
struct process *process_new(struct task *task, const char *exec_id);
void process_free(struct process *process);
int process_set_stdio(struct process *process, bool terminal, const char *in, const char *out,
                      const char *err);
bool process_is_init(const struct process *process);

/* Finds what a request means; fails the call and returns NULL where there is no such thing. */
struct process *find_for_call(struct server *server, struct call *call, const char *id,
                              const char *exec_id);

/* change.c: has the monitor of a process that has begun close its standard input. Negative errno.
 */
int process_close_input(const struct process *process);

/* A request to a helper about a process; its texts are the task's. */
Pb__HelperRequest helper_request(const struct process *process, Pb__Verb verb);

/* Answers a call with what a helper said went wrong. */
void call_fail_as(struct call *call, const Pb__HelperResponse *response);

/* Fills a timestamp; a time of zero becomes Go's "not yet". */
void timestamp_set(Pb__Timestamp *timestamp, const struct timespec *time);

/* ------------------------------------------------------------------ exits.c: the end */

/* The directory of a process's state, open. Negative errno. */
int process_directory(const struct process *process);

/* Waits for the end of a process that has begun. It may be over already. */
void exit_watch(struct process *process);

/* The start of a process has been told: its end may be, too. */
void exit_release(struct process *process);

/* Makes the end of a process known: status, event, waiters. */
void exit_tell(struct process *process);

/* Adds a call to those that are answered at the end of the process. */
void exit_wait(struct process *process, struct call *call);
void exit_answer(struct process *process, struct call *call);

/* ------------------------------------------------------------------ oom.c, stats.c */

void oom_watch(struct task *task);
/* Looks whether there was one more, and tells. */
void oom_check(struct task *task);
void oom_drop(struct task *task);

void stats_answer(struct task *task, struct call *call);

#endif
