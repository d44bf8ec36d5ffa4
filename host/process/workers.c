/* SPDX-License-Identifier: Apache-2.0 */
#include "process/workers.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "process/identity.h"

struct search {
    int proc;
    pid_t monitor;
    struct stat directory;
    struct shim_identity *identity;
};

static bool works_there(const struct search *search, const char *pid) {
    char link[40];
    struct stat status;
    snprintf(link, sizeof(link), "%.20s/cwd", pid);
    return fstatat(search->proc, link, &status, 0) == 0 &&
           status.st_dev == search->directory.st_dev && status.st_ino == search->directory.st_ino;
}

static bool is_monitors(pid_t pid, pid_t monitor) {
    return monitor != 0 && identity_is_or_child_of(pid, monitor);
}

static int each_process(const char *name, unsigned char type, void *user) {
    const struct search *search = user;
    uint64_t pid;
    (void)type;
    return parse_decimal(name, strlen(name), INT32_MAX, &pid) == 0 && (pid_t)pid != getpid() &&
           works_there(search, name) && !is_monitors((pid_t)pid, search->monitor) &&
           identity_of((pid_t)pid, search->identity, NULL) == 0;
}

int workers_find(int directory_fd, pid_t monitor, struct shim_identity *ret_identity,
                 struct shim_error *error) {
    int proc AUTO_CLOSE = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct search search = {.proc = proc, .monitor = monitor, .identity = ret_identity};
    if (proc < 0 || fstat(directory_fd, &search.directory) < 0)
        return error_set(error, -errno, "cannot look for processes: %s", strerror(errno));
    return directory_list(proc, each_process, &search, error);
}
