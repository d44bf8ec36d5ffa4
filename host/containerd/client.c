/* SPDX-License-Identifier: Apache-2.0 */
#include "containerd/client.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "containerd/address.h"
#include "containerd/ttrpc.h"

/* The kernel says who made the socket listen. */
static bool listens_for_us(int fd) {
    struct ucred peer;
    socklen_t size = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

/* A whole frame; its length is returned. 0: out of memory. */
static size_t make_frame(const char *method, const ProtobufCMessage *payload, uint8_t **ret) {
    static char service[] = SERVER_SERVICE;
    Pb__Request request = PB__REQUEST__INIT;
    size_t length = protobuf_c_message_get_packed_size(payload);
    uint8_t *inner AUTO_FREE = malloc(length + 1);
    if (!inner)
        return 0;
    request.service = service;
    request.method = (char *)(uintptr_t)method;
    request.payload.data = inner;
    request.payload.len = protobuf_c_message_pack(payload, inner);
    length = pb__request__get_packed_size(&request);
    uint8_t *frame = malloc(TTRPC_HEADER_SIZE + length);
    if (!frame)
        return 0;
    ttrpc_header(frame, 1, TTRPC_REQUEST, length);
    pb__request__pack(&request, frame + TTRPC_HEADER_SIZE);
    *ret = frame;
    return TTRPC_HEADER_SIZE + length;
}

int client_ask(const char *path, const char *method, const ProtobufCMessage *payload,
               struct shim_error *error) {
    uint8_t *frame AUTO_FREE = NULL;
    size_t length = make_frame(method, payload, &frame);
    if (length == 0)
        return error_set(error, -ENOMEM, "out of memory");
    int fd AUTO_CLOSE = address_connect(path);
    if (fd < 0)
        return error_set(error, fd, "cannot connect to %s: %s", path, strerror(-fd));
    if (!listens_for_us(fd))
        return error_set(error, -EPERM, "%s belongs to another user", path);
    if (send(fd, frame, length, MSG_NOSIGNAL) != (ssize_t)length)
        return error_set(error, -errno, "cannot write to %s: %s", path, strerror(errno));
    return fd_steal(&fd);
}

/* One more part of the answer, or what has come instead. */
static int read_part(int fd, struct ttrpc_reader *reader, int64_t deadline,
                     struct shim_error *error) {
    uint8_t bytes[4096];
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int r = poll(&wait, 1, deadline_poll(deadline));
    if (r < 0 && errno != EINTR)
        return error_set(error, -errno, "cannot wait for the answer: %s", strerror(errno));
    if (r <= 0)
        return deadline_left(deadline) != 0
                   ? 0
                   : error_set(error, -ETIMEDOUT,
                               "it has not answered in time, and may still do it");
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
    if (n > 0 && ttrpc_feed(reader, bytes, (size_t)n) == 0)
        return 0;
    return error_set(error, n < 0 ? -errno : -EPIPE, "it has ended the connection");
}

int client_hear(int fd, int64_t deadline, Pb__Response **ret, struct shim_error *error) {
    struct ttrpc_reader reader = {0};
    struct ttrpc_frame frame;
    int r = 0;
    while (r == 0 && ttrpc_next(&reader, &frame) == 0)
        r = read_part(fd, &reader, deadline, error);
    if (r == 0 && !(*ret = pb__response__unpack(NULL, frame.length, frame.data)))
        r = error_set(error, -EBADMSG, "its answer is malformed");
    ttrpc_reader_clear(&reader);
    return r;
}
