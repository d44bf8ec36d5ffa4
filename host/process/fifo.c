/* SPDX-License-Identifier: Apache-2.0 */
#include "process/fifo.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"

static const char *kind(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "a regular file";
    case S_IFDIR:
        return "a directory";
    case S_IFLNK:
        return "a symbolic link";
    case S_IFSOCK:
        return "a socket";
    case S_IFIFO:
        return "a FIFO";
    default:
        return "a device";
    }
}

static int check_existing(int directory_fd, const char *name, struct shim_error *error) {
    struct stat status;
    if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set(error, -errno, "cannot make the FIFO %s: %s", name, strerror(errno));
    if (!S_ISFIFO(status.st_mode))
        return error_set(error, -EEXIST, "cannot make the FIFO %s: %s has that name", name,
                         kind(status.st_mode));
    return 0;
}

int fifo_create(int directory_fd, const char *name, struct shim_error *error) {
    if (mkfifoat(directory_fd, name, 0600) < 0)
        return errno == EEXIST
                   ? check_existing(directory_fd, name, error)
                   : error_set(error, -errno, "cannot make the FIFO %s: %s", name, strerror(errno));
    /* The umask may have taken even the owner's bits. */
    if (fchmodat(directory_fd, name, 0600, 0) < 0)
        return error_set(error, -errno, "cannot set the mode of the FIFO %s: %s", name,
                         strerror(errno));
    return 0;
}

static int open_failed(int directory_fd, const char *name, int mode, int code,
                       struct shim_error *error) {
    struct stat status;
    if (code == -ELOOP)
        return error_set(error, code, "cannot open the FIFO %s: it is a symbolic link", name);
    /* ENXIO is said of sockets and some devices, too; a directory gives EISDIR. */
    if ((code == -ENXIO || code == -EISDIR || code == -ENODEV) &&
        fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISFIFO(status.st_mode))
        return error_set(error, -EINVAL, "cannot open the FIFO %s: it is %s", name,
                         kind(status.st_mode));
    return error_set(error, code, "cannot open the FIFO %s for %s: %s", name,
                     mode == O_RDONLY ? "reading" : "writing",
                     code == -ENXIO ? "nobody reads it" : strerror(-code));
}

int fifo_open(int directory_fd, const char *name, int mode, int *ret_fd, struct shim_error *error) {
    struct stat status;
    if (mode != O_RDONLY && mode != O_WRONLY && mode != O_RDWR)
        return error_set(error, -EINVAL, "cannot open the FIFO %s: %d is no mode", name, mode);
    int fd AUTO_CLOSE =
        openat(directory_fd, name, mode | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return open_failed(directory_fd, name, mode, -errno, error);
    if (fstat(fd, &status) < 0)
        return error_set(error, -errno, "cannot open the FIFO %s: %s", name, strerror(errno));
    if (!S_ISFIFO(status.st_mode))
        return error_set(error, -EINVAL, "cannot open the FIFO %s: it is %s", name,
                         kind(status.st_mode));
    *ret_fd = fd_steal(&fd);
    return 0;
}

bool fifo_has_writer(int fd) {
    char byte;
    return read(fd, &byte, 1) < 0 && errno == EAGAIN;
}
