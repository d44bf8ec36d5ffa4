/* SPDX-License-Identifier: Apache-2.0 */
/* Launching a monitor: what can go wrong, in which words, and that nothing is left of it. */
#include "launch_fixture.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define assert_message(fixture, expected) assert_string_equal((fixture)->error.message, expected)

/* Messages name the process's directory. */
static void assert_message_with_directory(struct fixture *fixture, const char *before,
                                          const char *after) {
    char expected[512];
    snprintf(expected, sizeof(expected), "%s%s%s", before, fixture->directory, after);
    assert_message(fixture, expected);
}

/* ---- success ---- */

static void exit_codes_are_told(void **state) {
    static const int codes[] = {0, 1, 7, 127, 255};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char script[64];
        snprintf(script, sizeof(script), "sh -c 'read x < go; exit %d' & echo $! > .pid.runtime",
                 codes[i]);
        launch(*state, script);
        assert_content(*state, "status", "running\n");
        go(*state);
        assert_ends(*state, codes[i]);
        if (i + 1 < sizeof(codes) / sizeof(codes[0])) {
            teardown(state);
            setup(state);
        }
    }
}

static void signals_are_told(void **state) {
    launch(*state, "sleep 1000 & echo $! > .pid.runtime");
    kill(recorded_pid(*state), SIGTERM);
    assert_ends(*state, 143);
}

static void files_say_who_is_who(void **state) {
    struct fixture *fixture = *state;
    struct shim_identity process = {.size = sizeof(process)}, monitor = process, actual = process;
    fixture->plan.created = true;
    launch(fixture, "sleep 1000 & printf %s $! > .pid.runtime");
    assert_content(fixture, "status", "created\n");
    assert_int_equal(identity_read_process(fixture->plan.directory_fd, &process, NULL), 0);
    assert_int_equal(identity_of(recorded_pid(fixture), &actual, NULL), 0);
    assert_true(identity_same(&process, &actual));
    assert_int_equal(identity_read_monitor(fixture->plan.directory_fd, &monitor, NULL), 0);
    assert_int_equal(monitor.pid, fixture->pid);
    assert_int_equal(identity_of(fixture->pid, &actual, NULL), 0);
    assert_true(identity_same(&monitor, &actual));
    identity_signal(&process, SIGKILL, NULL);
    assert_ends(fixture, 137);
}

/* A process that is over before anybody could look at it is still known from its zombie. */
static void a_process_that_ends_at_once(void **state) {
    static const char *const environment[] = {"FAKE_RUNTIME_FAULT=create:dead", NULL};
    struct fixture *fixture = *state;
    struct shim_identity process = {.size = sizeof(process)};
    set_fake_runtime(fixture);
    fixture->plan.environment = environment;
    fixture->pid = launch_monitor(&fixture->plan, &fixture->error);
    assert_true(fixture->pid > 0);
    assert_int_equal(identity_read_process(fixture->plan.directory_fd, &process, NULL), 0);
    assert_true(process.start_time > 0);
    assert_ends(fixture, 137);
}

static void a_direct_process(void **state) {
    struct fixture *fixture = *state;
    fixture->plan.pid_file = NULL;
    launch(fixture, "read x < go; exit 3");
    go(fixture);
    assert_ends(fixture, 3);
}

static void a_direct_process_that_ends_at_once(void **state) {
    struct fixture *fixture = *state;
    fixture->plan.pid_file = NULL;
    launch(fixture, "exit 4");
    assert_ends(fixture, 4);
}

/* The exit status is complete whenever the exit FIFO closes. */
static void the_status_comes_before_the_end(void **state) {
    for (int i = 0; i < 20; i++) {
        struct fixture *fixture = *state;
        fixture->plan.pid_file = NULL;
        launch(fixture, "exit 5");
        await_exit(fixture);
        assert_content(fixture, "exitStatus", "5\n");
        reap(fixture->pid);
        teardown(state);
        setup(state);
    }
}

static void being_a_subreaper_ends_with_the_launch(void **state) {
    int before = -1, after = -1;
    prctl(PR_GET_CHILD_SUBREAPER, &before, 0, 0, 0);
    launch(*state, "sleep 1000 & echo $! > .pid.runtime");
    prctl(PR_GET_CHILD_SUBREAPER, &after, 0, 0, 0);
    assert_int_equal(before, after);
    kill(recorded_pid(*state), SIGKILL);
    assert_ends(*state, 137);
}

