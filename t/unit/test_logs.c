/* SPDX-License-Identifier: Apache-2.0 */
/* Reading logs back: the golden files, the last lines, rotation, what is damaged, following. */
#include "log_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define T(n) "2026-01-02T03:04:" #n "Z "
#define OUT(n, text) T(n) "stdout F " text "\n"
#define ERR(n, text) T(n) "stderr F " text "\n"
#define PART(n, text) T(n) "stdout P " text "\n"

static char *read_whole(const char *path, size_t *ret_length) {
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 65536);
    assert_non_null(file);
    *ret_length = fread(text, 1, 65535, file);
    fclose(file);
    return text;
}

static void golden(struct fixture *fixture, const char *records, const char *expected, int stream) {
    char path[512];
    size_t length;
    snprintf(path, sizeof(path), GOLDEN "/%s", records);
    fixture->options.path = path;
    assert_int_equal(print(fixture), 0);
    assert_int_equal(fixture->complaints, 0);
    char expected_path[512];
    snprintf(expected_path, sizeof(expected_path), GOLDEN "/%s", expected);
    char *text = read_whole(expected_path, &length);
    assert_int_equal(fixture->length[stream], length);
    assert_memory_equal(fixture->text[stream], text, length);
    free(text);
}

static void golden_files_are_read_back(void **state) {
    struct fixture *fixture = *state;
    golden(fixture, "k8s-file.records", "k8s-file.stdout", 0);
    golden(fixture, "k8s-file.records", "log.stderr", 1);
    fixture->options.kind = LOG_JSON_FILE;
    golden(fixture, "json-file.records", "json-file.stdout", 0);
    golden(fixture, "json-file.records", "log.stderr", 1);
}

static void streams_and_times_are_chosen(void **state) {
    struct fixture *fixture = *state;
    append_text(fixture, 0, OUT(01, "a") ERR(02, "b") PART(03, "c") ERR(04, "d") OUT(05, "e"));
    prints(fixture, "a\nce\n", "b\nd\n");
    fixture->options.streams = 1u << LOG_STDERR;
    prints(fixture, "", "b\nd\n");
    fixture->options.streams = 1u << LOG_STDOUT;
    fixture->options.timestamps = true;
    prints(fixture,
           "2026-01-02T03:04:01.000000000Z a\n"
           "2026-01-02T03:04:03.000000000Z ce\n",
           "");
    fixture->options.timestamps = false;
    fixture->options.streams = 3;
    log_time_parse("2026-01-02T03:04:03Z", 20, &fixture->options.since);
    prints(fixture, "ce\n", "d\n");
    fixture->options.since++; /* the line that has begun before does not appear in the middle */
    prints(fixture, "", "d\n");
}

/* Lines that end, in the order in which they end, the way a person would find the last ones. */
static void expect_tail(struct fixture *fixture, const char *const (*records)[2], size_t count,
                        size_t wanted) {
    char lines[64][64], open[2][64] = {"", ""};
    int streams[64];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        int stream = records[i][0][0] == 'e';
        strcat(open[stream], records[i][1]);
        if (records[i][0][1] == 'F') {
            strcat(open[stream], "\n");
            strcpy(lines[n], open[stream]);
            streams[n++] = stream;
            open[stream][0] = '\0';
        }
    }
    char expected[2][2048] = {"", ""};
    for (int stream = 0; stream < 2; stream++)
        if (open[stream][0])
            wanted -= wanted > 0; /* what has not ended counts, and is the last of its stream */
    for (size_t i = wanted < n ? n - wanted : 0; i < n; i++)
        strcat(expected[streams[i]], lines[i]);
    for (int stream = 0; stream < 2; stream++)
        strcat(expected[stream], open[stream]);
    prints(fixture, expected[0], expected[1]);
}

