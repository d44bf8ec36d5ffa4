/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the configuration share: a directory with files, and how refusals are compared.
 */
#ifndef SHIMHOST_T_UNIT_CONFIG_FIXTURE_H
#define SHIMHOST_T_UNIT_CONFIG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

/* A new directory with runtimes.d in it, and the configuration that is read from it. */
struct fixture {
    char directory[64];
    char main_file[96];
    struct config_defaults defaults;
    struct config *config;
    struct config_problems problems;
};

static inline const char *path_in(const struct fixture *fixture, const char *name) {
    static char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
    return path;
}

/* Writes a file of the directory anew, mode 0644. */
static inline void put_bytes(const struct fixture *fixture, const char *name, const char *bytes,
                             size_t length) {
    const char *path = path_in(fixture, name);
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        assert_true(written > 0);
        bytes += written;
        length -= (size_t)written;
    }
    close(fd);
}

static inline void put(const struct fixture *fixture, const char *name, const char *text) {
    put_bytes(fixture, name, text, strlen(text));
}

static inline int remove_entry(const char *path, const struct stat *status, int type,
                               struct FTW *walk) {
    (void)status, (void)type, (void)walk;
    return remove(path);
}

/* Forgets what was read. */
static inline void forget(struct fixture *fixture) {
    fixture->config = config_free(fixture->config);
    config_problems_clear(&fixture->problems);
}

static inline int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    if (!fixture)
        return -1;
    alarm(120); /* a file that hangs is a failure, not a wait */
    umask(022);
    strcpy(fixture->directory, "/tmp/test-config-XXXXXX");
    if (!mkdtemp(fixture->directory) || chmod(fixture->directory, 0755) < 0 ||
        mkdir(path_in(fixture, "runtimes.d"), 0755) < 0)
        return -1;
    snprintf(fixture->main_file, sizeof(fixture->main_file), "%s/shimhost.yaml",
             fixture->directory);
    fixture->defaults = (struct config_defaults){
        .path = fixture->main_file, .state_dir = "/run/state", .plugin_dir = "/usr/lib/plugins"};
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state) {
    struct fixture *fixture = *state;
    forget(fixture);
    nftw(fixture->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

/* Reads shimhost.yaml, which must be right. */
static inline void load(struct fixture *fixture) {
    forget(fixture);
    int result = config_load(NULL, &fixture->defaults, &fixture->config, &fixture->problems);
    if (result < 0)
        print_error("%s\n", fixture->problems.list[0].message);
    assert_int_equal(result, 0);
}

/* Reads shimhost.yaml and a runtime, which both must be right. */
static inline const struct runtime_config *load_runtime(struct fixture *fixture, const char *name) {
    const struct runtime_config *runtime = NULL;
    load(fixture);
    int result = config_runtime(fixture->config, name, &runtime, &fixture->problems);
    if (result < 0)
        print_error("%s\n", fixture->problems.list[0].message);
    assert_int_equal(result, 0);
    assert_non_null(runtime);
    return runtime;
}

/* Writes a runtime's file and reads it. */
static inline const struct runtime_config *read_runtime(struct fixture *fixture, const char *text) {
    put(fixture, "runtimes.d/it.yaml", text);
    return load_runtime(fixture, "it");
}

/* The problem number `index` is exactly this, after the name of the file. */
static inline void assert_problem(const struct fixture *fixture, size_t index, const char *name,
                                  const char *rest) {
    char expected[2048];
    snprintf(expected, sizeof(expected), "%s/%s%s%s", fixture->directory, name,
             *rest >= '0' && *rest <= '9' ? ":" : ": ", rest);
    assert_true(index < fixture->problems.count);
    assert_string_equal(fixture->problems.list[index].message, expected);
    assert_int_equal(
        strncmp(fixture->problems.list[index].file, fixture->directory, strlen(fixture->directory)),
        0);
}

/* A runtime's file with these bytes is refused for one reason, "LINE:COLUMN: KEY: …". */
static inline void assert_bytes_refused(struct fixture *fixture, const char *bytes, size_t length,
                                        const char *rest) {
    put_bytes(fixture, "runtimes.d/it.yaml", bytes, length);
    load(fixture);
    const struct runtime_config *runtime = NULL;
    int result = config_runtime(fixture->config, "it", &runtime, &fixture->problems);
    assert_problem(fixture, 0, "runtimes.d/it.yaml", rest);
    if (fixture->problems.count > 1)
        print_error("not alone: %s\n", fixture->problems.list[1].message);
    assert_int_equal(fixture->problems.count, 1);
    assert_int_equal(result, -EINVAL);
    assert_null(runtime);
}

static inline void assert_refused(struct fixture *fixture, const char *text, const char *rest) {
    assert_bytes_refused(fixture, text, strlen(text), rest);
}

/* The same for shimhost.yaml. */
static inline void assert_main_refused(struct fixture *fixture, const char *text,
                                       const char *rest) {
    forget(fixture);
    put(fixture, "shimhost.yaml", text);
    int result = config_load(NULL, &fixture->defaults, &fixture->config, &fixture->problems);
    assert_problem(fixture, 0, "shimhost.yaml", rest);
    assert_int_equal(fixture->problems.count, 1);
    assert_int_equal(result, -EINVAL);
    assert_null(fixture->config);
}

#endif
