/* SPDX-License-Identifier: Apache-2.0 */
/* What the monitor writes to log files: their formats, whole records, rotation, full disks. */
#include "streams_fixture.h"

#include <ctype.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#define PART 16384

/* ---- logs without their times ---- */

/* The length of a time such as 2026-01-02T03:04:05.123456789Z here, or 0. */
static size_t time_length(const char *at, const char *end) {
    static const char shape[] = "0000-00-00T00:00:00.000000000Z";
    if ((size_t)(end - at) < sizeof(shape) - 1)
        return 0;
    for (size_t i = 0; i < sizeof(shape) - 1; i++)
        if (shape[i] == '0' ? !isdigit((unsigned char)at[i]) : at[i] != shape[i])
            return 0;
    return sizeof(shape) - 1;
}

/* Puts a T in the place of each time. */
static size_t without_times(char *text, size_t size) {
    char *to = text;
    for (const char *at = text, *end = text + size; at < end;) {
        size_t length = time_length(at, end);
        *to++ = length ? 'T' : *at;
        at += length ? length : 1;
    }
    *to = '\0';
    return (size_t)(to - text);
}

static void assert_log(const struct job *job, const char *name, const char *expected, size_t size) {
    size_t length;
    char *log = slurp(job, name, &length);
    length = without_times(log, length);
    assert_int_equal(length, size);
    assert_memory_equal(log, expected, size);
    free(log);
}

static void assert_log_text(const struct job *job, const char *expected) {
    size_t length;
    char *log = slurp(job, "log", &length);
    without_times(log, length);
    assert_string_equal(log, expected);
    free(log);
}

/* The process copies the file `data` to its standard output, and ends. */
static void run_cat(struct job *job, const struct growing *data) {
    put_bytes(job, "data", data->bytes, data->size);
    start(job, "exec cat data");
    assert_ends(&job->base, 0);
}

/* ---- formats ---- */

static void k8s_lines(void **state) {
    struct job *job = *state;
    log_to(job, "k8s-file", "log");
    start(job, "printf 'one\\n\\n  two\\r\\n'; read x < go; echo oops >&2; read x < go; printf "
               "'end'; exit 3");
    await_text(job, "log", "two");
    go(&job->base);
    await_text(job, "log", " stderr F oops\n");
    go(&job->base);
    assert_ends(&job->base, 3);
    assert_log_text(job, "T stdout F one\nT stdout F \nT stdout F   two\r\nT stderr F oops\n"
                         "T stdout P end\n");
}

static void json_lines(void **state) {
    struct job *job = *state;
    log_to(job, "json-file", "log");
    start(job, "printf 'one\\n\\n'; read x < go; echo oops >&2; read x < go; printf 'end'; exit 3");
    await_text(job, "log", "one");
    go(&job->base);
    await_text(job, "log", "oops");
    go(&job->base);
    assert_ends(&job->base, 3);
    assert_log_text(job, "{\"log\":\"one\\n\",\"stream\":\"stdout\",\"time\":\"T\"}\n"
                         "{\"log\":\"\\n\",\"stream\":\"stdout\",\"time\":\"T\"}\n"
                         "{\"log\":\"oops\\n\",\"stream\":\"stderr\",\"time\":\"T\"}\n"
                         "{\"log\":\"end\",\"stream\":\"stdout\",\"time\":\"T\"}\n");
}

/* What was read of stdout before the mark on stderr was, is the beginning of a line. */
static void a_line_in_several_reads(void **state) {
    struct job *job = *state;
    log_to(job, "k8s-file", "log");
    start(job, "printf 'a l'; echo 1 >&2; read x < go; printf 'ong'; echo 2 >&2; read x < go;"
               "printf ' line\\nmore\\n'");
    await_text(job, "log", "F 1\n");
    go(&job->base);
    await_text(job, "log", "F 2\n");
    go(&job->base);
    assert_ends(&job->base, 0);
    assert_log_text(job, "T stderr F 1\nT stderr F 2\nT stdout F a long line\nT stdout F more\n");
}