static void the_last_lines_are_found(void **state) {
    struct fixture *fixture = *state;
    static const char *const records[][2] = {
        {"oF", "1"},  {"oF", "2"},  {"eF", "3"},  {"oP", "4a"}, {"eP", "5a"},
        {"oP", "4b"}, {"oF", "4c"}, {"eF", "5b"}, {"oF", ""},   {"oP", "6a"},
        {"eF", "7"},  {"eF", "8"},  {"eF", "9"},  {"oF", "6b"}, {"oF", "10"},
    };
    size_t count = sizeof(records) / sizeof(*records);
    /* In three files, so that lines lie across them. */
    for (size_t i = 0; i < count; i++) {
        char record[128];
        snprintf(record, sizeof(record), T(01) "std%s %c %s\n",
                 records[i][0][0] == 'e' ? "err" : "out", records[i][0][1], records[i][1]);
        append_text(fixture, i < 4 ? 2 : i < 10 ? 1 : 0, record);
    }
    for (size_t wanted = 0; wanted < 14; wanted++) {
        fixture->options.tail = (int64_t)wanted;
        expect_tail(fixture, records, count, wanted);
    }
    fixture->options.tail = 2;
    fixture->options.streams = 1u << LOG_STDERR;
    prints(fixture, "", "8\n9\n");
    fixture->options.streams = 1u << LOG_STDOUT;
    prints(fixture, "6a6b\n10\n", "");
}

static void a_line_without_an_end_counts(void **state) {
    struct fixture *fixture = *state;
    append_text(fixture, 0, OUT(01, "a") OUT(02, "b") PART(03, "c") PART(04, "d"));
    prints(fixture, "a\nb\ncd", "");
    fixture->options.tail = 1;
    prints(fixture, "cd", "");
    fixture->options.tail = 2;
    prints(fixture, "b\ncd", "");
    fixture->options.tail = 0;
    prints(fixture, "", "");
}

static void rotated_files_are_read_in_order(void **state) {
    struct fixture *fixture = *state;
    append_text(fixture, 10, OUT(01, "a"));
    for (unsigned int number = 9; number > 0; number--)
        append_text(fixture, number, OUT(02, "b"));
    append_text(fixture, 0, OUT(03, "c"));
    append_text(fixture, 99, OUT(00, "somebody else's"));
    prints(fixture, "a\nb\nb\nb\nb\nb\nb\nb\nb\nb\nc\n", "");
    fixture->options.tail = 3;
    prints(fixture, "b\nb\nc\n", "");
    assert_int_equal(fixture->complaints, 0);
}

static void old_files_are_not_even_read(void **state) {
    struct fixture *fixture = *state;
    char path[96];
    append_text(fixture, 1, "this would be complained of\n");
    append_text(fixture, 0, OUT(03, "c"));
    snprintf(path, sizeof(path), "%s.1", fixture->path);
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    prints(fixture, "c\n", "");
    assert_int_equal(fixture->complaints, 1);
    fixture->options.since = INT64_C(2000) * 1000000000;
    prints(fixture, "c\n", "");
    assert_int_equal(fixture->complaints, 0);
}

/* The kernel's clock for files ticks some hundred times a second, and lies behind by that. */
static void a_file_whose_time_lies_behind_is_read(void **state) {
    struct fixture *fixture = *state;
    char path[96];
    append_text(fixture, 1, OUT(05, "a"));
    append_text(fixture, 0, OUT(06, "b"));
    log_time_parse("2026-01-02T03:04:05Z", 20, &fixture->options.since);
    time_t seconds = fixture->options.since / 1000000000;
    struct timespec time = {.tv_sec = seconds - 1, .tv_nsec = 996000000};
    snprintf(path, sizeof(path), "%s.1", fixture->path);
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){time, time}, 0), 0);
    prints(fixture, "a\nb\n", "");
}

/* A line that has begun before is no line of the last ones either, whichever stream it is of. */
static void the_last_lines_since_a_time(void **state) {
    struct fixture *fixture = *state;
    append_text(fixture, 0, PART(00, "0") PART(01, "1") PART(03, "3"));
    append_text(fixture, 0, T(04) "stderr P 4\n" T(05) "stderr P 5\n" ERR(06, "6"));
    append_text(fixture, 0, OUT(07, "7") OUT(08, "8") T(09) "stderr P 9\n");
    log_time_parse("2026-01-02T03:04:05Z", 20, &fixture->options.since);
    prints(fixture, "8\n", "9");
    for (fixture->options.tail = 2; fixture->options.tail < 6; fixture->options.tail++)
        prints(fixture, "8\n", "9");
}

static void damage_is_told_and_passed_over(void **state) {
    struct fixture *fixture = *state;
    append_text(fixture, 0, OUT(01, "a") "nonsense\n" OUT(02, "b") "\n" OUT(03, "c"));
    append_text(fixture, 0, T(04) "stdout F half a rec"); /* may still be being written */
    prints(fixture, "a\nb\nc\n", "");
    assert_int_equal(fixture->complaints, 2);
    assert_non_null(strstr(fixture->complaint, fixture->path));
    fixture->options.tail = 2;
    prints(fixture, "b\nc\n", "");
}

