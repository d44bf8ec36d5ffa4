/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients: packets of one byte that says what it is, and data. What a client does not take at once
 * is lost to it, and it is told so; only the owner, the client that await-attach waits for, is
 * waited for.
 */
#include "monitor.h"
#include "socket.h"

enum { PACKET_NOTICE = 9 };
enum { ORDER_DATA, ORDER_END, ORDER_RESIZE };

int attach_listen(struct monitor *monitor) {
    static const char name[] = "attach";
    struct socket_address address = {.family = FAMILY_UNIX};
    memcpy(address.path, name, sizeof(name));
    int fd = sys_socket(FAMILY_UNIX, TYPE_PACKETS | SOCKET_NONBLOCK | SOCKET_CLOEXEC);
    if (fd < 0)
        return fd;
    int result = sys_bind(fd, &address, sizeof(address.family) + sizeof(name));
    if (result == 0)
        result = sys_chmod(name, 0600);
    if (result == 0)
        result = sys_listen(fd, CLIENTS);
    if (result < 0) {
        sys_close(fd);
        return result;
    }
    monitor->streams.listener = fd;
    return 0;
}

static long send_packet(int fd, char type, const char *bytes, size_t size) {
    struct slice slices[] = {{&type, 1}, {bytes, size}};
    struct message message = {.slices = slices, .slice_count = 2};
    long sent;
    do {
        sent = sys_sendmsg(fd, &message, SEND_AT_ONCE);
    } while (sent == -EINTR);
    return sent;
}

static bool send_notice(int fd, uint64_t lost) {
    char buffer[64];
    struct text text = TEXT_IN(buffer);
    text_print(&text, "%lu bytes lost", (unsigned long)lost);
    return send_packet(fd, PACKET_NOTICE, text.buffer, text.length) >= 0;
}

/* Closes a connection so that the other side reads what was sent to it, and then the end: if there
 * were packets that we have not read, it would first be told of a reset. */
static void close_politely(int fd) {
    const int most = 1000;
    char bytes[16];
    sys_shutdown(fd, BOTH_DIRECTIONS);
    for (int i = 0; i < most && sys_read(fd, bytes, sizeof(bytes)) != 0; i++)
        ;
    sys_close(fd);
}

/* Nothing more is sent to the client. What it has sent before it hung up is still read. */
static void stop_sending(struct streams *streams, struct client *client) {
    client->gone = true;
    client->lost = 0;
    if (streams->owner == client - streams->clients)
        streams->owner = -1;
}

static void drop_client(struct streams *streams, struct client *client) {
    stop_sending(streams, client);
    close_politely(client->fd);
    client->fd = -1;
}

/* There is a client who may still read. */
static bool takes(const struct client *client) {
    return client->fd >= 0 && !client->gone;
}

static bool trusted(int fd) {
    struct credentials credentials;
    unsigned size = sizeof(credentials);
    return sys_getsockopt(fd, LEVEL_SOCKET, OPTION_CREDENTIALS, &credentials, &size) == 0 &&
           (credentials.uid == 0 || credentials.uid == sys_geteuid());
}

static bool hung_up(const struct client *client) {
    struct pollfd state = {.fd = client->fd};
    struct __kernel_timespec now = {0};
    return sys_poll(&state, 1, &now) > 0;
}

/* As a last resort, the place of one who has hung up and whose input nobody reads. */
static struct client *free_client(struct streams *streams) {
    for (int i = 0; i < CLIENTS; i++)
        if (streams->clients[i].fd < 0)
            return &streams->clients[i];
    for (int i = 0; i < CLIENTS; i++)
        if (hung_up(&streams->clients[i])) {
            drop_client(streams, &streams->clients[i]);
            return &streams->clients[i];
        }
    return NULL;
}

static void refuse(struct monitor *monitor, int fd, const char *reason) {
    log_line(monitor, "warning", "refused a client: %s", reason);
    send_packet(fd, PACKET_NOTICE, reason, strlen(reason));
    close_politely(fd);
}

static void welcome(struct monitor *monitor, int fd) {
    struct streams *streams = &monitor->streams;
    struct client *client;
    if (!trusted(fd)) {
        refuse(monitor, fd, "it is another user's");
        return;
    }
    if (!(client = free_client(streams))) {
        refuse(monitor, fd, "too many clients are attached");
        return;
    }
    *client = (struct client){.fd = fd};
    if (streams->awaiting)
        streams->owner = (int)(client - streams->clients);
    streams->awaiting = false;
}

void attach_accept(struct monitor *monitor) {
    struct streams *streams = &monitor->streams;
    int fd = sys_accept(streams->listener, SOCKET_NONBLOCK | SOCKET_CLOEXEC);
    if (fd >= 0) {
        welcome(monitor, fd);
    } else if (fd != -EAGAIN && fd != -EINTR && fd != -ECONNABORTED) {
        log_line(monitor, "error", "cannot accept a client: error %d", -fd);
        streams->refusing = true; /* at once it would be just as impossible */
        streams_busy(monitor);
    }
}

