/* SPDX-License-Identifier: Apache-2.0 */
/* process/identity. */
#include "directory_fixture.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "process/identity.h"

#define REST " 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654321 1 2 3\n"

static int parse(const char *text, struct process_stat *ret) {
    return identity_parse_stat(text, strlen(text), ret);
}

static void stat_is_parsed_for_any_name(void **state) {
    (void)state;
    static const char *const names[] = {"sh",   "", ")", "(", ") 1 2 (\n", "a) S 1 1 1 (b",
                                        "))))", " "};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char text[256];
        struct process_stat stat = {.pid = 0};
        snprintf(text, sizeof(text), "42 (%s) S 7 8 9" REST, names[i]);
        assert_int_equal(parse(text, &stat), 0);
        assert_int_equal(stat.pid, 42);
        assert_int_equal(stat.state, 'S');
        assert_int_equal(stat.parent, 7);
        assert_int_equal(stat.group, 8);
        assert_int_equal(stat.session, 9);
        assert_true(stat.start_time == 987654321);
    }
    /* As the kernel writes it of a process that it has almost forgotten. */
    struct process_stat stat;
    assert_int_equal(parse("42 (sh) X 0 -1 -1" REST, &stat), 0);
    assert_int_equal(stat.group, 0);
    assert_int_equal(parse("42 (sh) Z 0 0 0 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 "
                           "18446744073709551615 0",
                           &stat),
                     0);
    assert_true(stat.start_time == UINT64_MAX);
}

static void malformed_stat_is_refused(void **state) {
    (void)state;
    struct process_stat stat = {.pid = 77};
    static const char *const bad[] = {
        "",
        "42",
        "42 (sh",
        "42 sh) S 7 8 9" REST,
        "(sh) S 7 8 9" REST,
        " (sh) S 7 8 9" REST,
        "x (sh) S 7 8 9" REST,
        "-2 (sh) S 7 8 9" REST,
        "4294967296 (sh) S 7 8 9" REST,
        "42(sh) S 7 8 9" REST,
        "42 (sh)S 7 8 9" REST,
        "42 (sh) S7 8 9" REST,
        "42 (sh) S",
        "42 (sh) S ",
        "42 (sh) S 7 8 9",
        "42 (sh) S x 8 9" REST,
        "42 (sh) S -1 8 9" REST,
        "42 (sh) S 7 8  9" REST,
        "42 (sh) S 7 8 9 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 x 1",
        "42 (sh) S 7 8 9 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 18446744073709551616 1",
        "42 )sh( S 7 8 9" REST};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(parse(bad[i], &stat), -EBADMSG);
    assert_int_equal(stat.pid, 77);
    /* Cut anywhere before the end of the start time, it is refused and never misread. */
    static const char whole[] = "42 (a b) S 7 8 9" REST;
    size_t needed = (size_t)(strstr(whole, "987654321 ") - whole) + strlen("987654321 ");
    for (size_t length = 0; length < sizeof(whole); length++)
        assert_int_equal(identity_parse_stat(whole, length, &stat), length < needed ? -EBADMSG : 0);
}

/* A child that waits to be killed. */
static pid_t start_child(const char *name) {
    int fds[2];
    char byte;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t parent = getpid(), pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || (name && prctl(PR_SET_NAME, name) < 0))
            _exit(1);
        close(fds[1]);
        close(fds[0]);
        for (;;)
            pause();
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], &byte, 1), 0); /* now it has its name */
    close(fds[0]);
    return pid;
}

