/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of a file, one after the other in either direction, in constant memory. */
#ifndef SHIMHOST_STREAM_LOG_LINES_H
#define SHIMHOST_STREAM_LOG_LINES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A longer line is none of a record's: the drivers split what a container writes into parts of
 * 16 KiB, which JSON's escapes can make six times as long. */
#define LOG_LINE_MAX ((size_t)(256u << 10))

struct log_lines {
    int fd;       /* the caller's */
    off_t offset; /* of buffer[start] in the file */
    size_t start; /* what is in the buffer and was not returned: [start, stop) */
    size_t stop;
    int skipping; /* inside a line that is too long */
    char buffer[LOG_LINE_MAX + (64u << 10)];
};

struct log_line {
    char *bytes;   /* in the buffer, good until the next call, may be overwritten; NULL: the line is
                    * longer than LOG_LINE_MAX */
    size_t length; /* without the newline */
    off_t offset;  /* of its beginning, in the file */
    off_t end;     /* of what follows it */
};

/* Begins at an offset, towards the end. */
void log_lines_from(struct log_lines *lines, int fd, off_t offset);
/* 1: a line; 0: no whole line is there, at the moment; or a negative errno. */
int log_lines_next(struct log_lines *lines, struct log_line *ret_line);

/* Begins at the end of the last whole line, towards the beginning. 0 or a negative errno. */
int log_lines_from_end(struct log_lines *lines, int fd);
/* 1: a line; 0: the beginning is reached; or a negative errno. */
int log_lines_previous(struct log_lines *lines, struct log_line *ret_line);

#endif
