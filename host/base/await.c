/* SPDX-License-Identifier: Apache-2.0 */
#include "base/await.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"

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

int await_file(int directory_fd, const char *name, int64_t timeout, int cancel_fd, await_look *look,
               void *user, struct shim_error *error) {
    int64_t deadline = deadline_after(timeout);
    int fd AUTO_CLOSE = -1;
    /* What is there already needs no watch. */
    int r = look(directory_fd, name, user, error);
    if (r == 0)
        r = watch(directory_fd, &fd, error);
    /* The watch is armed before the next look, so nothing falls between the two. */
    while (r == 0 && (r = look(directory_fd, name, user, error)) == 0) {
        if ((r = check_directory(directory_fd, name, error)) == 0)
            r = wait_for_event(fd, deadline, cancel_fd, name, error);
        drain(fd);
    }
    return r < 0 ? r : 0;
}
