/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record of a log file, from its text. Pure: nothing is opened, allocated or printed, so that
 * these functions take any bytes from any source.
 *
 * k8s-file (the CRI's): "2026-01-02T03:04:05.123456789Z stdout F text\n"; P instead of F: the line
 * goes on in the next record of its stream.
 * json-file (Docker's): {"log":"text\n","stream":"stdout","time":"…"}\n; without the newline in the
 * text the line goes on.
 */
#ifndef SHIMHOST_STREAM_LOG_RECORD_H
#define SHIMHOST_STREAM_LOG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_kind { LOG_K8S_FILE, LOG_JSON_FILE };
enum log_stream { LOG_STDOUT, LOG_STDERR };

struct log_record {
    int64_t time; /* nanoseconds since 1970 */
    enum log_stream stream;
    bool whole;       /* it ends a line */
    const char *text; /* without the newline that ends the line; in the record's bytes */
    size_t length;
};

/* Reads one record of `length` bytes, its newline not among them, and overwrites these bytes: a
 * text is unescaped where it stands. Returns NULL, or what is wrong, for the end of a sentence
 * ("…: no time at its beginning"). */
const char *log_record_parse(enum log_kind kind, char *bytes, size_t length,
                             struct log_record *ret_record);

/* Reads a time as RFC 3339 has it, any offset and any number of digits of a second's fraction (what
 * is beyond nanoseconds is dropped). Returns how many bytes it takes of the `length`, or 0: there
 * is none. The years are 1678 to 2261. */
size_t log_time_parse(const char *text, size_t length, int64_t *ret_time);

#endif
