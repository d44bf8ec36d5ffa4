/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal that the runtime sends to the monitor; the test plays the runtime and the process. */
#include "streams_fixture.h"

#include <sys/ioctl.h>
#include <termios.h>

/* Plays the runtime: sends the master of a terminal, or something else. */
static void send_descriptor(const struct job *job, int fd) {
    int connection = connect_to(job, ".console", SOCK_STREAM);
    char name[] = "/dev/pts/0";
    struct iovec bytes = {name, sizeof(name)};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    assert_int_equal(sendmsg(connection, &message, 0), sizeof(name));
    close(connection);
}

static int open_slave(const char *name) {
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(slave >= 0);
    return slave;
}

/* Returns the slave. */
static int make_terminal(int *ret_master) {
    char name[64];
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
    *ret_master = master;
    return open_slave(name);
}

static void start_with_master(struct job *job, int master) {
    word(job, "console=1");
    word(job, "term=100x30");
    word(job, "attach=1");
    start(job, "read x < go; exit 4");
    send_descriptor(job, master);
}

static int start_with_terminal(struct job *job) {
    int master, slave = make_terminal(&master);
    start_with_master(job, master);
    close(master);
    return slave;
}

/* Waits until the terminal has this size. */
static void await_size(int slave, int columns, int rows) {
    struct winsize size = {0};
    for (int i = 0; i < PATIENCE && (size.ws_col != columns || size.ws_row != rows); i++, breathe())
        assert_int_equal(ioctl(slave, TIOCGWINSZ, &size), 0);
    assert_int_equal(size.ws_col, columns);
    assert_int_equal(size.ws_row, rows);
}

static void sizes_of_a_terminal(void **state) {
    struct job *job = *state;
    int slave = start_with_terminal(job);
    await_size(slave, 100, 30);
    order(job, "1 80 24\n");
    await_size(slave, 80, 24);
    int client = attach(job);
    tell(client, RESIZE, "\x2c\x01\x02\x00", 4);
    await_size(slave, 300, 2);
    close(client);
    go(&job->base);
    assert_ends(&job->base, 4);
    close(slave);
}

static void assert_reads(int slave, const char *expected) {
    char bytes[64];
    ssize_t got = read(slave, bytes, sizeof(bytes));
    assert_int_equal(got, strlen(expected));
    assert_memory_equal(bytes, expected, strlen(expected));
}

static void input_and_output_of_a_terminal(void **state) {
    struct job *job = *state;
    struct received received = {0};
    int slave = start_with_terminal(job);
    int client = attach(job);
    tell(client, DATA, "line\n", 5);
    assert_reads(slave, "line\n");
    receive_until(client, &received, "line\r\n"); /* its echo */
    tell(client, DATA, "more\n", 5);
    tell(client, END, NULL, 0);
    assert_reads(slave, "more\n");
    assert_reads(slave, "");
    order(job, "0 0 0\n");
    assert_reads(slave, "");
    receive_until(client, &received, "more\r\n");
    assert_int_equal(write(slave, "said\n", 5), 5);
    receive_until(client, &received, "said\r\n");
    assert_int_equal(write(slave, "last\n", 5), 5);
    go(&job->base);
    /* The slave is still open, as a background process might have it: this is the end all the same,
     * with what was written before. */
    receive_all(client, &received);
    assert_non_null(strstr(received.output, "last\r\n"));
    free(received.output);
    assert_ends(&job->base, 4);
    close(slave);
}

/* What is no whole line is handed over by a first end, and then there is nothing more. */
static void the_end_of_input_within_a_line(void **state) {
    struct job *job = *state;
    int slave = start_with_terminal(job);
    int client = attach(job);
    tell(client, DATA, "line\nrest", 9);
    tell(client, END, NULL, 0);
    assert_reads(slave, "line\n");
    assert_reads(slave, "rest");
    assert_reads(slave, "");
    tell(client, DATA, "typed \4", 7); /* that is an end, too */
    tell(client, END, NULL, 0);
    tell(client, DATA, "line\n", 5);
    assert_reads(slave, "typed ");
    assert_reads(slave, "");
    assert_reads(slave, "line\n");
    close(client);
    go(&job->base);
    assert_ends(&job->base, 4);
    close(slave);
}

