/* SPDX-License-Identifier: Apache-2.0 */
/* A directory with a log in it, and what is printed of it. */
#ifndef LOG_FIXTURE_H
#define LOG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "stream/logs.h"

struct fixture {
    char directory[64];
    char path[80];
    char *text[2]; /* what was printed last, of each stream */
    size_t length[2];
    unsigned int complaints;
    char complaint[512]; /* the last one */
    struct logs_options options;
    struct shim_error error;
};

static inline void fixture_complain(const char *sentence, void *user) {
    struct fixture *fixture = user;
    fixture->complaints++;
    snprintf(fixture->complaint, sizeof(fixture->complaint), "%s", sentence);
}

static inline int fixture_setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    strcpy(fixture->directory, "/tmp/shimhost-logs-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof(fixture->path), "%s/log", fixture->directory);
    fixture->error.size = sizeof(fixture->error);
    fixture->options = (struct logs_options){.path = fixture->path,
                                             .kind = LOG_K8S_FILE,
                                             .streams = 3,
                                             .tail = LOGS_ALL,
                                             .since = LOGS_SINCE_EVER,
                                             .end_fd = -1,
                                             .complain = fixture_complain,
                                             .user = fixture};
    *state = fixture;
    return 0;
}

static inline int fixture_teardown(void **state) {
    struct fixture *fixture = *state;
    free(fixture->text[0]);
    free(fixture->text[1]);
    int parent = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(tree_remove_at(parent, fixture->directory + strlen("/tmp/"), 2, NULL), 0);
    close(parent);
    free(fixture);
    return 0;
}

/* Appends to PATH, or to PATH.NUMBER. */
static inline void append(const struct fixture *fixture, unsigned int number, const void *bytes,
                          size_t length) {
    char path[96];
    snprintf(path, sizeof(path), number ? "%s.%u" : "%s", fixture->path, number);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), (ssize_t)length);
    close(fd);
}

static inline void append_text(const struct fixture *fixture, unsigned int number,
                               const char *text) {
    append(fixture, number, text, strlen(text));
}

static inline int print(struct fixture *fixture) {
    for (int i = 0; i < 2; i++) {
        free(fixture->text[i]);
        fixture->text[i] = NULL;
        fixture->options.outputs[i] = open_memstream(&fixture->text[i], &fixture->length[i]);
    }
    fixture->complaints = 0;
    int r = logs_print(&fixture->options, &fixture->error);
    fclose(fixture->options.outputs[0]);
    fclose(fixture->options.outputs[1]);
    return r;
}

static inline void prints(struct fixture *fixture, const char *output, const char *errors) {
    assert_int_equal(print(fixture), 0);
    assert_string_equal(fixture->text[0], output);
    assert_string_equal(fixture->text[1], errors);
}

#endif
