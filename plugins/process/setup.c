/* SPDX-License-Identifier: Apache-2.0 */
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "plan.h"

/* ------------------------------------------------------------------------------------ terminal */

/* A descriptor travels beside at least one byte, here the terminal's name. */
static int send_descriptor(int socket_fd, int fd, const char *name) {
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    char copy[64];
    snprintf(copy, sizeof(copy), "%s", name);
    struct iovec text = {copy, strlen(copy)};
    struct msghdr message = {.msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    memset(&control, 0, sizeof(control));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    return sendmsg(socket_fd, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static int connect_to(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The slave's descriptor, or -1. */
static int open_terminal(const struct plan *plan, int *ret_master, char *name, size_t size) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0)
        return -1;
    struct winsize winsize = {.ws_row = plan->rows, .ws_col = plan->columns};
    if (grantpt(master) < 0 || unlockpt(master) < 0 || ptsname_r(master, name, size) != 0 ||
        (plan->rows && ioctl(master, TIOCSWINSZ, &winsize) < 0)) {
        close(master);
        return -1;
    }
    *ret_master = master;
    return open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

int setup_terminal(const struct plan *plan, const char *socket_path, struct problem *problem) {
    char name[64];
    int master = -1;
    int slave = open_terminal(plan, &master, name, sizeof(name));
    if (slave < 0)
        return problem_set(problem, "cannot open a terminal");
    int socket_fd = connect_to(socket_path);
    if (socket_fd < 0 || send_descriptor(socket_fd, master, name) < 0)
        return problem_set(problem, "cannot hand over the terminal by %s", socket_path);
    close(socket_fd);
    close(master);
    /* Without the right to give it away it stays ours, which is the process's user then. */
    if (geteuid() == 0 && fchown(slave, plan->uid, (gid_t)-1) < 0)
        return problem_set(problem, "cannot give the terminal to user %u", plan->uid);
    if (ioctl(slave, TIOCSCTTY, 0) < 0)
        return problem_set(problem, "cannot make the terminal the controlling one");
    for (int fd = 0; fd <= 2; fd++)
        if (dup2(slave, fd) < 0)
            return problem_set(problem, "cannot use the terminal");
    close(slave);
    return 0;
}

/* ------------------------------------------------------------------------------------ process */

static int set_score(const char *score) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, score, strlen(score));
    close(fd);
    return n < 0 ? -1 : 0;
}

static int drop_bounding(const struct plan *plan) {
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        if (!(plan->bounding >> capability & 1) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            return -1;
    return 0;
}

static int set_capabilities(const struct plan *plan) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    for (int i = 0; i < 2; i++) {
        data[i].effective = (uint32_t)(plan->effective >> 32 * i);
        data[i].permitted = (uint32_t)(plan->permitted >> 32 * i);
        data[i].inheritable = (uint32_t)(plan->inheritable >> 32 * i);
    }
    if (syscall(SYS_capset, &header, data) < 0)
        return -1;
    for (int capability = 0; capability < 64; capability++)
        if ((plan->ambient >> capability & 1) &&
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
            return -1;
    return 0;
}

/* The user of the bundle; for an ordinary user, its user 0 is who runs it. */
static int set_user(const struct plan *plan, struct problem *problem) {
    if (geteuid() != 0) {
        if ((plan->uid == 0 || plan->uid == geteuid()) &&
            (plan->gid == 0 || plan->gid == getegid()))
            return 0;
        errno = EPERM;
        return problem_set(problem, "cannot become user %u and group %u without being root",
                           plan->uid, plan->gid);
    }
    if (prctl(PR_SET_KEEPCAPS, plan->has_capabilities, 0, 0, 0) < 0 ||
        setgroups(plan->n_groups, plan->groups) < 0 ||
        setresgid(plan->gid, plan->gid, plan->gid) < 0 ||
        setresuid(plan->uid, plan->uid, plan->uid) < 0)
        return problem_set(problem, "cannot become user %u and group %u", plan->uid, plan->gid);
    return 0;
}

int setup_process(const struct plan *plan, struct problem *problem) {
    int privileged = geteuid() == 0;
    for (size_t i = 0; i < plan->n_limits; i++)
        if (setrlimit((__rlimit_resource_t)plan->limits[i].resource, &plan->limits[i].limit) < 0)
            return problem_set(problem, "cannot set the resource limit number %d",
                               plan->limits[i].resource);
    if (plan->score && set_score(plan->score) < 0)
        return problem_set(problem, "cannot set oom_score_adj to %s", plan->score);
    if (privileged && plan->has_capabilities && drop_bounding(plan) < 0)
        return problem_set(problem, "cannot drop capabilities from the bounding set");
    if (set_user(plan, problem) < 0)
        return -1;
    if (privileged && plan->has_capabilities && set_capabilities(plan) < 0)
        return problem_set(problem, "cannot set the capabilities");
    if (plan->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return problem_set(problem, "cannot give up new privileges");
    if (plan->umask >= 0)
        umask((mode_t)plan->umask);
    if (chdir(plan->directory) < 0)
        return problem_set(problem, "cannot change to the directory %s", plan->directory);
    return 0;
}

/* ------------------------------------------------------------------------------------ command */

/* Whether it can be executed by who we are now; else -1 with errno. */
static int check_command(const char *path) {
    struct stat status;
    if (stat(path, &status) < 0)
        return -1;
    if (S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS);
}

static const char *search_path(const struct plan *plan) {
    for (char **variable = plan->environment; *variable; variable++)
        if (strncmp(*variable, "PATH=", 5) == 0)
            return *variable + 5;
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* The first in PATH that can be executed; else errno tells of the most telling one. */
static char *find_in_path(const struct plan *plan, const char *name) {
    int problem = ENOENT;
    const char *at = search_path(plan);
    for (;;) {
        size_t length = strcspn(at, ":");
        char *path = NULL;
        if (asprintf(&path, "%.*s/%s", length ? (int)length : 1, length ? at : ".", name) < 0)
            return NULL;
        if (check_command(path) == 0)
            return path;
        if (errno != ENOENT && errno != ENOTDIR)
            problem = errno;
        free(path);
        if (!at[length])
            break;
        at += length + 1;
    }
    errno = problem;
    return NULL;
}

int setup_find_command(const struct plan *plan, const char **ret_path, struct problem *problem) {
    const char *name = plan->arguments[0];
    const char *path = strchr(name, '/') || !*name ? name : find_in_path(plan, name);
    if (path && (path != name || check_command(path) == 0)) {
        *ret_path = path;
        return 0;
    }
    return problem_set(problem, "%s: %s",
                       errno == ENOENT || errno == ENOTDIR ? MESSAGE_NOT_FOUND
                                                           : MESSAGE_NOT_EXECUTABLE,
                       *name ? name : "(an empty name)");
}
