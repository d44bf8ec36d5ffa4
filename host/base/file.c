/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

#define FIRST_READ 4096     /* for files whose size the kernel does not tell, as in /proc */
#define TEMPORARY_TRIES 100 /* leftovers of a dead host may have taken some names */
#define REMOVE_PASSES 4     /* a directory that is still written to is not emptied for ever */
#define SHOWN_MAX 80

/* A name for a message. */
#define SHOWN(name) text_show((char[SHOWN_MAX]){0}, SHOWN_MAX, (name), strlen(name))

static int check_name(const char *name, struct shim_error *error) {
    if (*name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/'))
        return 0;
    return error_set(error, -EINVAL, "`%s` cannot be the name of a file in a directory",
                     SHOWN(name));
}

/* ---- reading ---- */

static int not_regular(const char *name, struct shim_error *error) {
    return error_set(error, -EINVAL, "cannot read %s: it is not a regular file", SHOWN(name));
}

static int open_for_reading(int directory_fd, const char *name, int *ret_fd,
                            struct shim_error *error) {
    /* O_NONBLOCK: the opening of a FIFO without a writer would hang. */
    int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == ELOOP)
        return error_set(error, -ELOOP, "cannot read %s: it is a symbolic link", SHOWN(name));
    if (fd < 0 && errno == ENXIO) /* a socket */
        return not_regular(name, error);
    if (fd < 0)
        return error_set(error, -errno, "cannot read %s: %s", SHOWN(name), strerror(errno));
    *ret_fd = fd;
    return 0;
}

static int check_regular(int fd, const char *name, size_t *ret_size, struct shim_error *error) {
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_set(error, -errno, "cannot read %s: %s", SHOWN(name), strerror(errno));
    if (!S_ISREG(status.st_mode))
        return not_regular(name, error);
    *ret_size = (size_t)status.st_size;
    return 0;
}

static int open_regular(int directory_fd, const char *name, int *ret_fd, size_t *ret_size,
                        struct shim_error *error) {
    int fd AUTO_CLOSE = -1;
    int r = open_for_reading(directory_fd, name, &fd, error);
    if (r < 0 || (r = check_regular(fd, name, ret_size, error)) < 0)
        return r;
    *ret_fd = fd_steal(&fd);
    return 0;
}

/* Reads until the end, or `capacity` bytes. `expected` spares the read that would return 0. */
static ssize_t read_fully(int fd, char *buffer, size_t capacity, size_t expected) {
    size_t length = 0;
    while (length < capacity) {
        ssize_t n = read(fd, buffer + length, capacity - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        length += (size_t)n;
        if (n == 0 || (expected > 0 && length == expected))
            break;
    }
    return (ssize_t)length;
}

static int too_long(const char *name, size_t limit, struct shim_error *error) {
    return error_set(error, -EFBIG, "cannot read %s: it is longer than %zu bytes", SHOWN(name),
                     limit);
}

int file_read_at(int directory_fd, const char *name, size_t limit, char **ret_text,
                 size_t *ret_length, struct shim_error *error) {
    int fd AUTO_CLOSE = -1;
    size_t size = 0;
    int r = check_name(name, error);
    if (r < 0 || (r = open_regular(directory_fd, name, &fd, &size, error)) < 0)
        return r;
    if (limit > SSIZE_MAX / 4)
        limit = SSIZE_MAX / 4;
    if (size > limit)
        return too_long(name, limit, error);
    /* One byte more than may come, so that a file that has grown meanwhile is noticed. */
    size_t capacity = (size > 0 ? size : limit < FIRST_READ ? limit : FIRST_READ) + 1;
    char *text AUTO_FREE = NULL;
    ssize_t length = 0;
    for (;;) {
        char *larger = realloc(text, capacity + 1);
        if (!larger)
            return error_set(error, -ENOMEM, "cannot read %s: out of memory", SHOWN(name));
        text = larger;
        ssize_t more = read_fully(fd, text + length, capacity - (size_t)length, size);
        if (more < 0)
            return error_set(error, (int)more, "cannot read %s: %s", SHOWN(name),
                             strerror((int)-more));
        length += more;
        if ((size_t)length > limit)
            return too_long(name, limit, error);
        if ((size_t)length < capacity)
            break;
        size = 0; /* it was no good guess */
        capacity = capacity > limit / 2 ? limit + 1 : capacity * 2;
    }
    text[length] = '\0';
    *ret_text = pointer_steal(&text);
    *ret_length = (size_t)length;
    return 0;
}

int file_read_small_at(int directory_fd, const char *name, char *buffer, size_t size,
                       size_t *ret_length, struct shim_error *error) {
    int fd AUTO_CLOSE = -1;
    size_t ignored;
    int r = check_name(name, error);
    if (r < 0 || (r = open_for_reading(directory_fd, name, &fd, error)) < 0)
        return r;
    /* What is no regular file has nothing to read, or fails: only then is there more to find out.
     */
    ssize_t length;
    do
        length = read(fd, buffer, size);
    while (length < 0 && errno == EINTR);
    int code = errno;
    if (length <= 0 && (r = check_regular(fd, name, &ignored, error)) < 0)
        return r;
    if (length < 0)
        return error_set(error, -code, "cannot read %s: %s", SHOWN(name), strerror(code));
    if ((size_t)length == size)
        return too_long(name, size - 1, error);
    buffer[length] = '\0';
    *ret_length = (size_t)length;
    return 0;
}

/* ---- writing ---- */

static int write_fully(int fd, const char *text, size_t length) {
    while (length > 0) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        text += n;
        length -= (size_t)n;
    }
    return 0;
}

