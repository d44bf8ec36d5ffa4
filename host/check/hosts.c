/* SPDX-License-Identifier: Apache-2.0 */
/* Checks with several hosts, and with a pid that has become somebody else's. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "check/kit.h"
#include "process/identity.h"

#define WAITERS 4

static void wait_elsewhere(struct kit *kit, void *user) {
    struct engine *engine = kit_engine(kit);
    kit_expect_exit(kit, engine, user, 6);
    engine_close(engine);
}

void check_wait_twice(struct kit *kit) {
    struct engine *engine = kit_engine(kit);
    const char *id = kit_run(kit, engine, "exit 6");
    kit_expect_exit(kit, engine, id, 6);
    kit_expect_exit(kit, engine, id, 6);
    kit_join(kit, kit_fork(kit, wait_elsewhere, (void *)(uintptr_t)id));
    kit_delete(kit, engine, id);
    engine_close(engine);
}

struct waiter {
    const char *id;
    int ready_fd; /* gets a byte when the wait is about to begin */
};

static void wait_at_once(struct kit *kit, void *user) {
    const struct waiter *waiter = user;
    struct engine *engine = kit_engine(kit);
    if (write(waiter->ready_fd, "", 1) != 1)
        kit_fail(kit, "the kit cannot write to a pipe: %s", strerror(errno));
    kit_expect_exit(kit, engine, waiter->id, 128 + SIGKILL);
    engine_close(engine);
}

void check_wait_concurrently(struct kit *kit) {
    struct engine *engine = kit_engine(kit);
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        kit_fail(kit, "the kit cannot make a pipe: %s", strerror(errno));
    struct waiter waiter = {kit_run(kit, engine, KIT_SLEEP), pipe_fds[1]};
    pid_t pids[WAITERS];
    for (int i = 0; i < WAITERS; i++)
        pids[i] = kit_fork(kit, wait_at_once, &waiter);
    fd_close(pipe_fds[1]);
    for (int i = 0; i < WAITERS; i++) {
        char byte;
        if (read(pipe_fds[0], &byte, 1) != 1)
            break; /* one of them has failed, and told so */
    }
    fd_close(pipe_fds[0]);
    kit_signal(kit, engine, waiter.id, SIGKILL);
    for (int i = 0; i < WAITERS; i++)
        kit_join(kit, pids[i]);
    kit_delete(kit, engine, waiter.id);
    engine_close(engine);
}

/* A host that is killed as soon as its container runs. */
static void spawn_and_die(struct kit *kit, void *user) {
    struct shim_error error = ERROR_NONE;
    const struct spawn_request *request = user;
    kit_must(kit, engine_spawn(kit_engine(kit), request, &error), "spawn", &error);
    raise(SIGKILL);
}

static void die_spawning(struct kit *kit, const struct spawn_request *request) {
    int status;
    pid_t pid = kit_fork(kit, spawn_and_die, (void *)(uintptr_t)request);
    if (waitpid(pid, &status, 0) != pid)
        kit_fail(kit, "the kit has lost a process: %s", strerror(errno));
    if (!WIFSIGNALED(status))
        _exit(1); /* it has told why */
}

void check_fresh_host(struct kit *kit) {
    struct spawn_request request = {.container = kit_new_id(kit),
                                    .bundle = kit_bundle(kit, KIT_SLEEP),
                                    .flags = SHIM_PROCESS_START};
    die_spawning(kit, &request);
    struct engine *engine = kit_engine(kit);
    kit_expect_status(kit, engine, request.container, SHIM_STATUS_RUNNING);
    kit_signal(kit, engine, request.container, SIGKILL);
    kit_expect_exit(kit, engine, request.container, 128 + SIGKILL);
    kit_delete(kit, engine, request.container);
    engine_close(engine);
}

/* ------------------------------------------------------------------------------ strangers */

/* Somebody who keeps the signals that he gets waiting, where they can be seen. */
static void be_a_stranger(struct kit *kit, void *user) {
    const int *ready_fd = user;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    if (write(*ready_fd, "", 1) != 1)
        kit_fail(kit, "the kit cannot write to a pipe: %s", strerror(errno));
    for (;;)
        pause();
}

static pid_t make_stranger(struct kit *kit) {
    int pipe_fds[2];
    char byte;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        kit_fail(kit, "the kit cannot make a pipe: %s", strerror(errno));
    pid_t pid = kit_fork(kit, be_a_stranger, &pipe_fds[1]);
    if (read(pipe_fds[0], &byte, 1) != 1)
        kit_fail(kit, "the kit's stranger did not come to life");
    fd_close(pipe_fds[0]);
    fd_close(pipe_fds[1]);
    return pid;
}

/* Is the signal waiting there? Sending makes it so at once. */
static bool got_signal(struct kit *kit, pid_t pid, int number) {
    char path[64], line[256];
    unsigned long long waiting = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        kit_fail(kit, "the kit cannot read %s: %s", path, strerror(errno));
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, "SigPnd:", 7) == 0 || strncmp(line, "ShdPnd:", 7) == 0)
            waiting |= strtoull(line + 7, NULL, 16);
    fclose(file);
    return waiting & (1ull << (number - 1));
}

void check_stranger(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    const char *id = kit_run(kit, engine, KIT_SLEEP);
    struct process *process = kit_open(kit, engine, id);
    struct shim_identity original = {.size = sizeof(original)}, other = {.size = sizeof(other)};
    kit_must(kit, identity_read_process(process->directory_fd, &original, &error),
             "spawn: the files pid and starttime", &error);
    /* As if the process had died long ago, and the kernel had given its pid to somebody else. */
    pid_t stranger = make_stranger(kit);
    kit_must(kit, identity_of(stranger, &other, &error), "the kit", &error);
    other.start_time--;
    kit_must(kit, identity_write_process(process->directory_fd, &other, &error), "the kit", &error);
    int r = PLUGIN_CALL(process->runtime, signal, &process->view, SIGTERM, &error);
    bool got = got_signal(kit, stranger, SIGTERM);
    kill(stranger, SIGKILL);
    waitpid(stranger, NULL, 0);
    if (got)
        kit_fail(kit, "signal: it went to a stranger who has the pid now; compare the start time "
                      "(the service process_signal does)");
    if (r < 0 && r != -ESRCH) /* 0: it knows its process otherwise, and has reached it */
        kit_fail(kit, "signal to a pid that is somebody else's: expected `%s`, and got `%s`",
                 strerror(ESRCH), strerror(-r));
    kit_must(kit, identity_write_process(process->directory_fd, &original, &error), "the kit",
             &error);
    process_close(process);
    struct shim_error ignored = ERROR_NONE; /* where r was 0, it is over perhaps */
    engine_signal(engine, id, NULL, SIGKILL, &ignored);
    kit_wait(kit, engine, id);
    kit_delete(kit, engine, id);
    engine_close(engine);
}
