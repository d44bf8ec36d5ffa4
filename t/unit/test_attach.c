/* SPDX-License-Identifier: Apache-2.0 */
/* The client of an attached process, between a monitor that the test plays and pipes or a terminal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "stream/attach.h"
#include "stream/terminal.h"

#define PATIENCE 60 /* seconds */

/* A client in a process of its own, and what the test holds: the monitor's end of the socket, and
 * the far ends of the client's streams. */
struct client {
    pid_t pid;
    int monitor;
    int input, output, errors; /* -1: none; at a terminal all are its master */
    const char *keys;
    bool with_input;
    bool at_terminal;
    int crash_with; /* a signal that the client raises once it is in raw mode, or 0 */
};

static bool leave_at_once(int number, void *user) {
    (void)user;
    return number == SIGTERM;
}

/* Exits with 10 plus the outcome. */
static _Noreturn void client_main(const struct client *client, int socket, int in, int out,
                                  int err) {
    struct detach_keys keys = {.count = 0};
    struct shim_error error = ERROR_NONE;
    enum attach_outcome outcome;
    sigset_t signals;
    alarm(PATIENCE);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    struct attach_options options = {
        .socket = socket,
        .input = client->with_input ? in : -1,
        .output = out,
        .errors = err,
        .terminal = client->at_terminal ? in : -1,
        .signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK),
        .signalled = leave_at_once,
    };
    if (client->keys && detach_keys_parse(client->keys, &keys, NULL) == 0)
        options.keys = &keys;
    if (client->crash_with) {
        signal(client->crash_with, SIG_DFL); /* cmocka has handlers of its own */
        if (terminal_raw(in, &error) < 0)
            _exit(1);
        raise(client->crash_with);
        _exit(2);
    }
    int r = attach_run(&options, &outcome, &error);
    exit(r < 0 ? 1 : 10 + (int)outcome);
}

static void start(struct client *client) {
    int sockets[2], in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    if (client->at_terminal) {
        struct winsize size = {.ws_col = 100, .ws_row = 30};
        assert_int_equal(openpty(&in[1], &in[0], NULL, NULL, &size), 0);
        out[1] = err[1] = in[0];
        client->output = client->errors = client->input = in[1];
    } else {
        assert_int_equal(pipe2(in, O_CLOEXEC), 0);
        assert_int_equal(pipe2(out, O_CLOEXEC), 0);
        assert_int_equal(pipe2(err, O_CLOEXEC), 0);
        client->input = in[1];
        client->output = out[0];
        client->errors = err[0];
    }
    client->pid = fork();
    assert_true(client->pid >= 0);
    if (client->pid == 0) {
        close(sockets[0]);
        close(in[1]);
        close(out[0]);
        close(err[0]);
        client_main(client, sockets[1], in[0], out[1], err[1]);
    }
    close(sockets[1]);
    client->monitor = sockets[0];
    if (!client->at_terminal) {
        close(in[0]);
        close(out[1]);
        close(err[1]);
    }
}

