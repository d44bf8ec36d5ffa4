/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one loop. What follows from an event depends on the state:
 *
 *               command ends      process ends     no child left     deadline          SIGTERM
 *   LAUNCHING   WATCHING or       -                -                 ABORTING          ABORTING
 *               ABORTING
 *   ABORTING    -                 -                CLEANING          CLEANING          -
 *   WATCHING    -                 tell, YIELDING   -                 -                 -
 *                                 or CLEANING
 *   YIELDING    -                 -                -                 -                 -
 *   CLEANING    CLEANING, or      -                -                 kill, CLEANING    -
 *               TELLING, or DONE
 *   DRAINING    -                 -                -                 -, or DONE        -
 *   TELLING     -                 -                -                 TELLING, or DONE  -
 *
 * YIELDING ends with what the host is having changed, in CLEANING. Once the status is told DRAINING
 * comes before DONE, until every stream that is copied has ended; at its deadline only the owner's
 * are still waited for.
 */
#include "monitor.h"

#include <asm/mman.h>
#include <asm/signal.h>
#include <linux/signalfd.h>
#include <linux/time.h>
#include <linux/wait.h>

#define TELL_TRIES 60        /* to write the exit status */
#define REAPING_TIMEOUT 1000 /* for whoever is the parent of a foreign process */

