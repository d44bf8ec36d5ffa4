/* SPDX-License-Identifier: Apache-2.0 */
/* base/log: each test reads the lines back out of a pipe. */
#include "directory_fixture.h"

#include <signal.h>
#include <sys/ioctl.h>

#include "base/log.h"

struct pipe_fixture {
    int reader;
    int writer;
    char line[2 * LOG_LINE_MAX];
};

static int setup(void **state) {
    struct pipe_fixture *fixture = calloc(1, sizeof(*fixture));
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    fixture->reader = fds[0];
    fixture->writer = fds[1];
    log_setup(SHIM_LOG_INFO, LOG_TEXT);
    log_redirect(fds[1]);
    *state = fixture;
    return 0;
}

static int teardown(void **state) {
    struct pipe_fixture *fixture = *state;
    log_redirect(STDERR_FILENO);
    fd_close(fixture->reader);
    fd_close(fixture->writer);
    free(fixture);
    return 0;
}

/* What was written, without the time in front, whose form is checked. */
static const char *read_back(struct pipe_fixture *fixture, const char *before) {
    ssize_t length = read(fixture->reader, fixture->line, sizeof(fixture->line) - 1);
    assert_true(length > 0);
    fixture->line[length] = '\0';
    assert_memory_equal(fixture->line, before, strlen(before));
    const char *time = fixture->line + strlen(before);
    assert_int_equal(time[10], 'T');
    assert_int_equal(time[29], 'Z');
    return time + 30;
}

static void text_line_has_the_fields_that_are_said(void **state) {
    log_write(SHIM_LOG_INFO, NULL, "hello %d", 7);
    assert_string_equal(read_back(*state, ""), " info: hello 7\n");
    log_write(SHIM_LOG_ERROR, (&(struct log_fields){"crun", "web", "init", 42}), "gone");
    assert_string_equal(read_back(*state, ""),
                        " error runtime=crun container=web process=init pid=42: gone\n");
    log_write(SHIM_LOG_WARNING, &(struct log_fields){.container = "web"}, "well");
    assert_string_equal(read_back(*state, ""), " warning container=web: well\n");
}

static void json_line_has_the_fields_that_are_said(void **state) {
    log_setup(SHIM_LOG_DEBUG, LOG_JSON);
    log_write(SHIM_LOG_DEBUG, NULL, "hello");
    assert_string_equal(read_back(*state, "{\"time\":\""),
                        "\",\"level\":\"debug\",\"msg\":\"hello\"}\n");
    log_write(SHIM_LOG_ERROR, (&(struct log_fields){"crun", "web", "init", 42}), "gone");
    assert_string_equal(read_back(*state, "{\"time\":\""),
                        "\",\"level\":\"error\",\"runtime\":\"crun\",\"container\":\"web\","
                        "\"process\":\"init\",\"pid\":42,\"msg\":\"gone\"}\n");
}

static void levels_above_are_not_written(void **state) {
    struct pipe_fixture *fixture = *state;
    int evaluated = 0, there = -1;
    log_write(SHIM_LOG_DEBUG, NULL, "%d", ++evaluated);
    assert_int_equal(evaluated, 0);
    log_setup(SHIM_LOG_ERROR, LOG_TEXT);
    log_write(SHIM_LOG_WARNING, NULL, "%d", ++evaluated);
    assert_int_equal(evaluated, 0);
    assert_int_equal(ioctl(fixture->reader, FIONREAD, &there), 0);
    assert_int_equal(there, 0);
    assert_true(log_enabled(SHIM_LOG_ERROR));
    assert_false(log_enabled(SHIM_LOG_INFO));
}

static void text_line_stays_one_line(void **state) {
    log_write(SHIM_LOG_INFO, &(struct log_fields){.container = "a\nb"}, "%s", "x\ny\x1b[2J\xff");
    assert_string_equal(read_back(*state, ""), " info container=a\\nb: x\\ny\\x1B[2J\\xFF\n");
}

static void json_is_valid_whatever_is_in_it(void **state) {
    log_setup(SHIM_LOG_INFO, LOG_JSON);
    log_write(SHIM_LOG_INFO, &(struct log_fields){.container = "\"\\"}, "%s",
              "\"\\/\b\f\n\r\t\x01\x1f\x7f\xC3\xA4\xF0\x9F\x98\x80\xff\xED\xA0\x80\xE2\x82");
    assert_string_equal(read_back(*state, "{\"time\":\""),
                        "\",\"level\":\"info\",\"container\":\"\\\"\\\\\",\"msg\":\""
                        "\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\xC3\xA4\xF0\x9F\x98\x80"
                        "\xEF\xBF\xBD"                         /* FF */
                        "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" /* a surrogate */
                        "\xEF\xBF\xBD\xEF\xBF\xBD"             /* a sequence cut short */
                        "\"}\n");
}

static void long_line_is_cut(void **state) {
    struct pipe_fixture *fixture = *state;
    char message[3 * LOG_LINE_MAX];
    memset(message, 'x', sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    log_write(SHIM_LOG_INFO, NULL, "%s", message);
    read_back(fixture, "");
    assert_true(strlen(fixture->line) <= LOG_LINE_MAX);
    assert_string_equal(fixture->line + strlen(fixture->line) - 5, "x...\n");
    log_setup(SHIM_LOG_INFO, LOG_JSON);
    /* The cut falls into an escape and into a character of several bytes for some of these. */
    for (size_t skip = 0; skip < 12; skip++) {
        memset(message, '"', sizeof(message) - 1);
        memset(message, 'x', skip);
        memcpy(message + skip, "\xE2\x82\xAC\xE2\x82\xAC", 6);
        log_write(SHIM_LOG_INFO, &(struct log_fields){.container = message}, "%s", message);
        read_back(fixture, "{\"time\":\"");
        size_t length = strlen(fixture->line);
        assert_true(length > LOG_LINE_MAX - 16 && length <= LOG_LINE_MAX);
        assert_string_equal(fixture->line + length - 5, "\\\"\"}\n");
    }
}

static void full_pipe_loses_lines_and_does_not_block(void **state) {
    struct pipe_fixture *fixture = *state;
    fcntl(fixture->writer, F_SETPIPE_SZ, 4096);
    errno = EDOM;
    for (int i = 0; i < 1000; i++)
        log_write(SHIM_LOG_INFO, NULL, "line %d of a thousand, and of some length", i);
    assert_int_equal(errno, EDOM);
    /* What was written is whole. */
    assert_non_null(strstr(read_back(fixture, ""), "line 0 "));
    assert_int_equal(fixture->line[strlen(fixture->line) - 1], '\n');
}

static void pipe_without_reader_kills_nobody(void **state) {
    struct pipe_fixture *fixture = *state;
    fixture->reader = fd_close(fixture->reader);
    signal(SIGPIPE, SIG_DFL);
    log_write(SHIM_LOG_INFO, NULL, "into the void");
    fixture->writer = fd_close(fixture->writer);
    log_write(SHIM_LOG_INFO, NULL, "nowhere at all");
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(text_line_has_the_fields_that_are_said),
        TEST(json_line_has_the_fields_that_are_said),
        TEST(levels_above_are_not_written),
        TEST(text_line_stays_one_line),
        TEST(json_is_valid_whatever_is_in_it),
        TEST(long_line_is_cut),
        TEST(full_pipe_loses_lines_and_does_not_block),
        TEST(pipe_without_reader_kills_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
