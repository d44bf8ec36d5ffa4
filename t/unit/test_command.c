/* SPDX-License-Identifier: Apache-2.0 */
/* process/command. The programs that are run are this test itself, as a helper, and the shell. */
#include "capabilities.h"
#include "directory_fixture.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/sized.h"
#include "process/command.h"

#define A_WHILE 30000 /* milliseconds; a test that takes them has failed */

struct outcome {
    struct shim_output output;
    char *errors;
};

static void outcome_clear(struct outcome *outcome) {
    free(outcome->output.text);
    free(outcome->errors);
}
#define AUTO_OUTCOME __attribute__((cleanup(outcome_clear)))
#define OUTCOME_EMPTY                                                                              \
    {                                                                                              \
        .output = {.size = sizeof(struct shim_output) }                                            \
    }

static const char *const environment[] = {"PATH=/usr/bin:/bin", "GREETING=hello", NULL};

/* A shell with this script. */
#define SHELL(script)                                                                              \
    (struct command) {                                                                             \
        .argv = (const char *const[]){"/bin/sh", "-c", script, NULL}, .environment = environment,  \
        .directory_fd = -1, .timeout = A_WHILE, .cancel_fd = -1                                    \
    }

static int run(struct directory *directory, struct command command, struct outcome *outcome) {
    if (!command.merge_errors)
        command.ret_errors = &outcome->errors;
    return command_run(&command, &outcome->output, &directory->error);
}

#define EXPECT_OUTPUT(script, status, expected)                                                    \
    do {                                                                                           \
        struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY;                                       \
        assert_int_equal(run(directory, SHELL(script), &outcome), 0);                              \
        assert_string_equal(outcome.output.text, (expected));                                      \
        assert_int_equal(outcome.output.length, strlen(expected));                                 \
        assert_int_equal(outcome.output.exit_status, (status));                                    \
        assert_int_equal(outcome.output.flags, 0);                                                 \
    } while (0)

static void exit_status_and_output_come_back(void **state) {
    struct directory *directory = *state;
    EXPECT_OUTPUT("exit 0", 0, "");
    EXPECT_OUTPUT("echo one; echo two; exit 7", 7, "one\ntwo\n");
    EXPECT_OUTPUT("exit 255", 255, "");
    EXPECT_OUTPUT("echo $GREETING; env | grep -c GREETING", 0, "hello\n1\n");
    EXPECT_OUTPUT("kill -KILL $$", 137, "");
    EXPECT_OUTPUT("echo last words; kill -TERM $$", 143, "last words\n");
    EXPECT_OUTPUT("cat; echo end", 0, "end\n"); /* standard input is at its end */
}

static void errors_are_kept_apart_or_merged_or_dropped(void **state) {
    struct directory *directory = *state;
    struct outcome apart AUTO_OUTCOME = OUTCOME_EMPTY, merged AUTO_OUTCOME = OUTCOME_EMPTY,
                         dropped AUTO_OUTCOME = OUTCOME_EMPTY;
    struct command command = SHELL("echo out; echo err >&2");
    assert_int_equal(run(directory, command, &apart), 0);
    assert_string_equal(apart.output.text, "out\n");
    assert_string_equal(apart.errors, "err\n");
    command.merge_errors = true;
    assert_int_equal(run(directory, command, &merged), 0);
    assert_string_equal(merged.output.text, "out\nerr\n");
    assert_null(merged.errors);
    command.merge_errors = false;
    assert_int_equal(command_run(&command, &dropped.output, &directory->error), 0);
    assert_string_equal(dropped.output.text, "out\n");
}

static void output_is_capped_and_read_to_its_end(void **state) {
    struct directory *directory = *state;
    struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY, exact AUTO_OUTCOME = OUTCOME_EMPTY;
    assert_int_equal(
        run(directory, SHELL("head -c 5000000 /dev/zero | tr '\\0' x; echo >&2"), &outcome), 0);
    assert_int_equal(outcome.output.exit_status, 0);
    assert_int_equal(outcome.output.length, COMMAND_OUTPUT_MAX);
    assert_int_equal(strlen(outcome.output.text), COMMAND_OUTPUT_MAX);
    assert_int_equal(outcome.output.flags, SHIM_OUTPUT_TRUNCATED);
    assert_int_equal(run(directory, SHELL("head -c 1048576 /dev/zero"), &exact), 0);
    assert_int_equal(exact.output.length, COMMAND_OUTPUT_MAX);
    assert_int_equal(exact.output.flags, 0);
}