/* False: it makes no sense. */
static bool obey(struct monitor *monitor, const char *packet, size_t size) {
    const unsigned char *at = (const unsigned char *)packet;
    if (at[0] == ORDER_DATA)
        copy_input(monitor, packet + 1, size - 1);
    else if (at[0] == ORDER_END)
        streams_close_input(monitor);
    else if (at[0] == ORDER_RESIZE && size == 5)
        streams_resize(monitor, at[1] | (unsigned)at[2] << 8, at[3] | (unsigned)at[4] << 8);
    else
        return false;
    return true;
}

/* Not to be called while there is input that the process has not taken yet. */
static void receive(struct monitor *monitor, struct client *client) {
    struct streams *streams = &monitor->streams;
    if (!streams->packet)
        streams->packet = sys_map(PACKET_SIZE + 1);
    long got = -ENOMEM;
    if (streams->packet)
        got = sys_read(client->fd, streams->packet, PACKET_SIZE + 1);
    if (got > 0 && !obey(monitor, streams->packet, (size_t)got)) {
        log_line(monitor, "warning", "dropped a client: what it sent makes no sense");
        drop_client(streams, client);
    } else if (got == -ECONNRESET) {
        /* It hung up before it had read all; what it had sent is still there. */
        stop_sending(streams, client);
    } else if (got <= 0 && got != -EAGAIN && got != -EINTR) {
        drop_client(streams, client);
    }
}

void attach_event(struct monitor *monitor, struct client *client, int events) {
    struct streams *streams = &monitor->streams;
    const int hang_up = POLLHUP | POLLERR;
    bool input_waits = streams->waiting_from < streams->waiting_to;
    streams_busy(monitor);
    if (!input_waits && (events & POLLIN))
        receive(monitor, client);
    else if (!input_waits && (events & hang_up))
        drop_client(streams, client);
    else if (events & hang_up)
        stop_sending(streams, client);
    if (!takes(client) || !(events & POLLOUT))
        return;
    if (client->lost && send_notice(client->fd, client->lost))
        client->lost = 0;
    if (streams->owner == client - streams->clients)
        for (int i = 0; i < 2; i++)
            if (copy_holds(monitor, &streams->outputs[i]))
                copy_held(monitor, &streams->outputs[i]);
}

int attach_wanted(const struct streams *streams, int index) {
    const struct client *client = &streams->clients[index];
    int events = streams->waiting_from < streams->waiting_to ? 0 : POLLIN;
    bool more = client->lost;
    for (int i = 0; i < 2 && index == streams->owner; i++)
        more = more || streams->outputs[i].owned < streams->outputs[i].end;
    return takes(client) && more ? events | POLLOUT : events;
}

static void send_or_lose(struct streams *streams, struct client *client, int stream,
                         const char *bytes, uint32_t from, uint32_t to) {
    if (client->lost && !send_notice(client->fd, client->lost)) {
        client->lost += to - from;
        return;
    }
    client->lost = 0;
    while (from < to) {
        uint32_t size = to - from < PACKET_SIZE ? to - from : PACKET_SIZE;
        long sent = send_packet(client->fd, (char)stream, bytes + from, size);
        if (sent == -EAGAIN) {
            client->lost = to - from;
            return;
        }
        if (sent < 0) {
            stop_sending(streams, client);
            return;
        }
        from += size;
    }
}

uint32_t attach_send_owner(struct monitor *monitor, int stream, const char *bytes, uint32_t from,
                           uint32_t to) {
    struct streams *streams = &monitor->streams;
    while (from < to && streams->owner >= 0) {
        struct client *client = &streams->clients[streams->owner];
        uint32_t size = to - from < PACKET_SIZE ? to - from : PACKET_SIZE;
        long sent = send_packet(client->fd, (char)stream, bytes + from, size);
        if (sent == -EAGAIN)
            return from;
        if (sent < 0)
            stop_sending(streams, client);
        else
            from += size;
    }
    return to;
}

uint32_t attach_send(struct monitor *monitor, int stream, const char *bytes, uint32_t from,
                     uint32_t to) {
    struct streams *streams = &monitor->streams;
    for (int i = 0; i < CLIENTS; i++)
        if (takes(&streams->clients[i]) && i != streams->owner)
            send_or_lose(streams, &streams->clients[i], stream, bytes, from, to);
    return attach_send_owner(monitor, stream, bytes, from, to);
}

bool attach_any(const struct streams *streams) {
    for (int i = 0; i < CLIENTS; i++)
        if (takes(&streams->clients[i]))
            return true;
    return false;
}

/* The socket of who has lost something may be full: it gets room for this one packet. (The kernel
 * doubles what it is told, and allows twice what a socket has at first; socket(7).) */
static void send_last_notice(const struct client *client) {
    const int room = 1 << 20;
    sys_setsockopt(client->fd, LEVEL_SOCKET, OPTION_SEND_BUFFER, &room, sizeof(room));
    send_notice(client->fd, client->lost);
}

void attach_close(struct monitor *monitor) {
    struct streams *streams = &monitor->streams;
    for (int i = 0; i < CLIENTS; i++)
        if (streams->clients[i].fd >= 0) {
            if (streams->clients[i].lost)
                send_last_notice(&streams->clients[i]);
            drop_client(streams, &streams->clients[i]);
        }
    if (streams->listener >= 0)
        sys_close(streams->listener);
    streams->listener = -1;
}
