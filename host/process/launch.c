/* SPDX-License-Identifier: Apache-2.0 */
#include "process/launch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "process/command.h"
#include "process/fifo.h"
#include "process/identity.h"
#include "process/launch_failure.h"
#include "process/launch_words.h"
#include "process/orphans.h"

#define READY_FD 3 /* in the monitor */
#define GRACE 5000 /* milliseconds beyond what the monitor was given, before it is killed */
#define FIRST_FREE_FD 4

/* ---- child subreaper ---- */

/* It is a property of the whole process, so all threads that launch share one count of how many
 * there are, and what it was before the first. */
static struct {
    pthread_mutex_t lock;
    unsigned int count;
    int before;
} subreaper = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void subreaper_enter(void) {
    pthread_mutex_lock(&subreaper.lock);
    if (subreaper.count++ == 0) {
        subreaper.before = 1;
        prctl(PR_GET_CHILD_SUBREAPER, &subreaper.before, 0, 0, 0);
        if (!subreaper.before)
            prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    }
    pthread_mutex_unlock(&subreaper.lock);
}

static void subreaper_leave(void) {
    pthread_mutex_lock(&subreaper.lock);
    if (--subreaper.count == 0 && !subreaper.before)
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    pthread_mutex_unlock(&subreaper.lock);
}

/* ---- starting the monitor ---- */

/* A monitor that has been started. */
struct launch {
    const struct launch_plan *plan;
    pid_t monitor;
    bool alone;   /* we had no child before it */
    int pidfd;    /* -1: there is none to be had */
    int ready_fd; /* our end; -1 when the monitor has closed its own */
    int64_t deadline;
    bool cancelled; /* the monitor has been told to give up */
    bool overdue;   /* it did not answer in time and was killed */
    size_t length;  /* of `line` */
    char line[96];  /* what the monitor says */
};

/* The descriptors that the monitor is to get, all out of the way of the numbers that it gets them
 * as. */
struct handover {
    int sources[READY_FD + 1]; /* -1: /dev/null */
    int copies[READY_FD + 1];  /* ours to close, or -1 */
};

static void handover_clear(struct handover *handover) {
    for (int i = 0; i <= READY_FD; i++)
        handover->copies[i] = fd_close(handover->copies[i]);
}

static int handover_make(struct handover *handover, const int streams[3], int ready_fd,
                         struct shim_error *error) {
    for (int i = 0; i <= READY_FD; i++)
        handover->copies[i] = -1;
    for (int i = 0; i <= READY_FD; i++) {
        int source = i == READY_FD ? ready_fd : streams[i];
        if (source >= 0 && source < FIRST_FREE_FD) {
            source = handover->copies[i] = fcntl(source, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
            if (source < 0) {
                int code = -errno;
                handover_clear(handover);
                return error_set(error, code, "cannot pass descriptor %d on to the monitor: %s",
                                 i == READY_FD ? ready_fd : streams[i], strerror(-code));
            }
        }
        handover->sources[i] = source;
    }
    return 0;
}

/* In the child, which shares our memory: only what a signal handler may do. Returns a negative
 * errno. */
static int become_monitor(const struct launch_plan *plan, const struct launch_words *words,
                          const struct handover *handover) {
    static char *const nothing[] = {NULL};
    if (fchdir(plan->directory_fd) < 0)
        return -errno;
    for (size_t i = 0; i < plan->n_descriptors; i++)
        if (fcntl(plan->descriptors[i], F_SETFD, 0) < 0)
            return -errno;
    for (int i = 0; i <= READY_FD; i++) {
        int source = handover->sources[i];
        if (source < 0 && (close(i), open("/dev/null", O_RDWR)) != i)
            return -errno;
        if (source >= 0 && dup2(source, i) < 0)
            return -errno;
    }
    execve(plan->monitor, (char *const *)words->argv,
           plan->environment ? (char *const *)plan->environment : nothing);
    return -errno;
}

/* All signals are blocked, as the monitor will have them: one that comes early, such as our own
 * order to give up, waits until it is ready for it. What we ignore it undoes itself. Handlers of
 * ours cannot run in the child, and do not survive the execution. Returns 0 or a negative errno. */
static int spawn(const struct launch_plan *plan, const struct launch_words *words,
                 const struct handover *handover, pid_t *ret_pid) {
    sigset_t all, saved;
    volatile int failure = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved);
    pid_t pid = vfork();
    if (pid == 0) {
        failure = become_monitor(plan, words, handover);
        _exit(127);
    }
    int r = pid < 0 ? -errno : failure;
    if (pid > 0 && r < 0)
        waitpid(pid, NULL, 0);
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    if (r == 0)
        *ret_pid = pid;
    return r;
}

