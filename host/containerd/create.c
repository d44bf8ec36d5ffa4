/* SPDX-License-Identifier: Apache-2.0 */
/* Create and Delete: the two ends of a task. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "containerd/bundle.h"
#include "containerd/methods.h"
#include "events.pb-c.h"

/* ---------------------------------------------------------------------------- Create */

/* What Create was asked, for the event that tells of it. */
struct creation {
    struct operation *operation;
    Pb__CreateTaskRequest *request;
    int code; /* of a failure, while its leftovers are removed */
    char *message;
};

static void creation_free(struct creation *creation) {
    operation_free(creation->operation);
    if (creation->request)
        pb__create_task_request__free_unpacked(creation->request, NULL);
    free(creation->message);
    free(creation);
}

static void publish_create(const struct task *task, const Pb__CreateTaskRequest *request) {
    Pb__TaskCreate event = PB__TASK_CREATE__INIT;
    Pb__TaskIO io = PB__TASK_IO__INIT;
    io.input = request->input;
    io.output = request->output;
    io.errors = request->errors;
    io.terminal = request->terminal;
    event.container_id = task->id;
    event.bundle = task->bundle;
    event.n_rootfs = request->n_rootfs;
    event.rootfs = request->rootfs;
    event.io = &io;
    event.checkpoint = request->checkpoint;
    event.pid = task->init.pid;
    event_publish(task->server, "/tasks/create", "TaskCreate", &event.base);
}

/* After a failure, and whatever the helper managed to undo: nothing is left. */
static void undone(void *user, const Pb__HelperResponse *response) {
    struct creation *creation = user;
    struct operation *operation = creation->operation;
    struct task *task = task_find(operation->server, operation->id);
    if (response->code != RPC_OK)
        log_write(SHIM_LOG_ERROR, &(struct log_fields){.container = operation->id},
                  "cannot remove what is left of a failed creation: %s", response->message);
    bool unwanted = task && task->unwanted;
    if (task)
        task_free(task);
    if (unwanted && !operation->server->tasks)
        server_retire(operation->server);
    call_fail(operation->call, creation->code, "%s",
              creation->message ? creation->message : "out of memory");
    creation_free(creation);
}

static void undo(struct creation *creation, const struct task *task,
                 const Pb__HelperResponse *response) {
    bool failed = response->code != RPC_OK;
    creation->code = failed ? response->code : RPC_UNAVAILABLE;
    creation->message = strdup(failed ? response->message : "it was given up meanwhile");
    Pb__HelperRequest request = helper_request(&task->init, PB__VERB__VERB_CLEANUP);
    helper_call(creation->operation->server, &request, undone, creation);
}

static void created(void *user, const Pb__HelperResponse *response) {
    struct creation *creation = user;
    struct operation *operation = creation->operation;
    struct task *task = task_find(operation->server, operation->id);
    if (!task) { /* it cannot be deleted while it is being created */
        call_fail(operation->call, RPC_INTERNAL, "container %s is gone", operation->id);
        creation_free(creation);
        return;
    }
    if (response->code != RPC_OK || task->unwanted) {
        undo(creation, task, response);
        return;
    }
    task->creating = false;
    task->shared_pids = response->shared_pids;
    task->init.pid = response->pid;
    task->init.early = task->init.starting = response->running;
    task->state = bundle_state(task->bundle);
    publish_create(task, creation->request);
    Pb__PidResponse answer = PB__PID_RESPONSE__INIT;
    answer.pid = response->pid;
    call_answer(operation->call, &answer.base);
    oom_watch(task);
    exit_watch(&task->init);
    creation_free(creation);
}

/* A copy, because the helper answers after the request is gone. */
static Pb__CreateTaskRequest *copy_request(const Pb__CreateTaskRequest *request) {
    size_t length = pb__create_task_request__get_packed_size(request);
    uint8_t *bytes AUTO_FREE = malloc(length + 1);
    if (!bytes)
        return NULL;
    pb__create_task_request__pack(request, bytes);
    return pb__create_task_request__unpack(NULL, length, bytes);
}

static void call_create(struct creation *creation, struct task *task) {
    const Pb__CreateTaskRequest *create = creation->request;
    Pb__HelperRequest request = helper_request(&task->init, PB__VERB__VERB_CREATE);
    request.n_rootfs = create->n_rootfs;
    request.rootfs = create->rootfs;
    request.terminal = create->terminal;
    request.input = create->input;
    request.output = create->output;
    request.errors = create->errors;
    request.checkpoint = create->checkpoint;
    request.options = create->options;
    request.stay = true;
    helper_call(task->server, &request, created, creation);
}

