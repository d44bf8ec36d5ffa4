/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event-sink SOCKET: containerd's end of the events. Listens on SOCKET, takes events from any
 * number of shims, and prints each: a line with its topic, and then its fields. Until it is killed.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "containerd/ttrpc.h"
#include "events.pb-c.h"
#include "wire.h"

#define CLIENTS_MAX 64

struct client {
    int fd;
    struct ttrpc_reader reader;
};

static const ProtobufCMessageDescriptor *const events[] = {
    &pb__task_create__descriptor,       &pb__task_start__descriptor,
    &pb__task_exit__descriptor,         &pb__task_delete__descriptor,
    &pb__task_exec_added__descriptor,   &pb__task_exec_started__descriptor,
    &pb__task_checkpointed__descriptor,
};

/* What all others have: the id of the container. */
static const ProtobufCMessageDescriptor *find(const char *type) {
    const char *name = strrchr(type, '.');
    for (size_t i = 0; name && i < sizeof(events) / sizeof(events[0]); i++)
        if (strcmp(events[i]->short_name, name + 1) == 0)
            return events[i];
    return &pb__task_notice__descriptor;
}

static void print_event(const struct ttrpc_frame *frame) {
    Pb__Request *request = pb__request__unpack(NULL, frame->length, frame->data);
    Pb__ForwardRequest *forward =
        request ? pb__forward_request__unpack(NULL, request->payload.len, request->payload.data)
                : NULL;
    if (!forward || !forward->envelope || !forward->envelope->event)
        usage("a request without an event");
    const Pb__Any *any = forward->envelope->event;
    ProtobufCMessage *event =
        protobuf_c_message_unpack(find(any->type_url), NULL, any->value.len, any->value.data);
    if (!event)
        usage("an event that is malformed");
    printf("%s\n", forward->envelope->topic);
    message_print(event);
    fflush(stdout);
}

static void serve(struct client *client) {
    struct ttrpc_frame frame;
    uint8_t bytes[4096];
    ssize_t n = read(client->fd, bytes, sizeof(bytes));
    if (n <= 0) {
        close(client->fd);
        client->fd = -1;
        return;
    }
    ttrpc_feed(&client->reader, bytes, (size_t)n);
    while (ttrpc_next(&client->reader, &frame) == 1) {
        print_event(&frame);
        wire_send(client->fd, frame.stream, TTRPC_RESPONSE, 0, (ProtobufCBinaryData){0, NULL});
    }
}

static int listen_on(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(name.sun_path))
        usage("%s: too long", path);
    strcpy(name.sun_path, path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 || listen(fd, 64) < 0)
        wire_give_up(path);
    return fd;
}

int main(int argc, char **argv) {
    struct client clients[CLIENTS_MAX] = {{0}};
    struct pollfd polls[CLIENTS_MAX + 1] = {{0}};
    nfds_t count = 0;
    if (argc != 2)
        usage("usage: event-sink SOCKET");
    polls[0] = (struct pollfd){.fd = listen_on(argv[1]), .events = POLLIN};
    while (poll(polls, count + 1, -1) >= 0) {
        for (nfds_t i = 0; i < count; i++)
            if (polls[i + 1].revents) {
                serve(&clients[i]);
                polls[i + 1].fd = clients[i].fd;
            }
        if (polls[0].revents && count < CLIENTS_MAX) {
            clients[count].fd = accept(polls[0].fd, NULL, NULL);
            polls[count + 1] = (struct pollfd){.fd = clients[count].fd, .events = POLLIN};
            count++;
        }
    }
    return 3;
}
