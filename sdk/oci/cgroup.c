/* SPDX-License-Identifier: Apache-2.0 */
/* Removing one cgroup with what lives in it and below it, in a hierarchy of either version. */
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ROUNDS 64         /* of killing, against processes that are being made meanwhile */
#define DEPTH 16          /* of cgroups in cgroups */
#define MEMBERS (1 << 20) /* bytes of cgroup.procs that are looked at */

struct removal {
    const struct shim_context *context;
    const char *path; /* for messages */
    struct shim_error *error;
};

/* A file of a cgroup, NUL-terminated, to be freed; NULL: it is not there. Its size says nothing. */
static char *read_file(int cgroup, const char *name) {
    size_t used = 0, room = 4096;
    char *text = (char *)malloc(room);
    int fd = openat(cgroup, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    while (fd >= 0 && text) {
        ssize_t n = read(fd, text + used, room - used - 1);
        if (n <= 0)
            break;
        used += (size_t)n;
        if (room - used < 2) {
            char *more = room < MEMBERS ? (char *)realloc(text, 2 * room) : NULL;
            if (!more)
                break;
            text = more;
            room *= 2;
        }
    }
    if (text)
        text[used] = '\0';
    if (fd < 0) {
        free(text);
        return NULL;
    }
    close(fd);
    return text;
}

static int is_member(int cgroup, pid_t pid) {
    char *members = read_file(cgroup, "cgroup.procs");
    int found = 0;
    for (char *line = members; line && *line && !found;
         line += strcspn(line, "\n"), line += !!*line)
        found = strtol(line, NULL, 10) == pid;
    free(members);
    return found;
}

/* Version 1: what is frozen does not die. */
static void thaw(int cgroup) {
    int fd = openat(cgroup, "freezer.state", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    ssize_t ignored = write(fd, "THAWED", strlen("THAWED"));
    (void)ignored;
    close(fd);
}

/* Waits for the end of a process that has been killed. */
static int await_end(const struct removal *removal, int pidfd, pid_t pid) {
    struct pollfd end = {pidfd, POLLIN, 0};
    int64_t timeout = removal->context->runtime->delete_timeout;
    if (poll(&end, 1, timeout < 0 || timeout > INT32_MAX ? -1 : (int)timeout) > 0)
        return 0;
    return oci_fail(removal->context, removal->error, -ETIMEDOUT, SHIM_REASON_TIMED_OUT,
                    "cgroup %s: process %d does not die", removal->path, (int)pid);
}

/* Kills one member. That it is a member is seen after it has been identified, so it is not a
 * stranger who got the pid meanwhile. */
static int kill_member(const struct removal *removal, int cgroup, pid_t pid) {
    const struct shim_services *services = removal->context->services;
    struct shim_identity identity;
    struct shim_error problem = oci_error();
    int pidfd = -1;
    memset(&identity, 0, sizeof(identity));
    identity.size = sizeof(identity);
    if (pid == getpid())
        return oci_fail(removal->context, removal->error, -EBUSY, SHIM_REASON_NONE,
                        "cgroup %s: this very program is in it", removal->path);
    int r = services->identity_of(pid, &identity, &problem);
    if (r == 0 && !is_member(cgroup, pid))
        return 0;
    if (r == 0 && (r = services->identity_open(&identity, &pidfd, &problem)) == 0)
        r = services->identity_signal(&identity, SIGKILL, &problem);
    if (r == 0)
        r = await_end(removal, pidfd, pid);
    else if (r != -ESRCH)
        oci_fail(removal->context, removal->error, r, problem.reason, "cgroup %s: %s",
                 removal->path, problem.message);
    if (pidfd >= 0)
        close(pidfd);
    return r == -ESRCH ? 0 : r;
}

/* Ends all that is in this cgroup itself. */
static int kill_members(const struct removal *removal, int cgroup) {
    for (int round = 0; round < ROUNDS; round++) {
        char *members = read_file(cgroup, "cgroup.procs");
        if (!members || !*members) {
            free(members);
            return 0;
        }
        thaw(cgroup);
        int r = 0;
        for (char *line = members; *line && r == 0; line += strcspn(line, "\n"), line += !!*line) {
            long pid = strtol(line, NULL, 10);
            if (pid > 0) /* 0: in another pid namespace */
                r = kill_member(removal, cgroup, (pid_t)pid);
        }
        free(members);
        if (r < 0)
            return r;
    }
    return oci_fail(removal->context, removal->error, -EBUSY, SHIM_REASON_NONE,
                    "cgroup %s: new processes keep coming", removal->path);
}

static int remove_tree(const struct removal *removal, int parent, const char *name, int depth);

static int remove_children(const struct removal *removal, int cgroup, int depth) {
    int copy = dup(cgroup), r = 0;
    DIR *directory = copy < 0 ? NULL : fdopendir(copy);
    if (!directory) {
        if (copy >= 0)
            close(copy);
        return oci_fail(removal->context, removal->error, -ENOMEM, SHIM_REASON_NONE,
                        "cgroup %s: cannot list it", removal->path);
    }
    for (struct dirent *entry; r == 0 && (entry = readdir(directory));)
        if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0)
            r = remove_tree(removal, cgroup, entry->d_name, depth - 1);
    closedir(directory);
    return r;
}

static int remove_tree(const struct removal *removal, int parent, const char *name, int depth) {
    int cgroup = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (cgroup < 0)
        return errno == ENOENT
                   ? 0
                   : oci_fail(removal->context, removal->error, -errno, SHIM_REASON_NONE,
                              "cgroup %s: cannot open it: %s", removal->path, strerror(errno));
    int r = depth > 0 ? remove_children(removal, cgroup, depth) : 0;
    if (r == 0)
        r = kill_members(removal, cgroup);
    close(cgroup);
    if (r < 0)
        return r;
    if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return oci_fail(removal->context, removal->error, -errno, SHIM_REASON_NONE,
                        "cgroup %s: cannot remove it: %s", removal->path, strerror(errno));
    return 0;
}

static int is_cgroup(int fd) {
    struct statfs status;
    return fstatfs(fd, &status) == 0 && ((unsigned long)status.f_type == CGROUP_SUPER_MAGIC ||
                                         (unsigned long)status.f_type == CGROUP2_SUPER_MAGIC);
}

int oci_cgroup_remove(const struct shim_context *context, const char *path,
                      struct shim_error *error) {
    struct removal removal = {context, path, error};
    const char *name = strrchr(path, '/');
    if (!name || name == path)
        return 0;
    char *parent_path = strndup(path, (size_t)(name - path));
    int parent =
        parent_path ? open(parent_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
    free(parent_path);
    if (parent < 0)
        return 0; /* not even the parent is there, or not any more */
    int r = is_cgroup(parent) ? remove_tree(&removal, parent, name + 1, DEPTH) : 0;
    close(parent);
    return r;
}