/* A line of `size` bytes, and what is to become of it. */
static void add_long_line(struct growing *data, struct growing *expected, size_t size) {
    char *line = malloc(size + 1);
    assert_non_null(line);
    for (size_t i = 0; i < size; i++)
        line[i] = (char)('a' + i % 23);
    line[size] = '\n';
    grow(data, line, size + 1);
    for (size_t at = 0; at < size; at += PART) {
        bool last = size - at <= PART;
        grow_text(expected, last ? "T stdout F " : "T stdout P ");
        grow(expected, line + at, last ? size - at : PART);
        grow_text(expected, "\n");
    }
    free(line);
}

static void long_lines_in_parts(void **state) {
    static const size_t sizes[] = {PART - 1,     PART, PART + 1, 40000,    2 * PART,
                                   2 * PART + 1, 1,    1 << 20,  65536 - 7};
    struct job *job = *state;
    struct growing data = {0}, expected = {0};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        add_long_line(&data, &expected, sizes[i]);
    log_to(job, "k8s-file", "log");
    run_cat(job, &data);
    assert_log(job, "log", expected.bytes, expected.size);
    free(data.bytes);
    free(expected.bytes);
}

static void no_character_is_cut_in_two(void **state) {
    struct job *job = *state;
    struct growing data = {0}, expected = {0};
    grow_text(&data, "x");
    for (int i = 0; i < 10000; i++)
        grow_text(&data, "é");
    grow_text(&data, "\n");
    log_to(job, "k8s-file", "log");
    run_cat(job, &data);
    grow_text(&expected, "T stdout P ");
    grow(&expected, data.bytes, PART - 1);
    grow_text(&expected, "\nT stdout F ");
    grow(&expected, data.bytes + PART - 1, data.size - PART + 1);
    assert_log(job, "log", expected.bytes, expected.size);
    free(data.bytes);
    free(expected.bytes);
}

static void binary_bytes_in_k8s(void **state) {
    struct job *job = *state;
    struct growing data = {0}, expected = {0};
    for (int i = 0; i < 256; i++)
        if (i != '\n')
            grow(&data, (char[]){(char)i}, 1);
    grow_text(&data, "\n");
    grow_text(&expected, "T stdout F ");
    grow(&expected, data.bytes, data.size);
    log_to(job, "k8s-file", "log");
    run_cat(job, &data);
    assert_log(job, "log", expected.bytes, expected.size);
    free(data.bytes);
    free(expected.bytes);
}

static void special_bytes_in_json(void **state) {
    static const char line[] = "\0\1\t\r\"\\\x1f\x7f é \xff \xed\xa0\x80 😀 \xf0\x9f\x98 \xc3\n";
    static const char json[] =
        "{\"log\":\"\\u0000\\u0001\\t\\r\\\"\\\\\\u001f\\u007f é \\ufffd \\ufffd\\ufffd\\ufffd 😀 "
        "\\ufffd\\ufffd\\ufffd \\ufffd\\n\",\"stream\":\"stdout\",\"time\":\"T\"}\n";
    struct job *job = *state;
    struct growing data = {0};
    grow(&data, line, sizeof(line) - 1);
    log_to(job, "json-file", "log");
    run_cat(job, &data);
    assert_log_text(job, json);
    free(data.bytes);
}

/* Plain text is searched in blocks: wherever in a block something else stands, and wherever the
 * text ends, nothing is missed and nothing added. */
static void every_place_of_a_special_byte(void **state) {
    static const char *const special[] = {"\"", "\\\""};
    struct job *job = *state;
    struct growing data = {0}, expected = {0};
    for (int length = 0; length < 50; length++)
        for (int place = 0; place <= length; place++) {
            grow_text(&expected, "{\"log\":\"");
            for (int i = 0; i < length; i++) {
                grow_text(&data, i == place ? special[0] : "~");
                grow_text(&expected, i == place ? special[1] : "~");
            }
            grow_text(&data, "\n");
            grow_text(&expected, "\\n\",\"stream\":\"stdout\",\"time\":\"T\"}\n");
        }
    log_to(job, "json-file", "log");
    run_cat(job, &data);
    assert_log(job, "log", expected.bytes, expected.size);
    free(data.bytes);
    free(expected.bytes);
}

