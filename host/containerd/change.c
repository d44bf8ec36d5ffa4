/* SPDX-License-Identifier: Apache-2.0 */
/* What can be done to a task that runs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "containerd/methods.h"
#include "events.pb-c.h"
#include "process/fifo.h"

/* ---------------------------------------------------------------------------- helpers' answers */

static void publish_notice(struct task *task, const char *topic, const char *name) {
    Pb__TaskNotice event = PB__TASK_NOTICE__INIT;
    event.container_id = task->id;
    event_publish(task->server, topic, name, &event.base);
}

static void publish_checkpointed(struct task *task, char *path) {
    Pb__TaskCheckpointed event = PB__TASK_CHECKPOINTED__INIT;
    event.container_id = task->id;
    event.checkpoint = path;
    event_publish(task->server, "/tasks/checkpointed", "TaskCheckpointed", &event.base);
}

static void changed(void *user, const Pb__HelperResponse *response) {
    struct operation *operation = user;
    struct process *process = operation_process(operation);
    if (response->code != RPC_OK) {
        call_fail_as(operation->call, response);
        operation_free(operation);
        return;
    }
    if (process && operation->verb == PB__VERB__VERB_PAUSE) {
        process->task->paused = true;
        publish_notice(process->task, "/tasks/paused", "TaskPaused");
    } else if (process && operation->verb == PB__VERB__VERB_RESUME) {
        process->task->paused = false;
        publish_notice(process->task, "/tasks/resumed", "TaskResumed");
    } else if (process && operation->verb == PB__VERB__VERB_CHECKPOINT) {
        publish_checkpointed(process->task, operation->text);
    }
    call_answer(operation->call, NULL);
    operation_free(operation);
}

static void change(struct call *call, const struct process *process,
                   const Pb__HelperRequest *request) {
    struct operation *operation = operation_new(call, process, request->verb);
    if (!operation)
        return;
    if (request->checkpoint[0] && !(operation->text = strdup(request->checkpoint))) {
        call_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
        operation_free(operation);
        return;
    }
    helper_call(call->server, request, changed, operation);
}

/* ---------------------------------------------------------------------------- the methods */

void method_kill(struct server *server, struct call *call, const ProtobufCMessage *message) {
    const Pb__KillRequest *request = (const Pb__KillRequest *)message;
    struct process *process = find_for_call(server, call, request->id, request->exec_id);
    if (!process)
        return;
    if (process->over || process->status == PB__TASK_STATUS__STOPPED) {
        call_fail(call, RPC_NOT_FOUND, "process already finished: not found");
        return;
    }
    if (process->pid == 0) {
        call_fail(call, RPC_FAILED_PRECONDITION, "process %s is not started", process->exec_id);
        return;
    }
    Pb__HelperRequest helper = helper_request(process, PB__VERB__VERB_SIGNAL);
    helper.signal = request->signal;
    helper.all = request->all;
    change(call, process, &helper);
}

/* A method that is about a container in a state in which it can be done. */
static void change_task(struct server *server, struct call *call, const char *id, Pb__Verb verb) {
    struct process *init = find_for_call(server, call, id, NULL);
    if (!init)
        return;
    if (init->over || init->status != PB__TASK_STATUS__RUNNING) {
        call_fail(call, RPC_FAILED_PRECONDITION, "container %s is not running", id);
        return;
    }
    Pb__HelperRequest helper = helper_request(init, verb);
    change(call, init, &helper);
}

void method_pause(struct server *server, struct call *call, const ProtobufCMessage *message) {
    change_task(server, call, ((const Pb__ProcessRequest *)message)->id, PB__VERB__VERB_PAUSE);
}

void method_resume(struct server *server, struct call *call, const ProtobufCMessage *message) {
    change_task(server, call, ((const Pb__ProcessRequest *)message)->id, PB__VERB__VERB_RESUME);
}

void method_update(struct server *server, struct call *call, const ProtobufCMessage *message) {
    const Pb__UpdateTaskRequest *request = (const Pb__UpdateTaskRequest *)message;
    struct process *init = find_for_call(server, call, request->id, NULL);
    if (!init)
        return;
    if (!request->resources || request->resources->value.len == 0) {
        call_fail(call, RPC_INVALID_ARGUMENT, "there are no resources in the request");
        return;
    }
    Pb__HelperRequest helper = helper_request(init, PB__VERB__VERB_UPDATE);
    helper.text = request->resources->value;
    change(call, init, &helper);
}

void method_checkpoint(struct server *server, struct call *call, const ProtobufCMessage *message) {
    const Pb__CheckpointTaskRequest *request = (const Pb__CheckpointTaskRequest *)message;
    struct process *init = find_for_call(server, call, request->id, NULL);
    if (!init)
        return;
    if (request->path[0] != '/') {
        call_fail(call, RPC_INVALID_ARGUMENT, "the path of the checkpoint is not absolute");
        return;
    }
    Pb__HelperRequest helper = helper_request(init, PB__VERB__VERB_CHECKPOINT);
    helper.checkpoint = request->path;
    helper.options = request->options;
    change(call, init, &helper);
}

/* ---------------------------------------------------------------------------- the monitor */

/* A line to the monitor of a process. One that is gone has nothing to do any more. */
static int control(const struct process *process, int type, unsigned int columns,
                   unsigned int rows) {
    char line[64];
    struct shim_error error = ERROR_NONE;
    int fd AUTO_CLOSE = -1, directory_fd AUTO_CLOSE = process_directory(process);
    if (directory_fd < 0)
        return directory_fd == -ENOENT ? 0 : directory_fd;
    int r = fifo_open(directory_fd, "control", O_WRONLY, &fd, &error);
    if (r < 0)
        return r == -ENXIO || r == -ENOENT ? 0 : r;
    int length = snprintf(line, sizeof(line), "%d %u %u\n", type, columns, rows);
    return write(fd, line, (size_t)length) == length ? 0 : -errno;
}

void method_resize(struct server *server, struct call *call, const ProtobufCMessage *message) {
    const Pb__ResizePtyRequest *request = (const Pb__ResizePtyRequest *)message;
    struct process *process = find_for_call(server, call, request->id, request->exec_id);
    if (!process)
        return;
    uint16_t width = request->width > UINT16_MAX ? UINT16_MAX : (uint16_t)request->width;
    uint16_t height = request->height > UINT16_MAX ? UINT16_MAX : (uint16_t)request->height;
    process->width = width;
    process->height = height;
    int r = process->terminal && process->pid != 0 ? control(process, CONTROL_RESIZE, width, height)
                                                   : 0;
    if (r < 0)
        call_fail(call, RPC_UNKNOWN, "cannot resize the terminal: %s", strerror(-r));
    else
        call_answer(call, NULL);
}

int process_close_input(const struct process *process) {
    return control(process, CONTROL_CLOSE_STDIN, 0, 0);
}

/* Whoever feeds a further process may be done before its start has been told. */
void method_close_io(struct server *server, struct call *call, const ProtobufCMessage *message) {
    const Pb__CloseIORequest *request = (const Pb__CloseIORequest *)message;
    struct process *process = find_for_call(server, call, request->id, request->exec_id);
    if (!process)
        return;
    process->close_input |= request->input;
    int r = request->input && process->pid != 0 ? process_close_input(process) : 0;
    if (r < 0)
        call_fail(call, RPC_UNKNOWN, "cannot close standard input: %s", strerror(-r));
    else
        call_answer(call, NULL);
}
