/* SPDX-License-Identifier: Apache-2.0 */
#include "containerd/json_scan.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define DEPTH_MAX 200
#define DELIMITERS " \t\r\n,:]}\"" /* of what is no text, object or array */

static const char *skip_space(const char *at) {
    return at + strspn(at, " \t\r\n");
}

/* After the text that begins at a quote, or NULL. */
static const char *skip_text(const char *at) {
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && !*++at)
            return NULL;
    return *at ? at + 1 : NULL;
}

/* As good as not there: so Go writes a map that was never made. */
static bool is_null(const char *at) {
    return strncmp(at, "null", 4) == 0 && strcspn(at, DELIMITERS) == 4;
}

/* After a value of any kind, or NULL. What is inside is not checked more than is needed to find its
 * end. */
static const char *skip_value(const char *at) {
    int depth = 0;
    do {
        at = skip_space(at);
        if (*at == '"') {
            at = skip_text(at);
        } else if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if (*at == '}' || *at == ']') {
            depth--;
            at++;
        } else if (depth > 0 && (*at == ',' || *at == ':')) {
            at++;
        } else {
            size_t length = strcspn(at, DELIMITERS);
            at = length > 0 ? at + length : NULL;
        }
    } while (at && depth > 0 && depth < DEPTH_MAX);
    return depth == 0 ? at : NULL;
}

/* The value of a member of the object that begins at `at`. NULL with *ret_error set. */
static const char *find_member(const char *at, const char *key, int *ret_error) {
    size_t length = strlen(key);
    at = skip_space(at);
    *ret_error = -EBADMSG;
    if (*at != '{')
        return NULL;
    for (at = skip_space(at + 1); *at == '"'; at = skip_space(at + 1)) {
        const char *name = at + 1, *end = skip_text(at);
        if (!end || *(at = skip_space(end)) != ':')
            return NULL;
        at = skip_space(at + 1);
        if ((size_t)(end - 1 - name) == length && strncmp(name, key, length) == 0)
            return at;
        at = skip_value(at);
        if (!at || *(at = skip_space(at)) != ',')
            break;
    }
    if (at && *at == '}')
        *ret_error = -ENOENT;
    return NULL;
}

int json_scan_text(const char *document, const char *object, const char *key, char *buffer,
                   size_t size) {
    int error;
    const char *value = find_member(document, object, &error);
    if (value && !is_null(value))
        value = find_member(value, key, &error);
    if (!value)
        return error;
    if (is_null(value))
        return -ENOENT;
    if (*value != '"')
        return -EBADMSG;
    const char *end = skip_text(value);
    size_t length = end ? (size_t)(end - 2 - value) : size;
    if (length >= size || memchr(value + 1, '\\', length))
        return -EBADMSG;
    memcpy(buffer, value + 1, length);
    buffer[length] = '\0';
    return (int)length;
}
