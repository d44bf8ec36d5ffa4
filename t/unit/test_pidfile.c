/* SPDX-License-Identifier: Apache-2.0 */
/* process/pidfile. */
#include "directory_fixture.h"

#include <sched.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "process/identity.h"
#include "process/pidfile.h"

#define A_WHILE 20000 /* milliseconds; a test that takes them has failed */

static void pid_is_written_and_read(void **state) {
    struct directory *directory = *state;
    pid_t pid = 0;
    char *text;
    size_t length;
    assert_int_equal(pidfile_write(directory->fd, "pid", 4711, &directory->error), 0);
    assert_int_equal(file_read_at(directory->fd, "pid", 10, &text, &length, NULL), 0);
    assert_string_equal(text, "4711\n");
    free(text);
    assert_int_equal(pidfile_read(directory->fd, "pid", &pid, &directory->error), 0);
    assert_int_equal(pid, 4711);
    put_file(directory, "pid", "2147483647"); /* as runtimes write it */
    assert_int_equal(pidfile_read(directory->fd, "pid", &pid, &directory->error), 0);
    assert_int_equal(pid, INT32_MAX);
    ASSERT_ERROR(directory, pidfile_write(directory->fd, "pid", 0, &directory->error), -EINVAL,
                 "0 is not a pid");
    ASSERT_ERROR(directory, pidfile_write(directory->fd, "pid", -1, &directory->error), -EINVAL,
                 "not a pid");
}

static void what_is_no_pid_is_shown(void **state) {
    struct directory *directory = *state;
    pid_t pid = 77;
    static const char *const bad[] = {
        "\n",   "0\n",   "-1\n",   "+1\n",         " 1\n",
        "1 \n", "1\n\n", "1\n2\n", "0x10\n",       "1.5",
        "12a",  "a12",   "1\r\n",  "2147483648\n", "99999999999999999999\n"};
#define READ() pidfile_read(directory->fd, "pid", &pid, &directory->error)
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        put_file(directory, "pid", bad[i]);
        ASSERT_ERROR(directory, READ(), -EBADMSG, "pid does not hold a pid but `");
    }
    put_file(directory, "pid", "\x1b[31mrm -rf\n");
    ASSERT_ERROR(directory, READ(), -EBADMSG, "but `\\x1B[31mrm -rf\\n`");
    put_bytes(directory, "pid", "12\0", 3);
    ASSERT_ERROR(directory, READ(), -EBADMSG, "but `12\\x00`");
    put_file(directory, "pid", "");
    ASSERT_ERROR(directory, READ(), -EBADMSG, "it is empty");
    char digits[200] = "";
    memset(digits, '1', sizeof(digits) - 1);
    put_file(directory, "pid", digits);
    ASSERT_ERROR(directory, READ(), -EBADMSG, "it is longer than");
    assert_int_equal(unlinkat(directory->fd, "pid", 0), 0);
    ASSERT_ERROR(directory, READ(), -ENOENT, "cannot read pid");
    assert_int_equal(symlinkat("elsewhere", directory->fd, "pid"), 0);
    ASSERT_ERROR(directory, READ(), -ELOOP, "symbolic link");
    assert_int_equal(pid, 77);
}

/* A child that does something once its parent is asleep, so that it is an event that wakes the
 * parent. Nothing tells when that is; so it looks, instead of guessing from the time. */
static pid_t when_parent_sleeps(void) {
    struct process_stat stat = {.state = 'R'};
    pid_t parent = getpid(), pid = fork();
    while (pid == 0 && stat.state != 'S' && identity_stat(parent, &stat, NULL) == 0)
        sched_yield();
    return pid;
}

