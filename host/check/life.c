/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of one process's life in one host. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "check/kit.h"

#define READY_TIMEOUT 60000 /* milliseconds until a script has said that it is ready */

void check_create(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    const struct runtime *runtime = kit_runtime(kit, engine);
    if (!SHIM_HAS(struct shim_plugin, runtime->plugin, start))
        kit_skip(kit, "it has no start");
    struct spawn_request request = {.container = kit_new_id(kit),
                                    .bundle = kit_bundle(kit, "exit 7")};
    kit_must(kit, engine_spawn(engine, &request, &error), "spawn", &error);
    kit_expect_status(kit, engine, request.container, SHIM_STATUS_CREATED);
    struct process *process = kit_open(kit, engine, request.container);
    static const char *const files[] = {"pid", "starttime", "status"};
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        if (!file_exists_at(process->directory_fd, files[i]))
            kit_fail(kit, "spawn: there is no file `%s` in the process's directory", files[i]);
    process_close(process);
    kit_must(kit, engine_start(engine, request.container, &error), "start", &error);
    kit_expect_exit(kit, engine, request.container, 7);
    kit_expect_status(kit, engine, request.container, SHIM_STATUS_STOPPED);
    kit_delete(kit, engine, request.container);
    engine_close(engine);
}

void check_run(struct kit *kit) {
    struct engine *engine = kit_engine(kit);
    const char *id = kit_run(kit, engine, KIT_SLEEP);
    kit_expect_status(kit, engine, id, SHIM_STATUS_RUNNING);
    kit_signal(kit, engine, id, SIGKILL);
    kit_expect_exit(kit, engine, id, 128 + SIGKILL);
    kit_expect_status(kit, engine, id, SHIM_STATUS_STOPPED);
    kit_delete(kit, engine, id);
    engine_close(engine);
}

void check_exit_statuses(struct kit *kit) {
    static const int statuses[] = {0, 1, 42, 255};
    struct engine *engine = kit_engine(kit);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
        char script[32];
        snprintf(script, sizeof(script), "exit %d", statuses[i]);
        const char *id = kit_run(kit, engine, script);
        kit_expect_exit(kit, engine, id, statuses[i]);
        kit_delete(kit, engine, id);
    }
    engine_close(engine);
}

/* Waits until somebody writes, or all ends of the pipe are closed. */
static void await_ready(struct kit *kit, int fd) {
    int64_t deadline = deadline_after(READY_TIMEOUT);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    char byte;
    while (poll(&ready, 1, deadline_poll(deadline)) <= 0)
        if (deadline_left(deadline) == 0)
            kit_fail(kit, "the process did not get as far as to write to its standard output");
    if (read(fd, &byte, 1) != 1)
        kit_fail(kit, "the process ended before it had written to its standard output");
}

/* Spawns a script that has `fd` as its descriptor `stream`. */
static const char *run_with(struct kit *kit, struct engine *engine, const char *script, int stream,
                            int fd) {
    struct shim_error error = ERROR_NONE;
    int saved = dup(stream);
    if (saved < 0 || dup2(fd, stream) < 0)
        kit_fail(kit, "the kit cannot pass a pipe on: %s", strerror(errno));
    struct spawn_request request = {.container = kit_new_id(kit),
                                    .bundle = kit_bundle(kit, script),
                                    .flags = SHIM_PROCESS_START};
    request.streams.targets[stream] = "inherit";
    int r = engine_spawn(engine, &request, &error);
    dup2(saved, stream);
    fd_close(saved);
    kit_must(kit, r, "spawn", &error);
    return request.container;
}

static void make_pipe(struct kit *kit, int fds[2]) {
    if (pipe2(fds, O_CLOEXEC) < 0)
        kit_fail(kit, "the kit cannot make a pipe: %s", strerror(errno));
}

/* Spawns a script that writes a line when it is ready, and waits for that. */
static const char *run_until_ready(struct kit *kit, struct engine *engine, const char *script) {
    int fds[2];
    make_pipe(kit, fds);
    const char *id = run_with(kit, engine, script, STDOUT_FILENO, fds[1]);
    fd_close(fds[1]);
    await_ready(kit, fds[0]);
    fd_close(fds[0]);
    return id;
}

