/* SPDX-License-Identifier: Apache-2.0 */
#include "containerd/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "events.pb-c.h"
#include "ttrpc.pb-c.h"

#define SERVICE "containerd.services.events.ttrpc.v1.Events"

/* Packs a message. Returns its length; NULL in data->data: out of memory. */
static size_t pack(const ProtobufCMessage *message, ProtobufCBinaryData *data) {
    size_t length = protobuf_c_message_get_packed_size(message);
    data->data = malloc(length + 1);
    data->len = data->data ? protobuf_c_message_pack(message, data->data) : 0;
    return data->len;
}

size_t event_wrap(const char *namespace, const char *topic, const char *name,
                  const ProtobufCMessage *event, uint8_t **ret_request) {
    char type[80];
    static char service[] = SERVICE, method[] = "Forward";
    snprintf(type, sizeof(type), "containerd.events.%s", name);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    Pb__Timestamp timestamp = PB__TIMESTAMP__INIT;
    timestamp.seconds = now.tv_sec;
    timestamp.nanos = (int32_t)now.tv_nsec;
    Pb__Any any = PB__ANY__INIT;
    any.type_url = type;
    Pb__Envelope envelope = PB__ENVELOPE__INIT;
    envelope.timestamp = &timestamp;
    envelope.namespace_ = (char *)(uintptr_t) namespace;
    envelope.topic = (char *)(uintptr_t)topic;
    envelope.event = &any;
    Pb__ForwardRequest forward = PB__FORWARD_REQUEST__INIT;
    forward.envelope = &envelope;
    Pb__Request request = PB__REQUEST__INIT;
    request.service = service;
    request.method = method;
    ProtobufCBinaryData whole = {0, NULL};
    pack(event, &any.value);
    if (any.value.data)
        pack(&forward.base, &request.payload);
    if (request.payload.data)
        pack(&request.base, &whole);
    free(request.payload.data);
    free(any.value.data);
    *ret_request = whole.data;
    return whole.len;
}
