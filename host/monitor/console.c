/* SPDX-License-Identifier: Apache-2.0 */
/* How a terminal comes to us: the runtime makes it, connects to our socket, and sends its master.
 */
#include "monitor.h"
#include "socket.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>

#define CONSOLE_NAME ".console"
#define PLACEHOLDER "@console-socket@"
#define GET_TERMINAL_NUMBER 0x80045430ul /* TIOCGPTN: only masters have one */

int console_listen(struct monitor *monitor) {
    struct socket_address address = {.family = FAMILY_UNIX, .path = CONSOLE_NAME};
    int fd = sys_socket(FAMILY_UNIX, TYPE_STREAM | SOCKET_NONBLOCK | SOCKET_CLOEXEC);
    if (fd < 0)
        return fd;
    int result = sys_bind(fd, &address, sizeof(address.family) + sizeof(CONSOLE_NAME));
    if (result == 0)
        result = sys_listen(fd, 1);
    if (result < 0) {
        sys_close(fd);
        return result;
    }
    monitor->streams.console = fd;
    return 0;
}

/* The directory's own path may be longer than a socket's address; this one never is. */
void console_fill_in(const struct monitor *monitor, char **argv, char *buffer, size_t size) {
    struct text path = {.buffer = buffer, .size = size};
    text_print(&path, "/proc/%d/cwd/" CONSOLE_NAME, monitor->self);
    for (; *argv; argv++)
        if (text_equal(*argv, PLACEHOLDER))
            *argv = buffer;
}

static void close_console(struct streams *streams) {
    sys_close(streams->console);
    streams->console = -1;
    sys_unlink(CONSOLE_NAME);
}

/* Receives the descriptor that comes with the message. */
static int receive_descriptor(int connection) {
    char bytes[256]; /* a name, which says nothing that we want to know */
    struct slice slice = {bytes, sizeof(bytes)};
    struct rights rights = {0};
    const size_t one = offsetof(struct rights, padding);
    struct message message = {
        .slices = &slice, .slice_count = 1, .control = &rights, .control_size = one};
    long got = sys_recvmsg(connection, &message, RECEIVE_AT_ONCE);
    if (got < 0)
        return (int)got;
    if (message.control_size < one || rights.level != LEVEL_SOCKET || rights.type != RIGHTS)
        return -EBADMSG;
    return rights.fd;
}

/* While we hold it ourselves it does not hang up when the process, which lives, lets go of it; an
 * error shows when that happens. */
static void take_terminal(struct monitor *monitor, int fd) {
    struct streams *streams = &monitor->streams;
    sys_set_flags(fd, O_NONBLOCK | O_RDWR);
    streams->slave = sys_ioctl(fd, TIOCGPTPEER, (void *)(long)(O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (monitor->plan->columns && monitor->plan->rows)
        console_resize(fd, monitor->plan->columns, monitor->plan->rows);
    streams->outputs[0].source = streams->input = fd;
    streams->outputs[0].terminal = true;
}

int console_receive(struct monitor *monitor) {
    struct streams *streams = &monitor->streams;
    if (streams->connection < 0) {
        int connection = sys_accept(streams->console, SOCKET_NONBLOCK | SOCKET_CLOEXEC);
        if (connection == -EINTR || connection == -ECONNABORTED)
            return -EAGAIN;
        if (connection < 0 && connection != -EAGAIN)
            close_console(streams); /* trying again at once would fail again */
        if (connection < 0)
            return connection;
        streams->connection = connection;
    }
    int fd = receive_descriptor(streams->connection);
    if (fd == -EAGAIN || fd == -EINTR)
        return -EAGAIN;
    sys_close(streams->connection);
    streams->connection = -1;
    if (fd < 0)
        return fd;
    unsigned number;
    int result = sys_ioctl(fd, GET_TERMINAL_NUMBER, &number);
    if (result < 0) {
        sys_close(fd);
        log_line(monitor, "error", "what the runtime sent is not the master of a terminal");
        return result;
    }
    close_console(streams);
    take_terminal(monitor, fd);
    return 0;
}

void console_resize(int terminal, unsigned columns, unsigned rows) {
    uint16_t size[4] = {(uint16_t)rows, (uint16_t)columns, 0, 0};
    sys_ioctl(terminal, TIOCSWINSZ, size);
}

size_t console_end_of_input(int terminal, char last, char end[2]) {
    const char usual = 4;
    struct termios settings = {.c_cc[VEOF] = usual};
    sys_ioctl(terminal, TCGETS, &settings);
    end[0] = end[1] = (char)settings.c_cc[VEOF];
    bool within_line = (settings.c_lflag & ICANON) && last != '\n' && last != end[0];
    return within_line ? 2 : 1;
}