void check_input(struct kit *kit) {
    struct engine *engine = kit_engine(kit);
    int fds[2];
    make_pipe(kit, fds);
    if (write(fds[1], "input\n", 6) != 6)
        kit_fail(kit, "the kit cannot write to a pipe: %s", strerror(errno));
    fd_close(fds[1]);
    const char *id =
        run_with(kit, engine, "read line; test \"$line\" = input", STDIN_FILENO, fds[0]);
    fd_close(fds[0]);
    if (kit_wait(kit, engine, id) != 0)
        kit_fail(kit, "the process does not read what is written to its standard input");
    kit_delete(kit, engine, id);
    engine_close(engine);
}

/* A shell cannot trap what it was made to ignore. */
void check_default_signals(struct kit *kit) {
    struct engine *engine = kit_engine(kit);
    const char *id = kit_run(kit, engine,
                             "for name in INT QUIT TERM PIPE; do trap 'got=$name' $name; "
                             "kill -$name $$; test \"$got\" = $name || exit 1; done");
    if (kit_wait(kit, engine, id) != 0)
        kit_fail(kit, "the process begins with SIGINT, SIGQUIT, SIGTERM or SIGPIPE ignored");
    kit_delete(kit, engine, id);
    engine_close(engine);
}

void check_signals(struct kit *kit) {
    struct engine *engine = kit_engine(kit);
    const char *id = run_until_ready(
        kit, engine,
        "trap 'kill $!; exit 9' TERM; sleep 1000 >/dev/null & echo ready; wait; exit 8");
    kit_signal(kit, engine, id, SIGTERM);
    kit_expect_exit(kit, engine, id, 9);
    kit_delete(kit, engine, id);
    id = kit_run(kit, engine, KIT_SLEEP);
    kit_signal(kit, engine, id, SIGKILL);
    kit_expect_exit(kit, engine, id, 128 + SIGKILL);
    kit_delete(kit, engine, id);
    engine_close(engine);
}

void check_signal_after_end(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    const char *id = kit_run(kit, engine, "exit 0");
    kit_wait(kit, engine, id);
    struct process *process = kit_open(kit, engine, id);
    int r = PLUGIN_CALL(process->runtime, signal, &process->view, SIGTERM, &error);
    kit_must_fail(kit, r, -ESRCH, SHIM_REASON_NOT_RUNNING, "signal to a process that is over",
                  &error);
    process_close(process);
    kit_delete(kit, engine, id);
    engine_close(engine);
}

/* ------------------------------------------------------------------------------ load */

struct listing {
    int fd;
    struct text text;
};

