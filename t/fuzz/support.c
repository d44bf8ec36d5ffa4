/* SPDX-License-Identifier: Apache-2.0 */
#include "t/fuzz/fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Noreturn void fuzz_failed(const char *file, int line, const char *condition) {
    fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, condition);
    abort();
}

static char directory_path[128];
static int directory_fd = -1;
static pid_t owner;

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static void remove_directory(void) {
    if (getpid() == owner)
        nftw(directory_path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_directory(void) {
    if (directory_fd < 0) {
        const char *parent = getenv("TMPDIR");
        snprintf(directory_path, sizeof(directory_path), "%s/fuzz-XXXXXX",
                 parent && strlen(parent) < 100 ? parent : "/tmp");
        umask(077);
        CHECK(mkdtemp(directory_path));
        owner = getpid();
        atexit(remove_directory);
        directory_fd = open(directory_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(directory_fd >= 0);
    }
    return directory_path;
}

int fuzz_directory_fd(void) {
    fuzz_directory();
    return directory_fd;
}

void fuzz_make_directory(const char *name) {
    struct stat status;
    if (fstatat(fuzz_directory_fd(), name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        CHECK(mkdirat(directory_fd, name, 0700) == 0);
}

void fuzz_put(const char *name, const void *bytes, size_t size) {
    int fd = openat(fuzz_directory_fd(), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK(size == 0 || write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

char *fuzz_get(const char *name, size_t *ret_size) {
    struct stat status;
    int fd = openat(fuzz_directory_fd(), name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    CHECK(fstat(fd, &status) == 0);
    char *bytes = malloc((size_t)status.st_size + 1);
    CHECK(bytes && read(fd, bytes, (size_t)status.st_size) == status.st_size);
    close(fd);
    bytes[status.st_size] = '\0';
    *ret_size = (size_t)status.st_size;
    return bytes;
}

bool fuzz_part(struct parts *parts, uint8_t separator, const uint8_t **ret_part, size_t *ret_size) {
    if (parts->ended)
        return false;
    const uint8_t *found = parts->left ? memchr(parts->at, separator, parts->left) : NULL;
    *ret_part = parts->at;
    *ret_size = found ? (size_t)(found - parts->at) : parts->left;
    parts->ended = !found;
    if (found) {
        parts->left -= *ret_size + 1;
        parts->at = found + 1;
    }
    return true;
}

char *fuzz_text(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    CHECK(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}
