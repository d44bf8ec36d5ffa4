/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of copied streams share: a monitor whose launch command is the process itself, its
 * words and descriptors, and what it costs. */
#ifndef SHIMHOST_T_UNIT_STREAMS_FIXTURE_H
#define SHIMHOST_T_UNIT_STREAMS_FIXTURE_H

#include "launch_fixture.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { JOB_WORDS = 16, JOB_DESCRIPTORS = 8 };

/* A fixture whose plan gets words and descriptors one by one. It comes first, so that it can be
 * taken for one. */
struct job {
    struct fixture base;
    char text[JOB_WORDS][256];
    const char *words[JOB_WORDS + 1];
    size_t n_words;
    int descriptors[JOB_DESCRIPTORS];
};

static inline int job_setup(void **state) {
    void *fixture;
    struct job *job = calloc(1, sizeof(*job));
    assert_non_null(job);
    setup(&fixture);
    job->base = *(struct fixture *)fixture;
    free(fixture);
    /* What points into the fixture has moved with it. */
    job->base.plan.monitor = job->base.monitor;
    job->base.plan.directory = job->base.directory;
    job->base.plan.command = job->base.command;
    job->base.plan.cleanup = job->base.cleanup;
    job->base.plan.pid_file = NULL;
    job->base.plan.words = job->words;
    job->base.plan.descriptors = job->descriptors;
    *state = job;
    return 0;
}

static inline int job_teardown(void **state) {
    struct job *job = *state;
    for (size_t i = 0; i < job->base.plan.n_descriptors; i++)
        close(job->descriptors[i]);
    return teardown(state);
}

/* One more word for the monitor. */
static inline __attribute__((format(printf, 2, 3))) void word(struct job *job, const char *format,
                                                              ...) {
    va_list arguments;
    assert_true(job->n_words < JOB_WORDS);
    va_start(arguments, format);
    vsnprintf(job->text[job->n_words], sizeof(job->text[0]), format, arguments);
    va_end(arguments);
    job->words[job->n_words] = job->text[job->n_words];
    job->n_words++;
}

/* One more descriptor, under a number that is not the monitor's own. */
static inline int descriptor(struct job *job, int fd_take) {
    int fd = fcntl(fd_take, F_DUPFD_CLOEXEC, 10);
    assert_true(fd >= 0);
    close(fd_take);
    job->descriptors[job->base.plan.n_descriptors++] = fd;
    return fd;
}

static inline int open_in(const struct job *job, const char *name, int flags) {
    int fd = openat(job->base.plan.directory_fd, name, flags | O_CLOEXEC, 0640);
    assert_true(fd >= 0);
    return fd;
}

/* Both outputs go to a log in this format. */
static inline void log_to(struct job *job, const char *format, const char *name) {
    word(job, "stdout=copy");
    word(job, "stderr=copy");
    word(job, "log-format=%s", format);
    word(job, "log-path=%s/%s", job->base.directory, name);
    word(job, "log-fd=%d", descriptor(job, open_in(job, name, O_WRONLY | O_APPEND | O_CREAT)));
}

/* Standard output goes to a FIFO, whose name is `fifo`. Returns the descriptor by which the monitor
 * writes to it. */
static inline int copy_to_fifo(struct job *job, const char *policy) {
    assert_int_equal(mkfifoat(job->base.plan.directory_fd, "fifo", 0600), 0);
    int fd = descriptor(job, open_in(job, "fifo", O_RDWR | O_NONBLOCK));
    word(job, "stdout=copy");
    word(job, "stdout-fifo=%d", fd);
    word(job, "stdout-gone=%s", policy);
    return fd;
}

static inline void start(struct job *job, const char *script) {
    launch(&job->base, script);
}