static void end_child(pid_t pid) {
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static struct shim_identity identify(pid_t pid) {
    struct shim_identity identity = {.size = sizeof(identity)};
    struct shim_error error = ERROR_NONE;
    assert_int_equal(identity_of(pid, &identity, &error), 0);
    return identity;
}

static void strange_names_do_not_matter(void **state) {
    struct directory *directory = *state;
    static const char *const names[] = {") 1 2 (\n", "a b c",         "((((",
                                        "))))",      ") Z 1 1 1 1 1", "\xff\x01"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        pid_t pid = start_child(names[i]);
        struct process_stat stat;
        assert_int_equal(identity_stat(pid, &stat, &directory->error), 0);
        assert_int_equal(stat.pid, pid);
        assert_int_equal(stat.parent, getpid());
        assert_int_equal(stat.group, getpgid(0));
        assert_int_equal(stat.session, getsid(0));
        assert_true(strchr("RS", stat.state));
        struct shim_identity identity = identify(pid);
        assert_true(identity.start_time == stat.start_time);
        assert_int_equal(identity_alive(&identity, &directory->error), 1);
        end_child(pid);
    }
}

static void identity_says_who_it_is(void **state) {
    struct directory *directory = *state;
    struct shim_identity identity = identify(getpid());
    char boot_id[40];
    assert_int_equal(identity.pid, getpid());
    assert_int_equal(identity_boot(boot_id, &directory->error), 0);
    assert_int_equal(strlen(boot_id), 36);
    assert_string_equal(identity.boot_id, boot_id);
    struct shim_identity other = identity;
    assert_true(identity_same(&identity, &other));
    other.start_time++;
    assert_false(identity_same(&identity, &other));
    other = identity;
    other.pid++;
    assert_false(identity_same(&identity, &other));
    other = identity;
    other.boot_id[0] ^= 1;
    assert_false(identity_same(&identity, &other));
    ASSERT_ERROR(directory, identity_of(0, &other, &directory->error), -ESRCH, "no process 0");
    ASSERT_ERROR(directory, identity_of(-1, &other, &directory->error), -ESRCH, "no process -1");
    ASSERT_ERROR(directory, identity_of(INT32_MAX, &other, &directory->error), -ESRCH,
                 "there is no process 2147483647");
    other.size = 8;
    ASSERT_ERROR(directory, identity_of(getpid(), &other, &directory->error), -EINVAL, "8 bytes");
    ASSERT_ERROR(directory, identity_alive(&other, &directory->error), -EINVAL, "8 bytes");
    ASSERT_ERROR(directory, identity_signal(&other, 0, &directory->error), -EINVAL, "8 bytes");
}

static void opened_process_tells_its_end(void **state) {
    struct directory *directory = *state;
    pid_t pid = start_child(NULL);
    struct shim_identity identity = identify(pid);
    int pidfd = -1;
    assert_int_equal(identity_open(&identity, &pidfd, &directory->error), 0);
    assert_int_equal(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    assert_int_equal(poll(&end, 1, 0), 0);
    assert_int_equal(identity_signal(&identity, 0, &directory->error), 0);
    assert_int_equal(identity_signal(&identity, SIGKILL, &directory->error), 0);
    assert_int_equal(poll(&end, 1, 20000), 1);
    close(pidfd);
    /* A zombie: over, but nobody else. */
    assert_int_equal(identity_alive(&identity, &directory->error), 0);
    assert_int_equal(identify(pid).start_time, identity.start_time);
    assert_int_equal(identity_open(&identity, &pidfd, &directory->error), 0);
    close(pidfd);
    ASSERT_ERROR(directory, identity_signal(&identity, SIGTERM, &directory->error), -ESRCH,
                 "is gone");
    end_child(pid);
    assert_int_equal(identity_alive(&identity, &directory->error), 0);
    ASSERT_ERROR(directory, identity_open(&identity, &pidfd, &directory->error), -ESRCH, "is gone");
    ASSERT_ERROR(directory, identity_signal(&identity, SIGTERM, &directory->error), -ESRCH,
                 "is gone");
}

static void stranger_is_never_touched(void **state) {
    struct directory *directory = *state;
    pid_t pid = start_child(NULL);
    struct shim_identity identity = identify(pid), other = identity;
    int pidfd = -1;
    other.start_time--;
    assert_int_equal(identity_alive(&other, &directory->error), 0);
    ASSERT_ERROR(directory, identity_open(&other, &pidfd, &directory->error), -ESRCH,
                 "its pid is another process's now");
    ASSERT_ERROR(directory, identity_signal(&other, SIGKILL, &directory->error), -ESRCH,
                 "another process's");
    other = identity;
    strcpy(other.boot_id, "00000000-0000-0000-0000-000000000000");
    assert_int_equal(identity_alive(&other, &directory->error), 0);
    ASSERT_ERROR(directory, identity_signal(&other, SIGKILL, &directory->error), -ESRCH,
                 "another boot");
    other = identity;
    other.pid = 0;
    assert_int_equal(identity_alive(&other, &directory->error), 0);
    ASSERT_ERROR(directory, identity_signal(&other, SIGKILL, &directory->error), -ESRCH, "gone");
    assert_int_equal(pidfd, -1);
    assert_int_equal(identity_alive(&identity, &directory->error), 1);
    ASSERT_ERROR(directory, identity_signal(&identity, 12345, &directory->error), -EINVAL,
                 "cannot send signal 12345");
    end_child(pid);
}

static void *stay(void *unused) {
    for (;;)
        pause();
    return unused;
}

/* The kernel calls a process a zombie as soon as its first thread has ended. */
static void process_outlives_its_first_thread(void **state) {
    struct directory *directory = *state;
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (pthread_create(&thread, NULL, stay, NULL) != 0)
            _exit(1);
        pthread_exit(NULL);
    }
    struct shim_identity identity = identify(pid);
    struct process_stat stat = {.state = 'R'};
    while (stat.state != 'Z' && identity_stat(pid, &stat, &directory->error) == 0)
        sched_yield();
    assert_int_equal(stat.state, 'Z');
    assert_int_equal(identity_alive(&identity, &directory->error), 1);
    assert_int_equal(identity_signal(&identity, SIGKILL, &directory->error), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(identity_alive(&identity, &directory->error), 0);
}

/* Runs as a stranger under a /proc that hides other users' processes. */
static bool hidden_is_not_dead(const struct shim_identity *identity) {
    struct shim_error error = ERROR_NONE;
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", 0, "hidepid=2") < 0 || setgid(12345) < 0 ||
        setuid(12345) < 0)
        return false;
    return identity_alive(identity, &error) == -EACCES &&
           strstr(error.message, "/proc does not show it") &&
           identity_signal(identity, SIGKILL, &error) == -EACCES;
}

static void hidden_process_is_not_taken_for_dead(void **state) {
    struct directory *directory = *state;
    if (geteuid() != 0)
        return; /* only root may mount */
    pid_t pid = start_child(NULL);
    struct shim_identity identity = identify(pid);
    pid_t observer = fork();
    if (observer == 0)
        _exit(hidden_is_not_dead(&identity) ? 0 : 1);
    int status;
    assert_int_equal(waitpid(observer, &status, 0), observer);
    assert_int_equal(status, 0);
    assert_int_equal(identity_alive(&identity, &directory->error), 1);
    end_child(pid);
}

static bool stranger_is_refused(const struct shim_identity *identity) {
    struct shim_error error = ERROR_NONE;
    return setuid(12345) == 0 && identity_alive(identity, &error) == 1 &&
           identity_signal(identity, SIGKILL, &error) == -EPERM;
}

static void other_users_process_is_alive_and_not_signalled(void **state) {
    struct directory *directory = *state;
    if (geteuid() != 0)
        return;
    pid_t pid = start_child(NULL);
    struct shim_identity identity = identify(pid);
    pid_t observer = fork();
    if (observer == 0)
        _exit(stranger_is_refused(&identity) ? 0 : 1);
    int status;
    assert_int_equal(waitpid(observer, &status, 0), observer);
    assert_int_equal(status, 0);
    assert_int_equal(identity_alive(&identity, &directory->error), 1);
    end_child(pid);
}

#define READ_PROCESS() identity_read_process(directory->fd, &identity, &directory->error)
#define READ_MONITOR() identity_read_monitor(directory->fd, &identity, &directory->error)
#define BOOT "01234567-89ab-cdef-0123-456789abcdef"

static void process_files_round_trip(void **state) {
    struct directory *directory = *state;
    struct shim_identity self = identify(getpid()), identity = {.size = 0};
    ASSERT_ERROR(directory, READ_PROCESS(), -ENOENT, "pid");
    ASSERT_ERROR(directory, READ_MONITOR(), -ENOENT, "monitor");
    assert_int_equal(identity_write_process(directory->fd, &self, &directory->error), 0);
    assert_int_equal(READ_PROCESS(), 0);
    assert_int_equal(identity.size, sizeof(identity));
    assert_true(identity_same(&self, &identity));
    memset(&identity, 0, sizeof(identity));
    assert_int_equal(identity_write_monitor(directory->fd, &self, &directory->error), 0);
    assert_int_equal(READ_MONITOR(), 0);
    assert_true(identity_same(&self, &identity));
    put_file(directory, "monitor", "7\n18446744073709551615\n" BOOT "\n");
    assert_int_equal(READ_MONITOR(), 0);
    assert_int_equal(identity.pid, 7);
    assert_true(identity.start_time == UINT64_MAX);
    assert_string_equal(identity.boot_id, BOOT);
    assert_int_equal(unlinkat(directory->fd, "starttime", 0), 0);
    ASSERT_ERROR(directory, READ_PROCESS(), -ENOENT, "starttime");
    self.size = 4;
    ASSERT_ERROR(directory, identity_write_process(directory->fd, &self, &directory->error),
                 -EINVAL, "4 bytes");
    ASSERT_ERROR(directory, identity_write_monitor(directory->fd, &self, &directory->error),
                 -EINVAL, "4 bytes");
}

static void malformed_process_files_are_shown(void **state) {
    struct directory *directory = *state;
    struct shim_identity identity = {.pid = 77};
    static const char *const bad[] = {"",
                                      "\n",
                                      "x\n",
                                      "-1\n" BOOT "\n",
                                      "12\n",
                                      "12",
                                      "12\n\n",
                                      "12\n" BOOT,
                                      "12\n" BOOT "\nx",
                                      "12\n" BOOT "\n\n",
                                      "12 \n" BOOT "\n",
                                      "12\n" BOOT "0\n",
                                      "18446744073709551616\n" BOOT "\n",
                                      "12\n01234567-89AB-cdef-0123-456789abcdef\n",
                                      "12\n0123\n"};
    put_file(directory, "pid", "12\n");
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char monitor[128];
        put_file(directory, "starttime", bad[i]);
        ASSERT_ERROR(directory, READ_PROCESS(), -EBADMSG, "starttime ");
        snprintf(monitor, sizeof(monitor), "7\n%s", bad[i]);
        put_file(directory, "monitor", monitor);
        ASSERT_ERROR(directory, READ_MONITOR(), -EBADMSG, "monitor is malformed; it holds `7\\n");
    }
    put_file(directory, "starttime", "12\n" BOOT "\n");
    assert_int_equal(READ_PROCESS(), 0);
    identity.pid = 77;
    static const char *const bad_pids[] = {"0\n", "-1\n", "2147483648\n", "12", "1\n2\n", "a\n"};
    for (size_t i = 0; i < sizeof(bad_pids) / sizeof(*bad_pids); i++) {
        put_file(directory, "pid", bad_pids[i]);
        ASSERT_ERROR(directory, READ_PROCESS(), -EBADMSG, "pid is malformed; it holds `");
    }
    put_file(directory, "pid", "\x1b[2J");
    ASSERT_ERROR(directory, READ_PROCESS(), -EBADMSG, "it holds `\\x1B[2J`");
    put_file(directory, "pid", "");
    ASSERT_ERROR(directory, READ_PROCESS(), -EBADMSG, "pid is empty");
    char digits[400] = "";
    memset(digits, '1', sizeof(digits) - 1);
    put_file(directory, "pid", digits);
    ASSERT_ERROR(directory, READ_PROCESS(), -EFBIG, "longer than");
    assert_int_equal(unlinkat(directory->fd, "pid", 0), 0);
    assert_int_equal(mkdirat(directory->fd, "pid", 0700), 0);
    ASSERT_ERROR(directory, READ_PROCESS(), -EINVAL, "not a regular file");
    assert_int_equal(identity.pid, 77);
}

