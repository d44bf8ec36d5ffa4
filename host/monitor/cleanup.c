/* SPDX-License-Identifier: Apache-2.0 */
/* What happens after the end: the runtime's own cleaning, and the killing of what a failed launch
 * left. */
#include "monitor.h"

#include <asm/signal.h>
#include <asm/stat.h>

/* For a process to die of SIGKILL; longer means that the kernel holds it. */
#define KILL_TIMEOUT 5000
#define TELL_INTERVAL 1000 /* between two tries to write the exit status */
/* A command that writes without pause must not keep us from the deadline. */
#define READS_AT_ONCE 16

/* The read end never blocks; the command's end does, as it would expect. */
static int open_capture(int pair[2]) {
    int result = sys_pipe2(pair, 0);
    if (result < 0)
        return result;
    sys_set_flags(pair[0], O_NONBLOCK);
    return 0;
}

static int start(struct monitor *monitor, char *const *argv) {
    int pair[2];
    int result = open_capture(pair);
    if (result < 0)
        return result;
    struct command command = {
        .argv = argv,
        .environment = monitor->plan->environment,
        .output = pair[1],
        .score = monitor->guarded ? monitor->score : NULL,
    };
    result = child_execute(&command);
    sys_close(pair[1]);
    if (result < 0) {
        sys_close(pair[0]);
        return result;
    }
    monitor->command = result;
    monitor->capture_fd = pair[0];
    monitor->capture_length = 0;
    monitor->killed = false;
    return 0;
}

void cleanup_settle(struct monitor *monitor) {
    if (monitor->told) {
        monitor->state = streams_drained(monitor) ? DONE : DRAINING;
        monitor->deadline = monitor->streams.drain_until;
    } else {
        monitor->state = TELLING;
        monitor->deadline = watch_deadline(TELL_INTERVAL);
    }
}

static void finish(struct monitor *monitor) {
    if (!monitor->unclean)
        record_cleaned();
    if (monitor->failure) {
        launch_tell(monitor);
        monitor->state = DONE;
    } else {
        cleanup_settle(monitor);
    }
}

/* Opens the mark of a change that is being made. -ENOENT, -ENXIO: there is none, or its host is
 * dead. */
static int open_change(void) {
    struct stat status;
    int fd = sys_open(".changing", O_WRONLY | O_NONBLOCK, 0);
    if (fd < 0 || (sys_fstat(fd, &status) == 0 && (status.st_mode & TYPE_MASK) == TYPE_FIFO))
        return fd;
    sys_close(fd);
    return -ENXIO;
}

void cleanup_begin(struct monitor *monitor) {
    monitor->change_fd = open_change();
    if (monitor->change_fd < 0)
        cleanup_next(monitor);
    else
        monitor->state = YIELDING;
}

void cleanup_unhindered(struct monitor *monitor) {
    sys_close(monitor->change_fd);
    monitor->change_fd = -1;
    cleanup_next(monitor);
}

void cleanup_next(struct monitor *monitor) {
    const struct plan *plan = monitor->plan;
    while (monitor->next_cleanup < plan->cleanup_count) {
        char *const *argv = plan->cleanup[monitor->next_cleanup++];
        int result = start(monitor, argv);
        if (result == 0) {
            monitor->state = CLEANING;
            monitor->deadline = watch_deadline(plan->cleanup_timeout);
            return;
        }
        monitor->unclean = true;
        log_line(monitor, "error", "cannot run the cleanup command %s: error %d", argv[0], -result);
    }
    finish(monitor);
}

void cleanup_read(struct monitor *monitor) {
    char buffer[1024];
    for (int i = 0; i < READS_AT_ONCE; i++) {
        long got = sys_read(monitor->capture_fd, buffer, sizeof(buffer));
        if (got == 0) { /* nobody writes any more */
            sys_close(monitor->capture_fd);
            monitor->capture_fd = -1;
        }
        if (got <= 0)
            return;
        size_t room = sizeof(monitor->capture) - 1 - monitor->capture_length;
        size_t taken = (size_t)got < room ? (size_t)got : room;
        memcpy(monitor->capture + monitor->capture_length, buffer, taken);
        monitor->capture_length += (uint16_t)taken;
    }
}

/* Takes what the command has said, as a text. What a descendant still says later is nobody's
 * concern. */
static const char *end_capture(struct monitor *monitor) {
    if (monitor->capture_fd >= 0)
        cleanup_read(monitor);
    if (monitor->capture_fd >= 0)
        sys_close(monitor->capture_fd);
    monitor->capture_fd = -1;
    while (monitor->capture_length && monitor->capture[monitor->capture_length - 1] == '\n')
        monitor->capture_length--;
    monitor->capture[monitor->capture_length] = '\0';
    return monitor->capture;
}

void cleanup_ended(struct monitor *monitor, int wait_status) {
    const char *name = monitor->plan->cleanup[monitor->next_cleanup - 1][0];
    const char *said = end_capture(monitor);
    int status = child_exit_status(wait_status);
    const char *before = *said ? ": " : "";
    monitor->unclean = monitor->unclean || wait_status;
    if (monitor->killed)
        log_line(monitor, "error",
                 "the cleanup command %s took more than %lu ms and was killed%s%s", name,
                 (unsigned long)monitor->plan->cleanup_timeout, before, said);
    else if (wait_status & 0x7f)
        log_line(monitor, "error", "the cleanup command %s was killed by signal %d%s%s", name,
                 status - 128, before, said);
    else if (status)
        log_line(monitor, "error", "the cleanup command %s exited with status %d%s%s", name, status,
                 before, said);
    monitor->command = 0;
    cleanup_next(monitor);
}

void cleanup_timed_out(struct monitor *monitor) {
    if (!monitor->killed) {
        monitor->killed = true;
        monitor->deadline = watch_deadline(KILL_TIMEOUT);
        sys_kill(-monitor->command, SIGKILL);
        return;
    }
    end_capture(monitor);
    monitor->unclean = true;
    log_line(monitor, "error",
             "a cleanup command, process %d, does not die of SIGKILL; going on without it",
             monitor->command);
    monitor->command = 0;
    cleanup_next(monitor);
}

void cleanup_kill(struct monitor *monitor) {
    monitor->state = ABORTING;
    if (!monitor->killed) {
        monitor->killed = true;
        monitor->deadline = watch_deadline(KILL_TIMEOUT);
    }
    if (monitor->command)
        sys_kill(-monitor->command, SIGKILL);
    if (monitor->pidfd >= 0)
        sys_pidfd_signal(monitor->pidfd, SIGKILL);
    int result = child_signal_all(monitor->self, SIGKILL);
    if (result < 0)
        log_line(monitor, "error", "cannot look for what the launch left, in /proc: error %d",
                 -result);
}
