/* SPDX-License-Identifier: Apache-2.0 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "steps.h"

#define PATIENCE 60000 /* milliseconds */
#define SYNC_FD 3

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void note(const struct lap *lap, const char *mark, double value) {
    if (lap->round >= 0)
        fprintf(lap->results, "%d\t%s\t%s\t%.1f\n", lap->round, lap->candidate, mark, value);
}

/* Microseconds since the origin. */
static void note_time(const struct lap *lap, const char *mark, int64_t time) {
    note(lap, mark, (double)(time - lap->origin) / 1000);
}

/* ---- processes ---- */

/* What a child gets besides its words. */
struct place {
    int output;     /* for 1, or -1: /dev/null */
    int sync;       /* for SYNC_FD, as conmon wants it, or -1 */
    int namespaces; /* CLONE_NEW* */
};

static _Noreturn void become(char **words, const struct place *place) {
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(place->output >= 0 ? place->output : null, 1);
    if (place->sync >= 0)
        dup2(place->sync, SYNC_FD);
    close_range(place->sync >= 0 ? SYNC_FD + 1 : SYNC_FD, ~0u, 0);
    execvp(words[0], words);
    err(127, "%s", words[0]);
}

static pid_t execute(char **words, const struct place *place) {
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    } arguments = {.flags = (uint64_t)place->namespaces, .exit_signal = SIGCHLD};
    pid_t pid =
        place->namespaces ? (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments)) : vfork();
    if (pid < 0)
        err(1, "cannot start %s", words[0]);
    if (pid == 0)
        become(words, place);
    return pid;
}

static void reap(pid_t pid, bool any_status, const char *what) {
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            err(1, "waitpid for %s", what);
    if (!any_status && status != 0)
        errx(1, "%s: wait status 0x%x", what, (unsigned)status);
}

static void start(struct lap *lap, char **words, const struct place *place) {
    if (lap->n_children == CHILDREN_MAX)
        errx(1, "too many children");
    lap->children[lap->n_children++] = execute(words, place);
}

static void join(struct lap *lap) {
    for (int i = 0; i < lap->n_children; i++)
        reap(lap->children[i], false, "a started command");
    lap->n_children = 0;
}

static void batch(struct lap *lap, const struct step *step) {
    char *words[WORDS_MAX] = {NULL};
    const struct place place = {.output = -1, .sync = -1};
    int count = atoi(step->words[1]);
    for (int n = 0; n < count; n++) {
        script_expand(step->words + 2, lap->id, n, words);
        start(lap, words, &place);
    }
    script_expand((char *[]){NULL}, lap->id, 0, words);
    join(lap);
}

/* ---- what is read ---- */

static void await_input(int fd, const char *what) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int r = poll(&wait, 1, PATIENCE);
    if (r < 0)
        err(1, "poll for %s", what);
    if (r == 0)
        errx(1, "%s did not come", what);
}

/* A time on the monotonic clock that a container wrote into a FIFO. */
static int64_t read_time(const char *path) {
    int64_t time;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        err(1, "%s", path);
    await_input(fd, path);
    if (read(fd, &time, sizeof(time)) != sizeof(time))
        err(1, "read from %s", path);
    close(fd);
    return time;
}

static void give(const char *path) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "\n", 1) != 1)
        err(1, "%s", path);
    close(fd);
}

/* Starts a command whose output `heard` waits for. */
static void start_heard(struct lap *lap, char **words, bool sync) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        err(1, "pipe2");
    struct place place = {.output = sync ? -1 : ends[1], .sync = sync ? ends[1] : -1};
    if (sync)
        setenv("_OCI_SYNCPIPE", "3", 1); /* SYNC_FD */
    start(lap, words, &place);
    unsetenv("_OCI_SYNCPIPE");
    close(ends[1]);
    lap->heard_fd = ends[0];
}

static void heard(struct lap *lap) {
    char text[4096];
    await_input(lap->heard_fd, "output");
    if (read(lap->heard_fd, text, sizeof(text)) <= 0)
        errx(1, "it ended without a word");
}

