/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/attach.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/fd.h"
#include "stream/terminal.h"

/* A packet on its way to the monitor. The keys that were kept back may come on top of a full read.
 */
struct outgoing {
    size_t length; /* 0: none */
    unsigned char bytes[1 + ATTACH_DATA_MAX];
};

/* What is being written, and where. */
struct incoming {
    int fd;
    size_t at, length; /* at == length: all is written */
    unsigned char bytes[1 + ATTACH_DATA_MAX];
};

struct session {
    const struct attach_options *options;
    struct detach_keys keys;
    int output, errors; /* the options', or ours, which do not block */
    int window_fd;      /* tells of SIGWINCH, or -1 */
    bool input_open;
    bool end_due;  /* the monitor is to be told of the end of input */
    bool size_due; /* and of the terminal's size */
    bool deaf;     /* the monitor takes nothing any more */
    bool ended;    /* and says nothing any more */
    bool detached;
    bool left;
    struct outgoing outgoing;
    struct incoming incoming;
};

int attach_connect(int directory_fd, int *ret_socket, struct shim_error *error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    /* A path in the state directory may be longer than a socket's address may be (unix(7)). */
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" ATTACH_SOCKET,
             directory_fd);
    int fd AUTO_CLOSE = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set(error, -errno, "cannot make a socket: %s", strerror(errno));
    int r;
    do
        r = connect(fd, (struct sockaddr *)&address, sizeof(address));
    while (r < 0 && errno == EINTR);
    if (r < 0 && errno == ENOENT)
        return error_set(error, -ENOENT,
                         "it cannot be attached to: none of its streams is a terminal, a pipe or a "
                         "log, or they ended with a monitor that was killed");
    if (r < 0 && errno == ECONNREFUSED)
        return error_set_reason(error, -ESRCH, SHIM_REASON_NOT_RUNNING, "not running");
    if (r < 0)
        return error_set(error, -errno, "cannot connect to its monitor: %s", strerror(errno));
    *ret_socket = fd_steal(&fd);
    return 0;
}

/* ------------------------------------------------------------------------------ to the monitor */

/* Sends a packet. 0: there is no room for it at the moment. */
static int send_packet(struct session *session, const void *bytes, size_t length) {
    if (session->deaf)
        return 1;
    ssize_t sent = send(session->options->socket, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0)
        return 1;
    if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
        return 0;
    session->deaf = true; /* what it still has to say can be read */
    return 1;
}

static int send_size(struct session *session) {
    uint16_t columns, rows;
    if (terminal_size(session->options->terminal, &columns, &rows) < 0)
        return 1;
    unsigned char packet[] = {ATTACH_RESIZE, columns & 0xff, columns >> 8, rows & 0xff, rows >> 8};
    return send_packet(session, packet, sizeof(packet));
}

static bool has_to_send(const struct session *session) {
    return !session->deaf &&
           (session->size_due || session->outgoing.length > 0 || session->end_due);
}

/* Sends what there is, in the right order, until the monitor takes no more. */
static void send_all(struct session *session) {
    static const unsigned char end[] = {ATTACH_INPUT_END};
    if (session->size_due && !send_size(session))
        return;
    session->size_due = false;
    struct outgoing *outgoing = &session->outgoing;
    if (outgoing->length > 0 && !send_packet(session, outgoing->bytes, outgoing->length))
        return;
    outgoing->length = 0;
    if (session->end_due && send_packet(session, end, sizeof(end)))
        session->end_due = false;
}

static void input_ended(struct session *session, bool properly) {
    struct outgoing *outgoing = &session->outgoing;
    session->input_open = false;
    session->end_due = properly;
    size_t kept = detach_keys_flush(&session->keys, outgoing->bytes + 1);
    outgoing->length = kept > 0 ? kept + 1 : 0;
}