static void last_errors_are_kept(void **state) {
    struct directory *directory = *state;
    struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY;
    assert_int_equal(run(directory,
                         SHELL("{ echo first; head -c 1000000 /dev/zero | tr '\\0' x; "
                               "echo; echo last; } >&2"),
                         &outcome),
                     0);
    assert_int_equal(strlen(outcome.errors), COMMAND_ERRORS_MAX);
    assert_null(strstr(outcome.errors, "first"));
    assert_string_equal(outcome.errors + COMMAND_ERRORS_MAX - 7, "x\nlast\n");
}

static void deadline_passes(void **state) {
    struct directory *directory = *state;
    struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY, at_once AUTO_OUTCOME = OUTCOME_EMPTY;
    struct command command = SHELL("exec sleep 1000");
    command.timeout = 100;
    int64_t before = clock_milliseconds();
    ASSERT_ERROR(directory, run(directory, command, &outcome), -ETIMEDOUT,
                 "timed out after 0.1s: /bin/sh -c 'exec sleep 1000'; it was killed");
    assert_true(clock_milliseconds() - before >= 99);
    assert_int_equal(directory->error.reason, SHIM_REASON_TIMED_OUT);
    assert_null(outcome.output.text);
    assert_string_equal(outcome.errors, "");
    command.timeout = 0;
    assert_int_equal(run(directory, command, &at_once), -ETIMEDOUT);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void output_without_end_does_not_put_the_deadline_off(void **state) {
    struct directory *directory = *state;
    struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY;
    struct command command = SHELL("exec yes");
    command.timeout = 100;
    assert_int_equal(run(directory, command, &outcome), -ETIMEDOUT);
}

/* The program itself cancels, through a FIFO, so that it has certainly come so far; and its whole
 * group holds another one open. */
static void cancellation_kills_the_group(void **state) {
    struct directory *directory = *state;
    struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY;
    assert_int_equal(mkfifoat(directory->fd, "cancel", 0600), 0);
    assert_int_equal(mkfifoat(directory->fd, "alive", 0600), 0);
    int alive = openat(directory->fd, "alive", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct command command = SHELL("trap '' TERM HUP INT; exec 3>alive; sleep 1000 & "
                                   "echo why >&2; echo now >cancel; sleep 1000");
    command.directory_fd = directory->fd;
    command.timeout = SHIM_FOREVER;
    command.cancel_fd = openat(directory->fd, "cancel", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    ASSERT_ERROR(directory, run(directory, command, &outcome), -ECANCELED, "cancelled: /bin/sh");
    assert_int_equal(directory->error.reason, SHIM_REASON_CANCELLED);
    assert_null(outcome.output.text);
    assert_string_equal(outcome.errors, "why\n");
    struct pollfd end = {.fd = alive, .events = POLLIN};
    assert_int_equal(poll(&end, 1, A_WHILE), 1);
    assert_int_equal(end.revents, POLLHUP);
    close(alive);
    close(command.cancel_fd);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void canceller_that_goes_away_cancels(void **state) {
    struct directory *directory = *state;
    struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    struct command command = SHELL("exec sleep 1000");
    command.cancel_fd = fds[0];
    close(fds[1]);
    ASSERT_ERROR(directory, run(directory, command, &outcome), -ECANCELED, "it was killed");
    close(fds[0]);
}

static void what_cannot_be_executed_is_told_exactly(void **state) {
    struct directory *directory = *state;
    struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY;
    struct command command = SHELL("");
    char path[128];
#define RUN(program)                                                                               \
    (command.argv = (const char *const[]){program, "x", NULL}, run(directory, command, &outcome))
    ASSERT_ERROR(directory, RUN("/usr/bin/no-such-runtime"), -ENOENT,
                 "cannot execute /usr/bin/no-such-runtime: No such file or directory");
    ASSERT_ERROR(directory, RUN("/etc"), -EACCES, "cannot execute /etc: Permission denied");
    put_file(directory, "script", "no magic");
    snprintf(path, sizeof(path), "%s/script", directory->path);
    ASSERT_ERROR(directory, RUN(path), -EACCES, "Permission denied");
    assert_int_equal(fchmodat(directory->fd, "script", 0700, 0), 0);
    ASSERT_ERROR(directory, RUN(path), -ENOEXEC, "Exec format error");
    ASSERT_ERROR(directory, RUN("sh"), -EINVAL, "cannot run sh: expected an absolute path");
    command.argv = (const char *const[]){NULL};
    ASSERT_ERROR(directory, run(directory, command, &outcome), -EINVAL, "empty command");
    command = SHELL("exit 0");
    command.directory_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ASSERT_ERROR(directory, run(directory, command, &outcome), -ENOTDIR,
                 "cannot enter the working directory of /bin/sh: Not a directory");
    close(command.directory_fd);
    command.directory_fd = -1;
    const uint32_t least = SIZE_THROUGH(struct shim_output, flags);
    outcome.output.size = least - 1;
    ASSERT_ERROR(directory, run(directory, command, &outcome), -EINVAL, "an output of ");
    assert_null(outcome.output.text);
    assert_null(outcome.errors);
    outcome.output.size = least; /* as the first edition has it, whatever has come since */
    assert_int_equal(run(directory, command, &outcome), 0);
    assert_int_equal(outcome.output.size, least);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* ---- what the program gets; run by this program as a helper ---- */

static int helper(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{.inheritable = 1}};
    sigset_t mask;
    int blocked = 0, ignored = 0, ambient = 0, open_fds = 0;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int signal = 1; signal <= SIGRTMAX; signal++) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        blocked += sigismember(&mask, signal) == 1;
        sigaction(signal, NULL, &action);
        ignored += action.sa_handler == SIG_IGN; /* a sanitizer has handlers of its own */
    }
    for (int capability = 0; capability < 64; capability++)
        ambient += prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) == 1;
    for (int fd = 0; fd < 1024; fd++)
        open_fds += fcntl(fd, F_GETFD) >= 0;
    syscall(SYS_capget, &header, data);
    char directory[4096] = "";
    printf("fds %d blocked %d ignored %d ambient %d inheritable %x%x group %d umask %o cwd %s\n",
           open_fds, blocked, ignored, ambient, data[0].inheritable, data[1].inheritable,
           getpgid(0) == getpid(), umask(0), getcwd(directory, sizeof(directory)));
    return 0;
}

static struct command helper_command(void) {
    static const char *const argv[] = {"/proc/self/exe", "--helper", NULL};
    struct command command = SHELL("");
    command.argv = argv;
    return command;
}

static void ignore(int signal) {
    (void)signal;
}

/* What surrounds the caller, to see that it is left alone. */
struct surroundings {
    sigset_t mask;
    void (*child_handler)(int);
    char directory[4096];
    mode_t umask;
    struct __user_cap_data_struct capabilities[2];
};

static void look_around(struct surroundings *around) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    memset(around, 0, sizeof(*around));
    sigprocmask(SIG_SETMASK, NULL, &around->mask);
    struct sigaction action;
    sigaction(SIGCHLD, NULL, &action);
    around->child_handler = action.sa_handler;
    assert_non_null(getcwd(around->directory, sizeof(around->directory)));
    around->umask = umask(0);
    umask(around->umask);
    syscall(SYS_capget, &header, around->capabilities);
}