static int add_entry(const char *name, unsigned char type, void *user) {
    struct listing *listing = user;
    struct stat status;
    (void)type;
    /* The logs and the hidden files are the monitor's and the runtime's, who may be writing. */
    if (name[0] == '.' || strstr(name, "log.json"))
        return 0;
    if (fstatat(listing->fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    text_appendf(&listing->text, "%s (%lld bytes, changed %lld.%09ld); ", name,
                 (long long)status.st_size, (long long)status.st_mtim.tv_sec,
                 status.st_mtim.tv_nsec);
    return 0;
}

static struct text list(int fd) {
    struct listing listing = {fd, TEXT_EMPTY};
    directory_list(fd, add_entry, &listing, NULL);
    return listing.text;
}

void check_load_changes_nothing(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    const char *id = kit_run(kit, engine, KIT_SLEEP);
    struct process *process = kit_open(kit, engine, id);
    struct shim_state state = {.size = sizeof(state), .exit_status = -1};
    struct text before = list(process->directory_fd);
    int r = PLUGIN_CALL(process->runtime, load, &process->view, &state, &error);
    kit_must(kit, r, "load", &error);
    struct text after = list(process->directory_fd);
    if (strcmp(before.data, after.data) != 0)
        kit_fail(kit, "load has changed the process's directory from %.900s to %.900s", before.data,
                 after.data);
    if (state.exit_status != -1)
        kit_fail(kit, "load: a running process has the exit status %d", state.exit_status);
    text_clear(&before);
    text_clear(&after);
    process_close(process);
    kit_finish(kit, engine, id);
    engine_close(engine);
}

/* ------------------------------------------------------------------------------ changes */

void check_delete(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    const char *id = kit_run(kit, engine, KIT_SLEEP);
    kit_must(kit, engine_delete(engine, id, NULL, true, &error), "remove", &error);
    struct container_info info;
    int r = engine_inspect(engine, id, &info, &error);
    if (r != -ENOENT)
        kit_fail(kit, "the container is still there after it was deleted");
    struct spawn_request request = {
        .container = id, .bundle = kit_bundle(kit, "exit 3"), .flags = SHIM_PROCESS_START};
    kit_must(kit, engine_spawn(engine, &request, &error), "spawn with an id that was used before",
             &error);
    kit_expect_exit(kit, engine, id, 3);
    kit_delete(kit, engine, id);
    engine_close(engine);
}

void check_pause(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    const struct runtime *runtime = kit_runtime(kit, engine);
    if (!SHIM_HAS(struct shim_plugin, runtime->plugin, pause))
        kit_skip(kit, "it has no pause");
    const char *id = kit_run(kit, engine, KIT_SLEEP);
    int r = engine_pause(engine, id, &error);
    if (r == -EOPNOTSUPP)
        kit_skip(kit, "%s", error.message);
    kit_must(kit, r, "pause", &error);
    kit_expect_status(kit, engine, id, SHIM_STATUS_PAUSED);
    kit_must(kit, engine_resume(engine, id, &error), "resume", &error);
    kit_expect_status(kit, engine, id, SHIM_STATUS_RUNNING);
    kit_finish(kit, engine, id);
    engine_close(engine);
}

void check_exec(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    const char *id = kit_run(kit, engine, KIT_SLEEP);
    const char *const argv[] = {"/bin/sh", "-c", "exit 5", NULL};
    struct exec_template exec = {.arguments = argv};
    char *json AUTO_FREE = NULL;
    kit_must(kit, engine_exec_template(engine, id, &exec, &json, &error), "the kit", &error);
    struct spawn_request request = {.container = id, .process = "exec", .process_json = json};
    int r = engine_spawn(engine, &request, &error);
    if (r == -EOPNOTSUPP)
        kit_skip(kit, "%s", error.message);
    kit_must(kit, r, "spawn of an exec", &error);
    int32_t exit_status = -1;
    kit_must(kit, engine_wait(engine, id, "exec", SHIM_FOREVER, &exit_status, &error),
             "wait for an exec", &error);
    if (exit_status != 5)
        kit_fail(kit, "wait: the exec's exit status is %d, expected 5", exit_status);
    kit_expect_status(kit, engine, id, SHIM_STATUS_RUNNING);
    kit_must(kit, engine_delete(engine, id, "exec", false, &error), "delete an exec", &error);
    kit_finish(kit, engine, id);
    engine_close(engine);
}

void check_processes(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    const struct runtime *runtime = kit_runtime(kit, engine);
    if (!SHIM_HAS(struct shim_plugin, runtime->plugin, processes))
        kit_skip(kit, "it has no processes");
    const char *id = kit_run(kit, engine, KIT_SLEEP);
    struct container_info info;
    kit_must(kit, engine_inspect(engine, id, &info, &error), "load", &error);
    pid_t *pids AUTO_FREE = NULL;
    ssize_t n = engine_processes(engine, id, &pids, &error);
    kit_must(kit, (int)n, "processes", &error);
    bool found = false;
    for (ssize_t i = 0; i < n; i++)
        found |= pids[i] == info.init.state.identity.pid;
    if (!found)
        kit_fail(kit, "processes: pid %d, the container's first process, is not among the %zd",
                 info.init.state.identity.pid, n);
    container_info_clear(&info);
    kit_finish(kit, engine, id);
    engine_close(engine);
}