static int spawn_with_words(struct launch *launch, int ready_fd, struct shim_error *error) {
    struct launch_words words;
    struct handover handover;
    int r = launch_words_make(&words, launch->plan, READY_FD, error);
    if (r < 0)
        return r;
    r = handover_make(&handover, launch->plan->streams, ready_fd, error);
    if (r == 0) {
        r = spawn(launch->plan, &words, &handover, &launch->monitor);
        if (r < 0)
            error_set(error, r, "cannot start the monitor %s: %s", launch->plan->monitor,
                      strerror(-r));
        handover_clear(&handover);
    }
    launch_words_clear(&words);
    return r;
}

/* What the monitor may take at most: for the command, for killing what it left, for the cleanup
 * commands. */
static int64_t longest(const struct launch_plan *plan, int64_t spawn_timeout) {
    int64_t total = spawn_timeout + GRACE;
    if (spawn_timeout < 0)
        return SHIM_FOREVER;
    for (size_t i = 0; plan->cleanup && plan->cleanup[i]; i++) {
        if (plan->cleanup_timeout < 0)
            return SHIM_FOREVER;
        total += plan->cleanup_timeout + GRACE;
    }
    return total + GRACE;
}

static bool childless(void) {
    siginfo_t ignored;
    return waitid(P_ALL, 0, &ignored, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 && errno == ECHILD;
}

static int start(struct launch *launch, struct shim_error *error) {
    int pair[2];
    if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_set(error, -errno, "cannot make a pipe to the monitor: %s", strerror(errno));
    launch->ready_fd = pair[0];
    launch->alone = childless();
    int r = spawn_with_words(launch, pair[1], error);
    close(pair[1]);
    if (r < 0)
        return r;
    /* If there is none its pipe has to do: it may have launched, which cannot be taken back. */
    launch->pidfd = (int)syscall(SYS_pidfd_open, launch->monitor, 0);
    launch->deadline = deadline_after(longest(launch->plan, launch->plan->spawn_timeout));
    return 0;
}

/* ---- waiting ---- */

static void read_ready(struct launch *launch) {
    size_t room = sizeof(launch->line) - 1 - launch->length;
    ssize_t got;
    do {
        got = room ? read(launch->ready_fd, launch->line + launch->length, room) : 0;
        if (got > 0) {
            launch->length += (size_t)got;
            room -= (size_t)got;
        }
    } while (got > 0 || (got < 0 && errno == EINTR));
    launch->line[launch->length] = '\0';
    if (got == 0)
        launch->ready_fd = fd_close(launch->ready_fd);
}

static bool line_complete(const struct launch *launch) {
    return launch->length > 0 && launch->line[launch->length - 1] == '\n';
}

/* The monitor has closed its end without having been able to say its line, and all that it had to
 * write before that is there: it has launched, or adopted. */
static bool recorded(const struct launch *launch) {
    struct shim_identity monitor = {.size = sizeof(monitor)};
    return launch->ready_fd < 0 && launch->length == 0 &&
           file_exists_at(launch->plan->directory_fd, "status") &&
           identity_read_monitor(launch->plan->directory_fd, &monitor, NULL) == 0 &&
           monitor.pid == launch->monitor;
}

/* Without a pidfd it is proven by being our child, which nobody else reaps. */
static void signal_monitor(const struct launch *launch, int signal) {
    siginfo_t ignored;
    if (launch->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, launch->pidfd, signal, NULL, 0);
    else if (waitid(P_PID, (id_t)launch->monitor, &ignored, WEXITED | WNOHANG | WNOWAIT) == 0)
        kill(launch->monitor, signal);
}

static void cancel(struct launch *launch) {
    signal_monitor(launch, SIGTERM);
    launch->cancelled = true;
    launch->deadline = deadline_after(longest(launch->plan, 0));
}

static void stop_waiting(struct launch *launch) {
    signal_monitor(launch, SIGKILL);
    launch->overdue = true;
    launch->deadline = SHIM_FOREVER;
}

/* It has closed its end, and has no pidfd: nothing that it does will be seen any more, and all that
 * it has left to do is to exit. */
static bool out_of_sight(const struct launch *launch) {
    return launch->pidfd < 0 && launch->ready_fd < 0;
}

/* Until the monitor has said its line, or is dead. With `to_the_end` until it is dead. */
static void await(struct launch *launch, bool to_the_end) {
    bool dead = false;
    while (!dead && !out_of_sight(launch) &&
           (to_the_end || (!line_complete(launch) && !recorded(launch)))) {
        struct pollfd fds[] = {
            {.fd = launch->ready_fd, .events = POLLIN},
            {.fd = launch->pidfd, .events = POLLIN},
            {.fd = launch->cancelled ? -1 : launch->plan->cancel_fd, .events = POLLIN},
        };
        int r = poll(fds, 3, deadline_poll(launch->deadline));
        if (r < 0)
            continue; /* EINTR, or ENOMEM, which passes */
        dead = fds[1].revents;
        if (fds[0].revents)
            read_ready(launch);
        if (fds[2].revents && !dead && !line_complete(launch))
            cancel(launch);
        if (r == 0 && deadline_left(launch->deadline) == 0)
            stop_waiting(launch);
    }
    if (launch->ready_fd >= 0)
        read_ready(launch);
}

/* ---- when it failed ---- */

static void run_cleanup(const struct launch_plan *plan) {
    for (size_t i = 0; plan->cleanup && plan->cleanup[i]; i++) {
        struct command command = {
            .argv = plan->cleanup[i],
            .environment = plan->environment,
            .directory_fd = plan->directory_fd,
            .timeout = plan->cleanup_timeout,
            .cancel_fd = -1,
            .merge_errors = true,
        };
        struct shim_output output = {.size = sizeof(output)};
        /* That the runtime knows nothing of the container is the usual answer, and fine. */
        if (command_run(&command, &output, NULL) == 0)
            free(output.text);
    }
}

/* The monitor is dead and did not say why. Does what it would have done. */
static int after_death(struct launch *launch, struct shim_error *error) {
    const struct launch_plan *plan = launch->plan;
    siginfo_t how = {0};
    struct dead_monitor monitor = {
        .pid = launch->monitor,
        .alone = launch->alone,
        .directory_fd = plan->directory_fd,
        .pid_file = plan->pid_file,
    };
    bool known = waitid(P_PID, (id_t)launch->monitor, &how, WEXITED | WNOWAIT) == 0;
    struct shim_error left = ERROR_NONE;
    int orphans = plan->command && known ? orphans_kill(&monitor, GRACE, &left) : 0;
    waitpid(launch->monitor, NULL, WNOHANG);
    if (plan->command)
        run_cleanup(plan);
    int r = launch->overdue ? launch_failure_overdue(plan, launch->cancelled, error)
                            : launch_failure_death(plan, known ? &how : NULL, error);
    if (orphans < 0 && error)
        error_context(error, "%s", left.message);
    return r;
}

static int failed(struct launch *launch, const char *what, int number, struct shim_error *error) {
    if (launch->deadline != SHIM_FOREVER)
        launch->deadline = deadline_after(GRACE);
    await(launch, true); /* it has nothing left to do but to exit */
    waitpid(launch->monitor, NULL, 0);
    return launch_failure_said(launch->plan, what, number, error);
}

static int outcome(struct launch *launch, struct shim_error *error) {
    char what[16];
    int number;
    if (strncmp(launch->line, "ok ", 3) == 0 && line_complete(launch))
        return launch->monitor;
    if (line_complete(launch) && sscanf(launch->line, "failed %15s %d", what, &number) == 2)
        return failed(launch, what, number, error);
    return recorded(launch) ? launch->monitor : after_death(launch, error);
}

static int launch_in_subreaper(struct launch *launch, struct shim_error *error) {
    int r = start(launch, error);
    if (r < 0)
        return r;
    await(launch, false);
    return outcome(launch, error);
}

int launch_monitor(const struct launch_plan *plan, struct shim_error *error) {
    struct launch launch = {.plan = plan, .monitor = -1, .pidfd = -1, .ready_fd = -1};
    int r = fifo_create(plan->directory_fd, "exit", error);
    if (r == 0)
        r = fifo_create(plan->directory_fd, "control", error);
    if (r < 0)
        return r;
    subreaper_enter();
    r = launch_in_subreaper(&launch, error);
    subreaper_leave();
    fd_close(launch.ready_fd);
    fd_close(launch.pidfd);
    return r;
}
