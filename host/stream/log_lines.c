/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/log_lines.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK ((size_t)(64u << 10))

static ssize_t read_at(int fd, char *buffer, size_t size, off_t offset) {
    ssize_t got;
    do
        got = pread(fd, buffer, size, offset);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* ------------------------------------------------------------------------------ forwards */

void log_lines_from(struct log_lines *lines, int fd, off_t offset) {
    lines->fd = fd;
    lines->offset = offset;
    lines->start = lines->stop = 0;
    lines->skipping = 0;
}

/* Appends to what is in the buffer. 0: the end of the file. */
static ssize_t fill(struct log_lines *lines) {
    if (sizeof(lines->buffer) - lines->stop < CHUNK) {
        memmove(lines->buffer, lines->buffer + lines->start, lines->stop - lines->start);
        lines->stop -= lines->start;
        lines->start = 0;
    }
    ssize_t got = read_at(lines->fd, lines->buffer + lines->stop, CHUNK,
                          lines->offset + (off_t)(lines->stop - lines->start));
    if (got > 0)
        lines->stop += (size_t)got;
    return got;
}

static void drop(struct log_lines *lines, size_t length) {
    lines->start += length;
    lines->offset += (off_t)length;
}

int log_lines_next(struct log_lines *lines, struct log_line *ret_line) {
    size_t searched = 0;
    for (;;) {
        char *begin = lines->buffer + lines->start;
        size_t length = lines->stop - lines->start;
        char *newline = memchr(begin + searched, '\n', length - searched);
        if (newline) {
            size_t whole = (size_t)(newline - begin) + 1;
            *ret_line = (struct log_line){.bytes = lines->skipping ? NULL : begin,
                                          .length = whole - 1,
                                          .offset = lines->offset,
                                          .end = lines->offset + (off_t)whole};
            lines->skipping = 0;
            drop(lines, whole);
            return 1;
        }
        searched = length;
        if (length >= LOG_LINE_MAX) {
            lines->skipping = 1;
            drop(lines, length);
            searched = 0;
        }
        ssize_t got = fill(lines);
        if (got <= 0)
            return (int)got;
    }
}

/* ------------------------------------------------------------------------------ backwards */

/* Puts more in front of what is in the buffer. 0: the beginning of the file. */
static ssize_t fill_before(struct log_lines *lines) {
    size_t wanted = lines->offset < (off_t)CHUNK ? (size_t)lines->offset : CHUNK;
    size_t length = lines->stop - lines->start;
    if (lines->start < wanted) {
        size_t to = sizeof(lines->buffer) - length;
        memmove(lines->buffer + to, lines->buffer + lines->start, length);
        lines->start = to;
        lines->stop = sizeof(lines->buffer);
    }
    size_t have = 0;
    while (have < wanted) {
        ssize_t got = read_at(lines->fd, lines->buffer + lines->start - wanted + have,
                              wanted - have, lines->offset - (off_t)wanted + (off_t)have);
        if (got < 0)
            return got;
        if (got == 0)
            return -ESTALE; /* somebody has cut the file short */
        have += (size_t)got;
    }
    lines->start -= wanted;
    lines->offset -= (off_t)wanted;
    return (ssize_t)wanted;
}

int log_lines_from_end(struct log_lines *lines, int fd) {
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    log_lines_from(lines, fd, status.st_size);
    lines->start = lines->stop = sizeof(lines->buffer);
    for (;;) {
        char *begin = lines->buffer + lines->start;
        char *newline = memrchr(begin, '\n', lines->stop - lines->start);
        if (newline) {
            lines->stop = (size_t)(newline - lines->buffer) + 1;
            return 0;
        }
        lines->stop = lines->start;
        ssize_t got = fill_before(lines);
        if (got <= 0)
            return (int)got;
    }
}

/* The last line in the buffer begins at `begin`; the byte before `stop` is its newline. */
static int give_last(struct log_lines *lines, size_t begin, struct log_line *ret_line) {
    off_t offset = lines->offset + (off_t)(begin - lines->start);
    size_t length = lines->stop - begin;
    *ret_line = (struct log_line){.bytes = lines->skipping ? NULL : lines->buffer + begin,
                                  .length = length > 0 ? length - 1 : 0,
                                  .offset = offset,
                                  .end = offset + (off_t)length};
    lines->skipping = 0;
    lines->stop = begin;
    return 1;
}

int log_lines_previous(struct log_lines *lines, struct log_line *ret_line) {
    for (;;) {
        size_t length = lines->stop - lines->start;
        /* The line's own newline is the last byte, but for a rest of a line that is too long. */
        size_t before = lines->skipping ? length : length > 0 ? length - 1 : 0;
        char *newline = memrchr(lines->buffer + lines->start, '\n', before);
        if (newline)
            return give_last(lines, (size_t)(newline - lines->buffer) + 1, ret_line);
        if (length >= LOG_LINE_MAX) {
            lines->skipping = 1;
            lines->stop = lines->start;
        }
        ssize_t got = fill_before(lines);
        if (got < 0)
            return (int)got;
        if (got == 0)
            return lines->stop > lines->start || lines->skipping
                       ? give_last(lines, lines->start, ret_line)
                       : 0;
    }
}
