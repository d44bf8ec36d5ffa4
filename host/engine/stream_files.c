/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "engine/stream_set.h"

#define FILE_MODE 0640
#define ALWAYS (O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)

/* ENOENT with O_CREAT is about the directory, and without about either. */
static int cannot_open(const char *path, int code, struct shim_error *error) {
    const char *slash = strrchr(path, '/');
    char *directory AUTO_FREE = strndup(path, slash > path ? (size_t)(slash - path) : 1);
    if (code == -ENOENT && directory && access(directory, F_OK) < 0)
        return error_set(error, code, "cannot open %s: there is no directory %s", path, directory);
    return error_set(error, code, "cannot open %s: %s", path,
                     code == -ELOOP ? "it is a symbolic link" : strerror(-code));
}

static int is_something_else(const char *path, mode_t mode, const char *expected,
                             struct shim_error *error) {
    if (S_ISLNK(mode))
        return cannot_open(path, -ELOOP, error);
    const char *target = S_ISREG(mode) ? "file" : S_ISFIFO(mode) ? "fifo" : NULL;
    const char *what = S_ISREG(mode)    ? "a file"
                       : S_ISDIR(mode)  ? "a directory"
                       : S_ISFIFO(mode) ? "a FIFO"
                       : S_ISSOCK(mode) ? "a socket"
                                        : "a device";
    if (target)
        return error_set(error, -EINVAL, "%s is %s, not %s; say %s:%s", path, what, expected,
                         target, path);
    return error_set(error, -EINVAL, "%s is %s, not %s", path, what, expected);
}

static int make_or_open(const char *path, int flags) {
    int fd = open(path, flags & ~O_CREAT);
    if (fd >= 0 || errno != ENOENT || !(flags & O_CREAT))
        return fd;
    fd = open(path, flags | O_EXCL, FILE_MODE);
    if (fd >= 0 && fchmod(fd, FILE_MODE) < 0)
        return fd_close(fd);
    /* Somebody else has made it meanwhile. */
    return fd < 0 && errno == EEXIST ? open(path, flags & ~O_CREAT) : fd;
}

int stream_file_open(const char *path, int flags, int *ret_fd, struct shim_error *error) {
    struct stat status;
    int fd AUTO_CLOSE = make_or_open(path, flags | ALWAYS);
    /* A FIFO without a reader cannot be opened for writing, nor a socket at all. */
    if (fd < 0 && errno != ENXIO)
        return cannot_open(path, -errno, error);
    if (fd < 0 ? lstat(path, &status) < 0 : fstat(fd, &status) < 0)
        return cannot_open(path, -errno, error);
    if (!S_ISREG(status.st_mode))
        return is_something_else(path, status.st_mode, "a file", error);
    if (fcntl(fd, F_SETFL, flags & O_APPEND) < 0)
        return cannot_open(path, -errno, error);
    *ret_fd = fd_steal(&fd);
    return 0;
}

int stream_fifo_open(const char *path, int flags, int *ret_fd, struct shim_error *error) {
    struct stat status;
    int fd AUTO_CLOSE = open(path, flags | ALWAYS);
    if (fd < 0 && errno == ENOENT)
        return error_set(error, -ENOENT, "cannot open %s: there is none; mkfifo makes one", path);
    if (fd < 0 && errno != ENXIO && errno != EISDIR)
        return cannot_open(path, -errno, error);
    if (fd < 0 ? lstat(path, &status) < 0 : fstat(fd, &status) < 0)
        return cannot_open(path, -errno, error);
    if (!S_ISFIFO(status.st_mode))
        return is_something_else(path, status.st_mode, "a FIFO", error);
    *ret_fd = fd_steal(&fd);
    return 0;
}

int stream_fifo_again(int fd, int flags, int *ret_fd, struct shim_error *error) {
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int again AUTO_CLOSE = open(path, flags | O_NONBLOCK | O_CLOEXEC);
    if (again < 0 || fcntl(again, F_SETFL, 0) < 0)
        return error_set(error, -errno, "cannot open a FIFO once more: %s", strerror(errno));
    *ret_fd = fd_steal(&again);
    return 0;
}