/* Cut at any byte, a file is refused and never read as another identity. */
static void cut_files_are_never_misread(void **state) {
    struct directory *directory = *state;
    struct shim_identity identity;
    static const char monitor[] = "4711\n123456\n" BOOT "\n";
    for (size_t length = 0; length < sizeof(monitor) - 1; length++) {
        put_bytes(directory, "monitor", monitor, length);
        assert_int_equal(READ_MONITOR(), -EBADMSG);
        put_bytes(directory, "pid", monitor, length < 5 ? length : 5);
        put_bytes(directory, "starttime", monitor + 5, length < 5 ? 0 : length - 5);
        assert_int_equal(READ_PROCESS(), -EBADMSG);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stat_is_parsed_for_any_name),
        cmocka_unit_test(malformed_stat_is_refused),
        DIRECTORY_TEST(strange_names_do_not_matter),
        DIRECTORY_TEST(identity_says_who_it_is),
        DIRECTORY_TEST(opened_process_tells_its_end),
        DIRECTORY_TEST(stranger_is_never_touched),
        DIRECTORY_TEST(process_outlives_its_first_thread),
        DIRECTORY_TEST(hidden_process_is_not_taken_for_dead),
        DIRECTORY_TEST(other_users_process_is_alive_and_not_signalled),
        DIRECTORY_TEST(process_files_round_trip),
        DIRECTORY_TEST(malformed_process_files_are_shown),
        DIRECTORY_TEST(cut_files_are_never_misread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