int64_t watch_now(void) {
    struct __kernel_timespec now = {0};
    sys_clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t watch_deadline(int64_t timeout) {
    return timeout ? watch_now() + timeout : 0;
}

/* Writes the exit status, and only then lets the waiters go. If that cannot be done they wait on,
 * for some time: whoever sees the exit FIFO close may rely on finding the status, or a dead
 * monitor. */
static void tell(struct monitor *monitor) {
    int result = record_exit(monitor);
    if (result == 0) {
        sys_close(monitor->exit_fd);
        monitor->exit_fd = -1;
    } else if (result != -ENOENT && monitor->tries < TELL_TRIES) {
        if (monitor->tries++ == 0)
            log_line(monitor, "error", "cannot write the exit status %d: error %d; trying again",
                     monitor->exit_status, -result);
        return;
    } else {
        log_line(monitor, "error", "the exit status %d is lost: error %d", monitor->exit_status,
                 -result);
    }
    monitor->told = true;
}

static void process_ended(struct monitor *monitor, int wait_status) {
    monitor->over = true;
    monitor->exit_status = wait_status < 0 ? -1 : child_exit_status(wait_status);
    bool out_of_memory = oom_end(monitor, wait_status);
    streams_catch_up(monitor);
    tell(monitor);
    record_status("stopped");
    event_ended(monitor, out_of_memory);
    streams_end(monitor);
    cleanup_begin(monitor);
}

static void child_ended(struct monitor *monitor, int pid, int wait_status) {
    if (pid == monitor->command) {
        if (monitor->state == LAUNCHING)
            launch_ended(monitor, wait_status);
        else if (monitor->state == CLEANING)
            cleanup_ended(monitor, wait_status);
        else
            monitor->command = 0;
    } else if (monitor->state == WATCHING && pid == monitor->process) {
        /* A runtime that forks once more may leave us a grandchild at first, watched as a foreign
         * process, which becomes our child a moment later. */
        monitor->deadline = 0;
        process_ended(monitor, wait_status);
    }
}

/* Reaps until nothing is left to reap. While launching only the command: the process itself must
 * not vanish before it has been identified, even if it is over already. */
static void reap(struct monitor *monitor) {
    int pid, wait_status;
    do {
        pid = sys_wait(monitor->state == LAUNCHING ? monitor->command : -1, &wait_status, WNOHANG);
        if (pid > 0)
            child_ended(monitor, pid, wait_status);
    } while (pid > 0);
    if (monitor->state == ABORTING && pid == -ECHILD)
        cleanup_next(monitor);
}

/* True if SIGTERM was among them. */
static bool read_signals(struct monitor *monitor) {
    struct signalfd_siginfo signals[2];
    long got = sys_read(monitor->signal_fd, signals, sizeof(signals));
    bool terminate = false;
    for (long i = 0; i < got / (long)sizeof(signals[0]); i++)
        terminate = terminate || signals[i].ssi_signo == SIGTERM;
    return terminate;
}

static void signals_arrived(struct monitor *monitor) {
    /* Reaping comes first because somebody may be waiting for the news, and again after the signals
     * are read, for a child that ended in between. */
    reap(monitor);
    if (read_signals(monitor) && monitor->state == LAUNCHING)
        launch_abort(monitor, FAILED_CANCELLED, 0);
    reap(monitor);
    /* Whoever has lost a parent to SIGKILL is our child now. */
    if (monitor->state == ABORTING)
        cleanup_kill(monitor);
}

static void foreign_ended(struct monitor *monitor, bool last) {
    int wait_status;
    if (adopt_ended(monitor, last, &wait_status) == 0) {
        monitor->deadline = 0;
        process_ended(monitor, wait_status);
    } else if (!monitor->unreaped) {
        monitor->unreaped = true;
        monitor->deadline = watch_deadline(REAPING_TIMEOUT);
    }
}

static void deadline_passed(struct monitor *monitor) {
    monitor->deadline = 0;
    switch (monitor->state) {
    case LAUNCHING:
        launch_abort(monitor, FAILED_TIMEOUT, (int)monitor->plan->spawn_timeout);
        break;
    case ABORTING:
        log_line(monitor, "error",
                 "what the launch left does not die of SIGKILL; going on without it");
        monitor->command = 0;
        cleanup_next(monitor);
        break;
    case WATCHING:
        if (monitor->unreaped)
            foreign_ended(monitor, true);
        else
            monitor->streams.awaiting = false; /* the process does not wait for ever */
        break;
    case CLEANING:
        cleanup_timed_out(monitor);
        break;
    case DRAINING:
        streams_abandon(monitor);
        if (streams_drained(monitor))
            monitor->state = DONE;
        break;
    case TELLING:
        tell(monitor);
        cleanup_settle(monitor);
        break;
    case YIELDING:
    case DONE:
        break;
    }
}

enum { SIGNALS, CONTROL, PROCESS, CAPTURE, STREAMS, WATCHED = STREAMS + STREAM_SLOTS };

/* Gives the pages below this frame back. Setting up used them; watching does not. */
static __attribute__((noinline)) void shrink_stack(void) {
    const uintptr_t page = 4096, most = 64 * 1024, own_frame = 1024;
    char here;
    uintptr_t end = ((uintptr_t)&here - own_frame) & ~(page - 1);
    sys_madvise(end - most, most, MADV_DONTNEED);
}

/* Nothing has been copied for a while. */
static void quieten(struct monitor *monitor) {
    streams_idle(monitor);
    shrink_stack();
}

/* When to look again though nothing has happened, or 0. */
static int64_t next_deadline(const struct monitor *monitor) {
    int64_t idle_at = monitor->streams.idle_at;
    return monitor->deadline && (!idle_at || monitor->deadline < idle_at) ? monitor->deadline
                                                                          : idle_at;
}

/* Sleeps until something happens, or the deadline. Returns how many descriptors it waited for.
 * `ret_late`: the deadline has passed, or nearly so. Asking for the time once for each wake-up is
 * enough: a deadline that passes in between is seen at the next one. */
static int wait_for_events(struct monitor *monitor, struct pollfd fds[WATCHED], bool *ret_late) {
    struct __kernel_timespec limit = {0};
    int64_t deadline = next_deadline(monitor);
    int64_t left = deadline ? deadline - watch_now() : 0;
    if (left > 0) {
        limit.tv_sec = left / 1000;
        limit.tv_nsec = left % 1000 * 1000000;
    }
    fds[SIGNALS] = (struct pollfd){.fd = monitor->signal_fd, .events = POLLIN};
    fds[CONTROL] = (struct pollfd){.fd = monitor->control_fd, .events = POLLIN};
    /* A pidfd is readable from the end on, which is known then; its hang-up, the reaping, is always
     * reported; as it is of a FIFO that nobody reads any more. */
    fds[PROCESS] = (struct pollfd){
        .fd = monitor->state == WATCHING ? monitor->pidfd : monitor->change_fd,
        .events = monitor->unreaped ? 0 : POLLIN,
    };
    fds[CAPTURE] = (struct pollfd){.fd = monitor->capture_fd, .events = POLLIN};
    int count = STREAMS + streams_poll(monitor, fds + STREAMS);
    int ready = sys_poll(fds, (unsigned)count, deadline ? &limit : NULL);
    *ret_late = deadline && (left <= 0 || ready == 0);
    if (ready < 0)
        for (int i = 0; i < count; i++)
            fds[i].revents = 0;
    return count;
}

static void handle_deadlines(struct monitor *monitor) {
    if (monitor->deadline && watch_now() >= monitor->deadline)
        deadline_passed(monitor);
    if (monitor->streams.idle_at && watch_now() >= monitor->streams.idle_at)
        quieten(monitor);
}

static void handle_events(struct monitor *monitor, const struct pollfd *fds, int count) {
    bool yielding = monitor->state == YIELDING; /* and waited for that, not for a pidfd */
    if (fds[CAPTURE].revents)
        cleanup_read(monitor);
    if (fds[SIGNALS].revents)
        signals_arrived(monitor);
    if (fds[PROCESS].revents && monitor->state == WATCHING)
        foreign_ended(monitor, false);
    else if (fds[PROCESS].revents && yielding)
        cleanup_unhindered(monitor);
    if (fds[CONTROL].revents)
        control_read(monitor);
    if (count > STREAMS)
        streams_handle(monitor, fds + STREAMS);
    if (monitor->state == DRAINING && streams_drained(monitor))
        monitor->state = DONE;
}

int watch_run(struct monitor *monitor) {
    struct pollfd fds[WATCHED];
    enum state shrunk = DONE;
    /* Something may have ended before there was a state to notice it in. */
    reap(monitor);
    while (monitor->state != DONE) {
        if (monitor->state == WATCHING && shrunk != WATCHING) {
            shrink_stack();
            shrunk = WATCHING;
        }
        bool late;
        int count = wait_for_events(monitor, fds, &late);
        handle_events(monitor, fds, count);
        if (late)
            handle_deadlines(monitor);
    }
    attach_close(monitor);
    return monitor->failure ? 1 : 0;
}