/* Makes a file of its own beside `name`. Threads of all hosts differ in their ids, except across
 * pid namespaces, where O_EXCL tells. */
static int open_temporary(int directory_fd, const char *name, char temporary[NAME_MAX + 1]) {
    for (int i = 0; i < TEMPORARY_TRIES; i++) {
        int length = snprintf(temporary, NAME_MAX + 1, ".%s.%d.%d.tmp", name, gettid(), i);
        if (length > NAME_MAX)
            return -ENAMETOOLONG;
        int fd = openat(directory_fd, temporary,
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0 || errno != EEXIST)
            return fd >= 0 ? fd : -errno;
    }
    return -EEXIST;
}

static int fill(int fd, const char *text, size_t length) {
    /* The umask may have taken even the owner's bits. */
    int r = fchmod(fd, 0600) < 0 ? -errno : write_fully(fd, text, length);
    /* Not every file system has said at the last write what went wrong. */
    return close(fd) < 0 && r == 0 && errno != EINTR ? -errno : r;
}

static int publish(int directory_fd, const char *temporary, const char *name, bool replace) {
    if (renameat2(directory_fd, temporary, directory_fd, name, replace ? 0 : RENAME_NOREPLACE) == 0)
        return 0;
    if (replace || errno != EINVAL)
        return -errno;
    /* A file system without RENAME_NOREPLACE. */
    if (linkat(directory_fd, temporary, directory_fd, name, 0) < 0)
        return -errno;
    unlinkat(directory_fd, temporary, 0);
    return 0;
}

static int write_at(int directory_fd, const char *name, const char *text, size_t length,
                    bool replace, struct shim_error *error) {
    char temporary[NAME_MAX + 1];
    int r = check_name(name, error);
    if (r < 0)
        return r;
    r = open_temporary(directory_fd, name, temporary);
    if (r < 0)
        return error_set(error, r, "cannot write %s: %s", SHOWN(name),
                         r == -EEXIST ? "too many temporary files of it have been left"
                                      : strerror(-r));
    r = fill(r, text, length);
    if (r == 0)
        r = publish(directory_fd, temporary, name, replace);
    if (r == 0)
        return 0;
    unlinkat(directory_fd, temporary, 0);
    return error_set(error, r, "cannot write %s: %s", SHOWN(name),
                     r == -EEXIST ? "it is there already" : strerror(-r));
}

int file_write_at(int directory_fd, const char *name, const char *text, size_t length,
                  struct shim_error *error) {
    return write_at(directory_fd, name, text, length, true, error);
}

int file_create_at_once(int directory_fd, const char *name, const char *text, size_t length,
                        struct shim_error *error) {
    return write_at(directory_fd, name, text, length, false, error);
}

bool file_exists_at(int directory_fd, const char *name) {
    return faccessat(directory_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- directories ---- */

int directory_open_at(int directory_fd, const char *name, int *ret_fd, struct shim_error *error) {
    int r = check_name(name, error);
    if (r < 0)
        return r;
    int fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        r = errno == ELOOP ? -ENOTDIR
                           : -errno; /* a symbolic link; the kernel says ENOTDIR as a rule */
        return error_set(error, r, "cannot open the directory %s: %s", SHOWN(name), strerror(-r));
    }
    *ret_fd = fd;
    return 0;
}

int directory_make_above(const char *path, mode_t mode, struct shim_error *error) {
    char above[PATH_MAX];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t length = (size_t)(slash - path);
        if (length >= sizeof(above))
            return error_set(error, -ENAMETOOLONG, "too long a path: %s", path);
        memcpy(above, path, length);
        above[length] = '\0';
        if (mkdir(above, mode) < 0 && errno != EEXIST)
            return error_set(error, -errno, "cannot make %s: %s", above, strerror(errno));
    }
    return 0;
}

static void directory_cleanup(DIR **stream) {
    if (*stream)
        closedir(*stream);
}
#define AUTO_DIRECTORY __attribute__((cleanup(directory_cleanup)))

