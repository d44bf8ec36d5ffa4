/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speaks with a shim as containerd does.
 *
 *   shim-client call ADDRESS METHOD [FIELD=VALUE]… [-- METHOD [FIELD=VALUE]…]…
 *                                                    calls of the Task service, one after the
 * other, until one fails; SHIM_SERVICE names another one shim-client encode MESSAGE [FIELD=VALUE]…
 * writes the bytes of a message shim-client decode MESSAGE                       prints the message
 * that is on standard input
 *
 * Ends with 0, or with 1 and a line "CODE: message" if the shim answers with an error, with 3 if it
 * does not answer.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "containerd/ttrpc.h"
#include "runtime.pb-c.h"
#include "task.pb-c.h"
#include "wire.h"

/* ---------------------------------------------------------------------------- tables */

static const struct {
    const char *name;
    const ProtobufCMessageDescriptor *request, *response;
} methods[] = {
    {"State", &pb__process_request__descriptor, &pb__state_response__descriptor},
    {"Create", &pb__create_task_request__descriptor, &pb__pid_response__descriptor},
    {"Start", &pb__process_request__descriptor, &pb__pid_response__descriptor},
    {"Delete", &pb__process_request__descriptor, &pb__delete_response__descriptor},
    {"Pids", &pb__process_request__descriptor, &pb__pids_response__descriptor},
    {"Pause", &pb__process_request__descriptor, &pb__empty__descriptor},
    {"Resume", &pb__process_request__descriptor, &pb__empty__descriptor},
    {"Checkpoint", &pb__checkpoint_task_request__descriptor, &pb__empty__descriptor},
    {"Kill", &pb__kill_request__descriptor, &pb__empty__descriptor},
    {"Exec", &pb__exec_process_request__descriptor, &pb__empty__descriptor},
    {"ResizePty", &pb__resize_pty_request__descriptor, &pb__empty__descriptor},
    {"CloseIO", &pb__close_iorequest__descriptor, &pb__empty__descriptor},
    {"Update", &pb__update_task_request__descriptor, &pb__empty__descriptor},
    {"Wait", &pb__process_request__descriptor, &pb__wait_response__descriptor},
    {"Stats", &pb__process_request__descriptor, &pb__stats_response__descriptor},
    {"Connect", &pb__process_request__descriptor, &pb__connect_response__descriptor},
    {"Shutdown", &pb__shutdown_request__descriptor, &pb__empty__descriptor},
};

static const ProtobufCMessageDescriptor *const messages[] = {
    &pb__any__descriptor,
    &pb__bootstrap_params__descriptor,
    &pb__bootstrap_result__descriptor,
    &pb__delete_response__descriptor,
    &pb__runc_options__descriptor,
    &pb__runtime_info__descriptor,
    &pb__runtime_options__descriptor,
};

static const ProtobufCMessageDescriptor *find_message(const char *name) {
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
        if (strcmp(messages[i]->short_name, name) == 0)
            return messages[i];
    usage("there is no message %s", name);
}

/* ---------------------------------------------------------------------------- calling */

static int call(int fd, uint32_t stream, const char *method, char **words) {
    static struct ttrpc_reader reader;
    size_t i = 0;
    while (i < sizeof(methods) / sizeof(methods[0]) && strcmp(methods[i].name, method) != 0)
        i++;
    if (i == sizeof(methods) / sizeof(methods[0]))
        usage("there is no method %s", method);
    ProtobufCBinaryData request =
        wire_request(method, message_pack(message_make(methods[i].request, words)));
    wire_send(fd, stream, TTRPC_REQUEST, request.len, request);
    const Pb__Response *response = wire_receive(fd, &reader, NULL);
    if (!response)
        wire_give_up(method);
    if (response->status && response->status->code != 0) {
        fprintf(stderr, "%d: %s\n", response->status->code, response->status->message);
        return 1;
    }
    const ProtobufCMessage *message = protobuf_c_message_unpack(
        methods[i].response, NULL, response->payload.len, response->payload.data);
    if (!message)
        usage("the response of %s is malformed", method);
    message_print(message);
    return 0;
}

/* `words` begins with a method. */
static int call_each(const char *address, char **words) {
    int fd = wire_connect(address), r = 0;
    for (uint32_t stream = 1; r == 0 && *words; stream += 2) {
        char **end = words;
        while (*end && strcmp(*end, "--") != 0)
            end++;
        char **next = *end ? end + 1 : end;
        *end = NULL;
        r = call(fd, stream, words[0], words + 1);
        words = next;
    }
    return r;
}

/* ---------------------------------------------------------------------------- main */

static int encode(const char *name, char **words) {
    ProtobufCBinaryData data = message_pack(message_make(find_message(name), words));
    return fwrite(data.data, 1, data.len, stdout) == data.len ? 0 : 3;
}

static int decode(const char *name) {
    ProtobufCBinaryData data = read_whole(STDIN_FILENO);
    const ProtobufCMessage *message =
        protobuf_c_message_unpack(find_message(name), NULL, data.len, data.data);
    if (!message)
        usage("this is no %s", name);
    message_print(message);
    return 0;
}

int main(int argc, char **argv) {
    if (argc >= 4 && strcmp(argv[1], "call") == 0)
        return call_each(argv[2], argv + 3);
    if (argc >= 3 && strcmp(argv[1], "encode") == 0)
        return encode(argv[2], argv + 3);
    if (argc == 3 && strcmp(argv[1], "decode") == 0)
        return decode(argv[2]);
    usage("usage: shim-client call ADDRESS METHOD [FIELD=VALUE]… | encode MESSAGE [FIELD=VALUE]… | "
          "decode MESSAGE");
}
