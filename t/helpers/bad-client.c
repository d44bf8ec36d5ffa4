/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bad-client ADDRESS CASE [ID]: a client that does what a shim has to survive. Prints the codes of
 * the answers, one a line, or "closed".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "containerd/client.h"
#include "containerd/ttrpc.h"
#include "task.pb-c.h"
#include "wire.h"

#define MANY 1000u
#define WAITS_MAX 16384u
#define CROWD 400u
#define FLOOD 200000u
#define HELD_BACK 500 /* milliseconds without room for more */

static const char *address, *id = "none";
static struct ttrpc_reader reader;

static ProtobufCBinaryData about(const char *method) {
    Pb__ProcessRequest request = PB__PROCESS_REQUEST__INIT;
    request.id = strdup(id);
    return wire_request(method, message_pack(&request.base));
}

static void send_good(int fd, uint32_t stream, const char *method) {
    ProtobufCBinaryData data = about(method);
    wire_send(fd, stream, TTRPC_REQUEST, data.len, data);
}

static void print_code(int fd) {
    const Pb__Response *response = wire_receive(fd, &reader, NULL);
    if (!response)
        puts("closed");
    else
        printf("%d\n", response->status ? response->status->code : 0);
}

/* ---------------------------------------------------------------------------- the cases */

/* A message above the limit: refused at once, and skipped; what follows it is heard. */
static void too_long(int fd) {
    ProtobufCBinaryData data = {TTRPC_DATA_MAX + 1, calloc(1, TTRPC_DATA_MAX + 1)};
    wire_send(fd, 1, TTRPC_REQUEST, data.len, data);
    print_code(fd);
    send_good(fd, 3, "Connect");
    print_code(fd);
}

static void even_stream(int fd) {
    send_good(fd, 2, "Connect");
    print_code(fd);
}

static void stream_again(int fd) {
    for (int i = 0; i < 2; i++) {
        send_good(fd, 1, "Connect");
        print_code(fd);
    }
}

static void truncated_request(int fd) {
    ProtobufCBinaryData data = about("Connect");
    data.len -= 3;
    wire_send(fd, 1, TTRPC_REQUEST, data.len, data);
    print_code(fd);
}

static void truncated_payload(int fd) {
    uint8_t bytes[] = {0x0a, 0x20, 'x'};
    ProtobufCBinaryData data = wire_request("State", (ProtobufCBinaryData){sizeof(bytes), bytes});
    wire_send(fd, 1, TTRPC_REQUEST, data.len, data);
    print_code(fd);
}

static void unknown_method(int fd) {
    send_good(fd, 1, "Fly");
    print_code(fd);
}

/* Types of frames that nobody has heard of are passed over. */
static void other_types(int fd) {
    uint8_t bytes[100];
    memset(bytes, 0xff, sizeof(bytes));
    wire_send(fd, 1, 77, sizeof(bytes), (ProtobufCBinaryData){sizeof(bytes), bytes});
    wire_send(fd, 1, TTRPC_RESPONSE, sizeof(bytes), (ProtobufCBinaryData){sizeof(bytes), bytes});
    send_good(fd, 1, "Connect");
    print_code(fd);
}

/* Says that much will come, and goes. */
static void half_a_frame(int fd) {
    wire_send(fd, 1, TTRPC_REQUEST, 1000000, (ProtobufCBinaryData){3, (uint8_t[]){1, 2, 3}});
    shutdown(fd, SHUT_WR);
    print_code(fd);
}

static void half_a_header(int fd) {
    if (write(fd, "\0\0\0", 3) != 3)
        wire_give_up("header");
    shutdown(fd, SHUT_WR);
    print_code(fd);
}

/* Many wait for the end of the container; all hear of it. */
static void many_waits(int fd) {
    unsigned int good = 0;
    for (uint32_t i = 0; i < MANY; i++)
        send_good(fd, 1 + 2 * i, "Wait");
    puts("waiting");
    fflush(stdout);
    for (uint32_t i = 0; i < MANY; i++) {
        const Pb__Response *response = wire_receive(fd, &reader, NULL);
        good += response && !response->status;
    }
    printf("%u\n", good);
}

/* Many wait, and nobody is there any more when the end comes. */
static void waits_and_goes(int fd) {
    for (uint32_t i = 0; i < MANY; i++)
        send_good(fd, 1 + 2 * i, "Wait");
    puts("gone");
}

/* More wait than the shim lets wait on one connection. That refuses the last one, and nothing else.
 */
static void too_many_waits(int fd) {
    uint32_t stream = 1;
    for (uint32_t i = 0; i <= WAITS_MAX; i++, stream += 2)
        send_good(fd, stream, "Wait");
    print_code(fd);
    send_good(fd, stream, "State");
    print_code(fd);
    send_good(fd, stream + 2, "Kill"); /* with the signal 0 */
    print_code(fd);
}