/* Only while nothing waits to be sent, so the outgoing packet is free. */
static void read_input(struct session *session) {
    unsigned char typed[ATTACH_DATA_MAX - DETACH_KEYS_MAX];
    struct outgoing *outgoing = &session->outgoing;
    size_t length;
    ssize_t got = read(session->options->input, typed, sizeof(typed));
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        input_ended(session, got == 0);
        return;
    }
    session->detached =
        detach_keys_filter(&session->keys, typed, (size_t)got, outgoing->bytes + 1, &length);
    outgoing->bytes[0] = ATTACH_INPUT;
    outgoing->length = length > 0 ? length + 1 : 0;
}

/* ------------------------------------------------------------------------------ from the monitor
 */

static void write_later(struct session *session, int fd, size_t at, size_t length) {
    struct incoming *incoming = &session->incoming;
    incoming->fd = fd;
    incoming->at = at;
    incoming->length = length;
}

/* In raw mode a line ends with both characters. */
static void show_notice(struct session *session, size_t length) {
    struct incoming *incoming = &session->incoming;
    char text[512];
    int shown = snprintf(text, sizeof(text), "[shimhost: %.*s]\r\n",
                         (int)(length < 400 ? length : 400), (const char *)incoming->bytes + 1);
    if (session->options->terminal < 0) {
        text[shown - 2] = '\n';
        shown--;
    }
    memcpy(incoming->bytes, text, (size_t)shown);
    write_later(session, session->errors, 0, (size_t)shown);
}

static int receive(struct session *session, struct shim_error *error) {
    struct incoming *incoming = &session->incoming;
    ssize_t got =
        recv(session->options->socket, incoming->bytes, sizeof(incoming->bytes), MSG_DONTWAIT);
    /* A monitor that has closed before it read all of ours resets the connection. That is told
     * once, before what it has sent, which is still there. */
    if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == ECONNRESET))
        return 0;
    if (got == 0) {
        session->ended = true;
        return 0;
    }
    if (got < 0)
        return error_set(error, -errno, "cannot read from its monitor: %s", strerror(errno));
    if (incoming->bytes[0] == ATTACH_STDOUT)
        write_later(session, session->output, 1, (size_t)got);
    else if (incoming->bytes[0] == ATTACH_STDERR)
        write_later(session, session->errors, 1, (size_t)got);
    else if (incoming->bytes[0] == ATTACH_NOTICE)
        show_notice(session, (size_t)got - 1);
    return 0;
}

static int write_output(struct session *session, struct shim_error *error) {
    struct incoming *incoming = &session->incoming;
    ssize_t written =
        write(incoming->fd, incoming->bytes + incoming->at, incoming->length - incoming->at);
    if (written >= 0)
        incoming->at += (size_t)written;
    else if (errno != EINTR && errno != EAGAIN)
        return error_set(error, -errno, "cannot write to standard %s: %s",
                         incoming->fd == session->errors ? "error" : "output", strerror(errno));
    return 0;
}

/* ------------------------------------------------------------------------------ the loop */

static void window_changed(struct session *session) {
    struct signalfd_siginfo received;
    while (read(session->window_fd, &received, sizeof(received)) == (ssize_t)sizeof(received))
        session->size_due = true;
}

static void signals_came(struct session *session) {
    const struct attach_options *options = session->options;
    struct signalfd_siginfo received;
    while (read(options->signal_fd, &received, sizeof(received)) == (ssize_t)sizeof(received)) {
        int number = (int)received.ssi_signo;
        /* A shell puts the terminal back when it stops us. */
        if (number == SIGCONT && options->terminal >= 0) {
            terminal_raw(options->terminal, NULL);
            session->size_due = true;
        }
        if (options->signalled && options->signalled(number, options->user))
            session->left = true;
    }
}

/* A packet that is being written is finished before the next one is read, so that what does not go
 * out piles up at the monitor, which knows what to do about that. */
