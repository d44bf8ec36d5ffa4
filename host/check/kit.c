/* SPDX-License-Identifier: Apache-2.0 */
#include "check/kit.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "process/identity.h"

/* ------------------------------------------------------------------------------ results */

/* The result is one message: a letter, then the text with its NUL. The first one counts. */
static _Noreturn void report(struct kit *kit, char letter, const char *format, va_list arguments) {
    char text[2048];
    int length = snprintf(text, sizeof(text), "%c", letter);
    vsnprintf(text + length, sizeof(text) - (size_t)length, format, arguments);
    if (write(kit->result_fd, text, strlen(text) + 1) < 0)
        _exit(99);
    _exit(letter == 'f' ? 1 : 0);
}

void kit_fail(struct kit *kit, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    report(kit, 'f', format, arguments);
}

void kit_skip(struct kit *kit, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    report(kit, 's', format, arguments);
}

void kit_must(struct kit *kit, int r, const char *what, const struct shim_error *error) {
    if (r < 0)
        kit_fail(kit, "%s: %s", what, error->message[0] ? error->message : strerror(-r));
}

void kit_must_fail(struct kit *kit, int r, int code, uint32_t reason, const char *what,
                   const struct shim_error *error) {
    if (r >= 0)
        kit_fail(kit, "%s: expected a failure (%s), and it succeeded", what, strerror(-code));
    if (r != code)
        kit_fail(kit, "%s: expected `%s`, and got `%s` (%s)", what, strerror(-code), strerror(-r),
                 error->message);
    if (error->code != r)
        kit_fail(kit, "%s: it returned %d (%s), but its error has the code %d", what, r,
                 strerror(-r), error->code);
    size_t length = strlen(error->message);
    if (length == 0)
        kit_fail(kit, "%s: its error (%s) has no sentence", what, strerror(-r));
    if (strchr(".\n", error->message[length - 1]))
        kit_fail(kit, "%s: the sentence of its error has a full stop or newline: %s", what,
                 error->message);
    if (reason != SHIM_REASON_NONE && error->reason != reason)
        kit_fail(kit, "%s: its error (%s) has the reason %u, expected %u (see SHIM_REASON_*)", what,
                 error->message, error->reason, reason);
}

/* ------------------------------------------------------------------------------ engines */

static void enter(struct engine_guard *guard, const char *plugin, const char *entry,
                  int64_t limit) {
    struct kit *kit = (struct kit *)(uintptr_t)((char *)guard - offsetof(struct kit, guard));
    (void)plugin, (void)limit;
    snprintf(kit->note->entry, sizeof(kit->note->entry), "%s", entry);
}

/* Compares what has to be kept with how it is after an entry. */
static void check_kept(struct kit *kit) {
    struct text after AUTO_TEXT = TEXT_EMPTY;
    const struct kit_kept *kept = &kit->kept;
    kept->text_of(&after);
    if (strcmp(kept->before, after.data) != 0)
        kit_fail(kit, "%s changed %s: it was `%.600s`, and is `%.600s`", kit->note->entry,
                 kept->what, kept->before, after.data);
}

static void leave(struct engine_guard *guard) {
    struct kit *kit = (struct kit *)(uintptr_t)((char *)guard - offsetof(struct kit, guard));
    if (kit->kept.what)
        check_kept(kit);
    kit->note->entry[0] = '\0';
}

struct engine *kit_engine_with(struct kit *kit, int cancel_fd) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = NULL;
    kit->guard = (struct engine_guard){.enter = enter, .leave = leave};
    struct engine_options options = {
        .config = kit->request->config, .cancel_fd = cancel_fd, .guard = &kit->guard};
    kit_must(kit, engine_open(&options, &engine, &error), "the kit cannot open an engine", &error);
    return engine;
}

struct engine *kit_engine(struct kit *kit) {
    return kit_engine_with(kit, -1);
}

struct runtime *kit_runtime(struct kit *kit, struct engine *engine) {
    struct shim_error error = ERROR_NONE;
    struct runtime *runtime = NULL;
    kit_must(kit, runtime_open(engine, NULL, &runtime, &error), "open", &error);
    return runtime;
}

struct process *kit_open(struct kit *kit, struct engine *engine, const char *id) {
    struct shim_error error = ERROR_NONE;
    struct process *process = NULL;
    kit_must(kit, process_open(engine, id, NULL, &process, &error), "open a process", &error);
    return process;
}

/* ------------------------------------------------------------------------------ containers */

const char *kit_new_id(struct kit *kit) {
    char *id;
    if (asprintf(&id, "check-%ld-%u-%u", (long)getpid(), kit->number, kit->count++) < 0)
        kit_fail(kit, "out of memory");
    return id;
}

