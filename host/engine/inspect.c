/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at containers. Takes no lock, changes nothing, and shows what is damaged as damaged. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "engine/call.h"
#include "process/identity.h"
#include "state/journal.h"

void container_info_clear(struct container_info *info) {
    free(info->runtime);
    free(info->bundle);
    free(info->oci_version);
    free(info->annotations);
    free(info->execs);
    *info = (struct container_info){0};
}

static void set_problem(struct container_info *info, const struct shim_error *problem) {
    if (!info->problem[0])
        snprintf(info->problem, sizeof(info->problem), "%.255s", problem->message);
}

/* The records move from the process to the info. */
static void take_record(struct container_info *info, struct container_record *record) {
    snprintf(info->created, sizeof(info->created), "%s", record->created);
    info->runtime = pointer_steal(&record->runtime);
    info->bundle = pointer_steal(&record->bundle);
    info->oci_version = pointer_steal(&record->oci_version);
    info->annotations = pointer_steal(&record->annotations);
}

/* What can be said without a plugin: its runtime may not be configured any more. */
static void look_without_plugin(int container_fd, struct container_info *info) {
    struct shim_error problem = ERROR_NONE;
    struct container_record record = {0};
    int directory_fd AUTO_CLOSE = -1;
    if (container_record_read(container_fd, &record, &problem) == 0)
        take_record(info, &record);
    container_record_clear(&record);
    if (store_process_open(container_fd, info->id, PROCESS_INIT, &directory_fd, &problem) < 0 ||
        status_load(directory_fd, &info->init.state, &problem) < 0)
        set_problem(info, &problem);
}

/* Why nobody knows the exit status: what is recorded, or what is plain without a record. */
static int look_at_unknown(const struct process *process, struct process_info *info,
                           struct shim_error *error) {
    if (status_unknown_read(process->directory_fd, info->unknown, sizeof(info->unknown), NULL) >= 0)
        return 0;
    const struct shim_identity *identity = &info->state.identity;
    int r = identity->pid ? identity_of_other_boot(identity, error) : 0;
    snprintf(info->unknown, sizeof(info->unknown), "%s", r == 1 ? HOST_RESTARTED : "");
    return r < 0 ? r : 0;
}

static int look_at_end(const struct process *process, struct process_info *info,
                       struct shim_error *error) {
    int r = info->state.exit_status < 0 ? look_at_unknown(process, info, error) : 0;
    if (r == 0)
        r = status_oom_read(process->directory_fd, &info->oom_kills, error);
    return r == -ENOENT ? 0 : r;
}

/* `brief`: all but whether its monitor lives, which no list shows. */
static int look_at_process(struct process *process, bool brief, struct process_info *info,
                           struct shim_error *error) {
    snprintf(info->id, sizeof(info->id), "%s", process->id);
    info->terminal = process->record.terminal;
    int r = process_load(process, &info->state, error);
    if (r < 0)
        return r;
    if (info->state.status == SHIM_STATUS_STOPPED && (r = look_at_end(process, info, error)) < 0)
        return r;
    if (brief)
        return 0;
    r = status_monitor_alive(process->directory_fd, NULL, error);
    info->monitor_alive = r == 1;
    return r < 0 ? r : 0;
}

static int look(struct engine *engine, const char *container, bool brief,
                struct container_info *info, struct shim_error *error) {
    struct shim_error problem = ERROR_NONE;
    struct process *init AUTO_PROCESS = NULL;
    *info = (struct container_info){
        .init.state = {.size = sizeof(info->init.state), .exit_status = -1}};
    snprintf(info->id, sizeof(info->id), "%s", container);
    snprintf(info->init.id, sizeof(info->init.id), PROCESS_INIT);
    int r = process_open(engine, container, PROCESS_INIT, &init, &problem);
    if (r == 0)
        r = look_at_process(init, brief, &info->init, &problem);
    if (r == 0) {
        take_record(info, &init->container);
        return 0;
    }
    int container_fd AUTO_CLOSE = -1;
    r = store_container_open(engine->store, container, &container_fd, error);
    if (r < 0)
        return r;
    set_problem(info, &problem);
    look_without_plugin(container_fd, info);
    return 0;
}

struct exec_list {
    struct engine *engine;
    struct container_info *info;
};

static int add_exec(const char *id, void *user) {
    struct exec_list *list = user;
    struct container_info *info = list->info;
    if (strcmp(id, PROCESS_INIT) == 0)
        return 0;
    struct process_info *grown = realloc(info->execs, (info->n_execs + 1) * sizeof(*info->execs));
    if (!grown)
        return -ENOMEM;
    info->execs = grown;
    struct process_info *exec = &grown[info->n_execs];
    *exec = (struct process_info){.state = {.size = sizeof(exec->state), .exit_status = -1}};
    snprintf(exec->id, sizeof(exec->id), "%.76s", id);
    struct shim_error problem = ERROR_NONE;
    struct process *process AUTO_PROCESS = NULL;
    int r = process_open(list->engine, info->id, id, &process, &problem);
    if (r == 0)
        r = look_at_process(process, false, exec, &problem);
    if (r < 0) /* never finished, damaged, or removed while we looked: it is listed as incomplete */
        set_problem(info, &problem);
    info->n_execs++;
    return 0;
}

