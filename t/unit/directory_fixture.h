/* SPDX-License-Identifier: Apache-2.0 */
/* For unit tests that need a directory: each test gets an empty one of its own, which is removed
 * afterwards. */
#ifndef SHIMHOST_TEST_DIRECTORY_FIXTURE_H
#define SHIMHOST_TEST_DIRECTORY_FIXTURE_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

#define TREE_DEPTH 16

struct directory {
    char path[64];
    int parent_fd;
    int fd;
    struct shim_error error;
};

static inline int directory_setup(void **state) {
    struct directory *directory = calloc(1, sizeof(*directory));
    strcpy(directory->path, "/tmp/shimhost-unit-XXXXXX");
    assert_non_null(mkdtemp(directory->path));
    directory->parent_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    directory->fd = open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    directory->error.size = sizeof(directory->error);
    assert_true(directory->parent_fd >= 0 && directory->fd >= 0);
    *state = directory;
    return 0;
}

static inline int directory_teardown(void **state) {
    struct directory *directory = *state;
    struct shim_error error = ERROR_NONE;
    int r =
        tree_remove_at(directory->parent_fd, directory->path + strlen("/tmp/"), TREE_DEPTH, &error);
    fd_close(directory->parent_fd);
    fd_close(directory->fd);
    free(directory);
    return r == 0 || r == -ENOENT ? 0 : -1;
}

#define DIRECTORY_TEST(function)                                                                   \
    cmocka_unit_test_setup_teardown(function, directory_setup, directory_teardown)

/* Puts a file there in the plainest way. */
static inline void put_bytes(const struct directory *directory, const char *name, const char *text,
                             size_t length) {
    int fd = openat(directory->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, length), length);
    close(fd);
}

static inline void put_file(const struct directory *directory, const char *name, const char *text) {
    put_bytes(directory, name, text, strlen(text));
}

/* The error says so: `code`, and `words` somewhere in the sentence. */
#define ASSERT_ERROR(directory, call, expected, words)                                             \
    do {                                                                                           \
        (directory)->error = (struct shim_error)ERROR_NONE;                                        \
        assert_int_equal((call), (expected));                                                      \
        assert_int_equal((directory)->error.code, (expected));                                     \
        if (!strstr((directory)->error.message, (words)))                                          \
            fail_msg("`%s` does not say `%s`", (directory)->error.message, (words));               \
    } while (0)

#endif
