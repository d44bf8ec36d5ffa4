/* SPDX-License-Identifier: Apache-2.0 */
/* Clients. A client that sends nonsense, reads slowly or vanishes costs the others nothing. */
#include "containerd/connection.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "ttrpc.pb-c.h"

#define CONNECTIONS_MAX 256u
#define WAITS_MAX 16384u          /* of one connection */
#define OUTPUT_PAUSE (256u << 10) /* above this, no more requests of that client are read */
#define OUTPUT_MAX (16u << 20)    /* above this, it is given up */
#define READ_SIZE (16u << 10)

static void connection_close(struct connection *connection);

/* ---------------------------------------------------------------------------- writing */

/* Waits for what the state of the connection makes sensible. */
static void connection_update(struct connection *connection) {
    size_t left = connection->n_output - connection->written;
    uint32_t events = left > 0 ? EPOLLOUT : 0;
    if (left < OUTPUT_PAUSE)
        events |= EPOLLIN;
    loop_change(&connection->server->loop, &connection->source, events);
}

/* Writes what the client takes. */
static void flush(struct connection *connection) {
    while (connection->written < connection->n_output) {
        ssize_t n = send(connection->source.fd, connection->output + connection->written,
                         connection->n_output - connection->written, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            connection->broken |= errno != EAGAIN;
            break;
        }
        connection->written += (size_t)n;
    }
    if (connection->written == connection->n_output) {
        free(connection->output);
        connection->output = NULL;
        connection->written = connection->n_output = connection->room = 0;
    }
}

static uint8_t *reserve(struct connection *connection, size_t length) {
    if (connection->n_output + length > OUTPUT_MAX)
        return NULL;
    if (connection->room - connection->n_output < length) {
        size_t room = connection->n_output + length;
        room += room / 2;
        uint8_t *grown = realloc(connection->output, room);
        if (!grown)
            return NULL;
        connection->output = grown;
        connection->room = room;
    }
    uint8_t *at = connection->output + connection->n_output;
    connection->n_output += length;
    return at;
}

static void respond(struct connection *connection, uint32_t stream, const Pb__Response *response) {
    size_t length = pb__response__get_packed_size(response);
    uint8_t *at = length > TTRPC_DATA_MAX ? NULL : reserve(connection, TTRPC_HEADER_SIZE + length);
    if (!at) {
        log_write(SHIM_LOG_ERROR, NULL, "a client that does not read its answers is given up");
        connection->broken = true;
    } else {
        ttrpc_header(at, stream, TTRPC_RESPONSE, length);
        pb__response__pack(response, at + TTRPC_HEADER_SIZE);
        flush(connection);
    }
    /* A broken one is closed by the loop: whoever calls us may be in the middle of it. */
    if (connection->broken)
        shutdown(connection->source.fd, SHUT_RDWR);
    connection_update(connection);
}

static void refuse(struct connection *connection, uint32_t stream, int code, const char *message) {
    Pb__Response response = PB__RESPONSE__INIT;
    Pb__Status status = PB__STATUS__INIT;
    status.code = code;
    status.message = (char *)(uintptr_t)message;
    response.status = &status;
    respond(connection, stream, &response);
}

/* ---------------------------------------------------------------------------- calls */

struct call *call_new(struct server *server, struct connection *connection, uint32_t stream) {
    struct call *call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    call->server = server;
    call->connection = connection;
    call->stream = stream;
    if (!connection)
        return call;
    call->next = connection->calls;
    call->link = &connection->calls;
    if (call->next)
        call->next->link = &call->next;
    connection->calls = call;
    return call;
}

static void unlink_from_connection(struct call *call) {
    if (!call->connection)
        return;
    *call->link = call->next;
    if (call->next)
        call->next->link = call->link;
    call->connection = NULL;
}

static void call_late(struct timer *timer) {
    call_fail((struct call *)timer, RPC_DEADLINE_EXCEEDED, "the time to wait for it is over");
}

void call_wait(struct call *call, struct call **waiters) {
    if (call->connection->n_waits >= WAITS_MAX) {
        call_fail(call, RPC_RESOURCE_EXHAUSTED, "too many wait at once");
        return;
    }
    call->connection->n_waits++;
    if (call->deadline) {
        call->timer.due = call_late;
        loop_timer(&call->server->loop, &call->timer, deadline_left(call->deadline));
    }
    call->next_wait = *waiters;
    call->wait_link = waiters;
    if (call->next_wait)
        call->next_wait->wait_link = &call->next_wait;
    *waiters = call;
}

void call_drop(struct call *call) {
    if (call->wait_link) {
        *call->wait_link = call->next_wait;
        if (call->next_wait)
            call->next_wait->wait_link = call->wait_link;
        if (call->connection)
            call->connection->n_waits--;
    }
    if (call->timer.when)
        loop_timer_stop(&call->server->loop, &call->timer);
    unlink_from_connection(call);
    free(call);
}