/* Who reads every key by itself is told the end by one. */
static void the_end_of_input_without_lines(void **state) {
    struct job *job = *state;
    struct termios raw;
    int slave = start_with_terminal(job);
    assert_int_equal(tcgetattr(slave, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
    int client = attach(job);
    tell(client, DATA, "rest", 4);
    tell(client, END, NULL, 0);
    tell(client, DATA, "more", 4);
    char bytes[9];
    for (size_t got = 0; got < sizeof(bytes);)
        got += (size_t)read(slave, bytes + got, sizeof(bytes) - got);
    assert_memory_equal(bytes, "rest\4more", sizeof(bytes));
    close(client);
    go(&job->base);
    assert_ends(&job->base, 4);
    close(slave);
}

/* Its end is the terminal's, and what is in it comes before. */
static void a_fifo_feeds_a_terminal(void **state) {
    struct job *job = *state;
    assert_int_equal(mkfifoat(job->base.plan.directory_fd, "input", 0600), 0);
    word(job, "stdin-fifo=%d", descriptor(job, open_in(job, "input", O_RDONLY | O_NONBLOCK)));
    int writer = descriptor(job, open_in(job, "input", O_WRONLY));
    word(job, "hold-stdin=%d", writer);
    int slave = start_with_terminal(job);
    assert_int_equal(write(writer, "line\n", 5), 5);
    close(writer); /* only the monitor has one now */
    job->base.plan.n_descriptors--;
    order(job, "0 0 0\n0 0 0\n");
    assert_reads(slave, "line\n");
    assert_reads(slave, "");
    assert_sleeps(job->base.pid);
    go(&job->base);
    assert_ends(&job->base, 4);
    close(slave);
}

/* All that had the terminal open close it; the process lives on, and opens it again. Returns the
 * slave. */
static int let_go_for_a_moment(struct job *job, int client, int slave) {
    struct received received = {0};
    char name[64];
    assert_int_equal(ttyname_r(slave, name, sizeof(name)), 0);
    assert_int_equal(write(slave, "last\n", 5), 5);
    close(slave);
    receive_until(client, &received, "last\r\n");
    tell(client, RESIZE, "\x2c\x01\x02\x00", 4);
    assert_sleeps(job->base.pid);
    slave = open_slave(name);
    assert_int_equal(write(slave, "back\n", 5), 5);
    receive_until(client, &received, "back\r\n");
    tell(client, DATA, "line\n", 5);
    assert_reads(slave, "line\n");
    free(received.output);
    return slave;
}

/* Nobody has it open when the process ends, and that is its end. */
static void assert_ends_without_terminal(struct job *job, int client, int slave) {
    struct received received = {0};
    assert_int_equal(write(slave, "end\n", 4), 4);
    close(slave);
    go(&job->base);
    receive_all(client, &received);
    assert_non_null(strstr(received.output, "end\r\n"));
    free(received.output);
    assert_ends(&job->base, 4);
}

static void a_terminal_that_nobody_holds_for_a_moment(void **state) {
    struct job *job = *state;
    int slave = start_with_terminal(job);
    int client = attach(job);
    slave = let_go_for_a_moment(job, client, slave);
    assert_ends_without_terminal(job, client, slave);
}

/* The monitor cannot hold it itself, as it is locked at the time. */
static void a_terminal_that_nobody_can_hold(void **state) {
    struct job *job = *state;
    int master, slave = make_terminal(&master), locked = 1, unlocked = 0;
    char name[64];
    assert_int_equal(ioctl(master, TIOCSPTLCK, &locked), 0);
    start_with_master(job, master);
    await_size(slave, 100, 30);
    assert_int_equal(ioctl(master, TIOCSPTLCK, &unlocked), 0);
    close(master);
    /* The attempt has left it unusable to who had it before. */
    assert_int_equal(ttyname_r(slave, name, sizeof(name)), 0);
    int again = open_slave(name);
    close(slave);
    int client = attach(job);
    slave = let_go_for_a_moment(job, client, again);
    assert_ends_without_terminal(job, client, slave);
}

/* The terminal's buffers are full of input that nobody reads: the rest waits, in its order. */
static void input_that_a_terminal_does_not_take_yet(void **state) {
    struct job *job = *state;
    struct received received = {0};
    struct termios raw;
    struct growing text = {0};
    char bytes[4096];
    int slave = start_with_terminal(job);
    assert_int_equal(tcgetattr(slave, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
    int client = attach(job);
    send_numbers(client, 0, 25000);
    tell(client, END, NULL, 0);
    assert_sleeps(job->base.pid);
    while (text.size < 25000 * 7 + 1) {
        ssize_t got = read(slave, bytes, sizeof(bytes));
        assert_true(got > 0);
        grow(&text, bytes, (size_t)got);
    }
    assert_numbers(text.bytes, 0, 25000);
    assert_int_equal(text.bytes[25000 * 7], 4); /* ^D */
    free(text.bytes);
    go(&job->base);
    receive_all(client, &received);
    assert_ends(&job->base, 4);
    close(slave);
}

/* Connections to the console socket that bring no terminal are no reason to spin, and do not keep
 * the right one from coming. */
static void what_is_no_terminal(void **state) {
    struct job *job = *state;
    int master, slave = make_terminal(&master), null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    word(job, "console=1");
    word(job, "term=100x30");
    start(job, "read x < go; exit 4");
    close(connect_to(job, ".console", SOCK_STREAM));
    await_text(job, "shim-log.json", "cannot receive the terminal");
    send_descriptor(job, null_fd);
    await_text(job, "shim-log.json", "is not the master of a terminal");
    int idle = connect_to(job, ".console", SOCK_STREAM);
    assert_sleeps(job->base.pid);
    close(idle);
    send_descriptor(job, master);
    await_size(slave, 100, 30);
    go(&job->base);
    assert_ends(&job->base, 4);
    close(null_fd);
    close(master);
    close(slave);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, job_setup, job_teardown)
    const struct CMUnitTest tests[] = {
        TEST(sizes_of_a_terminal),
        TEST(input_and_output_of_a_terminal),
        TEST(the_end_of_input_within_a_line),
        TEST(the_end_of_input_without_lines),
        TEST(a_fifo_feeds_a_terminal),
        TEST(a_terminal_that_nobody_holds_for_a_moment),
        TEST(a_terminal_that_nobody_can_hold),
        TEST(input_that_a_terminal_does_not_take_yet),
        TEST(what_is_no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
