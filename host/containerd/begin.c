/* SPDX-License-Identifier: Apache-2.0 */
/* Exec and Start: a process comes to run. Its end may be known before its start has been told; it
 * is told afterwards all the same. */
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "containerd/methods.h"
#include "events.pb-c.h"

/* ---------------------------------------------------------------------------- Start */

static void publish_start(const struct process *process) {
    if (process_is_init(process)) {
        Pb__TaskStart event = PB__TASK_START__INIT;
        event.container_id = process->task->id;
        event.pid = process->pid;
        event_publish(process->task->server, "/tasks/start", "TaskStart", &event.base);
    } else {
        Pb__TaskExecStarted event = PB__TASK_EXEC_STARTED__INIT;
        event.container_id = process->task->id;
        event.exec_id = process->exec_id;
        event.pid = process->pid;
        event_publish(process->task->server, "/tasks/exec-started", "TaskExecStarted", &event.base);
    }
}

/* An exec that could not be started will never end; those who wait for that are let go. */
static void start_failed(struct process *process) {
    if (process_is_init(process)) {
        exit_release(process);
        return;
    }
    process->starting = false;
    process->status = PB__TASK_STATUS__STOPPED;
    process->exit_status = 255;
    clock_gettime(CLOCK_REALTIME, &process->exited_at);
    while (process->waiters)
        exit_answer(process, process->waiters);
    exit_tell(&process->task->init); /* may have waited for this one */
}

static void undone(void *user, const Pb__HelperResponse *response) {
    struct operation *operation = user;
    struct process *process = operation_process(operation);
    if (response->code != RPC_OK)
        log_write(SHIM_LOG_ERROR, &(struct log_fields){.container = operation->id},
                  "cannot end what is left of a failed exec: %s", response->message);
    call_fail(operation->call, (int)operation->number, "%s",
              operation->text ? operation->text : "out of memory");
    if (process)
        start_failed(process);
    operation_free(operation);
}

/* The helper has died, but not its monitor, nor the runtime, whose exec may still come to run. */
static void undo(struct operation *operation, const struct process *process,
                 const Pb__HelperResponse *response) {
    operation->number = (uint64_t)response->code;
    operation->text = strdup(response->message);
    Pb__HelperRequest request = helper_request(process, PB__VERB__VERB_DELETE);
    request.force = true;
    helper_call(operation->server, &request, undone, operation);
}

/* What was said while there was nobody to be told. */
static void tell_monitor(const struct process *process) {
    int r = process->close_input ? process_close_input(process) : 0;
    if (r < 0)
        log_write(SHIM_LOG_ERROR, &(struct log_fields){.container = process->task->id},
                  "cannot close the standard input of process %s: %s", process->exec_id,
                  strerror(-r));
}

static void started(void *user, const Pb__HelperResponse *response) {
    struct operation *operation = user;
    struct process *process = operation_process(operation);
    if (process && response->lost && !process_is_init(process)) {
        undo(operation, process, response);
        return;
    }
    if (!process) {
        call_fail(operation->call, RPC_NOT_FOUND, "container %s: not found", operation->id);
    } else if (response->code != RPC_OK) {
        call_fail_as(operation->call, response);
        start_failed(process);
    } else {
        Pb__PidResponse answer = PB__PID_RESPONSE__INIT;
        if (!process_is_init(process))
            process->pid = response->pid;
        process->status = PB__TASK_STATUS__RUNNING;
        free(process->spec);
        process->spec = NULL;
        publish_start(process);
        answer.pid = process->pid;
        call_answer(operation->call, &answer.base);
        if (!process_is_init(process)) {
            tell_monitor(process);
            exit_watch(process); /* before its end may be told */
        }
        exit_release(process);
    }
    operation_free(operation);
}

static const char *why_not(const struct process *process) {
    if (process->deleting || (process->starting && !process->early))
        return "is being changed";
    if (process->early)
        return NULL;
    if (process_is_init(process))
        return process->over || process->status != PB__TASK_STATUS__CREATED
                   ? "cannot be started: it is not in the state created"
                   : NULL;
    if (process->task->init.over || process->task->init.deleting)
        return "init process is not running";
    return process->status != PB__TASK_STATUS__CREATED
               ? "has a process of that id that was started already"
               : NULL;
}

void method_start(struct server *server, struct call *call, const ProtobufCMessage *message) {
    const Pb__ProcessRequest *request = (const Pb__ProcessRequest *)message;
    struct process *process = find_for_call(server, call, request->id, request->exec_id);
    if (!process)
        return;
    const char *problem = why_not(process);
    if (problem) {
        call_fail(call, RPC_FAILED_PRECONDITION, "container %s %s", request->id, problem);
        return;
    }
    bool init = process_is_init(process);
    Pb__Verb verb = init ? PB__VERB__VERB_START : PB__VERB__VERB_EXEC;
    struct operation *operation = operation_new(call, process, verb);
    if (!operation)
        return;
    process->starting = true;
    if (process->early) {
        Pb__HelperResponse done = PB__HELPER_RESPONSE__INIT;
        process->early = false;
        started(operation, &done);
        return;
    }
    if (init && helper_go_on(server, process->task->id, started, operation))
        return;
    Pb__HelperRequest helper = helper_request(process, verb);
    if (!init) {
        helper.terminal = process->terminal;
        helper.input = process->stdio[0];
        helper.output = process->stdio[1];
        helper.errors = process->stdio[2];
        helper.width = process->width;
        helper.height = process->height;
        helper.text.data = (uint8_t *)process->spec;
        helper.text.len = strlen(process->spec);
    }
    helper_call(server, &helper, started, operation);
}

/* ---------------------------------------------------------------------------- Exec */

static void publish_added(const struct process *process) {
    Pb__TaskExecAdded event = PB__TASK_EXEC_ADDED__INIT;
    event.container_id = process->task->id;
    event.exec_id = process->exec_id;
    event_publish(process->task->server, "/tasks/exec-added", "TaskExecAdded", &event.base);
}

static struct process *add_exec(struct task *task, const Pb__ExecProcessRequest *request) {
    struct process *process = process_new(task, request->exec_id);
    if (!process)
        return NULL;
    process->spec = malloc(request->spec->value.len + 1);
    if (!process->spec || process_set_stdio(process, request->terminal, request->input,
                                            request->output, request->errors) < 0) {
        process_free(process);
        return NULL;
    }
    memcpy(process->spec, request->spec->value.data, request->spec->value.len);
    process->spec[request->spec->value.len] = '\0';
    return process;
}

void method_exec(struct server *server, struct call *call, const ProtobufCMessage *message) {
    const Pb__ExecProcessRequest *request = (const Pb__ExecProcessRequest *)message;
    struct process *init = find_for_call(server, call, request->id, NULL);
    if (!init)
        return;
    if (!id_valid(request->exec_id) || !request->spec || request->spec->value.len == 0 ||
        memchr(request->spec->value.data, '\0', request->spec->value.len)) {
        call_fail(call, RPC_INVALID_ARGUMENT, "the exec id or the process is not valid");
        return;
    }
    if (process_find(init->task, request->exec_id)) {
        call_fail(call, RPC_ALREADY_EXISTS, "process %s of container %s: already exists",
                  request->exec_id, request->id);
        return;
    }
    if (init->over || init->deleting) {
        call_fail(call, RPC_FAILED_PRECONDITION, "container %s init process is not running",
                  request->id);
        return;
    }
    struct process *process = add_exec(init->task, request);
    if (!process) {
        call_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    publish_added(process);
    call_answer(call, NULL);
}