static void watch(struct lap *lap, const char *directory) {
    lap->watch_fd = inotify_init1(IN_CLOEXEC);
    if (lap->watch_fd < 0 ||
        inotify_add_watch(lap->watch_fd, directory, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
        err(1, "inotify of %s", directory);
}

/* Waits until a file of that name is written or renamed to it. */
static void appears(struct lap *lap, const char *name) {
    char events[4096] __attribute__((aligned(8)));
    for (;;) {
        await_input(lap->watch_fd, name);
        ssize_t got = read(lap->watch_fd, events, sizeof(events));
        for (char *at = events; got > 0 && at < events + got;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;
            if (event->len && strcmp(event->name, name) == 0)
                return;
            at += sizeof(*event) + event->len;
        }
    }
}

static void open_for_end(struct lap *lap, const char *path) {
    lap->opened_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (lap->opened_fd < 0)
        err(1, "%s", path);
}

static void hangup(struct lap *lap) {
    struct pollfd wait = {.fd = lap->opened_fd, .events = 0};
    if (poll(&wait, 1, PATIENCE) != 1)
        errx(1, "the other end was not closed");
}

/* ---- the end of a lap ---- */

static void read_line(pid_t pid, const char *name, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

/* Waits for all processes, also those that others left behind. The CPU time of those called
 * `command` is noted under `mark`, in microseconds. */
static void settle(struct lap *lap, const char *mark, const char *command) {
    siginfo_t end;
    double sum = 0;
    while (waitid(P_ALL, 0, &end, WEXITED | WNOWAIT) == 0) {
        char name[64], time[64];
        if (mark) {
            read_line(end.si_pid, "comm", name, sizeof(name));
            read_line(end.si_pid, "schedstat", time, sizeof(time));
            if (strcmp(name, command) == 0)
                sum += strtod(time, NULL) / 1000;
        }
        reap(end.si_pid, true, "a process that was left behind");
    }
    lap->n_children = 0;
    if (mark)
        note(lap, mark, sum);
}

static void pause_for(const char *milliseconds) {
    int64_t nanoseconds = atoll(milliseconds) * 1000000;
    struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    nanosleep(&time, NULL);
}

/* ---- which step is what ---- */

static bool step_of_processes(struct lap *lap, const struct step *step, char **words) {
    struct place place = {.output = -1, .sync = -1};
    if (strcmp(words[0], "run") == 0 || strcmp(words[0], "try") == 0)
        reap(execute(words + 1, &place), words[0][0] == 't', words[1]);
    else if (strcmp(words[0], "start") == 0)
        start(lap, words + 1, &place);
    else if (strcmp(words[0], "start-new") == 0) {
        place.namespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
        start(lap, words + 1, &place);
    } else if (strcmp(words[0], "listen") == 0)
        start_heard(lap, words + 1, false);
    else if (strcmp(words[0], "sync") == 0) {
        start_heard(lap, words + 1, true);
        heard(lap);
    } else if (strcmp(words[0], "batch") == 0)
        batch(lap, step);
    else if (strcmp(words[0], "join") == 0)
        join(lap);
    else if (strcmp(words[0], "settle") == 0)
        settle(lap, words[1], words[1] ? words[2] : NULL);
    else
        return false;
    return true;
}

static bool step_of_times(struct lap *lap, char **words) {
    if (strcmp(words[0], "mark") == 0)
        note_time(lap, words[1], now());
    else if (strcmp(words[0], "stamp") == 0)
        note_time(lap, words[1], read_time(words[2]));
    else if (strcmp(words[0], "clock") == 0)
        lap->origin = words[1] ? read_time(words[1]) : now();
    else if (strcmp(words[0], "pause") == 0)
        pause_for(words[1]);
    else
        return false;
    return true;
}

static bool step_of_events(struct lap *lap, char **words) {
    if (strcmp(words[0], "give") == 0)
        give(words[1]);
    else if (strcmp(words[0], "heard") == 0)
        heard(lap);
    else if (strcmp(words[0], "watch") == 0)
        watch(lap, words[1]);
    else if (strcmp(words[0], "appears") == 0)
        appears(lap, words[1]);
    else if (strcmp(words[0], "open") == 0)
        open_for_end(lap, words[1]);
    else if (strcmp(words[0], "hangup") == 0)
        hangup(lap);
    else
        return false;
    return true;
}

static int close_one(int fd) {
    if (fd >= 0)
        close(fd);
    return -1;
}

void lap_run(struct lap *lap, const struct candidate *candidate) {
    char *words[WORDS_MAX] = {NULL};
    lap->origin = now();
    lap->n_children = 0;
    lap->heard_fd = lap->opened_fd = lap->watch_fd = -1;
    for (size_t i = 0; i < candidate->n_steps; i++) {
        const struct step *step = candidate->steps + i;
        script_expand(step->words, lap->id, 0, words);
        if (!step_of_processes(lap, step, words) && !step_of_times(lap, words) &&
            !step_of_events(lap, words))
            errx(2, "line %d: no such step: %s", step->line, words[0]);
    }
    script_expand((char *[]){NULL}, lap->id, 0, words);
    lap->heard_fd = close_one(lap->heard_fd);
    lap->opened_fd = close_one(lap->opened_fd);
    lap->watch_fd = close_one(lap->watch_fd);
    settle(lap, NULL, NULL);
}