static void one_stream_alone_is_logged(void **state) {
    struct job *job = *state;
    log_to(job, "k8s-file", "log");
    word(job, "log-streams=stderr");
    start(job, "echo no; echo yes >&2");
    assert_ends(&job->base, 0);
    assert_log_text(job, "T stderr F yes\n");
}

/* ---- files ---- */

/* Appends the text of a file's records, of which none may be torn. */
static void add_records(const struct job *job, const char *name, struct growing *text,
                        size_t most) {
    struct stat status;
    size_t size;
    char *log = slurp(job, name, &size);
    assert_int_equal(fstatat(job->base.plan.directory_fd, name, &status, 0), 0);
    assert_int_equal(status.st_mode, S_IFREG | 0640);
    assert_in_range(size, 1, most);
    assert_int_equal(log[size - 1], '\n');
    without_times(log, size);
    for (char *at = log; *at; at = strchr(at, '\n') + 1) {
        static const char head[] = "T stdout F ";
        assert_memory_equal(at, head, sizeof(head) - 1);
        grow(text, at + sizeof(head) - 1, strcspn(at, "\n") + 1 - (sizeof(head) - 1));
    }
    free(log);
}

static void run_numbers(struct job *job, unsigned max_size, unsigned max_files) {
    log_to(job, "k8s-file", "log");
    word(job, "log-max-size=%u", max_size);
    word(job, "log-max-files=%u", max_files);
    start(job, "exec seq 1000 1999");
    assert_ends(&job->base, 0);
}

static void assert_numbers_until_1999(const struct growing *text, long first) {
    for (char *at = text->bytes; *at; first++)
        assert_int_equal(strtol(at, &at, 10), first), at++;
    assert_int_equal(first, 2000);
}

static void rotation(void **state) {
    struct job *job = *state;
    struct growing text = {0};
    run_numbers(job, 10000, 3); /* a record has 46 bytes: the oldest of five files are gone */
    add_records(job, "log.2", &text, 10000);
    add_records(job, "log.1", &text, 10000);
    add_records(job, "log", &text, 10000);
    assert_null(content(&job->base, "log.3"));
    assert_numbers_until_1999(&text, atol(text.bytes));
    assert_in_range(text.size / 5, 2 * 217, 3 * 217);
    free(text.bytes);
}

static void rotation_with_one_file(void **state) {
    struct job *job = *state;
    struct growing text = {0};
    run_numbers(job, 10000, 1);
    add_records(job, "log", &text, 10000);
    assert_null(content(&job->base, "log.1"));
    assert_numbers_until_1999(&text, atol(text.bytes));
    free(text.bytes);
}

/* Every record is larger than what a file may have: each gets one of its own. */
static void rotation_of_single_records(void **state) {
    struct job *job = *state;
    struct growing text = {0};
    run_numbers(job, 1, 2);
    add_records(job, "log.1", &text, 100);
    add_records(job, "log", &text, 100);
    assert_string_equal(text.bytes, "1998\n1999\n");
    free(text.bytes);
}

static void reopened_by_order(void **state) {
    struct job *job = *state;
    int directory = job->base.plan.directory_fd;
    log_to(job, "k8s-file", "log");
    start(job, "echo one; read x < go; echo two");
    await_text(job, "log", "one");
    assert_int_equal(renameat(directory, "log", directory, "moved"), 0);
    order(job, "2 0 0\n");
    await_file(job, "log");
    go(&job->base);
    assert_ends(&job->base, 0);
    assert_log_text(job, "T stdout F two\n");
    assert_log(job, "moved", "T stdout F one\n", 15);
}

/* Of a file that was there before, and of one that takes the place of another, the mode is its
 * owner's to choose. */
