/* SPDX-License-Identifier: Apache-2.0 */
#include "process/pidfile.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

#define PID_FILE_MAX 64
#define SHOWN_MAX 100

int pidfile_write(int directory_fd, const char *name, pid_t pid, struct shim_error *error) {
    char text[16];
    if (pid <= 0)
        return error_set(error, -EINVAL, "%s: %d is not a pid", name, (int)pid);
    int length = snprintf(text, sizeof(text), "%d\n", (int)pid);
    return file_write_at(directory_fd, name, text, (size_t)length, error);
}

/* pidfile_read(), which may find the file empty: then 0, and 1 with a pid. */
static int read_pid(int directory_fd, const char *name, pid_t *ret_pid, struct shim_error *error) {
    char *text AUTO_FREE = NULL;
    size_t length;
    int r = file_read_at(directory_fd, name, PID_FILE_MAX, &text, &length, error);
    if (r == -EFBIG)
        return error_set(error, -EBADMSG, "%s does not hold a pid: it is longer than %d bytes",
                         name, PID_FILE_MAX);
    if (r < 0)
        return r;
    if (length == 0)
        return 0;
    uint64_t pid;
    size_t digits = text[length - 1] == '\n' ? length - 1 : length;
    if (parse_decimal(text, digits, INT32_MAX, &pid) < 0 || pid == 0) {
        char shown[SHOWN_MAX];
        return error_set(error, -EBADMSG, "%s does not hold a pid but `%s`", name,
                         text_show(shown, sizeof(shown), text, length));
    }
    *ret_pid = (pid_t)pid;
    return 1;
}

int pidfile_read(int directory_fd, const char *name, pid_t *ret_pid, struct shim_error *error) {
    int r = read_pid(directory_fd, name, ret_pid, error);
    if (r == 0)
        return error_set(error, -EBADMSG, "%s does not hold a pid: it is empty", name);
    return r < 0 ? r : 0;
}

/* ---- waiting for one ---- */

/* Watches the directory, and the one above it, which alone reports the removal of a directory that
 * is held open. */
static int watch(int directory_fd, int *ret_fd, struct shim_error *error) {
    char path[64];
    int fd AUTO_CLOSE = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return error_set(error, -errno, "cannot watch a directory: %s%s", strerror(errno),
                         errno == EMFILE ? " (see fs.inotify.max_user_instances)" : "");
    snprintf(path, sizeof(path), "/proc/self/fd/%d/..", directory_fd);
    inotify_add_watch(fd, path,
                      IN_DELETE | IN_ONLYDIR); /* one that may not be read is done without */
    snprintf(path, sizeof(path), "/proc/self/fd/%d/.", directory_fd);
    if (inotify_add_watch(fd, path, IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR) < 0)
        return error_set(error, errno == ENOENT ? -ESTALE : -errno, "cannot watch a directory: %s",
                         errno == ENOENT ? "it was removed" : strerror(errno));
    *ret_fd = fd_steal(&fd);
    return 0;
}

static void drain(int fd) {
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    while (read(fd, events, sizeof(events)) > 0) {
        /* Which it was does not matter: the file is looked at anyway. */
    }
}

static int check_directory(int directory_fd, const char *name, struct shim_error *error) {
    struct stat status;
    if (fstat(directory_fd, &status) < 0)
        return error_set(error, -errno, "cannot wait for %s: %s", name, strerror(errno));
    if (status.st_nlink == 0)
        return error_set(error, -ESTALE, "cannot wait for %s: its directory was removed", name);
    return 0;
}

/* 1: there, 0: not yet. */
static int look(int directory_fd, const char *name, pid_t *ret_pid, struct shim_error *error) {
    struct shim_error problem = ERROR_NONE;
    int r = read_pid(directory_fd, name, ret_pid, &problem);
    if (r == -ENOENT)
        return check_directory(directory_fd, name, error);
    if (r < 0 && error)
        *error = problem;
    return r;
}

static int wait_for_event(int fd, int64_t deadline, int cancel_fd, const char *name,
                          struct shim_error *error) {
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = cancel_fd, .events = POLLIN}};
    int r = poll(fds, 2, deadline_poll(deadline));
    if (r < 0 && errno != EINTR)
        return error_set(error, -errno, "cannot wait for %s: %s", name, strerror(errno));
    if (r > 0 && fds[1].revents)
        return error_set_reason(error, -ECANCELED, SHIM_REASON_CANCELLED,
                                "cancelled while waiting for %s", name);
    if (r == 0 && deadline_left(deadline) == 0)
        return error_set_reason(error, -ETIMEDOUT, SHIM_REASON_TIMED_OUT,
                                "timed out while waiting for %s", name);
    return 0;
}

int pidfile_await(int directory_fd, const char *name, int64_t timeout, int cancel_fd,
                  pid_t *ret_pid, struct shim_error *error) {
    int64_t deadline = deadline_after(timeout);
    int fd AUTO_CLOSE = -1;
    pid_t pid = 0;
    /* What is there already needs no watch. */
    int r = look(directory_fd, name, &pid, error);
    if (r == 0)
        r = watch(directory_fd, &fd, error);
    /* The watch is armed before the next look, so nothing falls between the two. */
    while (r == 0 && (r = look(directory_fd, name, &pid, error)) == 0) {
        r = wait_for_event(fd, deadline, cancel_fd, name, error);
        drain(fd);
    }
    if (r < 0)
        return r;
    *ret_pid = pid;
    return 0;
}
