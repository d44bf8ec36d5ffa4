/* SPDX-License-Identifier: Apache-2.0 */
/* Killing for want of memory. The kernel counts it in a file of the process's cgroup, which is held
 * open from before the start and read once, at the end: in between it costs nothing, and nobody is
 * woken. */
#include "monitor.h"

#include <asm/signal.h>
#include <asm/stat.h>

#define GROUPS_SIZE 8192 /* of /proc/PID/cgroup: a path for each of some 15 controllers */
#define PATH_SIZE 4096
#define COUNTS_SIZE 512

static const char *line_end(const char *at) {
    while (*at && *at != '\n')
        at++;
    return at;
}

/* Moves behind the next colon of the line, or returns NULL. */
static const char *behind_colon(const char *at) {
    while (*at && *at != '\n' && *at != ':')
        at++;
    return *at == ':' ? at + 1 : NULL;
}

/* Is "memory" in a list like "cpu,memory:"? */
static bool lists_memory(const char *list) {
    static const char name[] = "memory";
    for (;;) {
        const char *rest = text_after(list, name);
        if (rest && (*rest == ',' || *rest == ':'))
            return true;
        while (*list != ',' && *list != ':')
            list++;
        if (*list++ == ':')
            return false;
    }
}

/* The path in the line "N:CONTROLLERS:PATH" of the hierarchy that has memory, where the two
 * versions have their own: in version 2 the list is empty. Or NULL. */
static const char *find_group(const char *groups, bool *ret_version_1) {
    const char *version_2 = NULL;
    for (const char *line = groups; *line; line = line_end(line), line += *line == '\n') {
        const char *list = behind_colon(line);
        const char *path = list ? behind_colon(list) : NULL;
        if (path && lists_memory(list)) {
            *ret_version_1 = true;
            return path;
        }
        if (path && *list == ':')
            version_2 = path;
    }
    *ret_version_1 = false;
    return version_2;
}

bool oom_counter_path(const char *groups, struct text *path) {
    bool version_1;
    const char *group = find_group(groups, &version_1);
    /* The root has no limit, and belongs to everybody. What lies above our own namespace's root
     * cannot be named. */
    if (!group || group[0] != '/' || group[1] == '\n' || !group[1] || text_after(group, "/.."))
        return false;
    text_add(path, version_1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup");
    for (const char *end = line_end(group); group < end; group++)
        text_add_char(path, *group);
    text_add(path, version_1 ? "/memory.oom_control" : "/memory.events");
    return path->length + 1 < path->size;
}

uint64_t oom_count(const char *counts) {
    for (const char *line = counts; *line; line = line_end(line), line += *line == '\n') {
        const char *number = text_after(line, "oom_kill ");
        uint64_t count;
        if (number && text_number(&number, UINT64_MAX, &count))
            return count;
    }
    return 0;
}

/* Where the process of a /proc/PID has its counter. */
static bool counter_of(const char *groups_path, struct text *path) {
    char buffer[GROUPS_SIZE];
    struct text groups = TEXT_IN(buffer);
    return record_read(groups_path, &groups) == 0 && oom_counter_path(groups.buffer, path);
}

/* -ENOENT: it has none, or is over and in no group any more. -EXDEV: its group is ours, too, where
 * others are killed as well. */
static int open_counter(int pid) {
    char own_buffer[PATH_SIZE], path_buffer[PATH_SIZE], groups_buffer[32];
    struct text own = TEXT_IN(own_buffer), path = TEXT_IN(path_buffer);
    struct text groups = TEXT_IN(groups_buffer);
    text_print(&groups, "/proc/%d/cgroup", pid);
    if (!counter_of(groups.buffer, &path))
        return -ENOENT;
    if (counter_of("/proc/self/cgroup", &own) && text_equal(own.buffer, path.buffer))
        return -EXDEV;
    return sys_open(path.buffer, O_RDONLY, 0);
}

/* Version 1 says of who is over that he is in the root. Where a runtime of the OCI command line was
 * to make a container's groups, its plugin has foreseen: places, one a line, where there were
 * none. */
static int open_foreseen(void) {
    static const char *const counters[] = {"/memory.oom_control", "/memory.events"};
    char buffer[GROUPS_SIZE], path_buffer[PATH_SIZE];
    struct text list = TEXT_IN(buffer);
    if (record_read(".cgroups", &list) < 0)
        return -ENOENT;
    for (const char *line = list.buffer, *end; *(end = line_end(line)); line = end + 1)
        for (unsigned i = 0; i < 2; i++) {
            struct text path = TEXT_IN(path_buffer);
            for (const char *at = line; at < end; at++)
                text_add_char(&path, *at);
            text_add(&path, counters[i]);
            int fd = sys_open(path.buffer, O_RDONLY, 0);
            if (fd >= 0)
                return fd;
        }
    return -ENOENT;
}

static bool same_file(int left_fd, int right_fd) {
    struct stat left, right;
    return sys_fstat(left_fd, &left) == 0 && sys_fstat(right_fd, &right) == 0 &&
           left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

static uint64_t read_count(int fd) {
    char counts[COUNTS_SIZE];
    long got = sys_pread(fd, counts, sizeof(counts) - 1, 0);
    counts[got > 0 ? got : 0] = '\0'; /* of a group that is gone nothing can be read */
    return oom_count(counts);
}

static void close_counter(struct monitor *monitor) {
    if (monitor->oom_fd >= 0)
        sys_close(monitor->oom_fd);
    monitor->oom_fd = -1;
}

void oom_prepare(struct monitor *monitor) {
    struct child_stat stat;
    uint64_t start_time;
    int pid;
    if (plan_is_init(monitor->plan) || monitor->plan->direct ||
        record_read_process(monitor, "../init/", &pid, &start_time) < 0)
        return;
    int fd = open_counter(pid);
    if (fd < 0)
        return;
    monitor->oom_fd = fd;
    monitor->oom_kills = read_count(fd);
    if (child_stat(pid, &stat) < 0 || stat.start_time != start_time)
        close_counter(monitor); /* somebody else's */
}

void oom_begin(struct monitor *monitor) {
    int fd = open_counter(monitor->process);
    if (fd == -ENOENT && plan_is_init(monitor->plan))
        fd = open_foreseen();
    /* The container's, unless the process is known to be elsewhere. */
    bool prepared =
        monitor->oom_fd >= 0 && (fd < 0 ? fd != -EXDEV : same_file(fd, monitor->oom_fd));
    if (prepared) {
        if (fd >= 0)
            sys_close(fd);
        return;
    }
    close_counter(monitor);
    if (fd < 0)
        return;
    monitor->oom_fd = fd;
    /* All that is killed in a container's group concerns its first process. */
    monitor->oom_kills = plan_is_init(monitor->plan) ? 0 : read_count(fd);
}

bool oom_end(struct monitor *monitor, int wait_status) {
    if (monitor->oom_fd < 0)
        return false;
    uint64_t kills = read_count(monitor->oom_fd) - monitor->oom_kills;
    close_counter(monitor);
    bool killed = wait_status >= 0 && (wait_status & 0x7f) == SIGKILL;
    if ((int64_t)kills <= 0 || !(killed || plan_is_init(monitor->plan)))
        return false;
    char buffer[32];
    struct text text = TEXT_IN(buffer);
    text_print(&text, "%lu\n", (unsigned long)kills);
    int result = record_write("oomKilled", &text);
    if (result < 0)
        log_line(monitor, "error",
                 "cannot record that %lu processes were killed for want of memory: error %d",
                 (unsigned long)kills, -result);
    return true;
}
