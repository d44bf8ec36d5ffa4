/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output, and the least that copying it can cost.
 *
 *   lines write COUNT SIZE    writes COUNT lines of 100 bytes, SIZE bytes with each write(2)
 *   lines raw COUNT SIZE      writes COUNT bytes, likewise
 *   lines copied COUNT SIZE FILE BYTES
 *                             the same into a pipe, whose other end it reads, to write BYTES into a
 *                             file for every line: what a log format costs without the format
 *   lines cat COUNT SIZE FILE the same, with cat at the other end
 *   lines fill COUNT SIZE FILE
 *                             COUNT bytes into a file, and removes it: whoever writes next finds
 *                             the kernel with as much free memory at hand as everybody else
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LINE 100
#define BUFFER (64 << 10)

static int write_all(int fd, const char *bytes, size_t length) {
    while (length) {
        ssize_t written = write(fd, bytes, length);
        if (written <= 0)
            return -1;
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

static int produce(int64_t bytes, size_t size) {
    char *buffer = malloc(size + LINE);
    if (!buffer || size == 0)
        return 1;
    for (size_t i = 0; i < size + LINE; i++)
        buffer[i] = i % LINE == LINE - 1 ? '\n' : (char)('a' + i % 26);
    for (int64_t at = 0; at < bytes;) {
        size_t length = bytes - at < (int64_t)size ? (size_t)(bytes - at) : size;
        if (write_all(1, buffer + at % LINE, length) < 0)
            return 1;
        at += (int64_t)length;
    }
    free(buffer);
    return 0;
}

static int copy(const char *path, size_t bytes_a_line) {
    static char buffer[BUFFER * 4];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || bytes_a_line > 4 * LINE)
        return 1;
    ssize_t got;
    while ((got = read(0, buffer, BUFFER)) > 0)
        if (write_all(fd, buffer, (size_t)got * bytes_a_line / LINE) < 0)
            return 1;
    return got < 0;
}

/* A child writes into a pipe; its other end becomes our standard input. */
static void read_from_child(int64_t bytes, size_t size) {
    int ends[2];
    if (pipe(ends) < 0)
        _exit(1);
    if (fork() == 0) {
        prctl(PR_SET_NAME, "producer");
        dup2(ends[1], 1);
        close(ends[0]);
        _exit(produce(bytes, size));
    }
    dup2(ends[0], 0);
    close(ends[0]);
    close(ends[1]);
}

static int fill(const char *path, int64_t bytes, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, 1);
    return fd < 0 || produce(bytes, size) != 0 || unlink(path) < 0;
}

static int become_cat(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, 1);
    execlp("cat", "cat", (char *)NULL);
    return 127;
}

int main(int argc, char **argv) {
    if (argc < 4)
        return 2;
    int64_t count = atoll(argv[2]);
    size_t size = (size_t)atoll(argv[3]);
    if (argc == 4 && strcmp(argv[1], "write") == 0)
        return produce(count * LINE, size);
    if (argc == 4 && strcmp(argv[1], "raw") == 0)
        return produce(count, size);
    if (argc == 6 && strcmp(argv[1], "copied") == 0) {
        read_from_child(count * LINE, size);
        return copy(argv[4], (size_t)atoll(argv[5]));
    }
    if (argc == 5 && strcmp(argv[1], "fill") == 0)
        return fill(argv[4], count, size);
    if (argc == 5 && strcmp(argv[1], "cat") == 0) {
        read_from_child(count * LINE, size);
        return become_cat(argv[4]);
    }
    return 2;
}
