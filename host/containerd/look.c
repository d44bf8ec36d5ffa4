/* SPDX-License-Identifier: Apache-2.0 */
/* The methods that change nothing, and Shutdown, which ends everything. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "containerd/methods.h"

#define GOODBYE 2000 /* milliseconds: containerd waits three seconds for Shutdown */

static Pb__TaskStatus status_of(const struct process *process) {
    bool lives = process->status == PB__TASK_STATUS__RUNNING;
    return lives && process->task->paused ? PB__TASK_STATUS__PAUSED : process->status;
}

void method_state(struct server *server, struct call *call, const ProtobufCMessage *message) {
    const Pb__ProcessRequest *request = (const Pb__ProcessRequest *)message;
    struct process *process = find_for_call(server, call, request->id, request->exec_id);
    if (!process)
        return;
    Pb__StateResponse answer = PB__STATE_RESPONSE__INIT;
    Pb__Timestamp exited_at;
    bool stopped = process->status == PB__TASK_STATUS__STOPPED;
    timestamp_set(&exited_at, stopped ? &process->exited_at : &(struct timespec){0});
    answer.id = process_is_init(process) ? process->task->id : process->exec_id;
    answer.bundle = process->task->bundle;
    answer.pid = process->pid;
    answer.status = status_of(process);
    answer.input = process->stdio[0];
    answer.output = process->stdio[1];
    answer.errors = process->stdio[2];
    answer.terminal = process->terminal;
    answer.exit_status = stopped ? process->exit_status : 0;
    answer.exited_at = &exited_at;
    call_answer(call, &answer.base);
}

void method_wait(struct server *server, struct call *call, const ProtobufCMessage *message) {
    const Pb__ProcessRequest *request = (const Pb__ProcessRequest *)message;
    struct process *process = find_for_call(server, call, request->id, request->exec_id);
    if (process)
        exit_wait(process, call);
}

void method_connect(struct server *server, struct call *call, const ProtobufCMessage *message) {
    const Pb__ProcessRequest *request = (const Pb__ProcessRequest *)message;
    const struct task *task = task_find(server, request->id);
    Pb__ConnectResponse answer = PB__CONNECT_RESPONSE__INIT;
    answer.shim_pid = (uint32_t)getpid();
    answer.task_pid = task ? task->init.pid : 0;
    call_answer(call, &answer.base);
}

void method_stats(struct server *server, struct call *call, const ProtobufCMessage *message) {
    const Pb__ProcessRequest *request = (const Pb__ProcessRequest *)message;
    struct process *init = find_for_call(server, call, request->id, NULL);
    if (init)
        stats_answer(init->task, call);
}

/* ---------------------------------------------------------------------------- Pids */

static const char *exec_of(const struct task *task, uint32_t pid) {
    for (const struct process *exec = task->execs; exec; exec = exec->next)
        if (exec->pid == pid)
            return exec->exec_id;
    return NULL;
}

/* What containerd is to know of one pid: of an exec, which one it is. */
static void describe(const struct task *task, Pb__ProcessInfo *info, Pb__Any *any, uint32_t pid) {
    static char type[] = "containerd.runc.v1.ProcessDetails";
    const char *exec_id = exec_of(task, pid);
    pb__process_info__init(info);
    info->pid = pid;
    if (!exec_id)
        return;
    Pb__ProcessDetails details = PB__PROCESS_DETAILS__INIT;
    details.exec_id = (char *)(uintptr_t)exec_id;
    pb__any__init(any);
    any->type_url = type;
    any->value.len = pb__process_details__get_packed_size(&details);
    any->value.data = malloc(any->value.len);
    if (!any->value.data)
        return;
    pb__process_details__pack(&details, any->value.data);
    info->info = any;
}

