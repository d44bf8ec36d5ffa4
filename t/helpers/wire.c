/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "containerd/ttrpc.h"

void wire_give_up(const char *what) {
    fprintf(stderr, "%s: %s\n", what, errno ? strerror(errno) : "the connection was closed");
    exit(3);
}

int wire_connect(const char *address) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (strncmp(address, "unix://", 7) == 0)
        address += 7;
    if (strlen(address) >= sizeof(name.sun_path))
        usage("%s: too long", address);
    strcpy(name.sun_path, address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
        wire_give_up(address);
    return fd;
}

ProtobufCBinaryData wire_request(const char *method, ProtobufCBinaryData payload) {
    const char *service = getenv("SHIM_SERVICE");
    Pb__Request request = PB__REQUEST__INIT;
    request.service = strdup(service ? service : "containerd.task.v2.Task");
    request.method = strdup(method);
    request.payload = payload;
    const char *timeout = getenv("SHIM_TIMEOUT");
    request.timeout_nano = timeout ? atoll(timeout) : 0;
    return message_pack(&request.base);
}

static void send_whole(int fd, const uint8_t *bytes, size_t length) {
    while (length > 0) {
        ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
        if (n < 0)
            wire_give_up("request");
        bytes += n;
        length -= (size_t)n;
    }
}

void wire_send(int fd, uint32_t stream, uint8_t type, size_t length, ProtobufCBinaryData data) {
    uint8_t header[TTRPC_HEADER_SIZE];
    ttrpc_header(header, stream, type, length);
    send_whole(fd, header, sizeof(header));
    send_whole(fd, data.data, data.len);
}

Pb__Response *wire_receive(int fd, struct ttrpc_reader *reader, uint32_t *ret_stream) {
    struct ttrpc_frame frame;
    uint8_t bytes[4096];
    while (ttrpc_next(reader, &frame) != 1) {
        errno = 0;
        ssize_t n = read(fd, bytes, sizeof(bytes));
        if (n <= 0)
            return NULL;
        if (ttrpc_feed(reader, bytes, (size_t)n) < 0)
            wire_give_up("response");
    }
    Pb__Response *response = pb__response__unpack(NULL, frame.length, frame.data);
    if (!response)
        usage("the response is malformed");
    if (ret_stream)
        *ret_stream = frame.stream;
    return response;
}
