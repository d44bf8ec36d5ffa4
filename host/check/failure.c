/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of what fails, takes too long, or is given up. */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "check/kit.h"

#define SETTLE 10000       /* milliseconds in which what was killed has to be gone */
#define SHORT 300          /* of a time-out that will pass */
#define SPAWN_TIMEOUT 2000 /* the same, of a spawn */
#define SLACK 15000        /* that a busy machine may add */

static const char *left_behind; /* nftw() passes nothing on */
static char left_path[512];

static int look_for_id(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status, (void)type;
    if (strncmp(path + walk->base, left_behind, strlen(left_behind)) != 0)
        return 0;
    snprintf(left_path, sizeof(left_path), "%s", path);
    return 1;
}

/* Nothing of a container may be left: no record, no process, no entry in the runtime's root. */
static void expect_nothing(struct kit *kit, struct engine *engine, const char *id) {
    struct shim_error error = ERROR_NONE;
    struct container_info info;
    if (engine_inspect(engine, id, &info, &error) != -ENOENT)
        kit_fail(kit, "spawn failed, and the container is still there");
    pid_t pid;
    int n = kit_await_children(SETTLE, &pid);
    if (n > 0)
        kit_fail(kit, "spawn failed, and %d process%s (pid %d) still there", n,
                 n == 1 ? " is" : "es are", pid);
    const char *root = kit_runtime(kit, engine)->config->root;
    left_behind = id;
    if (root && nftw(root, look_for_id, 16, FTW_PHYS) == 1)
        kit_fail(kit, "spawn failed, and the runtime still has %s", left_path);
}

void check_failed_command(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    struct spawn_request request = {
        .container = kit_new_id(kit),
        .bundle = kit_bundle_of(kit, (const char *const[]){"/nonexistent/program", NULL}),
        .flags = SHIM_PROCESS_START};
    int r = engine_spawn(engine, &request, &error);
    if (r == 0) { /* the runtime notices too late: then the process has to end as a shell would */
        int32_t exit_status = kit_wait(kit, engine, request.container);
        if (exit_status != 126 && exit_status != 127)
            kit_fail(kit, "spawn of a command that does not exist succeeded, and it ended with %d",
                     exit_status);
        kit_delete(kit, engine, request.container);
    } else if (!error.message[0]) {
        kit_fail(kit, "spawn failed, and its error has no sentence");
    }
    expect_nothing(kit, engine, request.container);
    request.bundle = kit_bundle(kit, "exit 3");
    kit_must(kit, engine_spawn(engine, &request, &error),
             "spawn with an id whose spawn failed before", &error);
    kit_expect_exit(kit, engine, request.container, 3);
    kit_delete(kit, engine, request.container);
    engine_close(engine);
}

/* Writes an executable script in place of the runtime's program, and returns its path. */
static const char *make_program(struct kit *kit, const char *name, const char *script) {
    char *path;
    if (asprintf(&path, "%s/%s", kit->request->directory, name) < 0)
        kit_fail(kit, "out of memory");
    int fd AUTO_CLOSE = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    if (fd < 0 || write(fd, script, strlen(script)) != (ssize_t)strlen(script))
        kit_fail(kit, "the kit cannot write %s: %s", path, strerror(errno));
    return path;
}

/* Spawns with another program in place of the runtime's. A plugin that runs none succeeds. */
static int spawn_with(struct kit *kit, struct engine *engine, const char *binary,
                      const char **ret_id, struct shim_error *error) {
    struct spawn_request request = {.container = kit_new_id(kit),
                                    .bundle = kit_bundle(kit, KIT_SLEEP),
                                    .override = {.binary = binary},
                                    .flags = SHIM_PROCESS_START};
    *ret_id = request.container;
    int r = engine_spawn(engine, &request, error);
    if (r == 0) {
        struct shim_error ignored = ERROR_NONE;
        engine_delete(engine, request.container, NULL, true, &ignored);
    }
    return r;
}

