/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's side of an attached client that sends anything at all. The input is packets, each
 * with its length in front; what they feed the process arrives whole and in order. */
#include "t/fuzz/monitor.h"

#include <stdlib.h>
#include <sys/socket.h>

#define PIPE_SIZE 4096 /* small, so that input has to wait */

struct session {
    struct monitor monitor;
    struct plan plan;
    int client; /* the other end of its connection */
    int reader; /* of the process's standard input */
    size_t sent, received;
    uint8_t sum_sent, sum_received; /* of all bytes, turned once for each */
};

static uint8_t add(uint8_t sum, const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)((sum << 1 | sum >> 7) ^ bytes[i]);
    return sum;
}

static void read_input(struct session *session) {
    uint8_t bytes[PIPE_SIZE];
    ssize_t got = read(session->reader, bytes, sizeof(bytes));
    if (got <= 0)
        return;
    session->received += (size_t)got;
    session->sum_received = add(session->sum_received, bytes, (size_t)got);
}

static void open_session(struct session *session) {
    int sockets[2], pipes[2];
    fuzz_monitor(&session->monitor, &session->plan);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets) == 0);
    CHECK(pipe2(pipes, O_NONBLOCK | O_CLOEXEC) == 0);
    CHECK(call3(__NR_fcntl, pipes[1], F_SETPIPE_SZ, PIPE_SIZE) == PIPE_SIZE);
    session->monitor.streams.active = true;
    session->monitor.streams.input = pipes[1];
    session->monitor.streams.clients[0].fd = sockets[0];
    session->reader = pipes[0];
    session->client = sockets[1];
}

/* Does a packet end the input, or the connection? What comes after it feeds nobody. */
static bool is_last(const uint8_t *packet, size_t size) {
    return packet[0] == 1 || packet[0] > 2 || (packet[0] == 2 && size != 5);
}

/* Lets the monitor do what it would do now. False: nothing. */
static bool turn(struct session *session) {
    struct streams *streams = &session->monitor.streams;
    struct client *client = &streams->clients[0];
    struct pollfd slots[STREAM_SLOTS];
    struct __kernel_timespec now = {0};
    int count = streams_poll(&session->monitor, slots);
    CHECK(client->fd < 0 || count == STREAM_SLOTS);
    if (sys_poll(slots, (unsigned)count, &now) <= 0)
        return false;
    streams_handle(&session->monitor, slots);
    CHECK(streams->waiting_from <= streams->waiting_to && streams->waiting_to <= PACKET_SIZE);
    return true;
}

static void settle(struct session *session) {
    size_t before;
    bool busy;
    do {
        before = session->received;
        busy = turn(session);
        read_input(session);
    } while (busy || session->received > before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct session session = {.sent = 0};
    bool ended = false;
    open_session(&session);
    struct streams *streams = &session.monitor.streams;
    while (size > 1 && streams->clients[0].fd >= 0) {
        size_t length = data[0] * 17u + 1;
        if (length > size - 1)
            length = size - 1;
        if (send(session.client, data + 1, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
        ended = ended || is_last(data + 1, length);
        if (!ended && data[1] == 0) {
            session.sent += length - 1;
            session.sum_sent = add(session.sum_sent, data + 2, length - 1);
        }
        turn(&session);
        if (length & 1)
            settle(&session);
        data += length + 1;
        size -= length + 1;
    }
    settle(&session);
    CHECK(session.received == session.sent && session.sum_received == session.sum_sent);
    close(session.client);
    settle(&session);
    CHECK(streams->clients[0].fd < 0);
    close(session.reader);
    fuzz_monitor_clear(&session.monitor);
    return 0;
}
