/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to the method that it names. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "containerd/client.h"
#include "containerd/methods.h"
#include "ttrpc.pb-c.h"

#define HELD_MAX (32u << 20) /* bytes: some requests are large, and a snapshot has to hold them */

struct method {
    const char *name;
    const ProtobufCMessageDescriptor *request;
    void (*call)(struct server *server, struct call *call, const ProtobufCMessage *message);
    bool always; /* also while the server is upgrading: nothing is begun by it */
};

static const struct method task_methods[] = {
    {"State", &pb__process_request__descriptor, method_state, true},
    {"Create", &pb__create_task_request__descriptor, method_create, false},
    {"Start", &pb__process_request__descriptor, method_start, false},
    {"Delete", &pb__process_request__descriptor, method_delete, false},
    {"Pids", &pb__process_request__descriptor, method_pids, true},
    {"Pause", &pb__process_request__descriptor, method_pause, false},
    {"Resume", &pb__process_request__descriptor, method_resume, false},
    {"Checkpoint", &pb__checkpoint_task_request__descriptor, method_checkpoint, false},
    {"Kill", &pb__kill_request__descriptor, method_kill, false},
    {"Exec", &pb__exec_process_request__descriptor, method_exec, false},
    {"ResizePty", &pb__resize_pty_request__descriptor, method_resize, false},
    {"CloseIO", &pb__close_iorequest__descriptor, method_close_io, false},
    {"Update", &pb__update_task_request__descriptor, method_update, false},
    {"Wait", &pb__process_request__descriptor, method_wait, true},
    {"Stats", &pb__process_request__descriptor, method_stats, true},
    {"Connect", &pb__process_request__descriptor, method_connect, true},
    {"Shutdown", &pb__shutdown_request__descriptor, method_shutdown, false},
    {NULL, NULL, NULL, false},
};

static const struct method server_methods[] = {
    {"Forget", &pb__process_request__descriptor, method_forget, false},
    {"Upgrade", &pb__empty__descriptor, method_upgrade, true},
    {NULL, NULL, NULL, false},
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

/* The method that is called, or NULL: there is none, and the call has been failed. */
static const struct method *method_of(struct call *call, const Pb__Request *request) {
    char shown[128];
    const struct service *service = find_service(request->service);
    const struct method *method = service ? find_method(service, request->method) : NULL;
    if (!service)
        call_fail(call, RPC_UNIMPLEMENTED, "service %s",
                  text_show(shown, sizeof(shown), request->service, strlen(request->service)));
    else if (!method)
        call_fail(call, RPC_UNIMPLEMENTED, "method %s",
                  text_show(shown, sizeof(shown), request->method, strlen(request->method)));
    return method;
}

static void call_method(struct call *call, const struct method *method,
                        const Pb__Request *request) {
    ProtobufCMessage *message = protobuf_c_message_unpack(
        method->request, NULL, request->payload.len, request->payload.data);
    if (!message) {
        call_fail(call, RPC_INVALID_ARGUMENT, "the request of %s is malformed", method->name);
        return;
    }
    method->call(call->server, call, message);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void hold(struct call *call, const uint8_t *data, size_t length) {
    struct server *server = call->server;
    size_t size = sizeof(struct held) + length;
    struct held *held = server->held_size + size > HELD_MAX ? NULL : malloc(size);
    if (!held) {
        call_fail(call, RPC_RESOURCE_EXHAUSTED, "too much is to be done after the upgrade");
        return;
    }
    *held = (struct held){.call = call, .length = length};
    memcpy(held->data, data, length);
    *(server->held ? server->held_end : &server->held) = held;
    server->held_end = &held->next;
    server->held_size += size;
}

void service_request(struct call *call, const uint8_t *data, size_t length) {
    Pb__Request *request = pb__request__unpack(NULL, length, data);
    if (!request) {
        call_fail(call, RPC_INVALID_ARGUMENT, "the request is malformed");
        return;
    }
    if (request->timeout_nano > 0)
        call->deadline = deadline_after(request->timeout_nano / 1000000 + 1);
    const struct method *method = method_of(call, request);
    if (method && call->server->upgrading && !method->always)
        hold(call, data, length);
    else if (method)
        call_method(call, method, request);
    pb__request__free_unpacked(request, NULL);
}

void service_resume(struct server *server) {
    struct held *held;
    while ((held = server->held)) {
        server->held = held->next;
        server->held_size -= sizeof(*held) + held->length;
        service_request(held->call, held->data, held->length);
        free(held);
    }
}
