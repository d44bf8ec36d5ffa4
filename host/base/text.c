/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

#define CAPACITY_FIRST 128
#define ID_MAX 76
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

/* Makes room for `more` bytes and the NUL. */
static int reserve(struct text *text, size_t more) {
    if (text->failed < 0)
        return text->failed;
    if (more > SIZE_MAX / 4 - text->length)
        return text->failed = -ENOMEM;
    size_t needed = text->length + more + 1;
    if (needed <= text->capacity)
        return 0;
    size_t capacity = text->capacity ? text->capacity : CAPACITY_FIRST;
    while (capacity < needed)
        capacity *= 2;
    char *data = realloc(text->data, capacity);
    if (!data)
        return text->failed = -ENOMEM;
    text->data = data;
    text->capacity = capacity;
    return 0;
}

int text_append_bytes(struct text *text, const void *bytes, size_t length) {
    int r = reserve(text, length);
    if (r < 0)
        return r;
    if (length > 0)
        memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
    return 0;
}

int text_append(struct text *text, const char *string) {
    return text_append_bytes(text, string, strlen(string));
}

int text_appendf(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    int r = length < 0 ? (text->failed = -ENOMEM) : reserve(text, (size_t)length);
    if (r < 0)
        return r;
    va_start(arguments, format);
    vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
    return 0;
}

int text_steal(struct text *text, char **ret) {
    int r = text_append_bytes(text, "", 0);
    if (r == 0)
        *ret = pointer_steal(&text->data);
    text_clear(text);
    return r;
}

void text_clear(struct text *text) {
    free(text->data);
    *text = (struct text)TEXT_EMPTY;
}

static void append_argument(struct text *text, const char *argument) {
    if (*argument && strspn(argument, LETTERS DIGITS "%+,-./:=@_") == strlen(argument)) {
        text_append(text, argument);
        return;
    }
    text_append(text, "'");
    for (const char *quote; (quote = strchr(argument, '\'')); argument = quote + 1) {
        text_append_bytes(text, argument, (size_t)(quote - argument));
        text_append(text, "'\\''");
    }
    text_append(text, argument);
    text_append(text, "'");
}

int text_join_argv(struct text *text, const char *const *argv) {
    for (size_t i = 0; argv[i]; i++) {
        if (i > 0)
            text_append(text, " ");
        append_argument(text, argv[i]);
    }
    return text->failed;
}

bool id_valid(const char *id) {
    size_t length = id ? strspn(id, LETTERS DIGITS "_.-") : 0;
    return length > 0 && length <= ID_MAX && !id[length] && !strchr("_.-", id[0]);
}

int parse_decimal(const char *text, size_t length, uint64_t max, uint64_t *ret) {
    uint64_t value = 0;
    int r = length > 0 ? 0 : -EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (r == 0 && (digit > max || value > (max - digit) / 10))
            r = -ERANGE; /* and go on: what follows may not even be a digit */
        value = value * 10 + digit;
    }
    if (r == 0)
        *ret = value;
    return r;
}

size_t text_utf8_length(const char *text, size_t length) {
    const unsigned char *bytes = (const unsigned char *)text;
    if (length == 0)
        return 0;
    unsigned char lead = bytes[0], low = 0x80, high = 0xBF;
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    size_t expected = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (lead == 0xE0)
        low = 0xA0; /* below it would be overlong */
    else if (lead == 0xED)
        high = 0x9F; /* above are the surrogates */
    else if (lead == 0xF0)
        low = 0x90; /* overlong */
    else if (lead == 0xF4)
        high = 0x8F; /* above U+10FFFF */
    if (expected > length || bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i < expected; i++)
        if (bytes[i] < 0x80 || bytes[i] > 0xBF)
            return 0;
    return expected;
}

/* How the start of `text` is shown: into `piece`. Returns how many bytes of `text` that is. */
static size_t show_piece(const char *text, size_t length, char piece[8]) {
    static const char escapes[] = "\nn\tt\rr";
    unsigned char first = (unsigned char)text[0];
    size_t sequence = text_utf8_length(text, length);
    /* U+0080 to U+009F are control characters, too. */
    int control = first < 0x20 || first == 0x7F ||
                  (sequence == 2 && first == 0xC2 && (unsigned char)text[1] < 0xA0);
    if (sequence > 0 && !control) {
        memcpy(piece, text, sequence);
        piece[sequence] = '\0';
        return sequence;
    }
    const char *escape = first ? strchr(escapes, first) : NULL;
    if (escape && first < 0x20)
        snprintf(piece, 8, "\\%c", escape[1]);
    else
        snprintf(piece, 8, "\\x%02X", first);
    return 1;
}

char *text_show(char *buffer, size_t size, const char *text, size_t length) {
    size_t used = 0, cut = 0;
    for (size_t at = 0; at < length;) {
        char piece[8];
        at += show_piece(text + at, length - at, piece);
        size_t needed = strlen(piece);
        if (used + sizeof("...") <= size)
            cut = used;
        if (used + needed >= size) {
            memcpy(buffer + cut, "...", 3);
            used = cut + 3;
            break;
        }
        memcpy(buffer + used, piece, needed);
        used += needed;
    }
    buffer[used] = '\0';
    return buffer;
}