void method_create(struct server *server, struct call *call, const ProtobufCMessage *message) {
    const Pb__CreateTaskRequest *request = (const Pb__CreateTaskRequest *)message;
    if (!id_valid(request->id) || request->bundle[0] != '/') {
        call_fail(call, RPC_INVALID_ARGUMENT, "the id or the bundle is not valid");
        return;
    }
    if (task_find(server, request->id)) {
        call_fail(call, RPC_ALREADY_EXISTS, "container %s: already exists", request->id);
        return;
    }
    struct task *task = task_new(server, request->id, request->bundle);
    struct creation *creation = task ? calloc(1, sizeof(*creation)) : NULL;
    if (creation) {
        task->creating = true;
        creation->request = copy_request(request);
    }
    if (!creation || !creation->request ||
        process_set_stdio(&task->init, request->terminal, request->input, request->output,
                          request->errors) < 0) {
        if (task)
            task_free(task);
        if (creation && creation->request)
            pb__create_task_request__free_unpacked(creation->request, NULL);
        free(creation);
        call_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    creation->operation = operation_new(call, &task->init, PB__VERB__VERB_CREATE);
    if (!creation->operation) {
        pb__create_task_request__free_unpacked(creation->request, NULL);
        free(creation);
        task_free(task);
        return;
    }
    call_create(creation, task);
}

/* ---------------------------------------------------------------------------- Delete */

static void publish_delete(const struct process *init) {
    Pb__TaskDelete event = PB__TASK_DELETE__INIT;
    Pb__Timestamp exited_at;
    timestamp_set(&exited_at, &init->exited_at);
    event.container_id = init->task->id;
    event.pid = init->pid;
    event.exit_status = init->exit_status;
    event.exited_at = &exited_at;
    event_publish(init->task->server, "/tasks/delete", "TaskDelete", &event.base);
}

/* One that was deleted before it was started has ended by that. */
static void end_now(struct process *process, const Pb__HelperResponse *response) {
    if (process->status == PB__TASK_STATUS__STOPPED || process->pid == 0)
        return;
    if (!process->over) {
        process->over = true;
        process->exit_status = response->exited ? response->exit_status : 128 + SIGKILL;
        clock_gettime(CLOCK_REALTIME, &process->exited_at);
    }
    exit_tell(process);
}

static void deleted(void *user, const Pb__HelperResponse *response) {
    struct operation *operation = user;
    struct process *process = operation_process(operation);
    if (!process) {
        call_fail(operation->call, RPC_NOT_FOUND, "container %s: not found", operation->id);
    } else if (response->code != RPC_OK) {
        process->deleting = false;
        call_fail_as(operation->call, response);
        while (process->deleters)
            call_fail_as(process->deleters, response);
    } else {
        Pb__DeleteResponse answer = PB__DELETE_RESPONSE__INIT;
        Pb__Timestamp exited_at;
        end_now(process, response);
        timestamp_set(&exited_at, &process->exited_at);
        answer.pid = process->pid;
        answer.exit_status = process->exit_status;
        answer.exited_at = &exited_at;
        bool init = process_is_init(process);
        if (init)
            publish_delete(process);
        call_answer(operation->call, &answer.base);
        if (init)
            task_free(process->task);
        else
            process_free(process);
    }
    operation_free(operation);
}

static const char *why_not(const struct process *process) {
    if (process->starting && !process->early)
        return "is being started";
    if (process->status != PB__TASK_STATUS__CREATED && process->status != PB__TASK_STATUS__STOPPED)
        return "must be stopped before deletion: it is running";
    return NULL;
}

void method_delete(struct server *server, struct call *call, const ProtobufCMessage *message) {
    const Pb__ProcessRequest *request = (const Pb__ProcessRequest *)message;
    struct process *process = find_for_call(server, call, request->id, request->exec_id);
    if (!process)
        return;
    if (process->deleting) { /* and will be gone, or as hard to delete for one as for the other */
        call_wait(call, &process->deleters);
        return;
    }
    const char *problem = why_not(process);
    if (problem) {
        call_fail(call, RPC_FAILED_PRECONDITION, "container %s %s", request->id, problem);
        return;
    }
    struct operation *operation = operation_new(call, process, PB__VERB__VERB_DELETE);
    if (!operation)
        return;
    process->deleting = true;
    process->starting = process->early = false;
    bool began = process->pid != 0 || process->status == PB__TASK_STATUS__STOPPED;
    if (!began && !process_is_init(process)) {
        Pb__HelperResponse nothing = PB__HELPER_RESPONSE__INIT;
        deleted(operation, &nothing);
        return;
    }
    Pb__HelperRequest helper = helper_request(process, PB__VERB__VERB_DELETE);
    helper.force = process->status == PB__TASK_STATUS__CREATED || process->pid == 0;
    helper_call(server, &helper, deleted, operation);
}