void check_failed_runtime(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    const char *id;
    /* It leaves a child where a runtime might, but not where it is asked to clean up. */
    const char *program = make_program(kit, "failing",
                                       "#!/bin/sh\ncase \" $* \" in *' create '* | *' run '*)\n"
                                       "sleep 1000 & ;;\nesac\nexit 1\n");
    if (spawn_with(kit, engine, program, &id, &error) == 0)
        kit_skip(kit, "it runs no program of the runtime");
    if (!error.message[0])
        kit_fail(kit, "spawn failed, and its error has no sentence");
    expect_nothing(kit, engine, id);
    engine_close(engine);
}

/* ------------------------------------------------------------------------------ deadlines */

void check_wait_deadline(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    const char *id = kit_run(kit, engine, KIT_SLEEP);
    static const int64_t timeouts[] = {0, SHORT};
    for (size_t i = 0; i < 2; i++) {
        int32_t exit_status = -1;
        int64_t begun = clock_milliseconds();
        int r = engine_wait(engine, id, NULL, timeouts[i], &exit_status, &error);
        int64_t took = clock_milliseconds() - begun;
        kit_must_fail(kit, r, -ETIMEDOUT, SHIM_REASON_TIMED_OUT,
                      "wait for a running process with a time-out", &error);
        if (took < timeouts[i] || took > timeouts[i] + SLACK)
            kit_fail(kit, "wait: with a time-out of %lld ms it returned after %lld ms",
                     (long long)timeouts[i], (long long)took);
    }
    kit_finish(kit, engine, id);
    engine_close(engine);
}

/* A descriptor that is readable: the caller has given up. */
static int given_up(struct kit *kit) {
    int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        kit_fail(kit, "the kit cannot make an event descriptor: %s", strerror(errno));
    return fd;
}

void check_wait_cancelled(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    const char *id = kit_run(kit, engine, KIT_SLEEP);
    int cancel_fd AUTO_CLOSE = given_up(kit);
    struct engine *impatient = kit_engine_with(kit, cancel_fd);
    int32_t exit_status = -1;
    int r = engine_wait(impatient, id, NULL, SHIM_FOREVER, &exit_status, &error);
    kit_must_fail(kit, r, -ECANCELED, SHIM_REASON_CANCELLED, "wait when cancel_fd is readable",
                  &error);
    engine_close(impatient);
    kit_finish(kit, engine, id);
    engine_close(engine);
}

/* Gives the runtime, of this process only, another time-out. */
static void hurry(struct kit *kit, struct engine *engine) {
    struct runtime *runtime = kit_runtime(kit, engine);
    struct runtime_config *config = (struct runtime_config *)(uintptr_t)runtime->config;
    config->timeouts.spawn = config->shim.spawn_timeout = SPAWN_TIMEOUT;
}

void check_spawn_deadline(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    hurry(kit, engine);
    const char *id;
    const char *program = make_program(kit, "hanging", "#!/bin/sh\nexec sleep 1000\n");
    int64_t begun = clock_milliseconds();
    int r = spawn_with(kit, engine, program, &id, &error);
    int64_t took = clock_milliseconds() - begun;
    if (r == 0)
        kit_skip(kit, "it runs no program of the runtime");
    kit_must_fail(kit, r, -ETIMEDOUT, SHIM_REASON_TIMED_OUT, "spawn with a runtime that hangs",
                  &error);
    if (took > SPAWN_TIMEOUT + SLACK)
        kit_fail(kit, "spawn: with a time-out of %d ms it returned after %lld ms", SPAWN_TIMEOUT,
                 (long long)took);
    expect_nothing(kit, engine, id);
    engine_close(engine);
}

void check_results_untouched(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    const char *id = kit_run(kit, engine, KIT_SLEEP);
    struct process *process = kit_open(kit, engine, id);
    int32_t exit_status = -12345;
    int r = PLUGIN_CALL(process->runtime, wait, &process->view, 0, &exit_status, &error);
    if (r >= 0)
        kit_fail(kit, "wait with the time-out 0 has succeeded for a running process");
    if (exit_status != -12345)
        kit_fail(kit, "wait failed, and has written %d to *ret_exit_status all the same",
                 exit_status);
    process_close(process);
    kit_finish(kit, engine, id);
    engine_close(engine);
}
