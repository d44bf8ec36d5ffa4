/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <stdlib.h>
#include <string.h>

static const char *skip_space(const char *at) {
    return at + strspn(at, " \t\r\n");
}

static const char *skip_string(const char *at) {
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at ? at + 1 : at;
}

/* Brackets need not be told apart: the text is somebody's valid configuration. */
static const char *skip_value(const char *at) {
    int depth = 0;
    at = skip_space(at);
    do {
        if (*at == '"') {
            at = skip_string(at);
        } else if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if (*at == '}' || *at == ']') {
            depth--;
            at++;
        } else if (depth == 0) {
            at += strcspn(at, ",]} \t\r\n");
        } else {
            at += strcspn(at, "\"{}[]");
        }
    } while (depth > 0 && *at);
    return skip_space(at);
}

const char *json_member(const char *value, const char *name) {
    if (!value || *(value = skip_space(value)) != '{')
        return NULL;
    size_t length = strlen(name);
    for (const char *at = skip_space(value + 1); *at == '"';) {
        const char *key = at + 1;
        at = skip_space(skip_string(at));
        if (*at++ != ':')
            return NULL;
        if (strncmp(key, name, length) == 0 && key[length] == '"')
            return skip_space(at);
        at = skip_value(at);
        at = skip_space(*at == ',' ? at + 1 : at);
    }
    return NULL;
}

static char *append_utf8(char *to, unsigned long code) {
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

char *json_string(const char *value) {
    static const char from[] = "nrtbf", into[] = "\n\r\t\b\f";
    if (!value || *(value = skip_space(value)) != '"')
        return NULL;
    const char *end = skip_string(value);
    char *string = malloc((size_t)(end - value) + 1), *to = string;
    if (!string)
        abort();
    for (const char *at = value + 1; at < end - 1; at++) {
        const char *known;
        if (*at != '\\') {
            *to++ = *at;
        } else if (*++at == 'u') {
            char digits[5] = {0};
            strncpy(digits, at + 1, 4);
            to = append_utf8(to, strtoul(digits, NULL, 16));
            at += 4;
        } else {
            known = strchr(from, *at);
            *to++ = known ? into[known - from] : *at;
        }
    }
    *to = '\0';
    return string;
}

char **json_strings(const char *value) {
    if (!value || *(value = skip_space(value)) != '[')
        return NULL;
    size_t count = 0, capacity = 8;
    char **strings = malloc(capacity * sizeof(*strings));
    for (const char *at = skip_space(value + 1); strings && *at == '"';) {
        strings[count++] = json_string(at);
        if (count == capacity)
            strings = realloc(strings, (capacity *= 2) * sizeof(*strings));
        at = skip_space(skip_string(at));
        at = skip_space(*at == ',' ? at + 1 : at);
    }
    if (!strings)
        abort();
    strings[count] = NULL;
    return strings;
}
