/* SPDX-License-Identifier: Apache-2.0 */
#include "members.h"

#include "plan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void census_clear(struct census *census) {
    free(census->all);
    memset(census, 0, sizeof(*census));
}

/* Reads a small file into `buffer`, NUL-terminated. Returns its length or a negative errno. */
static ssize_t read_small(int directory_fd, const char *name, char *buffer, size_t size) {
    int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t length = read(fd, buffer, size - 1);
    if (length < 0)
        length = -errno;
    else
        buffer[length] = '\0';
    close(fd);
    return length;
}

/* The name in parentheses may hold anything; what follows its last `)` is plain. */
static int parse_stat(const char *line, struct member *member) {
    const char *rest = strrchr(line, ')');
    unsigned long long start_time;
    int parent, session;
    if (!rest || sscanf(rest,
                        ") %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                        "%*d %llu",
                        &member->state, &parent, &session, &start_time) != 4)
        return -EBADMSG;
    member->parent = parent;
    member->session = session;
    member->start_time = start_time;
    return 0;
}

static int find_process(pid_t pid, struct member *member) {
    char name[32], line[1024];
    memset(member, 0, sizeof(*member));
    member->pid = pid;
    snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
    ssize_t length = read_small(AT_FDCWD, name, line, sizeof(line));
    return length < 0 ? (int)length : parse_stat(line, member);
}

static int census_add(struct census *census, const struct member *member) {
    if (census->count == census->room) {
        size_t room = census->room ? 2 * census->room : 256;
        struct member *all = (struct member *)realloc(census->all, room * sizeof(*all));
        if (!all)
            return -ENOMEM;
        census->all = all;
        census->room = room;
    }
    census->all[census->count++] = *member;
    return 0;
}

int census_take(struct census *census) {
    int r = 0;
    census->count = 0;
    DIR *proc = opendir("/proc");
    if (!proc)
        return -errno;
    for (struct dirent *entry; r == 0 && (entry = readdir(proc));) {
        struct member member;
        long pid = strtol(entry->d_name, NULL, 10);
        /* One that has ended meanwhile does not count. */
        if (pid > 0 && find_process((pid_t)pid, &member) == 0 && !strchr("ZX", member.state))
            r = census_add(census, &member);
    }
    closedir(proc);
    return r;
}

/* ------------------------------------------------------------------------------------ marking */

static const struct member *census_find(const struct census *census, pid_t pid) {
    for (size_t i = 0; i < census->count; i++)
        if (census->all[i].pid == pid)
            return &census->all[i];
    return NULL;
}

/* Marks the children of `parent`. Returns how many are new. */
static size_t mark_children(struct census *census, pid_t parent) {
    size_t marked = 0;
    for (size_t i = 0; i < census->count; i++)
        if (census->all[i].parent == parent && !census->all[i].belongs) {
            census->all[i].belongs = 1;
            marked++;
        }
    return marked;
}

/* Marks what descends from those that are marked. */
static void mark_families(struct census *census) {
    size_t marked;
    do {
        marked = 0;
        for (size_t i = 0; i < census->count; i++)
            if (census->all[i].belongs)
                marked += mark_children(census, census->all[i].pid);
    } while (marked > 0);
}

/* Without its newline. 0 or a negative errno. */
static int read_boot(char *boot, size_t size) {
    ssize_t length = read_small(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot, size);
    if (length < 0)
        return (int)length;
    boot[strcspn(boot, "\n")] = '\0';
    return 0;
}

/* Reads a recorded identity: the pid and start time on two lines of one file or in two files, then
 * the boot id. Another boot's processes are all gone: -ESRCH. */
static int read_identity(const char *text, pid_t *ret_pid, uint64_t *ret_start_time) {
    char boot[64], recorded[64] = "";
    unsigned long long start_time;
    int pid;
    if (sscanf(text, "%d %llu %63s", &pid, &start_time, recorded) != 3 || pid <= 1)
        return -EBADMSG; /* the first process of all is nobody's */
    int r = read_boot(boot, sizeof(boot));
    if (r < 0)
        return r;
    if (strcmp(boot, recorded) != 0)
        return -ESRCH;
    *ret_pid = pid;
    *ret_start_time = start_time;
    return 0;
}

static int read_process_identity(int directory_fd, pid_t *ret_pid, uint64_t *ret_start_time) {
    char text[192];
    ssize_t pid = read_small(directory_fd, "pid", text, 32);
    if (pid < 0)
        return (int)pid;
    /* A number without the end of its line may have been cut short, and is somebody else's. */
    if (pid == 0 || text[pid - 1] != '\n')
        return -EBADMSG;
    ssize_t rest = read_small(directory_fd, "starttime", text + pid, sizeof(text) - (size_t)pid);
    return rest < 0 ? (int)rest : read_identity(text, ret_pid, ret_start_time);
}

