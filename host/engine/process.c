/* SPDX-License-Identifier: Apache-2.0 */
/* A process opened from the state directory, and the plugin's view of it. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "engine/call.h"
#include "process/identity.h"
#include "process/workers.h"
#include "state/journal.h"

struct process *process_close(struct process *process) {
    if (process) {
        container_record_clear(&process->container);
        process_record_clear(&process->record);
        fd_close(process->lock);
        fd_close(process->directory_fd);
        fd_close(process->container_fd);
        free(process->directory);
        free(process->container_id);
        free(process->id);
        free(process);
    }
    return NULL;
}

/* Sets the id and the path that goes with it. */
static int set_id(struct process *process, const char *id, struct shim_error *error) {
    char *copy = strdup(id), *directory = NULL;
    if (!copy || asprintf(&directory, "%s/%s/%s", store_path(process->engine->store),
                          process->container_id, id) < 0) {
        free(copy);
        return error_set(error, -ENOMEM, "cannot open process %s: out of memory", id);
    }
    free(process->id);
    free(process->directory);
    process->id = copy;
    process->directory = directory;
    return 0;
}

int process_become(struct process *process, const char *id, int directory_fd_take,
                   struct shim_error *error) {
    fd_close(process->directory_fd);
    process->directory_fd = directory_fd_take;
    process_record_clear(&process->record);
    return set_id(process, id, error);
}

int process_new(struct engine *engine, const char *container, const char *id, int container_fd_take,
                int directory_fd_take, struct process **ret_process, struct shim_error *error) {
    struct process *process = calloc(1, sizeof(*process));
    if (!process) {
        fd_close(container_fd_take);
        fd_close(directory_fd_take);
        return error_set(error, -ENOMEM, "cannot open container %s: out of memory", container);
    }
    process->engine = engine;
    process->container_fd = container_fd_take;
    process->directory_fd = directory_fd_take;
    process->lock = -1;
    process->container_id = strdup(container);
    int r = process->container_id
                ? set_id(process, id, error)
                : error_set(error, -ENOMEM, "cannot open container %s: out of memory", container);
    if (r < 0) {
        process_close(process);
        return r;
    }
    *ret_process = process;
    return 0;
}

void process_fill_view(struct process *process) {
    const struct process_record *record = &process->record;
    static const char *const no_arguments[] = {NULL};
    uint32_t start = process->view.flags & SHIM_PROCESS_START;
    process->view = (struct shim_process){
        .size = sizeof(process->view),
        .flags = start | (record->exec ? SHIM_PROCESS_EXEC : 0) |
                 (record->terminal ? SHIM_PROCESS_TERMINAL : 0) |
                 (record->no_pivot_root ? SHIM_PROCESS_NO_PIVOT_ROOT : 0),
        .container = process->container_id,
        .id = process->id,
        .bundle = process->container.bundle,
        .directory = process->directory,
        .directory_fd = process->directory_fd,
        .cancel_fd = process->engine->options.cancel_fd,
        .runtime_args =
            record->runtime_args ? (const char *const *)record->runtime_args : no_arguments,
        .checkpoint = record->checkpoint,
        .root_uid = record->root_uid,
        .root_gid = record->root_gid,
    };
}

static int read_record(struct process *process, struct shim_error *error) {
    int r = process_record_read(process->directory_fd, &process->record, error);
    return r < 0 ? error_context(error, "process %s of container %s is not whole", process->id,
                                 process->container_id)
                 : 0;
}

/* container.json, and the runtime that it names. */
static int open_runtime(struct process *process, struct shim_error *error) {
    int r = container_record_read(process->container_fd, &process->container, error);
    if (r < 0)
        return error_context(error, "container %s is not whole", process->container_id);
    const struct container_record *container = &process->container;
    const struct runtime_override override = {
        .binary = container->runtime_binary,
        .root = container->runtime_root,
        .args = (const char *const *)container->runtime_args,
    };
    return runtime_open_as(process->engine, container->runtime, &override, &process->runtime,
                           error);
}

