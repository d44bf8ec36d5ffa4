/* SPDX-License-Identifier: Apache-2.0 */
#include "containerd/task.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/text.h"

/* Go's zero time, in seconds since 1970. */
#define GO_ZERO_TIME (-62135596800)

struct task *task_find(struct server *server, const char *id) {
    struct task *task = server->tasks;
    while (task && strcmp(task->id, id) != 0)
        task = task->next;
    return task;
}

static int process_init(struct process *process, struct task *task, const char *exec_id) {
    *process = (struct process){
        .watch = SOURCE_NONE,
        .task = task,
        .exec_id = strdup(exec_id),
        .status = PB__TASK_STATUS__CREATED,
        .stdio = {strdup(""), strdup(""), strdup("")},
    };
    return process->exec_id && process->stdio[0] && process->stdio[1] && process->stdio[2]
               ? 0
               : -ENOMEM;
}

static void refuse_all(const struct process *process, struct call **calls) {
    while (*calls)
        call_fail(*calls, RPC_NOT_FOUND, "process %s of container %s: not found", process->exec_id,
                  process->task->id);
}

static void process_clear(struct process *process) {
    refuse_all(process, &process->waiters);
    refuse_all(process, &process->deleters);
    loop_drop(&process->task->server->loop, &process->watch);
    loop_timer_stop(&process->task->server->loop, &process->again);
    for (int i = 0; i < 3; i++)
        free(process->stdio[i]);
    free(process->exec_id);
    free(process->spec);
}

struct task *task_new(struct server *server, const char *id, const char *bundle) {
    struct task *task = calloc(1, sizeof(*task));
    if (!task)
        return NULL;
    task->server = server;
    task->oom = (struct source)SOURCE_NONE;
    task->id = strdup(id);
    task->bundle = strdup(bundle);
    task->next = server->tasks;
    server->tasks = task;
    if (process_init(&task->init, task, "") < 0 || !task->id || !task->bundle) {
        task_free(task);
        return NULL;
    }
    return task;
}

void task_free(struct task *task) {
    struct server *server = task->server;
    for (struct task **at = &server->tasks; *at; at = &(*at)->next)
        if (*at == task) {
            *at = task->next;
            break;
        }
    while (task->execs)
        process_free(task->execs);
    process_clear(&task->init);
    oom_drop(task);
    if (task->id) /* NULL where task_new() has failed */
        helper_release(server, task->id);
    loop_timer_stop(&server->loop, &task->patience);
    free(task->id);
    free(task->bundle);
    free(task->state);
    free(task->cgroup);
    free(task);
}

bool process_is_init(const struct process *process) {
    return process == &process->task->init;
}

struct process *process_find(struct task *task, const char *exec_id) {
    if (!exec_id || !*exec_id)
        return &task->init;
    struct process *process = task->execs;
    while (process && strcmp(process->exec_id, exec_id) != 0)
        process = process->next;
    return process;
}

struct process *process_new(struct task *task, const char *exec_id) {
    struct process *process = malloc(sizeof(*process));
    if (!process)
        return NULL;
    int r = process_init(process, task, exec_id);
    process->next = task->execs;
    task->execs = process;
    if (r < 0) {
        process_free(process);
        return NULL;
    }
    return process;
}

void process_free(struct process *process) {
    for (struct process **at = &process->task->execs; *at; at = &(*at)->next)
        if (*at == process) {
            *at = process->next;
            break;
        }
    process_clear(process);
    free(process);
}

int process_set_stdio(struct process *process, bool terminal, const char *in, const char *out,
                      const char *err) {
    const char *const names[3] = {in, out, err};
    for (int i = 0; i < 3; i++) {
        char *copy = strdup(names[i]);
        if (!copy)
            return -ENOMEM;
        free(process->stdio[i]);
        process->stdio[i] = copy;
    }
    process->terminal = terminal;
    return 0;
}

struct process *find_for_call(struct server *server, struct call *call, const char *id,
                              const char *exec_id) {
    struct task *task = task_find(server, id);
    if (!task || task->creating) {
        call_fail(call, RPC_NOT_FOUND, "container %s: not found", id_valid(id) ? id : "");
        return NULL;
    }
    struct process *process = process_find(task, exec_id);
    if (!process)
        call_fail(call, RPC_NOT_FOUND, "process %s of container %s: not found",
                  id_valid(exec_id) ? exec_id : "", id);
    return process;
}

Pb__HelperRequest helper_request(const struct process *process, Pb__Verb verb) {
    Pb__HelperRequest request = PB__HELPER_REQUEST__INIT;
    request.verb = verb;
    request.namespace_ = (char *)(uintptr_t)process->task->server->arguments->namespace;
    request.container = process->task->id;
    request.exec_id = process->exec_id;
    request.bundle = process->task->bundle;
    request.debug = process->task->server->arguments->debug;
    return request;
}

void call_fail_as(struct call *call, const Pb__HelperResponse *response) {
    call_fail(call, response->code, "%s", response->message);
}

void timestamp_set(Pb__Timestamp *timestamp, const struct timespec *time) {
    pb__timestamp__init(timestamp);
    bool set = time->tv_sec != 0 || time->tv_nsec != 0;
    timestamp->seconds = set ? time->tv_sec : GO_ZERO_TIME;
    timestamp->nanos = (int32_t)time->tv_nsec;
}