static void the_mode_is_kept(void **state) {
    struct job *job = *state;
    struct stat status;
    int directory = job->base.plan.directory_fd;
    log_to(job, "k8s-file", "log");
    assert_int_equal(fchmodat(directory, "log", 0604, 0), 0);
    word(job, "log-max-size=100");
    word(job, "log-max-files=2");
    start(job, "echo one; read x < go; echo two; echo three");
    await_text(job, "log", "one");
    assert_int_equal(fstatat(directory, "log", &status, 0), 0);
    assert_int_equal(status.st_mode & 0777, 0604);
    go(&job->base);
    assert_ends(&job->base, 0);
    await_text(job, "log.1", "two");
    assert_int_equal(fstatat(directory, "log", &status, 0), 0);
    assert_int_equal(status.st_mode & 0777, 0604);
}

/* What a monitor that was killed, or a full disk, has left. */
static void a_torn_record_does_not_spoil_the_next(void **state) {
    struct job *job = *state;
    put(&job->base, "log", "torn");
    log_to(job, "k8s-file", "log");
    start(job, "echo one; read x < go; echo two");
    await_text(job, "log", "one");
    order(job, "2 0 0\n"); /* of a log that is whole nothing changes */
    go(&job->base);
    assert_ends(&job->base, 0);
    assert_log_text(job, "torn\nT stdout F one\nT stdout F two\n");
}

/* Somebody else moves the only file there is away, and makes no order. */
static void a_file_that_was_moved_is_not_emptied(void **state) {
    struct job *job = *state;
    int directory = job->base.plan.directory_fd;
    log_to(job, "k8s-file", "log");
    word(job, "log-max-size=100");
    word(job, "log-max-files=1");
    start(job, "echo one; read x < go; echo two; echo three");
    await_text(job, "log", "one");
    assert_int_equal(renameat(directory, "log", directory, "moved"), 0);
    go(&job->base);
    assert_ends(&job->base, 0);
    assert_log_text(job, "T stdout F three\n");
    assert_log(job, "moved", "T stdout F one\nT stdout F two\n", 30);
}

/* As copytruncate of logrotate(8) does. */
static void a_file_that_was_cut_short_has_room(void **state) {
    struct job *job = *state;
    int directory = job->base.plan.directory_fd;
    log_to(job, "k8s-file", "log");
    word(job, "log-max-size=100");
    word(job, "log-max-files=2");
    start(job, "echo one; read x < go; echo two; echo three");
    await_text(job, "log", "one");
    int fd = openat(directory, "log", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, 0), 0);
    close(fd);
    go(&job->base);
    assert_ends(&job->base, 0);
    assert_log_text(job, "T stdout F two\nT stdout F three\n");
    assert_null(content(&job->base, "log.1"));
}

static void never_through_a_symbolic_link(void **state) {
    struct job *job = *state;
    int directory = job->base.plan.directory_fd;
    log_to(job, "k8s-file", "log");
    put(&job->base, "precious", "precious\n");
    start(job, "echo one; read x < go; echo two");
    await_text(job, "log", "one");
    assert_int_equal(renameat(directory, "log", directory, "moved"), 0);
    assert_int_equal(symlinkat("precious", directory, "log"), 0);
    order(job, "2 0 0\n");
    await_text(job, "shim-log.json", "cannot reopen the log");
    go(&job->base);
    assert_ends(&job->base, 0);
    assert_content(&job->base, "precious", "precious\n");
    await_text(job, "moved", "F two\n");
}

/* Whoever can write to the log's directory could have it written to a disk. A FIFO stands for all
 * that is no file. */
static void never_to_what_is_no_file(void **state) {
    struct job *job = *state;
    int directory = job->base.plan.directory_fd;
    log_to(job, "k8s-file", "log");
    start(job, "echo one; read x < go; echo two");
    await_text(job, "log", "one");
    assert_int_equal(renameat(directory, "log", directory, "moved"), 0);
    assert_int_equal(mkfifoat(directory, "log", 0600), 0);
    int fd = openat(directory, "log", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    order(job, "2 0 0\n");
    await_text(job, "shim-log.json", "cannot reopen the log");
    go(&job->base);
    assert_ends(&job->base, 0);
    await_text(job, "moved", "F two\n");
    char byte;
    struct stat status;
    assert_int_equal(read(fd, &byte, 1), -1);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode, S_IFIFO | 0600);
    close(fd);
}