/* ---- the command fails ---- */

static void a_command_that_fails(void **state) {
    assert_int_equal(launch_fails(*state, "exit 3"), -ECHILD);
    assert_message((struct fixture *)*state,
                   "the runtime's create exited with status 3 before the process was created");
}

static void a_command_that_says_why(void **state) {
    launch_fails(*state, "echo '{\"level\":\"error\",\"msg\":\"no such bundle\",\"time\":\"x\"}' > "
                         "log.json; exit 1");
    assert_message(
        (struct fixture *)*state,
        "the runtime's create exited with status 1 before the process was created: no such "
        "bundle");
}

static void a_command_that_is_killed(void **state) {
    assert_int_equal(launch_fails(*state, "kill -11 $$"), -ECHILD);
    assert_message((struct fixture *)*state,
                   "the runtime's create was killed by signal 11 before the process was created");
}

static void a_command_that_hangs(void **state) {
    struct fixture *fixture = *state;
    fixture->plan.spawn_timeout = 200;
    add_cleanup(fixture, "echo cleaned > cleaned");
    assert_int_equal(launch_fails(fixture, "setsid sleep 1000 & echo $! > stray; sleep 1001 & "
                                           "echo $! > other; wait"),
                     -ETIMEDOUT);
    assert_message(fixture, "timed out after 200ms");
    assert_int_equal(fixture->error.reason, SHIM_REASON_TIMED_OUT);
    assert_true(gone(atoi(content(fixture, "stray"))));
    assert_true(gone(atoi(content(fixture, "other"))));
    assert_content(fixture, "cleaned", "cleaned\n");
}

static void a_command_that_is_not_there(void **state) {
    struct fixture *fixture = *state;
    fixture->command[0] = "/nowhere/runtime";
    assert_int_equal(launch_monitor(&fixture->plan, &fixture->error), -ECHILD);
    assert_message(fixture, "cannot execute /nowhere/runtime: No such file or directory");
    assert_int_equal(fixture->error.reason, SHIM_REASON_NONE);
}

static void a_direct_command_that_is_not_there(void **state) {
    struct fixture *fixture = *state;
    fixture->plan.pid_file = NULL;
    fixture->command[0] = "/nowhere/program";
    assert_int_equal(launch_monitor(&fixture->plan, &fixture->error), -ECHILD);
    assert_int_equal(fixture->error.reason, SHIM_REASON_NOT_FOUND);
    fixture->command[0] = "/etc/passwd";
    assert_int_equal(launch_monitor(&fixture->plan, &fixture->error), -ECHILD);
    assert_int_equal(fixture->error.reason, SHIM_REASON_NOT_EXECUTABLE);
}

/* The working directory is no place to take programs from. */
static void a_relative_command(void **state) {
    struct fixture *fixture = *state;
    fixture->command[0] = "program";
    put(fixture, "program", "#!/bin/sh\n");
    assert_int_equal(fchmodat(fixture->plan.directory_fd, "program", 0700, 0), 0);
    assert_int_equal(launch_monitor(&fixture->plan, &fixture->error), -ECHILD);
    assert_message(fixture, "cannot execute program: No such file or directory");
}

static void a_monitor_that_is_not_there(void **state) {
    struct fixture *fixture = *state;
    fixture->plan.monitor = "/nowhere/shimhost-monitor";
    assert_int_equal(launch_fails(fixture, "exit 0"), -ENOENT);
    assert_message(fixture,
                   "cannot start the monitor /nowhere/shimhost-monitor: No such file or directory");
}

/* ---- the pid file ---- */

static void no_pid_file(void **state) {
    assert_int_equal(launch_fails(*state, "exit 0"), -ECHILD);
    assert_message_with_directory(*state, "the runtime's create succeeded but wrote no pid file ",
                                  "/.pid.runtime");
}

static void not_a_pid(void **state) {
    static const char *const scripts[] = {
        "echo tomorrow > .pid.runtime",    ": > .pid.runtime",
        "echo 0 > .pid.runtime",           "echo -1 > .pid.runtime",
        "echo 12x > .pid.runtime",         "echo 99999999999 > .pid.runtime",
        "printf '1\\n2\\n' > .pid.runtime"};
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        assert_int_equal(launch_fails(*state, scripts[i]), -ECHILD);
        assert_message_with_directory(*state, "the runtime's create succeeded but its pid file ",
                                      "/.pid.runtime holds no pid");
    }
}

