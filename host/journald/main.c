/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shimhost-journald CONTAINER PROCESS TAG [stdout=FD] [stderr=FD]
 *
 * Reads what a process writes from the pipes that its monitor copies it to, and sends it to the
 * journal, an entry a line. It lives as long as the pipes do, in a session of its own, and nobody
 * waits for it: when it dies, the monitor loses log entries and goes on.
 *
 * The parent returns as soon as there is a child that reads, or with a sentence on standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

/* What the journal takes as one line by default (LineMax= of journald.conf(5)). */
#define ENTRY_MAX (48 * 1024)

struct source {
    int fd; /* -1: none, or at its end */
    int priority;
    size_t length; /* of a line that has not ended, in `line` */
    char line[sizeof("MESSAGE=") - 1 + ENTRY_MAX];
};

/* The fields that all entries share. */
struct labels {
    char container[128], process[128], tag[256];
};

/* The text lies behind "MESSAGE=" in the source's buffer. A part of a longer line is marked as
 * Docker marks it. That the journal takes nothing (it may be starting anew) loses the entry. */
static void send(const struct labels *labels, struct source *source, size_t length, bool part) {
    char priority[32];
    struct iovec fields[] = {
        {source->line, sizeof("MESSAGE=") - 1 + length},
        {priority, (size_t)snprintf(priority, sizeof(priority), "PRIORITY=%d", source->priority)},
        {(void *)labels->container, strlen(labels->container)},
        {(void *)labels->process, strlen(labels->process)},
        {(void *)labels->tag, strlen(labels->tag)},
        {(void *)"CONTAINER_PARTIAL_MESSAGE=true", sizeof("CONTAINER_PARTIAL_MESSAGE=true") - 1},
    };
    sd_journal_sendv(fields, (int)(sizeof(fields) / sizeof(*fields)) - (part ? 0 : 1));
}

/* How much of a buffer that is full to send, so that no character is cut in two. */
static size_t part_length(const char *text) {
    for (size_t after = 1; after <= 3; after++) {
        unsigned char byte = (unsigned char)text[ENTRY_MAX - after];
        size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
        if (byte < 0x80 || length > 1) /* the last character begins here */
            return length > after ? ENTRY_MAX - after : ENTRY_MAX;
    }
    return ENTRY_MAX;
}

/* Sends the whole lines in the buffer, and a part of one that fills it. */
static void send_lines(const struct labels *labels, struct source *source) {
    char *text = source->line + sizeof("MESSAGE=") - 1, *newline;
    while ((newline = memchr(text, '\n', source->length))) {
        size_t length = (size_t)(newline - text);
        send(labels, source, length, false);
        source->length -= length + 1;
        memmove(text, newline + 1, source->length);
    }
    if (source->length == ENTRY_MAX) {
        size_t length = part_length(text);
        send(labels, source, length, true);
        source->length -= length;
        memmove(text, text + length, source->length);
    }
}

static void read_some(const struct labels *labels, struct source *source) {
    char *text = source->line + sizeof("MESSAGE=") - 1;
    ssize_t got = read(source->fd, text + source->length, ENTRY_MAX - source->length);
    if (got > 0) {
        source->length += (size_t)got;
        send_lines(labels, source);
    } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
        if (source->length > 0)
            send(labels, source, source->length, false);
        source->fd = -1;
    }
}

static int run(const struct labels *labels, struct source sources[2]) {
    while (sources[0].fd >= 0 || sources[1].fd >= 0) {
        struct pollfd fds[2];
        for (int i = 0; i < 2; i++)
            fds[i] = (struct pollfd){.fd = sources[i].fd, .events = POLLIN};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return EXIT_FAILURE;
        for (int i = 0; i < 2; i++)
            if (sources[i].fd >= 0 && fds[i].revents)
                read_some(labels, &sources[i]);
    }
    return EXIT_SUCCESS;
}

/* Lets go of whoever started us. */
static int detach(void) {
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0 || chdir("/") < 0)
        return -errno;
    pid_t child = fork();
    if (child < 0)
        return -errno;
    if (child > 0)
        _exit(EXIT_SUCCESS);
    setsid();
    for (int fd = 0; fd <= 2; fd++)
        dup2(null_fd, fd);
    return 0;
}

static bool read_source(const char *word, struct source sources[2]) {
    static const char *const names[] = {"stdout=", "stderr="};
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(word, names[i], length) != 0)
            continue;
        sources[i].fd = atoi(word + length);
        return sources[i].fd > 2 && fcntl(sources[i].fd, F_GETFD) >= 0;
    }
    return false;
}

int main(int argc, char **argv) {
    static struct source sources[2] = {{.fd = -1, .priority = LOG_INFO, .line = "MESSAGE="},
                                       {.fd = -1, .priority = LOG_ERR, .line = "MESSAGE="}};
    struct labels labels;
    bool usable = argc > 4;
    for (int i = 4; i < argc && usable; i++)
        usable = read_source(argv[i], sources);
    if (!usable) {
        fprintf(stderr, "usage: shimhost-journald CONTAINER PROCESS TAG [stdout=FD] [stderr=FD]\n");
        return 2;
    }
    snprintf(labels.container, sizeof(labels.container), "CONTAINER_ID=%s", argv[1]);
    snprintf(labels.process, sizeof(labels.process), "CONTAINER_NAME=%s%s%s", argv[1],
             strcmp(argv[2], "init") == 0 ? "" : "/", strcmp(argv[2], "init") == 0 ? "" : argv[2]);
    snprintf(labels.tag, sizeof(labels.tag), "SYSLOG_IDENTIFIER=%s", argv[3]);
    int r = detach();
    if (r < 0) {
        fprintf(stderr, "shimhost-journald: cannot start: %s\n", strerror(-r));
        return EXIT_FAILURE;
    }
    return run(&labels, sources);
}