static void a_record_cut_short_by_rotation_is_told(void **state) {
    struct fixture *fixture = *state;
    append_text(fixture, 1, OUT(01, "a") "2026-01-02T03");
    append_text(fixture, 0, OUT(02, "b"));
    prints(fixture, "a\nb\n", "");
    assert_int_equal(fixture->complaints, 1);
    assert_non_null(strstr(fixture->complaint, "cut short"));
}

static void a_line_of_megabytes_is_joined(void **state) {
    struct fixture *fixture = *state;
    const size_t part = 16384, parts = 128;
    char *text = malloc(part + 64);
    append_text(fixture, 0, OUT(01, "before"));
    for (size_t i = 0; i < parts; i++) {
        int prefix = sprintf(text, "%s%c ", T(02) "stdout ", i + 1 < parts ? 'P' : 'F');
        memset(text + prefix, 'a' + (int)(i % 26), part);
        text[(size_t)prefix + part] = '\n';
        append(fixture, 0, text, (size_t)prefix + part + 1);
    }
    append_text(fixture, 0, OUT(03, "after"));
    for (int tail = 0; tail < 2; tail++) {
        fixture->options.tail = tail ? 2 : LOGS_ALL;
        assert_int_equal(print(fixture), 0);
        const char *line = fixture->text[0] + (tail ? 0 : strlen("before\n"));
        for (size_t i = 0; i < parts; i++)
            for (size_t j = 0; j < part; j++)
                if (line[i * part + j] != 'a' + (int)(i % 26))
                    fail();
        assert_string_equal(line + parts * part, "\nafter\n");
    }
    free(text);
}

static void a_record_without_bounds_is_skipped(void **state) {
    struct fixture *fixture = *state;
    const size_t length = 1u << 20;
    char *text = malloc(length);
    memset(text, 'x', length);
    append_text(fixture, 0, OUT(01, "a") T(02) "stdout F ");
    append(fixture, 0, text, length);
    append_text(fixture, 0, "\n" OUT(03, "b"));
    prints(fixture, "a\nb\n", "");
    assert_int_equal(fixture->complaints, 1);
    for (int64_t wanted = 1; wanted < 3; wanted++) {
        fixture->options.tail = wanted;
        prints(fixture, wanted == 1 ? "b\n" : "a\nb\n", "");
    }
    free(text);
}

/* Lines of all lengths, so that each chunk's border falls everywhere. */
static void borders_of_reads_do_not_show(void **state) {
    struct fixture *fixture = *state;
    char *expected = calloc(1, 2u << 20), *at = expected;
    for (int i = 0; i < 1500; i++) {
        char record[1200];
        int length = snprintf(record, sizeof(record), T(01) "stdout F %0*d\n", i % 997 + 1, i);
        append(fixture, 0, record, (size_t)length);
        at += sprintf(at, "%0*d\n", i % 997 + 1, i);
    }
    prints(fixture, expected, "");
    fixture->options.tail = 1400;
    const char *last = expected;
    for (int i = 0; i < 100; i++)
        last = strchr(last, '\n') + 1;
    prints(fixture, last, "");
    free(expected);
}

static void only_regular_files_are_opened(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(print(fixture), -ENOENT);
    assert_int_equal(symlink("/etc/passwd", fixture->path), 0);
    assert_int_equal(print(fixture), -ELOOP);
    assert_non_null(strstr(fixture->error.message, "symbolic link"));
    unlink(fixture->path);
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    assert_int_equal(print(fixture), -EINVAL);
    fixture->options.path = "relative";
    assert_int_equal(print(fixture), -EINVAL);
    fixture->options.path = "/nonexistent/log";
    assert_int_equal(print(fixture), -ENOENT);
    fixture->options.path = fixture->path;
}

/* ------------------------------------------------------------------------------ following */

static void rotate(const struct fixture *fixture, unsigned int keep) {
    char from[96], to[96];
    for (unsigned int number = keep; number > 0; number--) {
        snprintf(from, sizeof(from), number > 1 ? "%s.%u" : "%s", fixture->path, number - 1);
        snprintf(to, sizeof(to), "%s.%u", fixture->path, number);
        rename(from, to);
    }
}

