/* SPDX-License-Identifier: Apache-2.0 */
/* What lies about in a container's directory: temporary files of writers that were killed, and
 * entries that nobody of ours makes. */
#include "engine/check_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

struct files {
    struct check_container *container;
    const char *process; /* NULL: the container's own directory */
    int fd;
    bool finished; /* the process is over, and its monitor is, too */
};

/* ".NAME.TID.N.tmp", as base/file.c makes them. */
static bool is_hosts_temporary(const char *name) {
    size_t length = strlen(name);
    const char *at = name + length - strlen(".tmp");
    if (name[0] != '.' || length <= strlen("..0.0.tmp") || strcmp(at, ".tmp") != 0)
        return false;
    for (int numbers = 0; numbers < 2; numbers++) {
        const char *end = at;
        while (at > name && at[-1] >= '0' && at[-1] <= '9')
            at--;
        if (at == end || at == name || *--at != '.')
            return false;
    }
    return at > name + 1;
}

/* What only a monitor, this one or the one that adopts its process, has a use for. */
static bool is_monitors_temporary(const char *name) {
    static const char *const names[] = {".monitor.tmp", ".exitStatus", ".console"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void leftover(struct files *files, const char *name) {
    struct check *check = files->container->check;
    char shown[128];
    struct check_finding finding = check_finding(
        files->container->id, files->process, "leftover", "%s belongs to a program that was killed",
        text_show(shown, sizeof(shown), name, strlen(name)));
    struct shim_error problem = ERROR_NONE;
    int r = check->repair && unlinkat(files->fd, name, 0) < 0
                ? error_set(&problem, -errno, "%s", strerror(errno))
                : 0;
    if (check->repair)
        check_mended(&finding, r, &problem, "removed it");
    else
        check_advise(&finding, "shimhost check --repair removes it");
    check_report(check, &finding);
}

static void stranger(struct files *files, const char *name) {
    char shown[128];
    struct check_finding finding =
        check_finding(files->container->id, files->process, "stranger", "%s: nothing of ours",
                      text_show(shown, sizeof(shown), name, strlen(name)));
    check_advise(&finding, "find out who put it there, and remove it");
    check_report(files->container->check, &finding);
}

static int look(const char *name, unsigned char type, void *user) {
    struct files *files = user;
    struct stat status;
    (void)type;
    if (fstatat(files->fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0; /* gone meanwhile */
    if (is_hosts_temporary(name) || (files->finished && is_monitors_temporary(name)))
        leftover(files, name);
    else if (!files->process &&
             !store_is_of_container(name, S_ISDIR(status.st_mode) ? DT_DIR : DT_REG))
        stranger(files, name);
    return 0;
}

int check_container_files(struct check_container *container, struct shim_error *error) {
    struct files files = {container, NULL, container->fd, false};
    return directory_list(container->fd, look, &files, error);
}

int check_process_files(struct check_container *container, const char *id, int directory_fd,
                        bool finished, struct shim_error *error) {
    struct files files = {container, id, directory_fd, finished};
    return directory_list(directory_fd, look, &files, error);
}