int engine_inspect(struct engine *engine, const char *container, struct container_info *ret_info,
                   struct shim_error *error) {
    struct container_info info;
    int container_fd AUTO_CLOSE = -1;
    int r = look(engine, container, false, &info, error);
    if (r < 0)
        return r;
    r = store_container_open(engine->store, container, &container_fd, error);
    if (r == 0)
        r = store_processes(container_fd, add_exec, &(struct exec_list){engine, &info}, error);
    if (r < 0) {
        container_info_clear(&info);
        return r == -ENOMEM ? error_set(error, r, "out of memory") : r;
    }
    *ret_info = info;
    return 0;
}

struct list_call {
    struct engine *engine;
    int (*each)(const struct container_info *info, void *user);
    void *user;
};

static int list_one(const char *id, void *user) {
    struct list_call *call = user;
    struct container_info info;
    struct shim_error problem = ERROR_NONE;
    int r = look(call->engine, id, true, &info, &problem);
    if (r == -ENOENT)
        return 0; /* removed while we looked */
    if (r < 0) {
        info = (struct container_info){.init.state = {.exit_status = -1}};
        snprintf(info.id, sizeof(info.id), "%.76s", id);
        set_problem(&info, &problem);
    }
    r = call->each(&info, call->user);
    container_info_clear(&info);
    return r;
}

int engine_list(struct engine *engine, int (*each)(const struct container_info *info, void *user),
                void *user, struct shim_error *error) {
    struct list_call call = {engine, each, user};
    struct engine_guard *guard = engine->options.guard;
    if (guard && guard->many)
        guard->many(guard, true);
    int r = store_containers(engine->store, list_one, &call, error);
    if (guard && guard->many)
        guard->many(guard, false);
    return r;
}

struct growing_pids {
    struct shim_pid_list list; /* first */
    pid_t *pids;
    size_t count, room;
};

static int add_pid(struct shim_pid_list *list, pid_t pid) {
    struct growing_pids *pids = (struct growing_pids *)list;
    if (pids->count == pids->room) {
        size_t room = pids->room ? pids->room * 2 : 64;
        pid_t *grown = realloc(pids->pids, room * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        pids->pids = grown;
        pids->room = room;
    }
    pids->pids[pids->count++] = pid;
    return 0;
}

ssize_t engine_processes(struct engine *engine, const char *container, pid_t **ret_pids,
                         struct shim_error *error) {
    struct process *process AUTO_PROCESS = NULL;
    struct shim_state state;
    int r = process_open(engine, container, NULL, &process, error);
    if (r < 0 || (r = RUNTIME_NEEDS(process->runtime, processes, error)) < 0 ||
        (r = process_load(process, &state, error)) < 0)
        return r;
    if (state.status == SHIM_STATUS_STOPPED || state.status == SHIM_STATUS_UNKNOWN)
        return error_set_reason(error, -ESRCH, SHIM_REASON_NOT_RUNNING,
                                "container %s is %s; it has no processes", container,
                                status_name(state.status));
    struct growing_pids pids = {.list = {.size = sizeof(pids.list), .add = add_pid}};
    r = PLUGIN_CALL(process->runtime, processes, &process->view, &pids.list, error);
    if (r < 0) {
        free(pids.pids);
        return error_context(error, "container %s: cannot list its processes", container);
    }
    *ret_pids = pids.pids;
    return (ssize_t)pids.count;
}

int engine_process_directory(struct engine *engine, const char *container, const char *id,
                             char **ret_path, struct shim_error *error) {
    struct process *process AUTO_PROCESS = NULL;
    int r = process_open(engine, container, id, &process, error);
    if (r < 0)
        return r;
    *ret_path = pointer_steal(&process->directory);
    return 0;
}

void process_streams_clear(struct process_streams *streams) {
    for (int i = 0; i < 3; i++)
        free(streams->targets[i]);
    *streams = (struct process_streams){.terminal = false};
}

int engine_process_streams(struct engine *engine, const char *container, const char *id,
                           struct process_streams *ret_streams, struct shim_error *error) {
    struct process *process AUTO_PROCESS = NULL;
    int r = process_open(engine, container, id, &process, error);
    if (r < 0)
        return r;
    struct process_streams streams = {.terminal = process->record.terminal};
    for (int i = 0; i < 3; i++)
        streams.targets[i] = pointer_steal(&process->record.targets[i]);
    *ret_streams = streams;
    return 0;
}

int engine_events(struct engine *engine, bool follow, FILE *output, struct shim_error *error) {
    return journal_print(engine->store, follow, engine->options.cancel_fd, output, error);
}