static void answer_pids(struct call *call, const struct task *task, const uint32_t *pids,
                        size_t count) {
    Pb__ProcessInfo *infos AUTO_FREE = calloc(count + 1, sizeof(*infos));
    Pb__Any *anys AUTO_FREE = calloc(count + 1, sizeof(*anys));
    Pb__ProcessInfo **list AUTO_FREE = calloc(count + 1, sizeof(*list));
    if (!infos || !anys || !list) {
        call_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        describe(task, &infos[i], &anys[i], pids[i]);
        list[i] = &infos[i];
    }
    Pb__PidsResponse answer = PB__PIDS_RESPONSE__INIT;
    answer.n_processes = count;
    answer.processes = list;
    call_answer(call, &answer.base);
    for (size_t i = 0; i < count; i++)
        free(anys[i].value.data);
}

/* What is known without the runtime: the first process, whether it is over or not, since a
 * containerd that comes back takes a container without any for lost; and the execs that live. */
static void answer_known(struct call *call, const struct task *task) {
    size_t count = 1;
    for (const struct process *exec = task->execs; exec; exec = exec->next)
        count++;
    uint32_t *pids AUTO_FREE = calloc(count, sizeof(*pids));
    if (!pids) {
        call_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    pids[0] = task->init.pid;
    count = 1;
    for (const struct process *exec = task->execs; exec; exec = exec->next)
        if (exec->pid != 0 && !exec->over)
            pids[count++] = exec->pid;
    answer_pids(call, task, pids, count);
}

static void listed(void *user, const Pb__HelperResponse *response) {
    struct operation *operation = user;
    const struct process *process = operation_process(operation);
    if (!process)
        call_fail(operation->call, RPC_NOT_FOUND, "container %s: not found", operation->id);
    else if (response->code != RPC_OK || response->n_pids == 0)
        answer_known(operation->call, process->task);
    else
        answer_pids(operation->call, process->task, response->pids, response->n_pids);
    operation_free(operation);
}

void method_pids(struct server *server, struct call *call, const ProtobufCMessage *message) {
    const Pb__ProcessRequest *request = (const Pb__ProcessRequest *)message;
    struct process *init = find_for_call(server, call, request->id, NULL);
    if (!init)
        return;
    if (server->upgrading) { /* no helper is called any more */
        answer_known(call, init->task);
        return;
    }
    struct operation *operation = operation_new(call, init, PB__VERB__VERB_PROCESSES);
    if (!operation)
        return;
    Pb__HelperRequest helper = helper_request(init, PB__VERB__VERB_PROCESSES);
    helper_call(server, &helper, listed, operation);
}

/* ---------------------------------------------------------------------------- Shutdown */

static void goodbye_due(struct timer *timer) {
    struct server *server = (struct server *)((char *)timer - offsetof(struct server, goodbye));
    log_write(SHIM_LOG_WARNING, NULL, "ending, although containerd has not taken every event");
    server->loop.ended = true;
}

/* There is nothing more to do than to say what is still to be said. */
void server_retire(struct server *server) {
    server->shut_down = true;
    helpers_release(server);
    server->goodbye.due = goodbye_due;
    loop_timer(&server->loop, &server->goodbye, GOODBYE);
}

/* Whoever shuts a server down about a container that is being created does not want it any more. */
void method_shutdown(struct server *server, struct call *call, const ProtobufCMessage *message) {
    struct task *task = task_find(server, ((const Pb__ShutdownRequest *)message)->id);
    if (task && task->creating)
        task->unwanted = true;
    if (!server->tasks)
        server_retire(server);
    call_answer(call, NULL);
    server_check_end(server);
}

void method_forget(struct server *server, struct call *call, const ProtobufCMessage *message) {
    struct task *task = task_find(server, ((const Pb__ProcessRequest *)message)->id);
    if (task && task->creating)
        task->unwanted = true;
    else if (task)
        task_free(task);
    if (!server->tasks) /* there may never have been one */
        server_retire(server);
    call_answer(call, NULL);
    server_check_end(server);
}
