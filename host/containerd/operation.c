/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "containerd/methods.h"

struct operation *operation_new(struct call *call, const struct process *process, Pb__Verb verb) {
    struct operation *operation = calloc(1, sizeof(*operation));
    if (operation) {
        operation->server = call->server;
        operation->call = call;
        operation->verb = verb;
        operation->id = strdup(process->task->id);
        operation->exec_id = strdup(process->exec_id);
    }
    if (!operation || !operation->id || !operation->exec_id) {
        if (operation)
            operation_free(operation);
        call_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    return operation;
}

void operation_free(struct operation *operation) {
    free(operation->id);
    free(operation->exec_id);
    free(operation->text);
    free(operation);
}

struct process *operation_process(const struct operation *operation) {
    struct task *task = task_find(operation->server, operation->id);
    return task ? process_find(task, operation->exec_id) : NULL;
}
