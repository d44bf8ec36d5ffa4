/* SPDX-License-Identifier: Apache-2.0 */
#include "process/orphans.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "process/identity.h"
#include "process/pidfile.h"

/* All processes at one moment, and which of them are the monitor's. */
struct census {
    struct process_stat *all;
    bool *marked;
    size_t count, capacity;
    struct process_stat self;
};

static void census_clear(struct census *census) {
    free(census->all);
    free(census->marked);
    *census = (struct census){0};
}

static int census_grow(struct census *census) {
    size_t capacity = census->capacity ? 2 * census->capacity : 256;
    struct process_stat *all = realloc(census->all, capacity * sizeof(*all));
    if (!all)
        return -ENOMEM;
    census->all = all;
    bool *marked = realloc(census->marked, capacity * sizeof(*marked));
    if (!marked)
        return -ENOMEM;
    census->marked = marked;
    census->capacity = capacity;
    return 0;
}

static int census_add(const char *name, unsigned char type, void *user) {
    struct census *census = user;
    uint64_t pid;
    (void)type;
    if (parse_decimal(name, strlen(name), INT32_MAX, &pid) < 0)
        return 0;
    int r = census->count == census->capacity ? census_grow(census) : 0;
    if (r < 0)
        return r;
    if (identity_stat((pid_t)pid, &census->all[census->count], NULL) == 0)
        census->marked[census->count++] = false;
    return 0;
}

static int census_take(struct census *census, struct shim_error *error) {
    int fd AUTO_CLOSE = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, -errno, "cannot open /proc: %s", strerror(errno));
    int r = identity_stat(getpid(), &census->self, error);
    if (r < 0)
        return r;
    census->count = 0;
    r = directory_list(fd, census_add, census, error);
    return r == -ENOMEM ? error_set(error, r, "out of memory while looking for processes") : r;
}

static bool single_threaded(void) {
    struct stat tasks;
    return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == 3;
}

/* Where the search begins: what is the monitor's for a reason of its own. */
static void mark_first(struct census *census, const struct dead_monitor *monitor,
                       uint64_t monitor_start) {
    pid_t recorded = 0;
    bool alone = monitor->alone && census->self.pid != 1 && single_threaded();
    if (monitor->pid_file)
        pidfile_read(monitor->directory_fd, monitor->pid_file, &recorded, NULL);
    for (size_t i = 0; i < census->count; i++) {
        const struct process_stat *stat = &census->all[i];
        bool ours = stat->parent == census->self.pid && stat->start_time >= monitor_start;
        census->marked[i] =
            stat->session == monitor->pid || (ours && (alone || stat->pid == recorded));
    }
}

static bool same_session(const struct process_stat *a, const struct process_stat *b,
                         const struct process_stat *self) {
    return a->session == b->session && a->session != 0 && a->session != self->session;
}

/* Whoever has lost a parent is a child of one of these two. */
static bool may_belong(const struct process_stat *stat, const struct process_stat *self) {
    return stat->pid != 1 && stat->pid != self->pid;
}

void orphans_mark_related(const struct process_stat *all, bool *marked, size_t count,
                          const struct process_stat *self) {
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < count && !marked[i] && may_belong(&all[i], self); j++)
                if (marked[j] && may_belong(&all[j], self) &&
                    (all[j].pid == all[i].parent || same_session(&all[i], &all[j], self)))
                    marked[i] = changed = true;
    }
}

/* Neither ourselves, nor the monitor, whose zombie guards its session's id. */
static size_t unmark_spared(struct census *census, pid_t monitor) {
    size_t marked = 0;
    for (size_t i = 0; i < census->count; i++) {
        pid_t pid = census->all[i].pid;
        if (pid == census->self.pid || pid == monitor || pid == 1)
            census->marked[i] = false;
        marked += census->marked[i];
    }
    return marked;
}

/* A pid that was somebody else's by now would not have that start time. -ESRCH: it is gone. */
static int open_exactly(const struct process_stat *stat) {
    struct process_stat now;
    int fd AUTO_CLOSE = (int)syscall(SYS_pidfd_open, stat->pid, 0);
    if (fd < 0) /* the number may be that of a thread now */
        return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
    int r = identity_stat(stat->pid, &now, NULL);
    if (r < 0)
        return r;
    return now.start_time == stat->start_time ? fd_steal(&fd) : -ESRCH;
}

/* Kills one and, if it is our child, reaps it. What is not becomes our child when its parent, which
 * is marked as well, has died: the next round finds it. */
static int kill_one(const struct process_stat *stat, pid_t self, int64_t deadline,
                    struct shim_error *error) {
    int fd AUTO_CLOSE = open_exactly(stat);
    if (fd == -ESRCH)
        return 0;
    if (fd < 0)
        return error_set(error, fd,
                         "process %d, which the monitor left, cannot be killed for certain: %s",
                         (int)stat->pid, strerror(-fd));
    syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int r;
    do {
        r = poll(&wait, 1, deadline_poll(deadline));
    } while ((r < 0 && errno == EINTR) || (r == 0 && deadline_left(deadline) != 0));
    if (r == 1 && stat->parent == self)
        waitpid(stat->pid, NULL, WNOHANG);
    return r == 1 ? 0
                  : error_set(error, -EBUSY,
                              "process %d, which the monitor left, does not die of SIGKILL",
                              (int)stat->pid);
}

/* 1: some were found, and are dead now. 0: none is left. */
static int kill_round(struct census *census, const struct dead_monitor *monitor,
                      uint64_t monitor_start, int64_t deadline, struct shim_error *error) {
    int r = census_take(census, error);
    if (r < 0)
        return r;
    mark_first(census, monitor, monitor_start);
    orphans_mark_related(census->all, census->marked, census->count, &census->self);
    if (unmark_spared(census, monitor->pid) == 0)
        return 0;
    for (size_t i = 0; i < census->count; i++)
        if (census->marked[i] &&
            (r = kill_one(&census->all[i], census->self.pid, deadline, error)) < 0)
            return r;
    return 1;
}

int orphans_kill(const struct dead_monitor *monitor, int64_t timeout, struct shim_error *error) {
    struct census census = {0};
    struct process_stat stat;
    int64_t deadline = deadline_after(timeout);
    int r = identity_stat(monitor->pid, &stat, error);
    if (r < 0)
        return r;
    do {
        r = kill_round(&census, monitor, stat.start_time, deadline, error);
    } while (r == 1 && deadline_left(deadline) != 0);
    census_clear(&census);
    return r == 1 ? error_set(error, -EBUSY, "what the monitor left does not stop growing") : r;
}
