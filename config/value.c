/* SPDX-License-Identifier: Apache-2.0 */
#include "config/value.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define NAME_LONGEST 76

/* What one of a unit is in the smallest unit. Those that are shown come from the largest down. */
struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit duration_units[] = {
    {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};

static const struct unit size_units[] = {{"TiB", INT64_C(1) << 40},
                                         {"GiB", INT64_C(1) << 30},
                                         {"MiB", INT64_C(1) << 20},
                                         {"KiB", INT64_C(1) << 10},
                                         {"B", 1},
                                         {"TB", 1000000000000},
                                         {"GB", 1000000000},
                                         {"MB", 1000000},
                                         {"kB", 1000},
                                         {"KB", 1000},
                                         {NULL, 0}};

/* Digits, at most an int64_t; *ret_end is what follows them. */
static const char *read_number(const char *text, int64_t *ret_number, const char **ret_end) {
    if (!*text)
        return "is empty";
    if (*text == '-')
        return "is negative";
    size_t digits = strspn(text, "0123456789");
    if (digits == 0)
        return "does not begin with a number";
    int64_t number = 0;
    for (size_t i = 0; i < digits; i++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, text[i] - '0', &number))
            return "is too large";
    *ret_number = number;
    *ret_end = text + digits;
    return NULL;
}

static const char *read_with_unit(const char *text, const struct unit *units, int64_t *ret_value) {
    int64_t number = 0;
    const char *unit = NULL;
    const char *wrong = read_number(text, &number, &unit);
    if (wrong)
        return wrong;
    if (!*unit)
        return "has no unit, and a bare number could mean anything";
    if (*unit == '.' || *unit == ',')
        return "is not a whole number";
    for (; units->name; units++) {
        if (strcmp(unit, units->name) != 0)
            continue;
        return __builtin_mul_overflow(number, units->factor, ret_value) ? "is too large" : NULL;
    }
    return "has an unknown unit";
}

static void write_with_unit(int64_t value, const struct unit *units, char *text) {
    while (units->factor > 1 && value % units->factor != 0)
        units++;
    snprintf(text, VALUE_TEXT_SIZE, "%" PRId64 "%s", value / units->factor, units->name);
}

const char *value_duration(const char *text, int64_t *ret_milliseconds) {
    return read_with_unit(text, duration_units, ret_milliseconds);
}

const char *value_size(const char *text, int64_t *ret_bytes) {
    return read_with_unit(text, size_units, ret_bytes);
}

const char *value_count(const char *text, int64_t *ret_count) {
    int64_t number = 0;
    const char *end = NULL;
    const char *wrong = read_number(text, &number, &end);
    if (!wrong && *end)
        wrong = "is not a whole number";
    if (!wrong && text[0] == '0' && text[1])
        wrong = "begins with 0, which would make it octal";
    if (!wrong)
        *ret_count = number;
    return wrong;
}

void value_duration_text(int64_t milliseconds, char text[VALUE_TEXT_SIZE]) {
    if (milliseconds == 0)
        strcpy(text, "0s"); /* of no unit in particular, but this one reads best */
    else
        write_with_unit(milliseconds, duration_units, text);
}

void value_size_text(int64_t bytes, char text[VALUE_TEXT_SIZE]) {
    if (bytes == 0)
        strcpy(text, "0B");
    else
        write_with_unit(bytes, size_units, text);
}

const char *value_path(const char *text) {
    if (!*text)
        return "is empty";
    if (*text != '/')
        return "is not absolute";
    size_t length = 0;
    for (; text[length]; length++)
        if ((unsigned char)text[length] < 0x20 || text[length] == 0x7f)
            return "has a control character in it";
    return length >= PATH_MAX ? "is longer than a path may be" : NULL;
}

static bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool value_is_name(const char *text) {
    if (!is_letter_or_digit(text[0]))
        return false;
    size_t length = 1;
    while (is_letter_or_digit(text[length]) || (text[length] && strchr("_.-", text[length])))
        if (++length > NAME_LONGEST)
            return false;
    return !text[length];
}

bool value_is_variable(const char *text) {
    if (!*text || (*text >= '0' && *text <= '9'))
        return false;
    while (is_letter_or_digit(*text) || *text == '_')
        text++;
    return !*text;
}

bool value_is_null(const char *text) {
    return !*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
           strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0;
}
