/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events on their way to containerd. One at a time, so that they arrive in their order; kept and
 * tried again while containerd is down.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "containerd/address.h"
#include "containerd/event.h"
#include "containerd/server.h"
#include "ttrpc.pb-c.h"

#define QUEUE_MAX 16384u
#define DELAY_MIN 100 /* milliseconds */
#define DELAY_MAX 5000
#define ANSWER_TIMEOUT 10000

static void send_next(struct server *server);

static struct server *of_source(struct source *source) {
    return (struct server *)((char *)source - offsetof(struct server, events.source));
}

static struct server *of_timer(struct timer *timer) {
    return (struct server *)((char *)timer - offsetof(struct server, events.retry));
}

/* ---------------------------------------------------------------------------- the queue */

static void pop(struct event_queue *queue) {
    struct event *event = queue->first;
    queue->first = event->next;
    if (!queue->first)
        queue->last = &queue->first;
    queue->count--;
    free(event);
}

void event_append(struct server *server, const uint8_t *request, size_t length) {
    struct event_queue *queue = &server->events;
    struct event *event = malloc(sizeof(*event) + TTRPC_HEADER_SIZE + length);
    if (!event || queue->count >= QUEUE_MAX) {
        queue->lost++;
        log_write(SHIM_LOG_ERROR, NULL, "an event is lost: %s (%zu so far)",
                  event ? "containerd has not taken any for too long" : "out of memory",
                  queue->lost);
        free(event);
        return;
    }
    event->next = NULL;
    event->length = TTRPC_HEADER_SIZE + length;
    memcpy(event->frame + TTRPC_HEADER_SIZE, request, length);
    *queue->last = event;
    queue->last = &event->next;
    queue->count++;
    if (queue->count == 1 && queue->retry.when == 0)
        send_next(server);
}

/* ---------------------------------------------------------------------------- the connection */

static void hang_up(struct server *server) {
    struct event_queue *queue = &server->events;
    loop_drop(&server->loop, &queue->source);
    ttrpc_reader_clear(&queue->reader);
    queue->reader.skip = 0;
    queue->written = 0;
    queue->stream = 0;
}

static void try_later(struct server *server) {
    struct event_queue *queue = &server->events;
    hang_up(server);
    if (!queue->first)
        return;
    loop_timer(&server->loop, &queue->retry, queue->delay);
    queue->delay = queue->delay * 2 > DELAY_MAX ? DELAY_MAX : queue->delay * 2;
}

static void retry_due(struct timer *timer) {
    struct server *server = of_timer(timer);
    if (server->events.written > 0)
        try_later(server); /* it has been sent, and no answer came */
    else
        send_next(server);
    upgrade_check(server);
}

static const char *events_address(void) {
    const char *address = getenv("TTRPC_ADDRESS");
    if (address && strncmp(address, ADDRESS_SCHEME, strlen(ADDRESS_SCHEME)) == 0)
        address += strlen(ADDRESS_SCHEME);
    return address && address[0] == '/' ? address : NULL;
}

/* An answer to the event that is under way: the next. A refusal is final, too: it would be refused
 * again. */
static void take_answer(struct server *server, const struct ttrpc_frame *frame) {
    struct event_queue *queue = &server->events;
    if (frame->type != TTRPC_RESPONSE || frame->stream != queue->stream || !queue->first ||
        queue->written < queue->first->length)
        return;
    Pb__Response *response = pb__response__unpack(NULL, frame->length, frame->data);
    if (response && response->status && response->status->code != RPC_OK)
        log_write(SHIM_LOG_ERROR, NULL, "containerd refused an event: %s",
                  response->status->message);
    if (response)
        pb__response__free_unpacked(response, NULL);
    loop_timer_stop(&server->loop, &queue->retry);
    queue->delay = DELAY_MIN;
    queue->written = 0;
    pop(queue);
}

static int read_answers(struct server *server) {
    struct event_queue *queue = &server->events;
    uint8_t bytes[1024];
    ssize_t n = recv(queue->source.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0 || ttrpc_feed(&queue->reader, bytes, (size_t)n) < 0)
        return -EPIPE;
    struct ttrpc_frame frame;
    while (ttrpc_next(&queue->reader, &frame) == 1)
        take_answer(server, &frame);
    return 0;
}

static void queue_ready(struct source *source, uint32_t events) {
    struct server *server = of_source(source);
    (void)events;
    if (read_answers(server) < 0)
        try_later(server);
    else
        send_next(server);
    upgrade_check(server);
    server_check_end(server);
}

static int call_containerd(struct server *server) {
    struct event_queue *queue = &server->events;
    struct shim_error error = ERROR_NONE;
    const char *address = events_address();
    int fd = address ? address_connect(address) : -EDESTADDRREQ;
    if (fd < 0)
        return fd;
    queue->source.fd = fd;
    queue->source.ready = queue_ready;
    return loop_add(&server->loop, &queue->source, EPOLLIN, &error);
}

/* Writes the first event, as far as containerd takes it. */
static void send_next(struct server *server) {
    struct event_queue *queue = &server->events;
    if (server->upgrading && queue->written == 0)
        return;
    if (queue->source.fd < 0 && queue->first && call_containerd(server) < 0) {
        try_later(server);
        return;
    }
    if (queue->source.fd < 0)
        return;
    struct event *event = queue->first;
    if (event && queue->written == 0) {
        queue->stream = queue->stream ? queue->stream + 2 : 1;
        ttrpc_header(event->frame, queue->stream, TTRPC_REQUEST, event->length - TTRPC_HEADER_SIZE);
        loop_timer(&server->loop, &queue->retry, ANSWER_TIMEOUT);
    }
    while (event && queue->written < event->length) {
        ssize_t n = send(queue->source.fd, event->frame + queue->written,
                         event->length - queue->written, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            try_later(server);
            return;
        }
        if (n < 0)
            break;
        queue->written += (size_t)n;
    }
    bool more = event && queue->written < event->length;
    loop_change(&server->loop, &queue->source, EPOLLIN | (more ? EPOLLOUT : 0));
}

/* ---------------------------------------------------------------------------- for the others */

void events_open(struct server *server) {
    server->events = (struct event_queue){
        .last = &server->events.first,
        .source = SOURCE_NONE,
        .retry.due = retry_due,
        .delay = DELAY_MIN,
    };
}

void events_close(struct server *server) {
    hang_up(server);
    loop_timer_stop(&server->loop, &server->events.retry);
    while (server->events.first)
        pop(&server->events);
}

bool events_quiet(const struct server *server) {
    return !server->events.first;
}

bool events_under_way(const struct server *server) {
    return server->events.written > 0;
}

void events_resume(struct server *server) {
    if (server->events.first && server->events.written == 0)
        send_next(server);
}

void event_publish(struct server *server, const char *topic, const char *name,
                   const ProtobufCMessage *event) {
    uint8_t *request AUTO_FREE = NULL;
    size_t length = event_wrap(server->arguments->namespace, topic, name, event, &request);
    if (length == 0)
        log_write(SHIM_LOG_ERROR, NULL, "an event is lost: out of memory");
    else
        event_append(server, request, length);
}