/* Its exit status; 128 + N for death by signal N. */
static int end(struct client *client) {
    int status;
    assert_int_equal(waitpid(client->pid, &status, 0), client->pid);
    client->monitor = fd_close(client->monitor);
    client->input = fd_close(client->input);
    if (!client->at_terminal) {
        close(client->output);
        close(client->errors);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void say(const struct client *client, int kind, const char *text) {
    unsigned char packet[1 + ATTACH_DATA_MAX] = {(unsigned char)kind};
    size_t length = strlen(text);
    memcpy(packet + 1, text, length);
    assert_int_equal(send(client->monitor, packet, length + 1, 0), length + 1);
}

/* The next packet is of that kind, with that text. */
static void hears(const struct client *client, int kind, const char *text) {
    unsigned char packet[1 + ATTACH_DATA_MAX];
    ssize_t got = recv(client->monitor, packet, sizeof(packet), 0);
    assert_int_equal(got, (ssize_t)strlen(text) + 1);
    assert_int_equal(packet[0], kind);
    assert_memory_equal(packet + 1, text, strlen(text));
}

static void hears_size(const struct client *client, unsigned int columns, unsigned int rows) {
    unsigned char packet[16];
    assert_int_equal(recv(client->monitor, packet, sizeof(packet), 0), 5);
    assert_int_equal(packet[0], ATTACH_RESIZE);
    assert_int_equal(packet[1] | packet[2] << 8, columns);
    assert_int_equal(packet[3] | packet[4] << 8, rows);
}

/* Reads exactly this from a descriptor. */
static void reads(int fd, const char *text) {
    char buffer[4096];
    size_t have = 0, length = strlen(text);
    while (have < length) {
        ssize_t got = read(fd, buffer + have, length - have);
        assert_true(got > 0);
        have += (size_t)got;
    }
    assert_memory_equal(buffer, text, length);
}

static void types(const struct client *client, const char *text) {
    assert_int_equal(write(client->input, text, strlen(text)), (ssize_t)strlen(text));
}

/* ------------------------------------------------------------------------------ through pipes */

static void outputs_are_kept_apart(void **state) {
    (void)state;
    struct client client = {.with_input = true};
    start(&client);
    say(&client, ATTACH_STDOUT, "to output");
    say(&client, ATTACH_STDERR, "to errors");
    say(&client, ATTACH_NOTICE, "17 bytes lost");
    say(&client, 77, "of a later version");
    say(&client, ATTACH_STDOUT, ", more");
    reads(client.output, "to output, more");
    reads(client.errors, "to errors[shimhost: 17 bytes lost]\n");
    client.monitor = fd_close(client.monitor);
    assert_int_equal(end(&client), 10 + ATTACH_ENDED);
}

static void input_and_its_end_are_passed_on(void **state) {
    (void)state;
    struct client client = {.with_input = true};
    start(&client);
    types(&client, "hello");
    hears(&client, ATTACH_INPUT, "hello");
    client.input = fd_close(client.input);
    hears(&client, ATTACH_INPUT_END, "");
    say(&client, ATTACH_STDOUT, "still there");
    reads(client.output, "still there");
    client.monitor = fd_close(client.monitor);
    assert_int_equal(end(&client), 10 + ATTACH_ENDED);
}

static void without_input_not_even_its_end_is_sent(void **state) {
    (void)state;
    struct client client = {.with_input = false};
    start(&client);
    client.input = fd_close(client.input);
    say(&client, ATTACH_STDOUT, "x");
    reads(client.output, "x");
    assert_int_equal(shutdown(client.monitor, SHUT_WR), 0);
    unsigned char packet[16];
    assert_int_equal(recv(client.monitor, packet, sizeof(packet), 0), 0);
    assert_int_equal(end(&client), 10 + ATTACH_ENDED);
}

/* Until the monitor takes more, the client reads no more of its input than one packet; and it still
 * shows output meanwhile. */
static void a_process_that_does_not_read_blocks_nobody(void **state) {
    (void)state;
    struct client client = {.with_input = true};
    static char block[65536];
    size_t sent = 0, received = 0;
    start(&client);
    memset(block, 'x', sizeof(block));
    assert_int_equal(fcntl(client.input, F_SETFL, O_NONBLOCK), 0);
    struct pollfd input = {.fd = client.input, .events = POLLOUT};
    while (poll(&input, 1, 200) == 1) {
        ssize_t wrote = write(client.input, block, sizeof(block));
        assert_true(wrote > 0);
        sent += (size_t)wrote;
    }
    say(&client, ATTACH_STDOUT, "output goes on");
    reads(client.output, "output goes on");
    client.input = fd_close(client.input);
    for (;;) {
        unsigned char packet[1 + ATTACH_DATA_MAX];
        ssize_t got = recv(client.monitor, packet, sizeof(packet), 0);
        assert_true(got > 0);
        if (packet[0] == ATTACH_INPUT_END)
            break;
        received += (size_t)got - 1;
    }
    assert_int_equal(received, sent);
    client.monitor = fd_close(client.monitor);
    assert_int_equal(end(&client), 10 + ATTACH_ENDED);
}

/* What the user does not read stays with the monitor, and a signal still ends the client. */
static void a_reader_who_does_not_read_blocks_no_signal(void **state) {
    (void)state;
    struct client client = {.with_input = true};
    static unsigned char packet[1 + ATTACH_DATA_MAX] = {ATTACH_STDOUT};
    start(&client);
    struct pollfd monitor = {.fd = client.monitor, .events = POLLOUT};
    while (poll(&monitor, 1, 200) == 1)
        if (send(client.monitor, packet, sizeof(packet), MSG_DONTWAIT) < 0)
            break;
    assert_int_equal(kill(client.pid, SIGTERM), 0);
    assert_int_equal(end(&client), 10 + ATTACH_LEFT);
}

static void everything_arrives_before_the_end(void **state) {
    (void)state;
    struct client client = {.with_input = false};
    start(&client);
    pid_t writer = fork();
    if (writer == 0) {
        static unsigned char packet[1 + ATTACH_DATA_MAX] = {ATTACH_STDOUT};
        for (int i = 0; i < 200; i++) {
            memset(packet + 1, 'a' + i % 26, ATTACH_DATA_MAX);
            if (send(client.monitor, packet, sizeof(packet), 0) != (ssize_t)sizeof(packet))
                _exit(1);
        }
        _exit(0);
    }
    client.monitor = fd_close(client.monitor);
    size_t total = 0;
    char buffer[65536];
    ssize_t got;
    while ((got = read(client.output, buffer, sizeof(buffer))) > 0) {
        for (ssize_t i = 0; i < got; i++)
            assert_int_equal(buffer[i], 'a' + (int)((total + (size_t)i) / ATTACH_DATA_MAX % 26));
        total += (size_t)got;
    }
    assert_int_equal(total, 200 * (size_t)ATTACH_DATA_MAX);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
    assert_int_equal(end(&client), 10 + ATTACH_ENDED);
}

/* The monitor closes although it has not read all of the client's: the connection is reset, which
 * may not cost the client what was sent to it. */
static void a_reset_loses_no_output(void **state) {
    (void)state;
    struct client client = {.with_input = true};
    start(&client);
    assert_int_equal(kill(client.pid, SIGSTOP), 0);
    types(&client, "never read");
    say(&client, ATTACH_STDOUT, "the last ");
    say(&client, ATTACH_STDOUT, "words");
    assert_int_equal(kill(client.pid, SIGCONT), 0);
    struct pollfd monitor = {.fd = client.monitor, .events = POLLIN};
    assert_int_equal(poll(&monitor, 1, PATIENCE * 1000), 1);
    client.monitor = fd_close(client.monitor);
    reads(client.output, "the last words");
    assert_int_equal(end(&client), 10 + ATTACH_ENDED);
}

static void an_output_that_nobody_reads_is_an_error(void **state) {
    (void)state;
    struct client client = {.with_input = true};
    start(&client);
    close(client.output);
    client.output = open("/dev/null", O_RDONLY | O_CLOEXEC);
    say(&client, ATTACH_STDOUT, "x");
    assert_int_equal(end(&client), 1);
}

/* ------------------------------------------------------------------------------ at a terminal */

static bool is_raw(int fd) {
    struct termios mode;
    assert_int_equal(tcgetattr(fd, &mode), 0);
    return !(mode.c_lflag & (ICANON | ECHO | ISIG)) && !(mode.c_oflag & OPOST);
}

static struct client at_terminal(const char *keys) {
    struct client client = {.with_input = true, .at_terminal = true, .keys = keys};
    start(&client);
    hears_size(&client, 100, 30);
    assert_true(is_raw(client.input));
    return client;
}

static void ends_sane(struct client *client, int expected) {
    int terminal = dup(client->input);
    assert_int_equal(end(client), expected);
    assert_false(is_raw(terminal));
    close(terminal);
}

static void keys_are_bytes_and_no_signals(void **state) {
    (void)state;
    struct client client = at_terminal(NULL);
    types(&client, "\x03\x1a\x1c\x04\r");
    hears(&client, ATTACH_INPUT, "\x03\x1a\x1c\x04\r");
    say(&client, ATTACH_STDOUT, "a\nb");
    reads(client.output, "a\nb");
    say(&client, ATTACH_NOTICE, "lost");
    reads(client.output, "[shimhost: lost]\r\n");
    client.monitor = fd_close(client.monitor);
    ends_sane(&client, 10 + ATTACH_ENDED);
}

static void a_new_size_is_passed_on(void **state) {
    (void)state;
    struct client client = at_terminal(NULL);
    struct winsize size = {.ws_col = 300, .ws_row = 70};
    assert_int_equal(ioctl(client.input, TIOCSWINSZ, &size), 0);
    /* The client has no controlling terminal, which would send it. */
    assert_int_equal(kill(client.pid, SIGWINCH), 0);
    hears_size(&client, 300, 70);
    client.monitor = fd_close(client.monitor);
    ends_sane(&client, 10 + ATTACH_ENDED);
}

static void the_keys_detach(void **state) {
    (void)state;
    struct client client = at_terminal("ctrl-p,ctrl-q");
    types(&client, "abc");
    hears(&client, ATTACH_INPUT, "abc");
    types(&client, "d\x10");
    hears(&client, ATTACH_INPUT, "d");
    types(&client, "\x11zzz");
    ends_sane(&client, 10 + ATTACH_DETACHED);
}

static void a_signal_leaves(void **state) {
    (void)state;
    struct client client = at_terminal(NULL);
    assert_int_equal(kill(client.pid, SIGTERM), 0);
    ends_sane(&client, 10 + ATTACH_LEFT);
}

static void a_crash_leaves_the_terminal_sane(void **state) {
    (void)state;
    static const int crashes[] = {SIGSEGV, SIGABRT, SIGBUS};
    for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++) {
        struct client client = {.at_terminal = true, .crash_with = crashes[i]};
        start(&client);
        ends_sane(&client, 128 + crashes[i]);
    }
}

/* ------------------------------------------------------------------------------ connecting */

static void connecting_fails_in_words(void **state) {
    (void)state;
    char directory[] = "/tmp/shimhost-attach-XXXXXX", path[64];
    struct shim_error error = ERROR_NONE;
    int fd = -1;
    assert_non_null(mkdtemp(directory));
    int directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(attach_connect(directory_fd, &fd, &error), -ENOENT);
    assert_non_null(strstr(error.message, "cannot be attached to"));
    int server = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/" ATTACH_SOCKET, directory);
    assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server, 1), 0);
    assert_int_equal(attach_connect(directory_fd, &fd, &error), 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    close(server);
    assert_int_equal(attach_connect(directory_fd, &fd, &error), -ESRCH);
    assert_int_equal(error.reason, SHIM_REASON_NOT_RUNNING);
    close(directory_fd);
    snprintf(path, sizeof(path), "%s/" ATTACH_SOCKET, directory);
    unlink(path);
    rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_kept_apart),
        cmocka_unit_test(input_and_its_end_are_passed_on),
        cmocka_unit_test(without_input_not_even_its_end_is_sent),
        cmocka_unit_test(a_process_that_does_not_read_blocks_nobody),
        cmocka_unit_test(a_reader_who_does_not_read_blocks_no_signal),
        cmocka_unit_test(everything_arrives_before_the_end),
        cmocka_unit_test(a_reset_loses_no_output),
        cmocka_unit_test(an_output_that_nobody_reads_is_an_error),
        cmocka_unit_test(keys_are_bytes_and_no_signals),
        cmocka_unit_test(a_new_size_is_passed_on),
        cmocka_unit_test(the_keys_detach),
        cmocka_unit_test(a_signal_leaves),
        cmocka_unit_test(a_crash_leaves_the_terminal_sane),
        cmocka_unit_test(connecting_fails_in_words),
    };
    signal(SIGPIPE, SIG_IGN);
    alarm(10 * PATIENCE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