/* Every question has its answer, in their order. */
static void hear(int fd, uint32_t asked) {
    uint32_t answered = 0, stream = 0;
    for (; answered < asked; answered++)
        if (!wire_receive(fd, &reader, &stream) || stream != 1 + 2 * answered)
            break;
    puts(answered == asked ? "all is answered" : "an answer is missing");
}

/* Asks and asks and reads nothing, until the shim does not take any more. Then another client is
 * answered all the same, and so is every question of this one. */
static void deaf(int fd) {
    ProtobufCBinaryData data = about("State");
    uint32_t asked = 0;
    size_t size = TTRPC_HEADER_SIZE + data.len, sent = size;
    uint8_t *frame = malloc(size);
    if (!frame)
        usage("out of memory");
    memcpy(frame + TTRPC_HEADER_SIZE, data.data, data.len);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (; sent == size && asked < FLOOD; asked++) {
        ttrpc_header(frame, 1 + 2 * asked, TTRPC_REQUEST, data.len);
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        for (sent = 0; sent < size && poll(&room, 1, HELD_BACK) == 1;) {
            ssize_t n = send(fd, frame + sent, size - sent, MSG_NOSIGNAL);
            if (n < 0 && errno != EAGAIN)
                wire_give_up("request");
            sent += n > 0 ? (size_t)n : 0;
        }
    }
    puts(sent < size ? "held back" : "all was taken");
    fcntl(fd, F_SETFL, 0);
    other_types(wire_connect(address));
    hear(fd, asked - (sent < size));
}

/* The server is replaced while it has read all that was asked, and has answers that nobody takes.
 */
static void deaf_meanwhile(int fd) {
    int left = 1, other = wire_connect(address);
    for (uint32_t i = 0; i < MANY; i++)
        send_good(fd, 1 + 2 * i, "Connect");
    while (ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0)
        poll(NULL, 0, 10);
    setenv("SHIM_SERVICE", SERVER_SERVICE, 1);
    send_good(other, 1, "Upgrade");
    print_code(other);
    hear(fd, MANY);
}

/* A call that is held, perhaps, and a question: which one is answered first? Hears no more. */
static void overtaken(int fd) {
    uint32_t stream = 0;
    send_good(fd, 1, "Kill"); /* with the signal 0 */
    send_good(fd, 3, "Connect");
    if (!wire_receive(fd, &reader, &stream))
        wire_give_up("Connect");
    puts(stream == 1 ? "the first" : "the second");
}

/* More connections at once than are served. Whoever is refused is told so by the end. */
static void crowd(int fd) {
    static int fds[CROWD];
    ProtobufCBinaryData data = about("Connect");
    uint8_t header[TTRPC_HEADER_SIZE];
    unsigned int served = 0;
    ttrpc_header(header, 1, TTRPC_REQUEST, data.len);
    for (unsigned int i = 0; i < CROWD; i++)
        fds[i] = i == 0 ? fd : wire_connect(address);
    for (unsigned int i = 0; i < CROWD; i++)
        if (send(fds[i], header, sizeof(header), MSG_NOSIGNAL | MSG_MORE) == sizeof(header))
            send(fds[i], data.data, data.len, MSG_NOSIGNAL);
    for (unsigned int i = 0; i < CROWD; i++) {
        served += wire_receive(fds[i], &reader, NULL) != NULL;
        ttrpc_reader_clear(&reader);
    }
    printf("%u of %u\n", served, CROWD);
}

static const struct {
    const char *name;
    void (*run)(int fd);
} cases[] = {
    {"too-long", too_long},
    {"even-stream", even_stream},
    {"stream-again", stream_again},
    {"truncated-request", truncated_request},
    {"truncated-payload", truncated_payload},
    {"unknown-method", unknown_method},
    {"other-types", other_types},
    {"half-a-frame", half_a_frame},
    {"half-a-header", half_a_header},
    {"many-waits", many_waits},
    {"waits-and-goes", waits_and_goes},
    {"too-many-waits", too_many_waits},
    {"deaf", deaf},
    {"deaf-meanwhile", deaf_meanwhile},
    {"overtaken", overtaken},
    {"crowd", crowd},
};

int main(int argc, char **argv) {
    if (argc == 4)
        id = argv[3];
    for (size_t i = 0; argc >= 3 && i < sizeof(cases) / sizeof(cases[0]); i++)
        if (strcmp(cases[i].name, argv[2]) == 0) {
            address = argv[1];
            cases[i].run(wire_connect(address));
            return 0;
        }
    usage("usage: bad-client ADDRESS CASE [ID]");
}
