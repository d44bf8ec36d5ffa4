/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strain DIRECTORY COUNT: attaches to the process of that directory, which sends its input back,
 * COUNT times, one after the other. Each tells a size of the terminal, sends a line, waits until it
 * sees output, and hangs up.
 */
#include <err.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "stream/attach.h"

#define PATIENCE 60000 /* milliseconds */

static int attach(void) {
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = ATTACH_SOCKET};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        err(1, ATTACH_SOCKET);
    return fd;
}

static void give(int fd, const char *packet, size_t size) {
    if (send(fd, packet, size, MSG_NOSIGNAL) != (ssize_t)size)
        err(1, "send");
}

static void await_output(int fd) {
    char packet[ATTACH_DATA_MAX + 1];
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (poll(&wait, 1, PATIENCE) != 1)
        errx(1, "no output came back");
    ssize_t size = recv(fd, packet, sizeof(packet), 0);
    if (size <= 0)
        errx(1, "the monitor hung up");
    if (packet[0] == ATTACH_NOTICE)
        errx(1, "the monitor says: %.*s", (int)size - 1, packet + 1);
}

int main(int argc, char **argv) {
    static const char line[] = {ATTACH_INPUT, 'l', 'i', 'n', 'e', '\n'};
    if (argc != 3)
        errx(2, "usage: strain DIRECTORY COUNT");
    /* Paths of sockets are short. */
    if (chdir(argv[1]) < 0)
        err(1, "%s", argv[1]);
    for (int n = 0, count = atoi(argv[2]); n < count; n++) {
        int fd = attach();
        const char size[] = {ATTACH_RESIZE, (char)(80 + n % 40), 0, 24, 0};
        give(fd, size, sizeof(size));
        give(fd, line, sizeof(line));
        await_output(fd);
        close(fd);
    }
    return 0;
}