static void a_pid_that_nobody_has(void **state) {
    assert_int_equal(launch_fails(*state, "echo 2147483646 > .pid.runtime"), -ECHILD);
    assert_message_with_directory(
        *state, "the runtime's create succeeded but nobody has the pid in its pid file ",
        "/.pid.runtime");
}

/* What was there before the launch cannot be what was launched, and must not be harmed. */
static void a_strangers_pid(void **state) {
    char script[128];
    pid_t stranger = fork();
    if (stranger == 0) {
        pause();
        _exit(0);
    }
    struct timespec tick = {.tv_nsec = 30000000}; /* start times are that coarse */
    nanosleep(&tick, NULL);
    snprintf(script, sizeof(script), "echo %d > .pid.runtime", (int)stranger);
    assert_int_equal(launch_fails(*state, script), -ECHILD);
    assert_message_with_directory(*state,
                                  "the runtime's create succeeded but the pid in its pid file ",
                                  "/.pid.runtime is that of an older process");
    assert_int_equal(kill(stranger, 0), 0);
    kill(stranger, SIGKILL);
    waitpid(stranger, NULL, 0);
}

/* ---- the monitor dies ---- */

static void the_monitor_is_killed(void **state) {
    struct fixture *fixture = *state;
    add_cleanup(fixture, "echo cleaned > cleaned");
    assert_int_equal(launch_fails(fixture, "setsid sleep 1000 & echo $! > stray; kill -9 $PPID; "
                                           "sleep 1001 & echo $! > other; wait"),
                     -EPIPE);
    assert_message(fixture, "monitor died: killed by signal 9");
    assert_true(gone(atoi(content(fixture, "stray"))));
    assert_content(fixture, "cleaned", "cleaned\n");
}

/* The runtime has gone, its process is in a session of its own and was the dead monitor's child. */
static void the_monitor_is_killed_after_the_runtime_has_ended(void **state) {
    struct fixture *fixture = *state;
    add_cleanup(fixture, "echo cleaned > cleaned");
    assert_int_equal(
        launch_fails(fixture,
                     "export m=$PPID; kill -STOP $m; setsid sh -c '"
                     "echo $$ > .pid.runtime; echo $$ > stray; while read a b c parent d < "
                     "/proc/$$/stat; [ $parent != $m ]; do :; done; "
                     "kill -9 $m; exec sleep 1000' & exit 0"),
        -EPIPE);
    assert_message(fixture, "monitor died: killed by signal 9");
    assert_true(gone(atoi(content(fixture, "stray"))));
    assert_content(fixture, "cleaned", "cleaned\n");
}

static void another_monitor_is_not_harmed(void **state) {
    struct fixture *fixture = *state;
    void *other;
    setup(&other);
    launch(other, "setsid sleep 1000 & echo $! > .pid.runtime");
    assert_int_equal(launch_fails(fixture, "kill -9 $PPID; sleep 1000"), -EPIPE);
    assert_int_equal(kill(((struct fixture *)other)->pid, 0), 0);
    assert_int_equal(kill(recorded_pid(other), SIGTERM), 0);
    assert_ends(other, 143);
    teardown(&other);
}

/* ---- cancellation ---- */

/* A script that writes to `cancel` cancels its launch. */
static void open_cancel(struct fixture *fixture) {
    assert_int_equal(mkfifoat(fixture->plan.directory_fd, "cancel", 0600), 0);
    fixture->plan.cancel_fd = openat(fixture->plan.directory_fd, "cancel", O_RDWR | O_CLOEXEC);
    assert_true(fixture->plan.cancel_fd >= 0);
}

static void cancelled(void **state) {
    struct fixture *fixture = *state;
    open_cancel(fixture);
    add_cleanup(fixture, "echo cleaned > cleaned");
    assert_int_equal(
        launch_fails(fixture, "setsid sleep 1000 & echo $! > stray; echo x > cancel; wait"),
        -ECANCELED);
    assert_message(fixture, "cancelled");
    assert_int_equal(fixture->error.reason, SHIM_REASON_CANCELLED);
    assert_true(gone(atoi(content(fixture, "stray"))));
    assert_content(fixture, "cleaned", "cleaned\n");
    close(fixture->plan.cancel_fd);
}

static void cancelled_before_it_begins(void **state) {
    struct fixture *fixture = *state;
    fixture->plan.cancel_fd = eventfd(1, EFD_CLOEXEC);
    assert_int_equal(launch_fails(fixture, "sleep 1000"), -ECANCELED);
    close(fixture->plan.cancel_fd);
}