static int read_identity_file(int directory_fd, const char *name, pid_t *ret_pid,
                              uint64_t *ret_start_time) {
    char text[192];
    ssize_t length = read_small(directory_fd, name, text, sizeof(text));
    return length < 0 ? (int)length : read_identity(text, ret_pid, ret_start_time);
}

/* When a process's end was recorded, in clock ticks since boot; 0: it was not. */
static uint64_t recorded_end(int directory_fd) {
    struct stat status;
    struct timespec real, boot;
    if (fstatat(directory_fd, "exitStatus", &status, AT_SYMLINK_NOFOLLOW) < 0 &&
        fstatat(directory_fd, "exitUnknown", &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (clock_gettime(CLOCK_REALTIME, &real) < 0 || clock_gettime(CLOCK_BOOTTIME, &boot) < 0)
        return 0;
    double ago = (double)(real.tv_sec - status.st_mtim.tv_sec) +
                 (double)(real.tv_nsec - status.st_mtim.tv_nsec) / 1e9;
    double end = (double)boot.tv_sec + (double)boot.tv_nsec / 1e9 - ago;
    return end > 0 ? (uint64_t)(end * (double)sysconf(_SC_CLK_TCK)) : 0;
}

/* A session's number is not given to another process as long as the session has a member. So the
 * session of that number is ours if its leader is, or if one of its members is older than the
 * leader's recorded end. */
static int session_is_ours(const struct census *census, pid_t leader, uint64_t start_time,
                           uint64_t end) {
    const struct member *process = census_find(census, leader);
    if (process)
        return process->start_time == start_time;
    for (size_t i = 0; i < census->count; i++) {
        const struct member *member = &census->all[i];
        if (member->session == leader && member->start_time >= start_time &&
            member->start_time < end)
            return 1;
    }
    return 0;
}

void census_mark_process(struct census *census, int directory_fd) {
    pid_t pid;
    uint64_t start_time;
    if (read_identity_file(directory_fd, "monitor", &pid, &start_time) == 0) {
        const struct member *monitor = census_find(census, pid);
        if (monitor && monitor->start_time == start_time)
            mark_children(census, pid);
    }
    if ((read_process_identity(directory_fd, &pid, &start_time) == 0 ||
         read_identity_file(directory_fd, MADE_FILE, &pid, &start_time) == 0) &&
        session_is_ours(census, pid, start_time, recorded_end(directory_fd)))
        for (size_t i = 0; i < census->count; i++)
            if (census->all[i].session == pid || census->all[i].pid == pid)
                census->all[i].belongs = 1;
    mark_families(census);
}

void census_mark_container(struct census *census, int directory_fd) {
    int container = openat(directory_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = container < 0 ? NULL : fdopendir(container);
    if (!directory && container >= 0)
        close(container);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        int process =
            openat(container, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (process < 0)
            continue;
        census_mark_process(census, process);
        close(process);
    }
    if (directory)
        closedir(directory);
}

int member_describe(pid_t pid, char *text, size_t size) {
    struct member member;
    char boot[64];
    int r = find_process(pid, &member);
    if (r < 0 || (r = read_boot(boot, sizeof(boot))) < 0)
        return r;
    snprintf(text, size, "%d\n%llu\n%s\n", (int)pid, (unsigned long long)member.start_time, boot);
    return 0;
}

/* ------------------------------------------------------------------------------------ signals */

static int send_signal(const struct member *member, int signal, int wait_ms) {
    struct member now;
    int fd = (int)syscall(SYS_pidfd_open, member->pid, 0);
    if (fd < 0)
        return 0;
    /* The descriptor stands for whoever has the pid; that it is still the same is seen only now. */
    int sent = find_process(member->pid, &now) == 0 && now.start_time == member->start_time &&
               syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) == 0;
    if (sent && wait_ms) {
        struct pollfd end = {fd, POLLIN, 0};
        while (poll(&end, 1, wait_ms) < 0 && errno == EINTR)
            ;
    }
    close(fd);
    return sent;
}

int census_signal(const struct census *census, int signal, int wait_ms) {
    int sent = 0;
    for (size_t i = 0; i < census->count; i++)
        if (census->all[i].belongs && census->all[i].pid != getpid())
            sent += send_signal(&census->all[i], signal, wait_ms);
    return sent;
}
