/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of launching and of the monitor share: a process's directory, a plan, and ways to
 * wait for what happens. */
#ifndef SHIMHOST_T_UNIT_LAUNCH_FIXTURE_H
#define SHIMHOST_T_UNIT_LAUNCH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "process/identity.h"
#include "process/launch.h"

#define PATIENCE                                                                                   \
    20000 /* milliseconds until a test gives up on something that should happen at once */

struct fixture {
    char directory[64];
    char monitor[PATH_MAX], runtime[PATH_MAX]; /* the programs */
    int exit_fd; /* opened before there is a monitor: its hang-up means that the process is over */
    int go_fd;   /* the FIFO that scripts wait for, open for as long as they may read it */
    pid_t pid;   /* the monitor's */
    const char *command[8];
    const char *cleanup_argv[4][8];
    const char *const *cleanup[5];
    size_t cleanups;
    struct launch_plan plan;
    struct shim_error error;
};

static const char *const plain_environment[] = {"PATH=/usr/bin:/bin", NULL};

/* Where the build left its programs. */
static inline const char *built(const char *name, char buffer[PATH_MAX]) {
    const char *build = getenv("SHIMHOST_TEST_BUILD");
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", build ? build : ".", name);
    assert_non_null(realpath(path, buffer));
    return buffer;
}

static inline int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/shimhost-launch-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    built("host/monitor/shimhost-monitor", fixture->monitor);
    int fd = open(fixture->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(mkfifoat(fd, "exit", 0600), 0);
    assert_int_equal(mkfifoat(fd, "go", 0600), 0);
    fixture->exit_fd = openat(fd, "exit", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    fixture->go_fd = openat(fd, "go", O_RDWR | O_CLOEXEC);
    fixture->error.size = sizeof(fixture->error);
    fixture->plan = (struct launch_plan){
        .monitor = fixture->monitor,
        .directory = fixture->directory,
        .directory_fd = fd,
        .container = "box",
        .process = "init",
        .command = fixture->command,
        .action = "create",
        .cleanup = fixture->cleanup,
        .environment = plain_environment,
        .pid_file = ".pid.runtime",
        .runtime_log = "log.json",
        .streams = {-1, -1, -1},
        .spawn_timeout = PATIENCE,
        .cleanup_timeout = PATIENCE,
        .cancel_fd = -1,
    };
    *state = fixture;
    return 0;
}

static inline int remove_entry(const char *path, const struct stat *status, int type,
                               struct FTW *walk) {
    (void)status, (void)type, (void)walk;
    return remove(path);
}

/* The text of a file in the directory, in a buffer that the next call reuses; NULL if there is
 * none. */
static inline const char *content(const struct fixture *fixture, const char *name) {
    static char buffer[128 * 1024];
    int fd = openat(fixture->plan.directory_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    ssize_t got = read(fd, buffer, sizeof(buffer) - 1);
    close(fd);
    assert_true(got >= 0);
    buffer[got] = '\0';
    return buffer;
}

static inline void end_child(pid_t pid) {
    if (pid > 0 && waitpid(pid, NULL, WNOHANG) == 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
}

/* Nothing that a test launched is left, not even as a zombie. What one leaves all the same, as one
 * that has failed does, is not left to those after it. */
static inline int teardown(void **state) {
    struct fixture *fixture = *state;
    bool left = waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD;
    const char *process = content(fixture, "pid");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    end_child(fixture->pid);
    end_child(process ? atoi(process) : 0);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    close(fixture->exit_fd);
    close(fixture->go_fd);
    close(fixture->plan.directory_fd);
    nftw(fixture->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    assert_false(left);
    return 0;
}

/* The launch command is this shell script, run in the process's directory. */
static inline void set_script(struct fixture *fixture, const char *script) {
    fixture->command[0] = "/bin/sh";
    fixture->command[1] = "-c";
    fixture->command[2] = script;
    fixture->command[3] = NULL;
}

static inline void put(const struct fixture *fixture, const char *name, const char *text) {
    int fd =
        openat(fixture->plan.directory_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* The launch command is the fake runtime, which creates a container that would exit with 0. */
static inline void set_fake_runtime(struct fixture *fixture) {
    const char *words[] = {fixture->runtime, "--root",       "fake", "create",
                           "--pid-file",     ".pid.runtime", "box",  NULL};
    built("t/fake-runtime/fake-runtime", fixture->runtime);
    put(fixture, "config.json", "{\"process\":{\"args\":[\"/bin/true\"],\"cwd\":\"/\"}}");
    memcpy(fixture->command, words, sizeof(words));
}

/* One more cleanup command. */
static inline void add_cleanup(struct fixture *fixture, const char *script) {
    const char **argv = fixture->cleanup_argv[fixture->cleanups];
    argv[0] = "/bin/sh";
    argv[1] = "-c";
    argv[2] = script;
    argv[3] = NULL;
    fixture->cleanup[fixture->cleanups++] = argv;
}

static inline void launch(struct fixture *fixture, const char *script) {
    set_script(fixture, script);
    int r = launch_monitor(&fixture->plan, &fixture->error);
    if (r < 0)
        print_message("# %s\n", fixture->error.message);
    assert_true(r > 0);
    fixture->pid = r;
}

/* Launches what must fail; the error is then in the fixture. */
static inline int launch_fails(struct fixture *fixture, const char *script) {
    set_script(fixture, script);
    int r = launch_monitor(&fixture->plan, &fixture->error);
    assert_true(r < 0);
    assert_int_equal(r, fixture->error.code);
    return r;
}

static inline void assert_content(const struct fixture *fixture, const char *name,
                                  const char *expected) {
    const char *text = content(fixture, name);
    assert_non_null(text);
    assert_string_equal(text, expected);
}

static inline pid_t recorded_pid(const struct fixture *fixture) {
    const char *text = content(fixture, "pid");
    assert_non_null(text);
    return atoi(text);
}

/* Scripts wait for this with `read x < go`. */
static inline void go(const struct fixture *fixture) {
    assert_int_equal(write(fixture->go_fd, "go\n", 3), 3);
}

/* Waits for the exit FIFO to close. Nobody writes to it, so a hang-up is all that can come. */
static inline void await_exit(const struct fixture *fixture) {
    struct pollfd end = {.fd = fixture->exit_fd, .events = POLLIN};
    assert_int_equal(poll(&end, 1, PATIENCE), 1);
}

/* Waits for a child's end and returns what waitpid() gives. */
static inline int reap(pid_t pid) {
    int status = -1;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd end = {.fd = fd, .events = POLLIN};
    assert_true(fd >= 0);
    assert_int_equal(poll(&end, 1, PATIENCE), 1);
    close(fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* The process is over with this status, and its monitor ends well. */
static inline void assert_ends(struct fixture *fixture, int status) {
    char text[16];
    snprintf(text, sizeof(text), "%d\n", status);
    await_exit(fixture);
    assert_content(fixture, "exitStatus", text);
    assert_int_equal(reap(fixture->pid), 0);
    assert_content(fixture, "status", "stopped\n");
}

/* Nobody has the pid; it may take a moment until its parent has reaped it. */
static inline bool gone(pid_t pid) {
    for (int i = 0; i < PATIENCE; i++) {
        struct timespec pause = {.tv_nsec = 1000000};
        if (kill(pid, 0) < 0 && errno == ESRCH)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

#endif