static inline void order(const struct job *job, const char *text) {
    int fd = open_in(job, "control", O_WRONLY | O_NONBLOCK);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static inline void put_bytes(const struct job *job, const char *name, const char *bytes,
                             size_t size) {
    int fd = open_in(job, name, O_WRONLY | O_CREAT | O_TRUNC);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
}

/* All that can be read from a descriptor, to be freed; a zero follows it. */
static inline char *read_all(int fd, size_t *ret_size) {
    size_t size = 0, room = 1 << 16;
    char *bytes = malloc(room);
    ssize_t got;
    while ((got = read(fd, bytes + size, room - size - 1)) > 0) {
        size += (size_t)got;
        if (room - size < 4096)
            bytes = realloc(bytes, room *= 2);
        assert_non_null(bytes);
    }
    bytes[size] = '\0';
    if (ret_size)
        *ret_size = size;
    return bytes;
}

static inline char *slurp(const struct job *job, const char *name, size_t *ret_size) {
    int fd = open_in(job, name, O_RDONLY);
    char *bytes = read_all(fd, ret_size);
    close(fd);
    return bytes;
}

/* A text that grows. */
struct growing {
    char *bytes;
    size_t size;
};

static inline void grow(struct growing *text, const char *bytes, size_t size) {
    text->bytes = realloc(text->bytes, text->size + size + 1);
    assert_non_null(text->bytes);
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    text->bytes[text->size] = '\0';
}

static inline void grow_text(struct growing *text, const char *string) {
    grow(text, string, strlen(string));
}

static inline void breathe(void) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* Waits until a file has this text in it. */
static inline void await_text(const struct job *job, const char *name, const char *text) {
    for (int i = 0; i < PATIENCE; i++) {
        const char *now = content(&job->base, name);
        if (now && strstr(now, text))
            return;
        breathe();
    }
    fail_msg("there is no \"%s\" in %s", text, name);
}

static inline void await_file(const struct job *job, const char *name) {
    await_text(job, name, "");
}

/* Waits until nothing more can be written to a pipe: who copies to it has come to a halt. */
static inline void await_full(int fd) {
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    for (int i = 0; i < PATIENCE && poll(&writable, 1, 0) == 1; i++)
        breathe();
    assert_int_equal(poll(&writable, 1, 0), 0);
}

/* Processor time that it has used, in nanoseconds. */
static inline int64_t cpu_time(pid_t pid) {
    clockid_t clock;
    struct timespec used;
    assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
    assert_int_equal(clock_gettime(clock, &used), 0);
    return used.tv_sec * 1000000000LL + used.tv_nsec;
}

/* It sleeps: a quarter of a second costs next to nothing. Something that spins would take a share
 * of it even on a machine with much else to do. */
static inline void assert_sleeps(pid_t pid) {
    int64_t before = cpu_time(pid);
    nanosleep(&(struct timespec){.tv_nsec = 250000000}, NULL);
    assert_in_range(cpu_time(pid) - before, 0, 4000000);
}

/* ---- clients ---- */

enum { NOTICE = 9 };
enum { DATA, END, RESIZE };

/* Connects to a socket in the directory. */
static inline int connect_to(const struct job *job, const char *name, int type) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s",
             job->base.plan.directory_fd, name);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static inline int attach(const struct job *job) {
    return connect_to(job, "attach", SOCK_SEQPACKET);
}

/* What a client has been sent. */
struct received {
    char *output;
    size_t size;
    size_t lost; /* as notices said */
    char notice[64];
};

/* Receives one packet; false: the connection has ended. */
static inline bool receive(int client, struct received *received) {
    static char packet[64 * 1024];
    struct pollfd readable = {.fd = client, .events = POLLIN};
    assert_int_equal(poll(&readable, 1, PATIENCE), 1);
    ssize_t got = recv(client, packet, sizeof(packet), 0);
    assert_true(got >= 0);
    if (got == 0)
        return false;
    size_t size = (size_t)got - 1;
    if (packet[0] == NOTICE) {
        snprintf(received->notice, sizeof(received->notice), "%.*s", (int)size, packet + 1);
        received->lost += strtoul(received->notice, NULL, 10);
        return true;
    }
    received->output = realloc(received->output, received->size + size + 1);
    assert_non_null(received->output);
    memcpy(received->output + received->size, packet + 1, size);
    received->size += size;
    received->output[received->size] = '\0';
    return true;
}

static inline void receive_until(int client, struct received *received, const char *text) {
    while (!received->output || !strstr(received->output, text))
        assert_true(receive(client, received));
}

static inline void receive_all(int client, struct received *received) {
    while (receive(client, received))
        ;
    close(client);
}

static inline void assert_received(struct received *received, const char *expected) {
    assert_non_null(received->output);
    assert_string_equal(received->output, expected);
    assert_int_equal(received->lost, 0);
    free(received->output);
}

static inline void tell(int client, char what, const void *bytes, size_t size) {
    char packet[32 * 1024 + 1];
    packet[0] = what;
    if (size)
        memcpy(packet + 1, bytes, size);
    assert_int_equal(send(client, packet, size + 1, MSG_NOSIGNAL), size + 1);
}

/* Sends numbers, a line of seven bytes each. */
static inline void send_numbers(int client, int from, int to) {
    char packet[32 * 1024];
    for (int at = from; at < to;) {
        size_t size = 0;
        for (; at < to && size + 8 < sizeof(packet); at++)
            size += (size_t)snprintf(packet + size, 8, "%06d\n", at);
        tell(client, DATA, packet, size);
    }
}

static inline void assert_numbers(const char *text, int from, int to) {
    for (; from < to; from++, text += 7)
        assert_int_equal(strtol(text, NULL, 10), from);
}

#endif