void call_answer(struct call *call, const ProtobufCMessage *payload) {
    if (call->connection) {
        Pb__Response response = PB__RESPONSE__INIT;
        uint8_t *packed AUTO_FREE = NULL;
        size_t length = payload ? protobuf_c_message_get_packed_size(payload) : 0;
        if (length > 0 && !(packed = malloc(length))) {
            refuse(call->connection, call->stream, RPC_RESOURCE_EXHAUSTED, "out of memory");
        } else {
            if (length > 0)
                protobuf_c_message_pack(payload, packed);
            response.payload = (ProtobufCBinaryData){.len = length, .data = packed};
            respond(call->connection, call->stream, &response);
        }
    }
    call_drop(call);
}

void call_fail(struct call *call, int code, const char *format, ...) {
    char message[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (call->connection)
        refuse(call->connection, call->stream, code, message);
    call_drop(call);
}

/* ---------------------------------------------------------------------------- reading */

static void take_frame(struct connection *connection, const struct ttrpc_frame *frame) {
    if (frame->type != TTRPC_REQUEST)
        return;
    if (frame->stream % 2 == 0 || frame->stream <= connection->last_stream) {
        refuse(connection, frame->stream, RPC_INVALID_ARGUMENT,
               "the id of a stream must be odd and above the last one");
        return;
    }
    connection->last_stream = frame->stream;
    if (frame->oversized) {
        refuse(connection, frame->stream, RPC_RESOURCE_EXHAUSTED,
               "the message is longer than 4194304 bytes");
        return;
    }
    struct call *call = call_new(connection->server, connection, frame->stream);
    if (!call)
        refuse(connection, frame->stream, RPC_RESOURCE_EXHAUSTED, "out of memory");
    else
        service_request(call, frame->data, frame->length);
}

static void take_frames(struct connection *connection) {
    struct ttrpc_frame frame;
    while (!connection->broken && ttrpc_next(&connection->reader, &frame) == 1)
        take_frame(connection, &frame);
}

static void read_some(struct connection *connection) {
    uint8_t bytes[READ_SIZE];
    ssize_t n = recv(connection->source.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0 || ttrpc_feed(&connection->reader, bytes, (size_t)n) < 0) {
        connection->broken = true;
        return;
    }
    take_frames(connection);
}

static void connection_ready(struct source *source, uint32_t events) {
    struct connection *connection = (struct connection *)source;
    struct server *server = connection->server;
    if (events & EPOLLOUT)
        flush(connection);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_some(connection);
    if (connection->broken)
        connection_close(connection);
    else
        connection_update(connection);
    server_check_end(server);
}

void connections_resume(struct server *server) {
    for (struct connection *connection = server->connections; connection;
         connection = connection->next) {
        take_frames(connection);
        connection_update(connection);
    }
}

/* ---------------------------------------------------------------------------- coming and going */

static void connection_close(struct connection *connection) {
    struct server *server = connection->server;
    for (struct call *call = connection->calls, *next; call; call = next) {
        next = call->next;
        if (call->wait_link)
            call_drop(call);
        else /* somebody works on it */
            unlink_from_connection(call);
    }
    loop_drop(&server->loop, &connection->source);
    ttrpc_reader_clear(&connection->reader);
    free(connection->output);
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    server->n_connections--;
    if (server->listener.fd >= 0)
        loop_change(&server->loop, &server->listener, EPOLLIN);
    free(connection);
}

struct connection *connection_open(struct server *server, int fd_take) {
    struct shim_error error = ERROR_NONE;
    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection) {
        fd_close(fd_take);
        return NULL;
    }
    connection->source = (struct source){.fd = fd_take, .ready = connection_ready};
    connection->server = server;
    if (loop_add(&server->loop, &connection->source, EPOLLIN, &error) < 0) {
        log_write(SHIM_LOG_ERROR, NULL, "%s", error.message);
        fd_close(fd_take);
        free(connection);
        return NULL;
    }
    connection->next = server->connections;
    connection->link = &server->connections;
    if (connection->next)
        connection->next->link = &connection->next;
    server->connections = connection;
    server->n_connections++;
    return connection;
}

static bool is_ours(int fd) {
    struct ucred peer;
    socklen_t size = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid() &&
           peer.gid == getegid();
}

static void listener_ready(struct source *source, uint32_t events) {
    struct server *server = (struct server *)((char *)source - offsetof(struct server, listener));
    (void)events;
    int fd AUTO_CLOSE = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        /* Without a descriptor to spare, until somebody leaves, nobody else can come. */
        if (errno == EMFILE || errno == ENFILE)
            loop_change(&server->loop, source, 0);
        return;
    }
    if (!is_ours(fd) || server->n_connections >= CONNECTIONS_MAX) {
        log_write(SHIM_LOG_WARNING, NULL, "a client was refused: %s",
                  is_ours(fd) ? "too many connections" : "another user");
        return;
    }
    connection_open(server, fd_steal(&fd));
}

int connections_open(struct server *server, struct shim_error *error) {
    server->listener.ready = listener_ready;
    return loop_add(&server->loop, &server->listener, EPOLLIN, error);
}

void connections_close(struct server *server) {
    loop_drop(&server->loop, &server->listener);
    while (server->connections)
        connection_close(server->connections);
}

bool connections_quiet(const struct server *server) {
    for (const struct connection *connection = server->connections; connection;
         connection = connection->next)
        if (connection->n_output > connection->written)
            return false;
    return true;
}