const char *kit_bundle_of(struct kit *kit, const char *const *argv) {
    struct shim_error error = ERROR_NONE;
    char *path;
    if (asprintf(&path, "%s/bundle-%ld-%u", kit->request->directory, (long)getpid(), kit->count++) <
            0 ||
        mkdir(path, 0755) < 0)
        kit_fail(kit, "the kit cannot make a bundle: %s", strerror(errno));
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    kit_must(kit, bundle_vary(kit->request->bundle, argv, fd, &error),
             "the kit cannot make a bundle", &error);
    return path;
}

const char *kit_bundle(struct kit *kit, const char *script) {
    return kit_bundle_of(kit, (const char *const[]){"/bin/sh", "-c", script, NULL});
}

const char *kit_run(struct kit *kit, struct engine *engine, const char *script) {
    struct shim_error error = ERROR_NONE;
    char *bundle AUTO_FREE = (char *)(uintptr_t)kit_bundle(kit, script);
    struct spawn_request request = {
        .container = kit_new_id(kit), .bundle = bundle, .flags = SHIM_PROCESS_START};
    kit_must(kit, engine_spawn(engine, &request, &error), "spawn", &error);
    return request.container;
}

int32_t kit_wait(struct kit *kit, struct engine *engine, const char *id) {
    struct shim_error error = ERROR_NONE;
    int32_t exit_status = -1;
    kit_must(kit, engine_wait(engine, id, NULL, SHIM_FOREVER, &exit_status, &error), "wait",
             &error);
    return exit_status;
}

void kit_expect_status(struct kit *kit, struct engine *engine, const char *id, uint32_t status) {
    struct shim_error error = ERROR_NONE;
    struct container_info info;
    kit_must(kit, engine_inspect(engine, id, &info, &error), "load", &error);
    if (info.init.state.status != status)
        kit_fail(kit, "load: the process is %s, expected %s", status_name(info.init.state.status),
                 status_name(status));
    bool has_pid = info.init.state.identity.pid > 0;
    if (!has_pid && status != SHIM_STATUS_STOPPED)
        kit_fail(kit, "load: the process is %s, and has no pid", status_name(status));
    container_info_clear(&info);
}

void kit_expect_exit(struct kit *kit, struct engine *engine, const char *id, int32_t expected) {
    int32_t exit_status = kit_wait(kit, engine, id);
    if (exit_status != expected)
        kit_fail(kit, "wait: the exit status is %d, expected %d", exit_status, expected);
}

void kit_signal(struct kit *kit, struct engine *engine, const char *id, int number) {
    struct shim_error error = ERROR_NONE;
    kit_must(kit, engine_signal(engine, id, NULL, number, &error), "signal", &error);
}

void kit_delete(struct kit *kit, struct engine *engine, const char *id) {
    struct shim_error error = ERROR_NONE;
    kit_must(kit, engine_delete(engine, id, NULL, false, &error), "remove", &error);
}

void kit_finish(struct kit *kit, struct engine *engine, const char *id) {
    kit_signal(kit, engine, id, SIGKILL);
    kit_wait(kit, engine, id);
    kit_delete(kit, engine, id);
}

/* ------------------------------------------------------------------------------ processes */

pid_t kit_fork(struct kit *kit, void (*body)(struct kit *kit, void *user), void *user) {
    pid_t pid = fork();
    if (pid < 0)
        kit_fail(kit, "the kit cannot fork: %s", strerror(errno));
    if (pid == 0) {
        body(kit, user);
        _exit(0);
    }
    return pid;
}

void kit_join(struct kit *kit, pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            kit_fail(kit, "the kit has lost a process: %s", strerror(errno));
    /* It has told its reason itself, if it had the time. */
    if (WIFSIGNALED(status))
        kit_fail(kit, "the second host was killed by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        _exit(1);
}

size_t kit_children(pid_t parent, pid_t *pids, size_t max) {
    DIR *directory = opendir("/proc");
    size_t n = 0;
    const struct dirent *entry;
    while (directory && n < max && (entry = readdir(directory))) {
        struct process_stat stat;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && identity_stat(pid, &stat, NULL) == 0 && stat.parent == parent)
            pids[n++] = pid;
    }
    if (directory)
        closedir(directory);
    return n;
}

int kit_await_children(int64_t timeout, pid_t *ret_pid) {
    int64_t deadline = deadline_after(timeout);
    for (;;) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        pid_t pids[64];
        size_t n = kit_children(getpid(), pids, 64);
        if (n == 0)
            return 0;
        *ret_pid = pids[0];
        int pidfd AUTO_CLOSE = (int)syscall(SYS_pidfd_open, pids[0], 0);
        struct pollfd end = {.fd = pidfd, .events = POLLIN};
        if (poll(&end, 1, deadline_poll(deadline)) == 0 && deadline_left(deadline) == 0)
            return (int)n;
    }
}