static int turn(struct session *session, struct shim_error *error) {
    const struct attach_options *options = session->options;
    bool writing = session->incoming.at < session->incoming.length;
    bool sending = has_to_send(session);
    enum { SOCKET, INPUT, OUTPUT, SIGNALS, WINDOW, WATCHED };
    struct pollfd watched[WATCHED] = {
        [SOCKET] = {.fd = writing && !sending ? -1 : options->socket,
                    .events = (short)((writing ? 0 : POLLIN) | (sending ? POLLOUT : 0))},
        [INPUT] = {.fd = session->input_open && !sending ? options->input : -1, .events = POLLIN},
        [OUTPUT] = {.fd = writing ? session->incoming.fd : -1, .events = POLLOUT},
        [SIGNALS] = {.fd = options->signal_fd, .events = POLLIN},
        [WINDOW] = {.fd = session->window_fd, .events = POLLIN},
    };
    if (poll(watched, WATCHED, -1) < 0)
        return errno == EINTR ? 0 : error_set(error, -errno, "cannot wait: %s", strerror(errno));
    if (watched[SIGNALS].revents)
        signals_came(session);
    if (watched[WINDOW].revents)
        window_changed(session);
    int r = watched[OUTPUT].revents ? write_output(session, error) : 0;
    if (r == 0 && !writing && watched[SOCKET].revents & (POLLIN | POLLHUP | POLLERR))
        r = receive(session, error);
    /* A monitor that is gone takes nothing: no reason to wait for it. */
    if (writing && watched[SOCKET].revents & (POLLHUP | POLLERR))
        session->deaf = true;
    if (watched[INPUT].revents)
        read_input(session);
    send_all(session);
    return r;
}

static bool goes_on(const struct session *session) {
    if (session->left)
        return false;
    if (session->detached) /* what was typed before the keys still goes out */
        return session->outgoing.length > 0 && !session->deaf && !session->ended;
    return !session->ended || session->incoming.at < session->incoming.length;
}

/* ------------------------------------------------------------------------------ set-up */

/* Writing must not keep the loop from signals. A terminal or a pipe is opened once more, without
 * blocking, which leaves the others alone that use it; for anything else, and where that is not
 * allowed, a copy has to do. Returns -1 on failure. */
static int without_blocking(int fd) {
    char path[32];
    struct stat status;
    int copy = -1;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (isatty(fd) || (fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode)))
        copy = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return copy >= 0 ? copy : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static int watch_window(struct session *session, struct shim_error *error) {
    sigset_t changes;
    sigemptyset(&changes);
    sigaddset(&changes, SIGWINCH);
    if (sigprocmask(SIG_BLOCK, &changes, NULL) == 0)
        session->window_fd = signalfd(-1, &changes, SFD_CLOEXEC | SFD_NONBLOCK);
    if (session->window_fd < 0)
        return error_set(error, -errno, "cannot watch the terminal's size: %s", strerror(errno));
    session->size_due = true;
    return 0;
}

static int session_open(struct session *session, struct shim_error *error) {
    const struct attach_options *options = session->options;
    session->output = without_blocking(options->output);
    session->errors = without_blocking(options->errors);
    if (session->output < 0 || session->errors < 0)
        return error_set(error, -errno, "cannot copy a descriptor: %s", strerror(errno));
    if (options->terminal < 0)
        return 0;
    int r = watch_window(session, error);
    return r < 0 ? r : terminal_raw(options->terminal, error);
}

static void session_close(struct session *session) {
    terminal_restore();
    fd_close(session->output);
    fd_close(session->errors);
    fd_close(session->window_fd);
    free(session);
}

int attach_run(const struct attach_options *options, enum attach_outcome *ret_outcome,
               struct shim_error *error) {
    struct session *session = calloc(1, sizeof(*session));
    if (!session)
        return error_set(error, -ENOMEM, "cannot attach: out of memory");
    session->options = options;
    session->output = session->errors = session->window_fd = -1;
    session->input_open = options->input >= 0;
    if (options->keys)
        session->keys = *options->keys;
    int r = session_open(session, error);
    while (r == 0 && goes_on(session))
        r = turn(session, error);
    if (r == 0)
        *ret_outcome = session->left       ? ATTACH_LEFT
                       : session->detached ? ATTACH_DETACHED
                                           : ATTACH_ENDED;
    session_close(session);
    return r;
}
