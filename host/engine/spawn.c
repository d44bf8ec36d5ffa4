/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing processes into being: directory and records first, then the plugin, and on failure
 * nothing stays. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "engine/call.h"
#include "state/journal.h"

static int copy_strings(const char *const *strings, char ***ret) {
    size_t count = 0;
    while (strings && strings[count])
        count++;
    if (count == 0)
        return 0;
    char **copy = calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; copy && i < count; i++)
        if (!(copy[i] = strdup(strings[i])))
            return -ENOMEM; /* the record's owner frees what there is */
    *ret = copy;
    return copy ? 0 : -ENOMEM;
}

static char *copy_or_null(const char *text) {
    return text ? strdup(text) : NULL;
}

/* What process.json is to say beside the OCI process object. */
static int make_record(const struct spawn_request *request, int terminal,
                       struct process_record *record, struct shim_error *error) {
    record->exec = request->process != NULL;
    record->terminal = terminal;
    record->no_pivot_root = (request->flags & SHIM_PROCESS_NO_PIVOT_ROOT) != 0;
    record->checkpoint = copy_or_null(request->checkpoint);
    int failed = request->checkpoint && !record->checkpoint;
    for (int i = 0; i < 3; i++) {
        const char *usual = terminal ? "terminal" : "null", *target = request->streams.targets[i];
        failed |= !(record->targets[i] = strdup(target ? target : usual));
    }
    if (failed || copy_strings(request->runtime_args, &record->runtime_args) < 0)
        return error_set(error, -ENOMEM, "cannot spawn in container %s: out of memory",
                         request->container);
    return 0;
}

static int check_terminal(const struct spawn_request *request, int terminal, const char *where,
                          struct shim_error *error) {
    int asked = (request->flags & SHIM_PROCESS_TERMINAL) != 0;
    if (asked == terminal)
        return 0;
    return error_set(error, -EINVAL,
                     asked ? "a terminal was asked for, but %s has `terminal: false`; set it to "
                             "true, or leave out -t"
                           : "%s has `terminal: true`; give -t, or set it to false",
                     where);
}

/* Whoever says that there is a process has left what every host reads of it. */
static int check_spawned(const struct process *process, struct shim_error *error) {
    if (file_exists_at(process->directory_fd, "status"))
        return 0;
    return error_set(error, -EPROTO,
                     "runtime %s's plugin: spawn gave success, and there is no process",
                     process->runtime->config->name);
}

static int call_spawn(struct process *process, const struct spawn_request *request,
                      struct shim_error *error) {
    struct runtime *runtime = process->runtime;
    process->view.flags = request->flags & SHIM_PROCESS_START;
    process->streams = &request->streams;
    process_fill_view(process);
    journal_prepare(process->engine->store);
    int r = request->checkpoint ? RUNTIME_NEEDS(runtime, restore, error) : 0;
    if (r < 0)
        return r;
    if (request->checkpoint)
        r = PLUGIN_CALL(runtime, restore, &process->view, error);
    else
        r = PLUGIN_CALL(runtime, spawn, &process->view, error);
    return r < 0 ? r : check_spawned(process, error);
}

static int make_container(struct process *process, const struct bundle *bundle,
                          const struct spawn_request *request, struct shim_error *error) {
    const struct runtime_override *override = &request->override;
    char created[CLOCK_RFC3339_SIZE];
    clock_rfc3339(created);
    process->container = (struct container_record){
        .id = strdup(request->container),
        .bundle = strdup(bundle->path),
        .runtime = strdup(process->runtime->config->name),
        .created = strdup(created),
        .oci_version = strdup(bundle->oci_version),
        .annotations = strdup(bundle->annotations),
        .root_uid = request->owner ? request->owner->uid : bundle->root_uid,
        .root_gid = request->owner ? request->owner->gid : bundle->root_gid,
        .runtime_binary = copy_or_null(override->binary),
        .runtime_root = copy_or_null(override->root),
    };
    struct container_record *record = &process->container;
    if ((override->binary && !record->runtime_binary) ||
        (override->root && !record->runtime_root) ||
        copy_strings(override->args, &record->runtime_args) < 0 || !record->id || !record->bundle ||
        !record->runtime || !record->created || !record->oci_version || !record->annotations)
        return error_set(error, -ENOMEM, "cannot create container %s: out of memory",
                         request->container);
    process->record.root_uid = record->root_uid;
    process->record.root_gid = record->root_gid;
    return container_record_write(process->container_fd, record, error);
}