/* Prints with `follow` what a child does to the log; it ends when the child has. */
static void follow(struct fixture *fixture, void (*act)(struct fixture *)) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        act(fixture);
        _exit(0);
    }
    close(ends[1]);
    fixture->options.follow = true;
    fixture->options.end_fd = ends[0];
    assert_int_equal(print(fixture), 0);
    close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void write_much(struct fixture *fixture) {
    for (int i = 0; i < 3000; i++) {
        char record[64];
        int length =
            snprintf(record, sizeof(record), T(01) "stdout %c %d\n", i % 7 == 3 ? 'P' : 'F', i);
        append(fixture, 0, record, (size_t)length);
        if (i % 500 == 499)
            rotate(fixture, 20);
    }
}

static void what_is_being_written_is_followed(void **state) {
    struct fixture *fixture = *state;
    char *expected = calloc(1, 65536), *at = expected;
    append_text(fixture, 0, OUT(01, "before"));
    at += sprintf(at, "before\n");
    for (int i = 0; i < 3000; i++)
        at += sprintf(at, i % 7 == 3 ? "%d" : "%d\n", i);
    follow(fixture, write_much);
    assert_string_equal(fixture->text[0], expected);
    assert_int_equal(fixture->complaints, 0);
    free(expected);
}

static void write_and_cut(struct fixture *fixture) {
    append_text(fixture, 0, OUT(01, "one"));
    append_text(fixture, 0, OUT(02, "tw"));
    append_text(fixture, 0, T(03) "stdout F in pie");
    append_text(fixture, 0, "ces\n");
}

static void a_record_in_pieces_is_waited_for(void **state) {
    struct fixture *fixture = *state;
    append_text(fixture, 0, "");
    follow(fixture, write_and_cut);
    assert_string_equal(fixture->text[0], "one\ntw\nin pieces\n");
    assert_int_equal(fixture->complaints, 0);
}

static void nothing(struct fixture *fixture) {
    (void)fixture;
}

static void following_begins_with_the_last_lines(void **state) {
    struct fixture *fixture = *state;
    append_text(fixture, 0, OUT(01, "a") OUT(02, "b") OUT(03, "c"));
    fixture->options.tail = 2;
    follow(fixture, nothing);
    assert_string_equal(fixture->text[0], "b\nc\n");
    fixture->options.tail = 0;
    follow(fixture, nothing);
    assert_string_equal(fixture->text[0], "");
}

/* Follows with one of the outputs going to a socket whose peer is gone. */
static int follow_for_nobody(struct fixture *fixture, enum log_stream stream) {
    int pair[2], end[2];
    struct logs_options options = fixture->options;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pipe(end), 0);
    options.follow = true;
    options.end_fd = end[0];
    options.outputs[stream] = fdopen(pair[0], "w");
    options.outputs[!stream] = fopen("/dev/null", "w");
    assert_true(options.outputs[0] && options.outputs[1]);
    close(pair[1]);
    alarm(20); /* or it would never come back */
    int r = logs_print(&options, &fixture->error);
    alarm(0);
    fclose(options.outputs[0]);
    fclose(options.outputs[1]);
    close(end[0]);
    close(end[1]);
    return r;
}

static void following_ends_when_nobody_reads_it(void **state) {
    struct fixture *fixture = *state;
    append_text(fixture, 0, "");
    assert_int_equal(follow_for_nobody(fixture, LOG_STDOUT), -EPIPE);
    assert_int_equal(follow_for_nobody(fixture, LOG_STDERR), -EPIPE);
    fixture->options.streams = 1u << LOG_STDERR;
    assert_int_equal(follow_for_nobody(fixture, LOG_STDERR), -EPIPE);
    assert_string_equal(fixture->error.message, "nobody reads the output");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(golden_files_are_read_back),
        TEST(streams_and_times_are_chosen),
        TEST(the_last_lines_are_found),
        TEST(a_line_without_an_end_counts),
        TEST(rotated_files_are_read_in_order),
        TEST(old_files_are_not_even_read),
        TEST(a_file_whose_time_lies_behind_is_read),
        TEST(the_last_lines_since_a_time),
        TEST(damage_is_told_and_passed_over),
        TEST(a_record_cut_short_by_rotation_is_told),
        TEST(a_line_of_megabytes_is_joined),
        TEST(a_record_without_bounds_is_skipped),
        TEST(borders_of_reads_do_not_show),
        TEST(only_regular_files_are_opened),
        TEST(what_is_being_written_is_followed),
        TEST(a_record_in_pieces_is_waited_for),
        TEST(following_begins_with_the_last_lines),
        TEST(following_ends_when_nobody_reads_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