/* ---- a disk that is full ---- */

/* All lines are whole, and the last one is there. */
static void assert_whole_lines(const struct job *job, const char *name) {
    struct growing text = {0};
    add_records(job, name, &text, SIZE_MAX);
    for (char *at = text.bytes; *at;) {
        assert_int_equal(strcspn(at, "\n"), 4);
        assert_in_range(strtol(at, &at, 10), 1000, 1999), at++;
    }
    assert_non_null(strstr(text.bytes, "1999\n"));
    free(text.bytes);
}

static void a_limit_in_the_middle_of_a_record(void **state) {
    struct job *job = *state;
    struct rlimit before;
    log_to(job, "k8s-file", "log");
    start(job, "read x < go; seq 1000 1800; echo x > full; read x < go; seq 1801 1999; exit 5");
    assert_int_equal(
        prlimit(job->base.pid, RLIMIT_FSIZE, &(struct rlimit){1000, RLIM_INFINITY}, &before), 0);
    go(&job->base);
    await_text(job, "full", "x");
    await_text(job, "shim-log.json", "cannot write to the log");
    assert_int_equal(prlimit(job->base.pid, RLIMIT_FSIZE, &before, NULL), 0);
    go(&job->base);
    assert_ends(&job->base, 5);
    assert_whole_lines(job, "log");
    await_text(job, "shim-log.json", "the log can be written again");
}

/* The process goes on though there is no room for its log, and what comes once there is room again
 * are whole lines. */
static void a_full_disk(void **state) {
    struct job *job = *state;
    char path[96];
    assert_int_equal(mkdirat(job->base.plan.directory_fd, "small", 0700), 0);
    snprintf(path, sizeof(path), "%s/small", job->base.directory);
    if (mount("tmpfs", path, "tmpfs", 0, "size=128k,mode=0700") < 0) {
        print_message("# not allowed to mount: not tested\n");
        return;
    }
    put(&job->base, "small/filler", "x");
    int filler = open_in(job, "small/filler", O_WRONLY | O_APPEND);
    assert_int_equal(ftruncate(filler, 0), 0);
    assert_int_equal(fallocate(filler, 0, 0, 104 * 1024), 0);
    log_to(job, "k8s-file", "small/log");
    start(job, "seq 1000 1999; echo x > full; read x < go; seq 1000 1999; exit 5");
    await_text(job, "full", "x");
    await_text(job, "shim-log.json", "cannot write to the log");
    assert_sleeps(job->base.pid);
    close(filler);
    assert_int_equal(unlinkat(job->base.plan.directory_fd, "small/filler", 0), 0);
    go(&job->base);
    assert_ends(&job->base, 5);
    assert_whole_lines(job, "small/log");
    assert_int_equal(umount2(path, MNT_DETACH), 0);
}

/* Mounts of these tests are nobody else's. */
static int in_private_mounts(void **state) {
    (void)state;
    if (unshare(CLONE_NEWNS) == 0)
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    return 0;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, job_setup, job_teardown)
    const struct CMUnitTest tests[] = {
        TEST(k8s_lines),
        TEST(json_lines),
        TEST(a_line_in_several_reads),
        TEST(long_lines_in_parts),
        TEST(no_character_is_cut_in_two),
        TEST(binary_bytes_in_k8s),
        TEST(special_bytes_in_json),
        TEST(every_place_of_a_special_byte),
        TEST(one_stream_alone_is_logged),
        TEST(rotation),
        TEST(rotation_with_one_file),
        TEST(rotation_of_single_records),
        TEST(reopened_by_order),
        TEST(the_mode_is_kept),
        TEST(a_torn_record_does_not_spoil_the_next),
        TEST(a_file_that_was_moved_is_not_emptied),
        TEST(a_file_that_was_cut_short_has_room),
        TEST(never_through_a_symbolic_link),
        TEST(never_to_what_is_no_file),
        TEST(a_limit_in_the_middle_of_a_record),
        TEST(a_full_disk),
    };
    return cmocka_run_group_tests(tests, in_private_mounts, NULL);
}
