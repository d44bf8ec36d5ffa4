/* SPDX-License-Identifier: Apache-2.0 */
/* The launch command, the process that it leaves behind, and how the host is told. */
#include "monitor.h"

#include <asm/signal.h>
#include <linux/signalfd.h>

/* A process that was there before us is not one that we launched. Ticks are coarse: the same one
 * counts. */
static int check_foreign(struct monitor *monitor, int pid, const struct child_stat *stat) {
    if (pid == monitor->self || stat->start_time < monitor->self_start)
        return -EEXIST;
    monitor->pidfd = child_open(pid, stat->start_time);
    if (monitor->pidfd < 0)
        return monitor->pidfd;
    monitor->foreign = true;
    return 0;
}

/* Our own child cannot vanish before we reap it: its pid is proof. Anybody else's is held by a
 * pidfd. */
static int identify(struct monitor *monitor, int pid) {
    struct child_stat stat;
    int result = child_stat(pid, &stat);
    if (result == 0 && stat.parent != monitor->self)
        result = check_foreign(monitor, pid, &stat);
    if (result < 0)
        return result;
    monitor->process = pid;
    monitor->start_time = stat.start_time;
    return 0;
}

static void record(struct monitor *monitor) {
    oom_begin(monitor); /* before anybody can know of it, and start it */
    int result = record_prepare_exit(monitor);
    if (result == 0)
        result = record_process(monitor);
    if (result < 0) {
        launch_abort(monitor, FAILED_SYSTEM, -result);
        return;
    }
    event_begun(monitor); /* before the host can tell more of it */
    launch_settle(monitor);
}

static void pick_up(struct monitor *monitor) {
    int pid;
    int result = record_read_pid(monitor->plan->pid_file, &pid);
    if (result == 0)
        result = identify(monitor, pid);
    if (result < 0) {
        launch_abort(monitor, FAILED_PIDFILE, -result);
    } else if ((result = streams_await_terminal(monitor)) < 0) {
        log_line(monitor, "error", "the runtime sent no terminal: error %d", -result);
        launch_abort(monitor, FAILED_SYSTEM, -result);
    } else {
        record(monitor);
    }
}

static void begin_direct(struct monitor *monitor, int pid) {
    int result = identify(monitor, pid);
    if (result < 0)
        launch_abort(monitor, FAILED_SYSTEM, -result);
    else
        record(monitor);
}

void launch_begin(struct monitor *monitor) {
    const struct plan *plan = monitor->plan;
    struct command command = {.argv = plan->launch,
                              .environment = plan->environment,
                              .output = -1,
                              .mortal_for = plan->direct ? 0 : monitor->self};
    char console[48];
    int result = streams_prepare(monitor);
    if (result < 0) {
        streams_release(monitor);
        launch_abort(monitor, FAILED_SYSTEM, -result);
        return;
    }
    if (plan->console)
        console_fill_in(monitor, plan->launch, console, sizeof(console));
    oom_prepare(monitor);
    int pid = child_execute(&command);
    streams_release(monitor);
    if (pid < 0) {
        launch_abort(monitor, command.error ? FAILED_EXEC : FAILED_SYSTEM, -pid);
    } else if (plan->direct) {
        begin_direct(monitor, pid);
    } else {
        monitor->command = pid;
        monitor->state = LAUNCHING;
        monitor->deadline = watch_deadline(plan->spawn_timeout);
    }
}

void launch_ended(struct monitor *monitor, int wait_status) {
    monitor->command = 0;
    int status = child_exit_status(wait_status);
    if (wait_status & 0x7f)
        launch_abort(monitor, FAILED_KILLED, status - 128);
    else if (status)
        launch_abort(monitor, FAILED_EXITED, status);
    else
        pick_up(monitor);
}

void launch_abort(struct monitor *monitor, enum failure failure, int number) {
    monitor->failure = failure;
    monitor->failure_number = number;
    cleanup_kill(monitor);
}

/* Asks the kernel to choose somebody else when memory runs out: without us, nobody learns how the
 * process ended. Done last, so that the process itself has inherited what it should have. */
static void guard(struct monitor *monitor) {
    static const char lowered[] = "-999";
    int fd = sys_open("/proc/self/oom_score_adj", O_RDWR, 0);
    long got = fd < 0 ? fd : sys_read(fd, monitor->score, sizeof(monitor->score) - 1);
    if (got >= 0) {
        monitor->score[got] = '\0';
        if (!text_after(monitor->score, lowered) && !text_after(monitor->score, "-1000"))
            got = sys_write(fd, lowered, sizeof(lowered) - 1);
    }
    monitor->guarded = got >= 0;
    if (got < 0)
        log_line(monitor, "info", "cannot lower oom_score_adj: error %d", (int)-got);
    if (fd >= 0)
        sys_close(fd);
}

void launch_settle(struct monitor *monitor) {
    /* From here on nothing but the end of a child is of interest; other signals stay pending for
     * ever. */
    const uint64_t child_only = 1ull << (SIGCHLD - 1);
    monitor->state = WATCHING;
    launch_tell(monitor);
    monitor->deadline =
        watch_deadline(monitor->streams.awaiting ? monitor->plan->drain_timeout : 0);
    sys_signalfd(monitor->signal_fd, &child_only, 0);
    guard(monitor);
    privileges_rest(monitor);
}

static const char *failure_word(enum failure failure) {
    switch (failure) {
    case FAILED_EXITED:
        return "exited";
    case FAILED_KILLED:
        return "killed";
    case FAILED_TIMEOUT:
        return "timeout";
    case FAILED_CANCELLED:
        return "cancelled";
    case FAILED_EXEC:
        return "exec";
    case FAILED_PIDFILE:
        return "pidfile";
    default:
        return "system";
    }
}

void launch_tell(struct monitor *monitor) {
    char buffer[64];
    struct text text = TEXT_IN(buffer);
    if (monitor->ready_fd < 0)
        return;
    if (monitor->failure)
        text_print(&text, "failed %s %d\n", failure_word(monitor->failure),
                   monitor->failure_number);
    else
        text_print(&text, "ok %d %lu\n", monitor->process, (unsigned long)monitor->start_time);
    if (sys_write(monitor->ready_fd, text.buffer, text.length) == -EPIPE)
        monitor->streams.awaiting = false; /* the host is dead, and does not attach any more */
    sys_close(monitor->ready_fd);
    monitor->ready_fd = -1;
}