/* A spawn has failed, and perhaps its clean-up, too. Does the runtime know nothing of the
 * container? Where that cannot be had, the directory stays, for a later deletion to find what there
 * is to delete. Where no monitor has named itself the runtime was not called, and what it has of
 * that id is somebody else's. */
static bool forgotten(struct process *process, struct shim_error *error) {
    struct shim_error problem = ERROR_NONE;
    if (!file_exists_at(process->directory_fd, "monitor") ||
        status_cleaned(process->directory_fd) || process_clean(process, &problem) == 0)
        return true;
    error_context(error, "something of it is left, because %s; run: shimhost delete %s",
                  problem.message, process->container_id);
    return false;
}

/* From here on the container's directory exists and is locked: whoever fails removes it, unless
 * *ret_kept says that it is needed. */
static int spawn_init_in(struct engine *engine, int container_fd_take, int lock_take,
                         struct runtime *runtime, const struct bundle *bundle,
                         const struct spawn_request *request, bool *ret_kept,
                         struct shim_error *error) {
    int container_fd AUTO_CLOSE = container_fd_take, lock AUTO_CLOSE = lock_take;
    struct process *process AUTO_PROCESS = NULL;
    int directory_fd;
    /* container.json comes before any process, so that no host finds a process of an unknown
     * runtime. */
    int r = process_new(engine, request->container, PROCESS_INIT, fd_steal(&container_fd), -1,
                        &process, error);
    if (r < 0)
        return r;
    process->lock = fd_steal(&lock);
    process->runtime = runtime;
    if ((r = make_record(request, bundle->terminal, &process->record, error)) < 0 ||
        (r = make_container(process, bundle, request, error)) < 0 ||
        (r = store_process_make(process->container_fd, request->container, PROCESS_INIT,
                                &directory_fd, error)) < 0)
        return r;
    process->directory_fd = directory_fd;
    if ((r = process_record_write(directory_fd, bundle->process, &process->record, error)) < 0)
        return r;
    r = call_spawn(process, request, error);
    /* Where a monitor has died nobody has cleaned. */
    if (r == -EPIPE || (r < 0 && process_in_root(process)))
        *ret_kept = !forgotten(process, error);
    return r;
}

/* What a runtime keeps there would be taken for containers of ours that were never finished. */
static int check_root_outside(const struct runtime *runtime, struct shim_error *error) {
    const char *root = runtime->shim.root, *state = store_path(runtime->engine->store);
    size_t length = strlen(state);
    if (!root || strncmp(root, state, length) != 0 || (root[length] && root[length] != '/') ||
        root[length + strspn(root + length, "/")] == '.')
        return 0;
    return error_set(
        error, -EINVAL,
        "runtime %s: root %s is in the state directory %s; choose a root outside of it",
        runtime->config->name, root, state);
}

static int spawn_init(struct engine *engine, const struct spawn_request *request,
                      struct shim_error *error) {
    struct bundle bundle __attribute__((cleanup(bundle_clear))) = {0};
    struct runtime *runtime;
    int r = runtime_open_as(engine, request->runtime, &request->override, &runtime, error);
    if (r < 0 || (r = check_root_outside(runtime, error)) < 0 ||
        (r = bundle_read(request->bundle ? request->bundle : ".", &bundle, error)) < 0 ||
        (r = check_terminal(request, bundle.terminal, "the bundle's config.json", error)) < 0)
        return r;
    if (!(request->flags & SHIM_PROCESS_START) && (r = RUNTIME_NEEDS(runtime, start, error)) < 0)
        return r;
    int container_fd, lock;
    r = store_container_make(engine->store, request->container, &container_fd, &lock, error);
    if (r < 0)
        return r;
    /* Another descriptor of the lock keeps it while the directory is being removed. */
    int still_locked AUTO_CLOSE = dup(lock);
    bool kept = false;
    r = spawn_init_in(engine, container_fd, lock, runtime, &bundle, request, &kept, error);
    if (r < 0) {
        struct shim_error problem = ERROR_NONE;
        if (!kept && store_container_remove(engine->store, request->container, &problem) < 0)
            error_context(error, "could not remove its directory (%s)", problem.message);
        error_context(error, "container %s", request->container);
    }
    return r;
}

