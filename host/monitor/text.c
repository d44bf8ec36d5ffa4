/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <linux/time.h>

#ifdef MONITOR_FREESTANDING

/* Keeps the compiler from seeing a memcpy() or the like in the loop that implements it. */
#define NO_IDIOM(pointer) __asm__ volatile("" : "+r"(pointer))

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    char *target = to;
    const char *source = from;
    while (size--) {
        *target++ = *source++;
        NO_IDIOM(target);
    }
    return to;
}

void *memmove(void *to, const void *from, size_t size) {
    char *target = to;
    const char *source = from;
    if (target <= source)
        return memcpy(to, from, size);
    while (size--) {
        target[size] = source[size];
        NO_IDIOM(target);
    }
    return to;
}

void *memset(void *to, int byte, size_t size) {
    char *target = to;
    while (size--) {
        *target++ = (char)byte;
        NO_IDIOM(target);
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t size) {
    const unsigned char *a = left, *b = right;
    for (; size; size--, a++, b++)
        if (*a != *b)
            return *a - *b;
    return 0;
}

size_t strlen(const char *text) {
    const char *end = text;
    while (*end) {
        end++;
        NO_IDIOM(end);
    }
    return (size_t)(end - text);
}

#endif

void text_add_char(struct text *text, char character) {
    if (text->length + 1 < text->size)
        text->buffer[text->length++] = character;
    text->buffer[text->length] = '\0';
}

void text_add(struct text *text, const char *string) {
    while (*string)
        text_add_char(text, *string++);
}

void text_add_padded(struct text *text, uint64_t number, int width) {
    char digits[20];
    int count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    for (; width > count; width--)
        text_add_char(text, '0');
    while (count)
        text_add_char(text, digits[--count]);
}

void text_add_number(struct text *text, uint64_t number) {
    text_add_padded(text, number, 1);
}

static void add_signed(struct text *text, int number) {
    if (number < 0)
        text_add_char(text, '-');
    text_add_number(text, number < 0 ? (uint64_t) - (int64_t)number : (uint64_t)number);
}

void text_add_format(struct text *text, const char *format, va_list arguments) {
    for (; *format; format++) {
        if (*format != '%') {
            text_add_char(text, *format);
            continue;
        }
        switch (*++format) {
        case 's':
            text_add(text, va_arg(arguments, const char *));
            break;
        case 'd':
            add_signed(text, va_arg(arguments, int));
            break;
        case 'l':
            format++; /* the u of %lu */
            text_add_number(text, va_arg(arguments, unsigned long));
            break;
        default:
            text_add_char(text, *format);
        }
    }
}

void text_print(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    text_add_format(text, format, arguments);
    va_end(arguments);
}

void text_add_json(struct text *text, const char *string) {
    static const char digits[] = "0123456789abcdef";
    const size_t longest = 6, rest = 8; /* the longest escape, and what closes the line */
    for (; *string && text->size - text->length > longest + rest; string++) {
        unsigned char byte = (unsigned char)*string;
        if (byte >= 0x7f) {
            text_add(text, "\\ufffd");
        } else if (byte == '\n') {
            text_add(text, "\\n");
        } else if (byte < 0x20) {
            text_add(text, "\\u00");
            text_add_char(text, digits[byte >> 4]);
            text_add_char(text, digits[byte & 15]);
        } else {
            if (byte == '"' || byte == '\\')
                text_add_char(text, '\\');
            text_add_char(text, (char)byte);
        }
    }
}

/* Days since 1970 to a date, by counting in eras of 400 years that begin on the first of March. */
static void add_date(struct text *text, uint64_t days) {
    days += 719468; /* from 0000-03-01 to 1970-01-01 */
    uint64_t era = days / 146097, day = days % 146097;
    uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    uint64_t month = (5 * day + 2) / 153; /* from March */
    day -= (153 * month + 2) / 5;
    text_add_padded(text, era * 400 + year + (month >= 10), 4);
    text_add_char(text, '-');
    text_add_padded(text, month < 10 ? month + 3 : month - 9, 2);
    text_add_char(text, '-');
    text_add_padded(text, day + 1, 2);
}

void text_add_time(struct text *text) {
    struct __kernel_timespec now = {0};
    sys_clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seconds = (uint64_t)now.tv_sec;
    add_date(text, seconds / 86400);
    text_add_char(text, 'T');
    text_add_padded(text, seconds / 3600 % 24, 2);
    text_add_char(text, ':');
    text_add_padded(text, seconds / 60 % 60, 2);
    text_add_char(text, ':');
    text_add_padded(text, seconds % 60, 2);
    text_add_char(text, '.');
    text_add_padded(text, (uint64_t)now.tv_nsec, 9);
    text_add_char(text, 'Z');
}

bool text_equal(const char *left, const char *right) {
    size_t length = strlen(left);
    return length == strlen(right) && memcmp(left, right, length) == 0;
}

const char *text_after(const char *string, const char *prefix) {
    for (; *prefix; prefix++, string++)
        if (*string != *prefix)
            return NULL;
    return string;
}

bool text_number(const char **cursor, uint64_t limit, uint64_t *ret_number) {
    const char *at = *cursor;
    uint64_t number = 0;
    if (*at < '0' || *at > '9')
        return false;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (digit > limit || number > (limit - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *cursor = at;
    *ret_number = number;
    return true;
}
