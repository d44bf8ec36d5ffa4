/* SPDX-License-Identifier: Apache-2.0 */
/* Text in small fixed buffers: what the monitor writes, and the few forms that it reads. */
#ifndef SHIMHOST_MONITOR_TEXT_H
#define SHIMHOST_MONITOR_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include "system.h"

/* A buffer that is being filled. What does not fit is dropped; the text is always NUL-terminated.
 */
struct text {
    char *buffer;
    size_t size;   /* of the buffer, at least 1 */
    size_t length; /* so far, without the NUL */
};

#define TEXT_IN(array)                                                                             \
    { .buffer = (array), .size = sizeof(array), .length = 0 }

void text_add_char(struct text *text, char character);
void text_add(struct text *text, const char *string);
void text_add_number(struct text *text, uint64_t number);
/* The same, padded with zeros on the left to `width` digits. */
void text_add_padded(struct text *text, uint64_t number, int width);

/* Understands %s, %d (int), %lu (unsigned long) and %%, nothing else. */
void text_add_format(struct text *text, const char *format, va_list arguments);
void text_print(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds `string` as the inside of a JSON string. Control characters become escapes, and bytes beyond
 * ASCII the replacement character, because what is cut at some byte need not be UTF-8. Stops while
 * there is still room for the few characters that close the string and its line. */
void text_add_json(struct text *text, const char *string);

/* Adds the present time as RFC 3339 in UTC with nanoseconds. */
void text_add_time(struct text *text);

bool text_equal(const char *left, const char *right);

/* Where `string` goes on after `prefix`, or NULL if it does not begin with it. */
const char *text_after(const char *string, const char *prefix);

/* Reads a decimal number at *cursor, without a sign, and moves the cursor behind its last digit.
 * False: there is none, or it is above `limit`; the cursor then stays. */
bool text_number(const char **cursor, uint64_t limit, uint64_t *ret_number);

#endif