/* In a process of its own, which it bends as badly as it can. */
static bool program_gets_a_clean_start(struct directory *directory) {
    struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY;
    struct surroundings before, after;
    sigset_t mask;
    sigfillset(&mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    for (int signal = 1; signal <= SIGRTMAX; signal++)
        sigaction(signal, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = ignore}, NULL);
    umask(0);
    set_inheritable(true);
    for (int fd = 100; fd < 110; fd++)
        dup2(directory->fd, fd); /* not close-on-exec */
    look_around(&before);
    struct command command = helper_command();
    if (run(directory, command, &outcome) != 0)
        return false;
    look_around(&after);
    return strcmp(outcome.output.text, "fds 3 blocked 0 ignored 0 ambient 0 inheritable 00 group 1 "
                                       "umask 22 cwd /\n") == 0 &&
           memcmp(&before, &after, sizeof(before)) == 0;
}

static void in_a_process_of_its_own(struct directory *directory, bool (*test)(struct directory *)) {
    pid_t pid = fork();
    if (pid == 0) {
        bool right = test(directory);
        if (!right)
            dprintf(STDERR_FILENO, "# %s\n", directory->error.message);
        _exit(right ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void program_and_caller_do_not_touch_each_other(void **state) {
    in_a_process_of_its_own(*state, program_gets_a_clean_start);
}

static bool works_without_standard_descriptors(struct directory *directory) {
    struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY;
    struct command command = helper_command();
    char expected[160];
    command.directory_fd = dup2(directory->fd, 1);
    close(0);
    close(2);
    snprintf(expected, sizeof(expected), "cwd %s\n", directory->path);
    return run(directory, command, &outcome) == 0 &&
           strncmp(outcome.output.text, "fds 3 ", 6) == 0 && strstr(outcome.output.text, expected);
}

static void standard_descriptors_may_be_closed(void **state) {
    in_a_process_of_its_own(*state, works_without_standard_descriptors);
}

static bool lost_status_is_an_error(struct directory *directory) {
    struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY;
    signal(SIGCHLD, SIG_IGN);
    return run(directory, SHELL("exit 0"), &outcome) == -ECHILD &&
           strstr(directory->error.message, "SIGCHLD is ignored");
}

static void ignored_children_are_not_guessed_at(void **state) {
    in_a_process_of_its_own(*state, lost_status_is_an_error);
}

static bool no_descriptor_is_left(struct directory *directory) {
    struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY;
    int before = dup(0);
    close(before);
    struct command command = SHELL("exit 3");
    if (run(directory, command, &outcome) != 0)
        return false;
    command.argv = (const char *const[]){"/no/such", NULL};
    command.merge_errors = true;
    if (run(directory, command, &outcome) != -ENOENT)
        return false;
    int after = dup(0);
    return before == after;
}

static void descriptors_do_not_leak(void **state) {
    in_a_process_of_its_own(*state, no_descriptor_is_left);
}

/* Every descriptor that it needs is refused in turn. */
static bool lack_of_descriptors_is_an_error(struct directory *directory) {
    int lowest = dup(0), lacking = 0;
    close(lowest);
    for (int limit = lowest; limit < lowest + 12; limit++) {
        struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY;
        if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)limit, 1024}) < 0)
            return false;
        int r = run(directory, SHELL("exit 3"), &outcome);
        if (r == 0 && outcome.output.exit_status == 3)
            return lacking >= 6 && waitpid(-1, NULL, WNOHANG) == -1;
        if (r != -EMFILE)
            return false;
        lacking++;
    }
    return false;
}