static int check_runs(struct process *init, struct shim_error *error) {
    struct shim_state state;
    int r = process_load(init, &state, error);
    if (r < 0)
        return r;
    return state.status == SHIM_STATUS_RUNNING
               ? 0
               : error_set_reason(
                     error, -ESRCH, SHIM_REASON_WRONG_STATE,
                     "container %s is %s; a process can be executed only in a running one",
                     init->container_id, status_name(state.status));
}

static int spawn_exec_in(struct process *process, const struct spawn_request *request, int terminal,
                         struct shim_error *error) {
    int r = make_record(request, terminal, &process->record, error);
    if (r < 0)
        return r;
    process->record.root_uid = process->container.root_uid;
    process->record.root_gid = process->container.root_gid;
    r = process_record_write(process->directory_fd, request->process_json, &process->record, error);
    return r < 0 ? r : call_spawn(process, request, error);
}

static int spawn_exec(struct engine *engine, const struct spawn_request *request,
                      struct shim_error *error) {
    struct process *process AUTO_PROCESS = NULL;
    int terminal, lock AUTO_CLOSE = -1, directory_fd;
    int r = record_check_object(request->process_json, "the process object", &terminal, error);
    if (r < 0 || (r = check_terminal(request, terminal, "the process object", error)) < 0)
        return r;
    if (strcmp(request->process, PROCESS_INIT) == 0)
        return error_set(error, -EINVAL,
                         "`init` is the container's first process; choose another exec id");
    /* The opened init becomes the exec: same container, same runtime, another directory. */
    if ((r = process_open(engine, request->container, PROCESS_INIT, &process, error)) < 0 ||
        (r = store_lock(engine->store, request->container, process->container_fd, STORE_LOCK_SHARED,
                        SHIM_FOREVER, engine->options.cancel_fd, &lock, error)) < 0 ||
        (r = check_runs(process, error)) < 0 ||
        (r = store_process_make(process->container_fd, request->container, request->process,
                                &directory_fd, error)) < 0)
        return r;
    r = process_become(process, request->process, directory_fd, error);
    if (r == 0)
        r = spawn_exec_in(process, request, terminal, error);
    if (r < 0) {
        struct shim_error problem = ERROR_NONE;
        int left = store_process_remove(process->container_fd, request->process,
                                        process->directory_fd, &problem);
        if (left < 0 && left != -ENOENT)
            error_context(error, "could not remove its directory (%s)", problem.message);
        error_context(error, "container %s, process %s", request->container, request->process);
    }
    return r;
}

int engine_spawn(struct engine *engine, const struct spawn_request *request,
                 struct shim_error *error) {
    const uint32_t known = SHIM_PROCESS_START | SHIM_PROCESS_TERMINAL | SHIM_PROCESS_NO_PIVOT_ROOT;
    if (request->flags & ~known)
        return error_set(error, -EINVAL, "unknown spawn flags 0x%x", request->flags & ~known);
    return request->process ? spawn_exec(engine, request, error)
                            : spawn_init(engine, request, error);
}

int engine_exec_template(struct engine *engine, const char *container,
                         const struct exec_template *exec, char **ret_json,
                         struct shim_error *error) {
    struct process *init AUTO_PROCESS = NULL;
    struct bundle bundle __attribute__((cleanup(bundle_clear))) = {0};
    int r = process_open(engine, container, PROCESS_INIT, &init, error);
    if (r < 0 || (r = bundle_read(init->container.bundle, &bundle, error)) < 0)
        return r;
    return bundle_exec_process(&bundle, exec, ret_json, error);
}