static int open_directories(struct engine *engine, const char *container, const char *id,
                            struct process **ret_process, struct shim_error *error) {
    int container_fd AUTO_CLOSE = -1, directory_fd AUTO_CLOSE = -1;
    int r = store_container_open(engine->store, container, &container_fd, error);
    if (r < 0 || (r = store_process_open(container_fd, container, id, &directory_fd, error)) < 0)
        return r;
    return process_new(engine, container, id, fd_steal(&container_fd), fd_steal(&directory_fd),
                       ret_process, error);
}

static int open_process(struct engine *engine, const char *container, const char *id, bool recorded,
                        struct process **ret_process, struct shim_error *error) {
    struct process *process AUTO_PROCESS = NULL;
    int r = open_directories(engine, container, id, &process, error);
    if (r < 0 || (r = open_runtime(process, error)) < 0 ||
        (recorded && (r = read_record(process, error)) < 0))
        return r;
    process_fill_view(process);
    *ret_process = pointer_steal(&process);
    return 0;
}

int process_open(struct engine *engine, const char *container, const char *id,
                 struct process **ret_process, struct shim_error *error) {
    return open_process(engine, container, id ? id : PROCESS_INIT, true, ret_process, error);
}

int process_open_unrecorded(struct engine *engine, const char *container,
                            struct process **ret_process, struct shim_error *error) {
    return open_process(engine, container, PROCESS_INIT, false, ret_process, error);
}

int process_lock(struct process *process, struct shim_error *error) {
    return process_lock_until(process, SHIM_FOREVER, error);
}

int process_lock_until(struct process *process, int64_t deadline, struct shim_error *error) {
    if (process->lock >= 0)
        return 0;
    return store_lock(process->engine->store, process->container_id, process->container_fd,
                      STORE_LOCK_EXCLUSIVE, deadline, process->engine->options.cancel_fd,
                      &process->lock, error);
}

int process_await_calls(const struct process *process, int64_t timeout, struct shim_error *error) {
    int64_t deadline = deadline_after(timeout);
    struct shim_identity monitor = {.size = sizeof(monitor)}, call = {.size = sizeof(call)};
    int r, any = 0;
    if (status_monitor_alive(process->directory_fd, &monitor, NULL) != 1)
        monitor.pid = 0;
    while ((r = workers_find(process->directory_fd, monitor.pid, &call, error)) > 0) {
        int pidfd AUTO_CLOSE = -1;
        any = 1;
        r = identity_open(&call, &pidfd, NULL);
        if (r == 0)
            r = pidfd_await(pidfd, deadline_left(deadline), process->view.cancel_fd);
        if (r < 0 && r != -ESRCH)
            return error_set(error, r,
                             "process %d is still at work in its directory, perhaps a call of the "
                             "runtime that has outlived its caller: %s",
                             call.pid, strerror(-r));
    }
    return r < 0 ? r : any;
}

/* What the runtime says, once nobody changes it any more. *ret_status stays if it says nothing. Of
 * an exec, which runs as long as it lives, it would tell the container's. */
static int ask_status(struct process *process, uint32_t *ret_status, struct shim_error *error) {
    const struct runtime *runtime = process->runtime;
    if (process->record.exec) {
        *ret_status = SHIM_STATUS_RUNNING;
        return 0;
    }
    int r = RUNTIME_NEEDS(runtime, state, error);
    if (r < 0)
        return r;
    process_await_calls(process, runtime->config->timeouts.signal, NULL);
    return PLUGIN_CALL(runtime, state, &process->view, ret_status, error);
}

/* A host died in the middle of a change, and no other makes one. */
static bool interrupted(const struct process *process) {
    return !process->record.exec && status_changing(process->directory_fd) &&
           (process->lock >= 0 || !store_locked(process->container_fd));
}

/* What `status` should say: a host that died in the middle of a change may have left it behind the
 * truth; then the runtime is asked. Of what cannot be found out the file's word stands. */
