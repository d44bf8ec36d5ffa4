/* SPDX-License-Identifier: Apache-2.0 */
#include "config/source.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"

#define ENDING ".yaml"

static int refuse(struct config_problems *problems, int code, const char *path, const char *doing) {
    return problem_add(problems, code, &(struct place){.file = path}, NULL, "cannot %s it: %s",
                       doing, strerror(-code));
}

/* May what is in a file or directory with this status be believed? What it names gets executed. */
static int check_owner(const struct stat *status, const char *path,
                       struct config_problems *problems) {
    const struct place place = {.file = path};
    if (status->st_uid != 0 && status->st_uid != geteuid())
        return problem_add(problems, -EPERM, &place, NULL,
                           "belongs to user %u, who could have programs run through it; expected "
                           "root%s: chown root '%s'",
                           status->st_uid, geteuid() == 0 ? "" : " or you", path);
    if (S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX))
        return 0;
    if (status->st_mode & (S_IWGRP | S_IWOTH))
        return problem_add(problems, -EPERM, &place, NULL,
                           "%s can write it, and have programs run through it; expected only its "
                           "owner: chmod go-w '%s'",
                           status->st_mode & S_IWOTH ? "everybody" : "its group", path);
    return 0;
}

/* Opens a directory after checking who could have put things into it. -ENOENT comes without a
 * problem. */
static int open_directory(const char *path, int flags, int *ret_fd,
                          struct config_problems *problems) {
    int fd AUTO_CLOSE = open(path, flags | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ENOENT : refuse(problems, -errno, path, "open");
    struct stat status;
    if (fstat(fd, &status) < 0)
        return refuse(problems, -errno, path, "look at");
    int result = check_owner(&status, path, problems);
    if (result < 0)
        return result;
    *ret_fd = fd_steal(&fd);
    return 0;
}

/* What is there instead of a file, in words. */
static const char *kind_of(mode_t mode) {
    return S_ISDIR(mode)    ? "a directory"
           : S_ISFIFO(mode) ? "a FIFO"
           : S_ISSOCK(mode) ? "a socket"
                            : "a device";
}

static int check_file(int fd, const char *path, size_t *ret_size,
                      struct config_problems *problems) {
    const struct place place = {.file = path};
    struct stat status;
    if (fstat(fd, &status) < 0)
        return refuse(problems, -errno, path, "look at");
    if (!S_ISREG(status.st_mode))
        return problem_add(problems, S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL, &place, NULL,
                           "is %s; expected a regular file", kind_of(status.st_mode));
    int result = check_owner(&status, path, problems);
    if (result < 0)
        return result;
    *ret_size = status.st_size > (off_t)SOURCE_LIMIT ? SOURCE_LIMIT : (size_t)status.st_size;
    return 0;
}

/* Reads up to `size` bytes or the end. */
static ssize_t read_all(int fd, char *buffer, size_t size) {
    size_t used = 0;
    while (used < size) {
        ssize_t count = read(fd, buffer + used, size - used);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        if (count == 0)
            break;
        used += (size_t)count;
    }
    return (ssize_t)used;
}

static int open_file(const char *path, int *ret_fd, struct config_problems *problems) {
    const char *name = strrchr(path, '/') + 1;
    /* The slash goes with the directory: "/" has no other name. */
    char *directory AUTO_FREE = strndup(path, (size_t)(name - path));
    if (!directory)
        return problem_memory(problems, path);
    int directory_fd AUTO_CLOSE = -1;
    int result = open_directory(directory, O_PATH, &directory_fd, problems);
    if (result < 0)
        return result;
    /* O_NONBLOCK: a FIFO without a writer would hang here; for a regular file it means nothing. */
    int fd = openat(directory_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ENOENT : refuse(problems, -errno, path, "open");
    *ret_fd = fd;
    return 0;
}

int source_read(const char *path, struct arena *arena, struct source *ret_source,
                struct config_problems *problems) {
    int fd AUTO_CLOSE = -1;
    int result = open_file(path, &fd, problems);
    size_t size = 0;
    if (result == 0)
        result = check_file(fd, path, &size, problems);
    if (result < 0)
        return result;
    /* One byte more than it had shows whether it has grown since. */
    char *text = arena_alloc(arena, size + 2);
    if (!text)
        return problem_memory(problems, path);
    ssize_t length = read_all(fd, text, size + 1);
    if (length < 0)
        return refuse(problems, (int)length, path, "read");
    if ((size_t)length > SOURCE_LIMIT)
        return problem_add(problems, -EFBIG, &(struct place){.file = path}, NULL,
                           "is larger than 1 MiB; expected a configuration file");
    if ((size_t)length > size)
        return problem_add(problems, -EBUSY, &(struct place){.file = path}, NULL,
                           "is being written while it is read; try again");
    *ret_source = (struct source){.path = path, .text = text, .length = (size_t)length};
    text[length] = '\0';
    return 0;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The length of NAME in NAME.yaml, or 0: it is no such file. */
static size_t name_length(const char *file) {
    size_t length = strlen(file), ending = sizeof(ENDING) - 1;
    if (file[0] == '.' || length <= ending || strcmp(file + length - ending, ENDING) != 0)
        return 0;
    return length - ending;
}

/* Reads the directory to its end into a list that grows. Returns the number of names or a negative
 * errno. */
static ssize_t collect(DIR *directory, struct arena *arena, const char ***names) {
    size_t count = 0, room = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry)
            return errno ? -errno : (ssize_t)count;
        size_t length = name_length(entry->d_name);
        if (length == 0)
            continue;
        if (count == room) {
            room = room ? room * 2 : 32;
            void *grown = reallocarray(*names, room, sizeof(**names));
            if (!grown)
                return -ENOMEM;
            *names = grown;
        }
        (*names)[count] = arena_copy(arena, entry->d_name, length);
        if (!(*names)[count++])
            return -ENOMEM;
    }
}

int source_list(const char *path, struct arena *arena, const char *const **ret_names,
                size_t *ret_count, struct config_problems *problems) {
    int fd AUTO_CLOSE = -1;
    int result = open_directory(path, O_RDONLY, &fd, problems);
    if (result == -ENOENT) {
        *ret_names = NULL;
        *ret_count = 0;
        return 0;
    }
    if (result < 0)
        return result;
    DIR *directory = fdopendir(fd);
    if (!directory)
        return refuse(problems, -errno, path, "read");
    fd_steal(&fd);
    const char **names AUTO_FREE = NULL;
    ssize_t count = collect(directory, arena, &names);
    closedir(directory);
    if (count < 0)
        return refuse(problems, (int)count, path, "read");
    const char **list = arena_alloc(arena, ((size_t)count + 1) * sizeof(*list));
    if (!list)
        return problem_memory(problems, path);
    if (count > 0) {
        memcpy(list, names, (size_t)count * sizeof(*list));
        qsort(list, (size_t)count, sizeof(*list), compare_names);
    }
    *ret_names = list;
    *ret_count = (size_t)count;
    return 0;
}