/* Calls `each` for the entries from the start of `stream` on. */
static int list_stream(DIR *stream, int (*each)(const char *name, unsigned char type, void *user),
                       void *user, struct shim_error *error) {
    rewinddir(stream);
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry)
            return errno == 0
                       ? 0
                       : error_set(error, -errno, "cannot list a directory: %s", strerror(errno));
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int r = each(entry->d_name, entry->d_type, user);
        if (r != 0)
            return r;
    }
}

int directory_list(int directory_fd, int (*each)(const char *name, unsigned char type, void *user),
                   void *user, struct shim_error *error) {
    DIR *stream AUTO_DIRECTORY = NULL;
    int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && !(stream = fdopendir(fd)))
        fd_close(fd);
    if (!stream)
        return error_set(error, -errno, "cannot list a directory: %s", strerror(errno));
    return list_stream(stream, each, user, error);
}

/* ---- removal of a tree ---- */

struct removal {
    int fd; /* the directory that is being emptied */
    unsigned int depth;
    bool directories; /* this pass is for directories, the next one for the rest */
    struct shim_error *error;
};

/* tree_remove_at() of a checked name. -ENOENT comes without an error. */
static int remove_tree(int directory_fd, const char *name, unsigned int depth,
                       struct shim_error *error);

static int is_directory(int directory_fd, const char *name, unsigned char type) {
    struct stat status;
    if (type != DT_UNKNOWN)
        return type == DT_DIR;
    if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0; /* the removal will tell */
    return S_ISDIR(status.st_mode);
}

static int remove_entry(const char *name, unsigned char type, void *user) {
    struct removal *removal = user;
    bool directory = is_directory(removal->fd, name, type);
    if (directory != removal->directories)
        return 0;
    int r = 0;
    if (directory)
        r = remove_tree(removal->fd, name, removal->depth - 1, removal->error);
    else if (unlinkat(removal->fd, name, 0) < 0 && errno != ENOENT)
        return error_set(removal->error, -errno, "cannot remove %s: %s", SHOWN(name),
                         strerror(errno));
    return r == -ENOENT ? 0 : r; /* somebody else was quicker */
}

static int empty_directory(DIR *stream, unsigned int depth, struct shim_error *error) {
    struct removal removal = {.fd = dirfd(stream), .depth = depth, .error = error};
    removal.directories = true;
    int r = list_stream(stream, remove_entry, &removal, error);
    removal.directories = false;
    return r < 0 ? r : list_stream(stream, remove_entry, &removal, error);
}

/* Finds out which mount a descriptor is on. Mounts may show the same file system again, so that
 * device numbers would not tell (Linux 5.8). */
static int mount_of(int fd, uint64_t *ret_mount) {
    struct statx status;
    if (statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MNT_ID, &status) < 0)
        return -errno;
    if (!(status.stx_mask & STATX_MNT_ID))
        return -ENOTSUP;
    *ret_mount = status.stx_mnt_id;
    return 0;
}

/* Opens a directory for removal unless something is mounted on it: -EXDEV. */
static int open_within_mount(int directory_fd, const char *name, int *ret_fd) {
    uint64_t inside = 0, outside = 0;
    int fd AUTO_CLOSE = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ELOOP ? -ENOTDIR : -errno;
    int r = mount_of(fd, &inside);
    if (r < 0 || (r = mount_of(directory_fd, &outside)) < 0)
        return r;
    if (inside != outside)
        return -EXDEV;
    *ret_fd = fd_steal(&fd);
    return 0;
}

static int remove_tree(int directory_fd, const char *name, unsigned int depth,
                       struct shim_error *error) {
    if (depth == 0)
        return error_set(error, -E2BIG, "cannot remove the directory %s: it lies too deep",
                         SHOWN(name));
    int fd = -1;
    int r = open_within_mount(directory_fd, name, &fd);
    if (r == -ENOENT)
        return r;
    if (r < 0)
        return error_set(error, r, "cannot remove the directory %s: %s", SHOWN(name),
                         r == -EXDEV ? "something is mounted there; unmount it first"
                                     : strerror(-r));
    DIR *stream AUTO_DIRECTORY = fdopendir(fd);
    if (!stream) {
        fd_close(fd);
        return error_set(error, -errno, "cannot remove the directory %s: %s", SHOWN(name),
                         strerror(errno));
    }
    for (int pass = 0; pass < REMOVE_PASSES; pass++) {
        r = empty_directory(stream, depth, error);
        if (r < 0)
            return r;
        if (unlinkat(directory_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        if (errno != ENOTEMPTY)
            break;
    }
    return error_set(error, -errno, "cannot remove the directory %s: %s", SHOWN(name),
                     strerror(errno));
}

int tree_remove_at(int directory_fd, const char *name, unsigned int depth,
                   struct shim_error *error) {
    int r = check_name(name, error);
    if (r < 0)
        return r;
    r = remove_tree(directory_fd, name, depth, error);
    return r == -ENOENT ? error_set(error, r, "there is no directory %s to remove", SHOWN(name))
                        : r;
}