static void expect_child(pid_t pid) {
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

#define AWAIT(timeout, cancel_fd)                                                                  \
    pidfile_await(directory->fd, "pid", timeout, cancel_fd, &pid, &directory->error)

static void pid_that_is_there_is_read_at_once(void **state) {
    struct directory *directory = *state;
    pid_t pid = 0;
    put_file(directory, "pid", "12\n");
    assert_int_equal(AWAIT(0, -1), 0);
    assert_int_equal(pid, 12);
}

static void renamed_pid_file_wakes(void **state) {
    struct directory *directory = *state;
    pid_t pid = 0, child = when_parent_sleeps();
    if (child == 0)
        _exit(pidfile_write(directory->fd, "pid", 4711, NULL) < 0);
    assert_int_equal(AWAIT(A_WHILE, -1), 0);
    assert_int_equal(pid, 4711);
    expect_child(child);
}

/* Other files come and go, and it is empty for a time. */
static void pid_file_written_in_place_wakes(void **state) {
    struct directory *directory = *state;
    pid_t pid = 0, child = when_parent_sleeps();
    if (child == 0) {
        file_write_at(directory->fd, "other", "1\n", 2, NULL);
        int fd = openat(directory->fd, "pid", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        unlinkat(directory->fd, "other", 0);
        _exit(write(fd, "4711", 4) != 4);
    }
    assert_int_equal(AWAIT(SHIM_FOREVER, -1), 0);
    assert_int_equal(pid, 4711);
    expect_child(child);
}

static void malformed_pid_file_ends_the_wait(void **state) {
    struct directory *directory = *state;
    pid_t pid = 77, child = when_parent_sleeps();
    if (child == 0)
        _exit(file_write_at(directory->fd, "pid", "no\n", 3, NULL) < 0);
    ASSERT_ERROR(directory, AWAIT(A_WHILE, -1), -EBADMSG, "but `no\\n`");
    assert_int_equal(pid, 77);
    expect_child(child);
}

static void wait_times_out(void **state) {
    struct directory *directory = *state;
    pid_t pid = 77;
    ASSERT_ERROR(directory, AWAIT(0, -1), -ETIMEDOUT, "timed out while waiting for pid");
    assert_int_equal(directory->error.reason, SHIM_REASON_TIMED_OUT);
    put_file(directory, "pid", ""); /* which is not there yet */
    int64_t before = clock_milliseconds();
    ASSERT_ERROR(directory, AWAIT(50, -1), -ETIMEDOUT, "timed out");
    assert_true(clock_milliseconds() - before >= 49);
    assert_int_equal(pid, 77);
}

static void wait_is_cancelled(void **state) {
    struct directory *directory = *state;
    pid_t pid = 77;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t child = when_parent_sleeps();
    if (child == 0)
        _exit(write(fds[1], "x", 1) != 1);
    ASSERT_ERROR(directory, AWAIT(A_WHILE, fds[0]), -ECANCELED, "cancelled while waiting for pid");
    assert_int_equal(directory->error.reason, SHIM_REASON_CANCELLED);
    expect_child(child);
    close(fds[1]);
    char byte;
    assert_int_equal(read(fds[0], &byte, 1), 1);
    ASSERT_ERROR(directory, AWAIT(A_WHILE, fds[0]), -ECANCELED, "cancelled"); /* at its end */
    close(fds[0]);
    assert_int_equal(pid, 77);
}

static void removed_directory_ends_the_wait(void **state) {
    struct directory *directory = *state;
    pid_t pid = 77, child = when_parent_sleeps();
    if (child == 0)
        _exit(rmdir(directory->path) < 0);
    ASSERT_ERROR(directory, AWAIT(A_WHILE, -1), -ESTALE, "its directory was removed");
    expect_child(child);
    ASSERT_ERROR(directory, AWAIT(A_WHILE, -1), -ESTALE, "its directory was removed");
    assert_int_equal(pid, 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DIRECTORY_TEST(pid_is_written_and_read),
        DIRECTORY_TEST(what_is_no_pid_is_shown),
        DIRECTORY_TEST(pid_that_is_there_is_read_at_once),
        DIRECTORY_TEST(renamed_pid_file_wakes),
        DIRECTORY_TEST(pid_file_written_in_place_wakes),
        DIRECTORY_TEST(malformed_pid_file_ends_the_wait),
        DIRECTORY_TEST(wait_times_out),
        DIRECTORY_TEST(wait_is_cancelled),
        DIRECTORY_TEST(removed_directory_ends_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
