/* SPDX-License-Identifier: Apache-2.0 */
/* Text: one that grows, strict reading of ids and numbers, and how to show what cannot be
 * trusted. */
#ifndef SHIMHOST_BASE_TEXT_H
#define SHIMHOST_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text that grows. Starts as TEXT_EMPTY. A failed append is remembered, and every later one fails
 * too, so that only the last one, or text_steal(), needs to be checked. */
struct text {
    char *data;      /* NUL-terminated, or NULL while nothing was appended */
    size_t length;   /* without the NUL */
    size_t capacity; /* private */
    int failed;      /* 0, or the negative errno of the append that failed */
};
#define TEXT_EMPTY                                                                                 \
    { .data = NULL }

/* Each returns 0 or -ENOMEM. */
int text_append(struct text *text, const char *string);
int text_append_bytes(struct text *text, const void *bytes, size_t length);
int text_appendf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Gives the text to the caller, who frees it, in *ret; `text` is empty afterwards. An empty text is
 * given as "". Returns 0 or -ENOMEM. */
int text_steal(struct text *text, char **ret);

/* Frees what it holds and makes it empty. */
void text_clear(struct text *text);

/* struct text text AUTO_TEXT = TEXT_EMPTY;   cleared on leaving the block */
#define AUTO_TEXT __attribute__((cleanup(text_clear)))

/* Appends a command line for people to read: the arguments with spaces between them, those with
 * anything but plain characters in single quotes. Returns 0 or -ENOMEM. */
int text_join_argv(struct text *text, const char *const *argv);

/* Is it a container's or process's id: [A-Za-z0-9][A-Za-z0-9_.-]{0,75} ? Not of a NULL pointer. */
bool id_valid(const char *id);

/* Reads `length` bytes that are a decimal number from 0 to `max` and nothing else: no sign, no
 * space, no newline. Leading zeros are fine. Returns 0; -EINVAL: something else; -ERANGE: above
 * `max`. */
int parse_decimal(const char *text, size_t length, uint64_t max, uint64_t *ret);

/* The length of the UTF-8 sequence that `text`, of `length` bytes, begins with (Unicode, table
 * 3-7), or 0 if it begins with none. */
size_t text_utf8_length(const char *text, size_t length);

/* Puts any bytes into `buffer` so that a terminal shows them and a line stays a line: control
 * characters and what is not UTF-8 become \n, \t, \r or \xNN, and what does not fit is replaced by
 * "...". `size` is at least 8. Returns `buffer`. */
char *text_show(char *buffer, size_t size, const char *text, size_t length);

#endif
