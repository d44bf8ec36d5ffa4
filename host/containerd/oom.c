/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Killing for want of memory. Version 2: memory.events is watched by inotify; version 1: an eventfd
 * on memory.oom_control. Neither says how often, so the counter is what is compared. At the end the
 * group may be gone before anybody has looked; the monitor has then left in the state directory
 * what the counter said.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "containerd/cgroup.h"
#include "containerd/task.h"
#include "events.pb-c.h"
#include "state/status.h"

static const char *counter_file(const struct task *task) {
    return cgroup_unified(task->cgroup) ? "memory.events" : "memory.oom_control";
}

static int open_memory(const struct task *task) {
    return cgroup_open(task->cgroup, cgroup_unified(task->cgroup) ? NULL : "memory");
}

static uint64_t recorded_kills(const struct task *task) {
    uint64_t kills = 0;
    struct shim_error ignored = ERROR_NONE;
    int fd AUTO_CLOSE = process_directory(&task->init);
    if (fd >= 0)
        status_oom_read(fd, &kills, &ignored);
    return kills;
}

static uint64_t count_kills(const struct task *task) {
    static const struct cgroup_field fields[] = {{"oom_kill", 0}};
    uint64_t kills = 0;
    int fd AUTO_CLOSE = task->cgroup ? open_memory(task) : -ENOENT;
    if (fd >= 0)
        cgroup_fields(fd, counter_file(task), fields, 1, &kills);
    return kills;
}

void oom_check(struct task *task) {
    uint64_t kills = count_kills(task);
    if (kills <= task->oom_kills)
        kills = recorded_kills(task);
    if (kills <= task->oom_kills)
        return;
    task->oom_kills = kills;
    Pb__TaskNotice event = PB__TASK_NOTICE__INIT;
    event.container_id = task->id;
    event_publish(task->server, "/tasks/oom", "TaskOOM", &event.base);
}

static void oom_ready(struct source *source, uint32_t events) {
    struct task *task = (struct task *)((char *)source - offsetof(struct task, oom));
    char ignored[4096];
    (void)events;
    ssize_t n = read(source->fd, ignored, sizeof(ignored));
    int fd AUTO_CLOSE = n > 0 ? open_memory(task) : -1;
    if (fd < 0) /* the group is gone, which version 1 reports as an event, too */
        oom_drop(task);
    else
        oom_check(task);
}

/* "EVENTFD FILE" into cgroup.event_control asks for events. */
static int watch_version_1(int directory_fd) {
    char line[32];
    int file AUTO_CLOSE = openat(directory_fd, "memory.oom_control", O_RDONLY | O_CLOEXEC);
    int control AUTO_CLOSE = openat(directory_fd, "cgroup.event_control", O_WRONLY | O_CLOEXEC);
    int fd AUTO_CLOSE = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (file < 0 || control < 0 || fd < 0)
        return -errno;
    int length = snprintf(line, sizeof(line), "%d %d", fd, file);
    if (write(control, line, (size_t)length) != length)
        return -errno;
    return fd_steal(&fd);
}

static int watch_version_2(int directory_fd) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d/memory.events", directory_fd);
    int fd AUTO_CLOSE = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) < 0)
        return -errno;
    return fd_steal(&fd);
}

void oom_watch(struct task *task) {
    struct shim_error error = ERROR_NONE;
    if (!task->cgroup)
        task->cgroup = cgroup_of_container((pid_t)task->init.pid);
    if (!task->cgroup)
        return;
    int directory_fd AUTO_CLOSE = open_memory(task);
    int fd = directory_fd < 0               ? directory_fd
             : cgroup_unified(task->cgroup) ? watch_version_2(directory_fd)
                                            : watch_version_1(directory_fd);
    if (fd < 0) {
        log_write(SHIM_LOG_WARNING, &(struct log_fields){.container = task->id},
                  "cannot watch for a want of memory: %s", strerror(-fd));
        return;
    }
    task->oom.fd = fd;
    task->oom.ready = oom_ready;
    if (loop_add(&task->server->loop, &task->oom, EPOLLIN, &error) < 0)
        task->oom.fd = fd_close(fd);
}

void oom_drop(struct task *task) {
    loop_drop(&task->server->loop, &task->oom);
}
