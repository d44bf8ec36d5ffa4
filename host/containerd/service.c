/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to the method that it names. */
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "containerd/client.h"
#include "containerd/methods.h"
#include "ttrpc.pb-c.h"

struct method {
    const char *name;
    const ProtobufCMessageDescriptor *request;
    void (*call)(struct server *server, struct call *call, const ProtobufCMessage *message);
};

static const struct method task_methods[] = {
    {"State", &pb__process_request__descriptor, method_state},
    {"Create", &pb__create_task_request__descriptor, method_create},
    {"Start", &pb__process_request__descriptor, method_start},
    {"Delete", &pb__process_request__descriptor, method_delete},
    {"Pids", &pb__process_request__descriptor, method_pids},
    {"Pause", &pb__process_request__descriptor, method_pause},
    {"Resume", &pb__process_request__descriptor, method_resume},
    {"Checkpoint", &pb__checkpoint_task_request__descriptor, method_checkpoint},
    {"Kill", &pb__kill_request__descriptor, method_kill},
    {"Exec", &pb__exec_process_request__descriptor, method_exec},
    {"ResizePty", &pb__resize_pty_request__descriptor, method_resize},
    {"CloseIO", &pb__close_iorequest__descriptor, method_close_io},
    {"Update", &pb__update_task_request__descriptor, method_update},
    {"Wait", &pb__process_request__descriptor, method_wait},
    {"Stats", &pb__process_request__descriptor, method_stats},
    {"Connect", &pb__process_request__descriptor, method_connect},
    {"Shutdown", &pb__shutdown_request__descriptor, method_shutdown},
    {NULL, NULL, NULL},
};

static const struct method server_methods[] = {
    {"Forget", &pb__process_request__descriptor, method_forget},
    {"Upgrade", &pb__empty__descriptor, method_upgrade},
    {NULL, NULL, NULL},
};

static const struct service {
    const char *name;
    const struct method *methods;
} services[] = {
    {"containerd.task.v2.Task", task_methods},
    {"containerd.task.v3.Task", task_methods},
    {SERVER_SERVICE, server_methods},
};

static const struct service *find_service(const char *name) {
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
        if (strcmp(services[i].name, name) == 0)
            return &services[i];
    return NULL;
}

static const struct method *find_method(const struct service *service, const char *name) {
    for (const struct method *method = service->methods; method->name; method++)
        if (strcmp(method->name, name) == 0)
            return method;
    return NULL;
}

static void call_method(struct call *call, const Pb__Request *request) {
    char shown[128];
    const struct service *service = find_service(request->service);
    const struct method *method = service ? find_method(service, request->method) : NULL;
    if (!service) {
        call_fail(call, RPC_UNIMPLEMENTED, "service %s",
                  text_show(shown, sizeof(shown), request->service, strlen(request->service)));
        return;
    }
    if (!method) {
        call_fail(call, RPC_UNIMPLEMENTED, "method %s",
                  text_show(shown, sizeof(shown), request->method, strlen(request->method)));
        return;
    }
    ProtobufCMessage *message = protobuf_c_message_unpack(
        method->request, NULL, request->payload.len, request->payload.data);
    if (!message) {
        call_fail(call, RPC_INVALID_ARGUMENT, "the request of %s is malformed", method->name);
        return;
    }
    method->call(call->server, call, message);
    protobuf_c_message_free_unpacked(message, NULL);
}

void service_request(struct call *call, const uint8_t *data, size_t length) {
    Pb__Request *request = pb__request__unpack(NULL, length, data);
    if (!request) {
        call_fail(call, RPC_INVALID_ARGUMENT, "the request is malformed");
        return;
    }
    if (request->timeout_nano > 0)
        call->deadline = deadline_after(request->timeout_nano / 1000000 + 1);
    call_method(call, request);
    pb__request__free_unpacked(request, NULL);
}