/* A monitor that does not even obey SIGTERM. */
static void a_stopped_monitor_is_killed(void **state) {
    struct fixture *fixture = *state;
    fixture->plan.spawn_timeout = 1000; /* time enough to stop it */
    assert_int_equal(launch_fails(fixture, "kill -STOP $PPID; sleep 1000"), -ETIMEDOUT);
    assert_message(fixture, "timed out after 1s");
}

/* ---- no pidfd is to be had ---- */

static void *launch_without_pidfd(void *user) {
    struct fixture *fixture = user;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EMFILE),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
        fixture->pid = launch_monitor(&fixture->plan, &fixture->error);
    return NULL;
}

/* In a thread of its own, which alone has that filter. */
static int without_pidfd(struct fixture *fixture, const char *script) {
    pthread_t thread;
    struct timespec limit;
    set_script(fixture, script);
    fixture->pid = 0;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += PATIENCE / 1000;
    assert_int_equal(pthread_create(&thread, NULL, launch_without_pidfd, fixture), 0);
    assert_int_equal(pthread_timedjoin_np(thread, NULL, &limit), 0);
    return fixture->pid;
}

static void without_a_pidfd(void **state) {
    struct fixture *fixture = *state;
    fixture->plan.pid_file = NULL;
    assert_true(without_pidfd(fixture, "read x < go; exit 6") > 0);
    go(fixture);
    assert_ends(fixture, 6);
}

static void without_a_pidfd_a_command_that_fails(void **state) {
    struct fixture *fixture = *state;
    fixture->plan.spawn_timeout = SHIM_FOREVER;
    assert_int_equal(without_pidfd(fixture, "exit 3"), -ECHILD);
    assert_message(fixture,
                   "the runtime's create exited with status 3 before the process was created");
}

/* The command is told to have been left, for it could not be killed for certain: it waits to be
 * told to go, and has become our child. */
static void assert_left(struct fixture *fixture, const char *why) {
    char words[256];
    snprintf(words, sizeof(words),
             "which the monitor left, cannot be killed for certain: Too many open files: %s", why);
    assert_non_null(strstr(fixture->error.message, words));
    go(fixture);
    assert_true(waitpid(-1, NULL, 0) > 0);
}

static void without_a_pidfd_the_monitor_is_killed(void **state) {
    struct fixture *fixture = *state;
    fixture->plan.spawn_timeout = SHIM_FOREVER;
    assert_int_equal(without_pidfd(fixture, "kill -9 $PPID; read x < go"), -EPIPE);
    assert_left(fixture, "monitor died: killed by signal 9");
}

static void without_a_pidfd_a_stopped_monitor_is_killed(void **state) {
    struct fixture *fixture = *state;
    open_cancel(fixture);
    assert_int_equal(without_pidfd(fixture, "kill -STOP $PPID; echo x > cancel; read x < go"),
                     -ECANCELED);
    assert_left(fixture, "cancelled");
    close(fixture->plan.cancel_fd);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(exit_codes_are_told),
        TEST(signals_are_told),
        TEST(files_say_who_is_who),
        TEST(a_process_that_ends_at_once),
        TEST(a_direct_process),
        TEST(a_direct_process_that_ends_at_once),
        TEST(the_status_comes_before_the_end),
        TEST(being_a_subreaper_ends_with_the_launch),
        TEST(a_command_that_fails),
        TEST(a_command_that_says_why),
        TEST(a_command_that_is_killed),
        TEST(a_command_that_hangs),
        TEST(a_command_that_is_not_there),
        TEST(a_direct_command_that_is_not_there),
        TEST(a_relative_command),
        TEST(a_monitor_that_is_not_there),
        TEST(no_pid_file),
        TEST(not_a_pid),
        TEST(a_pid_that_nobody_has),
        TEST(a_strangers_pid),
        TEST(the_monitor_is_killed),
        TEST(the_monitor_is_killed_after_the_runtime_has_ended),
        TEST(another_monitor_is_not_harmed),
        TEST(cancelled),
        TEST(cancelled_before_it_begins),
        TEST(a_stopped_monitor_is_killed),
        TEST(without_a_pidfd),
        TEST(without_a_pidfd_a_command_that_fails),
        TEST(without_a_pidfd_the_monitor_is_killed),
        TEST(without_a_pidfd_a_stopped_monitor_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
