/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/log_files.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"

/* More than the configuration allows (streams.max-files). */
#define FILES_MAX 1024
/* Rotations that may come between looking and opening before we give up: each is a file written
 * full in the time of a few system calls. */
#define ATTEMPTS 100

int log_files_open(const char *path, struct log_files *ret_files, struct shim_error *error) {
    const char *slash = strrchr(path, '/');
    if (!slash || !slash[1])
        return error_set(error, -EINVAL, "%s: expected an absolute path of a file", path);
    char *directory AUTO_FREE = strndup(path, (size_t)(slash - path) + 1);
    if (!directory)
        return error_set(error, -ENOMEM, "cannot read %s: out of memory", path);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, -errno, "cannot open the directory %s: %s", directory,
                         strerror(errno));
    *ret_files = (struct log_files){.path = path, .name = slash + 1, .directory_fd = fd};
    return 0;
}

void log_files_close(struct log_files *files) {
    files->directory_fd = fd_close(files->directory_fd);
}

/* The name of file number `number`, counted from the newest, 0. */
static int name_of(const struct log_files *files, unsigned int number, char name[NAME_MAX + 1]) {
    int length = number == 0 ? snprintf(name, NAME_MAX + 1, "%s", files->name)
                             : snprintf(name, NAME_MAX + 1, "%s.%u", files->name, number);
    return length > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int failed(const struct log_files *files, int code, struct shim_error *error) {
    return error_set(error, code, "cannot read the log %s: %s", files->path,
                     code == -ELOOP ? "it is a symbolic link" : strerror(-code));
}

static int open_number(const struct log_files *files, unsigned int number, int *ret_fd,
                       struct shim_error *error) {
    char name[NAME_MAX + 1];
    struct stat status;
    int r = name_of(files, number, name);
    if (r < 0)
        return failed(files, r, error);
    int fd AUTO_CLOSE = openat(files->directory_fd, name,
                               O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return failed(files, -errno, error);
    if (fstat(fd, &status) < 0)
        return failed(files, -errno, error);
    if (!S_ISREG(status.st_mode))
        return error_set(error, -EINVAL, "%s: %s is not a regular file", files->path, name);
    *ret_fd = fd_steal(&fd);
    return 0;
}

/* Is the open file known by that name? 1 or 0; negative: the name is not there. */
static int is_number(const struct log_files *files, int fd, unsigned int number) {
    char name[NAME_MAX + 1];
    struct stat open_file, named;
    if (fstat(fd, &open_file) < 0)
        return -errno;
    int r = name_of(files, number, name);
    if (r < 0)
        return r;
    if (fstatat(files->directory_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

/* The number of the open file. In the middle of a rotation a name may be missing for a moment, so a
 * gap of one does not end the search. */
static int find(const struct log_files *files, int fd) {
    int missing = 0;
    for (unsigned int number = 0; number < FILES_MAX && missing < 2; number++) {
        int r = is_number(files, fd, number);
        if (r == 1)
            return (int)number;
        missing = r == -ENOENT ? missing + 1 : 0;
    }
    return -ESTALE;
}

/* It is no file of the log any more, but not because it was removed. */
static bool has_another_name(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && status.st_nlink > 0;
}

/* What follows holds only if the file is still where it was found: a rotation in between moved
 * both. */
static int open_beside(const struct log_files *files, int fd, int step, int *ret_fd,
                       struct shim_error *error) {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        int number = find(files, fd), opened AUTO_CLOSE = -1;
        if (number == -ESTALE && step < 0 && has_another_name(fd))
            return open_number(files, 0, ret_fd, error);
        if (number < 0)
            return error_set(error, number, "the log %s: a file was removed while it was read",
                             files->path);
        if (number + step < 0)
            return error_set(error, -ENOENT, "the log %s has no newer file", files->path);
        int r = open_number(files, (unsigned int)(number + step), &opened, error);
        if (r < 0 && r != -ENOENT)
            return r;
        if (is_number(files, fd, (unsigned int)number) != 1)
            continue;
        if (r == 0)
            *ret_fd = fd_steal(&opened);
        return r;
    }
    return error_set(error, -EBUSY, "the log %s is rotated faster than it can be read",
                     files->path);
}

int log_files_newest(const struct log_files *files, int *ret_fd, struct shim_error *error) {
    int r = open_number(files, 0, ret_fd, error);
    /* Between the renaming and the making of the new file the newest is number 1. */
    return r == -ENOENT ? open_number(files, 1, ret_fd, error) : r;
}

int log_files_older(const struct log_files *files, int fd, int *ret_fd, struct shim_error *error) {
    return open_beside(files, fd, 1, ret_fd, error);
}

int log_files_newer(const struct log_files *files, int fd, int *ret_fd, struct shim_error *error) {
    return open_beside(files, fd, -1, ret_fd, error);
}

int log_files_oldest(const struct log_files *files, int *ret_fd, struct shim_error *error) {
    int fd AUTO_CLOSE = -1, older;
    int r = log_files_newest(files, &fd, error);
    if (r < 0)
        return r;
    while ((r = log_files_older(files, fd, &older, error)) == 0) {
        fd_close(fd);
        fd = older;
    }
    if (r != -ENOENT)
        return r;
    *ret_fd = fd_steal(&fd);
    return 0;
}