static void descriptors_may_run_out(void **state) {
    in_a_process_of_its_own(*state, lack_of_descriptors_is_an_error);
}

/* ---- other processes ---- */

static void grandchild_that_holds_the_output_delays_nothing(void **state) {
    struct directory *directory = *state;
    struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY;
    int64_t before = clock_milliseconds();
    assert_int_equal(run(directory, SHELL("sleep 1000 & echo $!; echo gone >&2; exit 5"), &outcome),
                     0);
    assert_true(clock_milliseconds() - before < A_WHILE / 2);
    assert_int_equal(outcome.output.exit_status, 5);
    assert_string_equal(outcome.errors, "gone\n");
    pid_t grandchild = (pid_t)strtol(outcome.output.text, NULL, 10);
    assert_true(grandchild > 1);
    assert_int_equal(kill(grandchild, SIGKILL), 0); /* it was left alone */
}

static void grandchild_that_goes_on_writing_delays_nothing(void **state) {
    struct directory *directory = *state;
    struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY;
    assert_int_equal(run(directory, SHELL("yes & exit 6"), &outcome), 0);
    assert_int_equal(outcome.output.exit_status, 6); /* and SIGPIPE ends the other one */
}

static void other_children_are_left_alone(void **state) {
    struct directory *directory = *state;
    struct outcome outcome AUTO_OUTCOME = OUTCOME_EMPTY;
    pid_t ended = fork();
    if (ended == 0)
        _exit(9);
    pid_t living = fork();
    if (living == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)ended, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(run(directory, SHELL("exit 1"), &outcome), 0);
    struct command command = SHELL("exec sleep 1000");
    command.timeout = 1;
    struct outcome late AUTO_OUTCOME = OUTCOME_EMPTY;
    assert_int_equal(run(directory, command, &late), -ETIMEDOUT);
    int status;
    assert_int_equal(waitpid(living, &status, WNOHANG), 0);
    assert_int_equal(waitpid(ended, &status, 0), ended);
    assert_int_equal(WEXITSTATUS(status), 9);
    kill(living, SIGKILL);
    assert_int_equal(waitpid(living, &status, 0), living);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--helper") == 0)
        return helper();
    const struct CMUnitTest tests[] = {
        DIRECTORY_TEST(exit_status_and_output_come_back),
        DIRECTORY_TEST(errors_are_kept_apart_or_merged_or_dropped),
        DIRECTORY_TEST(output_is_capped_and_read_to_its_end),
        DIRECTORY_TEST(last_errors_are_kept),
        DIRECTORY_TEST(deadline_passes),
        DIRECTORY_TEST(output_without_end_does_not_put_the_deadline_off),
        DIRECTORY_TEST(cancellation_kills_the_group),
        DIRECTORY_TEST(canceller_that_goes_away_cancels),
        DIRECTORY_TEST(what_cannot_be_executed_is_told_exactly),
        DIRECTORY_TEST(program_and_caller_do_not_touch_each_other),
        DIRECTORY_TEST(standard_descriptors_may_be_closed),
        DIRECTORY_TEST(ignored_children_are_not_guessed_at),
        DIRECTORY_TEST(descriptors_do_not_leak),
        DIRECTORY_TEST(descriptors_may_run_out),
        DIRECTORY_TEST(grandchild_that_holds_the_output_delays_nothing),
        DIRECTORY_TEST(grandchild_that_goes_on_writing_delays_nothing),
        DIRECTORY_TEST(other_children_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