static uint32_t true_status(struct process *process, uint32_t status) {
    struct shim_error ignored = ERROR_NONE;
    uint32_t answer = status;
    if (status == SHIM_STATUS_UNKNOWN || status == SHIM_STATUS_STOPPED || !interrupted(process) ||
        ask_status(process, &answer, &ignored) < 0)
        return status;
    return answer == SHIM_STATUS_STOPPED ? status : answer; /* that only the monitor may say */
}

int process_settle_status(struct process *process, struct shim_error *error) {
    uint32_t status = SHIM_STATUS_UNKNOWN;
    int r = ask_status(process, &status, error);
    if (r < 0)
        return r;
    if (status == SHIM_STATUS_STOPPED || status == SHIM_STATUS_UNKNOWN)
        return error_set(error, -EBADMSG, "its runtime calls it %s, but nobody has seen its end",
                         status_name(status));
    if ((r = status_change(process->directory_fd, status, error)) < 0)
        return r;
    status_changing_clear(process->directory_fd);
    return 0;
}

/* What a process is that lives, and of which no status was written: its monitor was killed before
 * it could do that, or is about to. */
static uint32_t unsaid_status(struct process *process, const struct shim_identity *identity) {
    struct shim_error ignored = ERROR_NONE;
    uint32_t status = SHIM_STATUS_UNKNOWN;
    if (!identity->pid || identity_alive(identity, &ignored) != 1 ||
        ask_status(process, &status, &ignored) < 0 || status == SHIM_STATUS_STOPPED)
        return SHIM_STATUS_UNKNOWN;
    return status;
}

int process_load(struct process *process, struct shim_state *ret_state, struct shim_error *error) {
    struct shim_state state = {.size = sizeof(state), .exit_status = -1};
    int r = PLUGIN_CALL(process->runtime, load, &process->view, &state, error);
    if (r < 0) {
        error_context(error, "container %s, process %s", process->container_id, process->id);
        return r;
    }
    state.status = state.status == SHIM_STATUS_UNKNOWN ? unsaid_status(process, &state.identity)
                                                       : true_status(process, state.status);
    *ret_state = state;
    return 0;
}

bool process_in_root(const struct process *process) {
    const char *root = process->runtime->shim.root;
    char path[PATH_MAX];
    struct stat status;
    if (!root)
        return false;
    snprintf(path, sizeof(path), "%s/%s", root, process->container_id);
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int state_lives(const struct shim_state *state, struct shim_error *error) {
    if (state->status != SHIM_STATUS_UNKNOWN)
        return state->status != SHIM_STATUS_STOPPED;
    return state->identity.pid ? identity_alive(&state->identity, error) : 0;
}

void process_tell(const struct process *process, const char *type, pid_t pid, int32_t exit_status,
                  const char *time) {
    journal_write(process->engine->store,
                  &(struct journal_event){.type = type,
                                          .container = process->container_id,
                                          .process = process->id,
                                          .pid = pid,
                                          .exit_status = exit_status,
                                          .time = time});
}

static bool is_paused(struct process *process) {
    struct shim_state state;
    return process_load(process, &state, NULL) == 0 && state.status == SHIM_STATUS_PAUSED;
}

/* Marked, so that its monitor, which may see the end meanwhile, leaves the runtime alone. */
static void resume(struct process *process) {
    struct shim_error ignored = ERROR_NONE; /* it may be gone already */
    int mark AUTO_CLOSE = -1;
    status_changing_set(process->directory_fd, &mark, &ignored);
    if (PLUGIN_CALL(process->runtime, resume, &process->view, &ignored) == 0)
        status_changing_clear(process->directory_fd);
}

void process_thaw(struct process *process) {
    bool held = process->lock >= 0;
    if (!SHIM_HAS(struct shim_plugin, process->runtime->plugin, resume) || !is_paused(process) ||
        process_lock(process, NULL) < 0)
        return;
    if (is_paused(process)) /* and the id is still its own */
        resume(process);
    if (!held)
        process->lock = fd_close(process->lock);
}

int process_send_signal(struct process *process, int32_t number, struct shim_error *error) {
    int r = PLUGIN_CALL(process->runtime, signal, &process->view, number, error);
    if (r == 0 && number == SIGKILL)
        process_thaw(process);
    return r;
}
