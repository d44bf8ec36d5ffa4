/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strain DIRECTORY COUNT: attaches to the process of that directory, which sends its input back,
 * COUNT times, one after the other. Each tells a size of the terminal, sends a line, waits until it
 * sees output, and hangs up.
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "stream/attach.h"

#define PATIENCE 60000 /* milliseconds */

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
    int directory = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        err(1, "%s", argv[1]);
    for (int n = 0, count = atoi(argv[2]); n < count; n++) {
        int fd;
        struct shim_error error = ERROR_NONE;
        if (attach_connect(directory, &fd, &error) < 0)
            errx(1, "%s", error.message);
        const char size[] = {ATTACH_RESIZE, (char)(80 + n % 40), 0, 24, 0};
        give(fd, size, sizeof(size));
        give(fd, line, sizeof(line));
        await_output(fd);
        close(fd);
    }
    return 0;
}
