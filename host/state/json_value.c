/* SPDX-License-Identifier: Apache-2.0 */
#include "state/json_value.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/fd.h"
#include "state/json.h"

/* One reference token of a JSON pointer, unescaped into `token`: ~0 is ~, ~1 is a slash. Returns
 * the rest. */
static const char *pointer_token(const char *pointer, char *token, size_t size) {
    size_t used = 0;
    while (*pointer && *pointer != '/') {
        char c = *pointer++;
        if (c == '~') {
            if (*pointer != '0' && *pointer != '1')
                return NULL;
            c = *pointer++ == '0' ? '~' : '/';
        }
        if (used + 1 >= size)
            return NULL;
        token[used++] = c;
    }
    token[used] = '\0';
    return pointer;
}

static const json_t *pointer_find(const json_t *value, const char *pointer) {
    char token[256];
    while (value && *pointer == '/') {
        pointer = pointer_token(pointer + 1, token, sizeof(token));
        if (!pointer)
            return NULL;
        if (json_is_object(value)) {
            value = json_object_get(value, token);
        } else if (json_is_array(value)) {
            char *end;
            unsigned long index = strtoul(token, &end, 10);
            if (*end || end == token || token[0] == '-' || token[0] == '+')
                return NULL;
            value = json_array_get(value, index);
        } else {
            return NULL;
        }
    }
    return *pointer ? NULL : value;
}

static int copy_value(const json_t *root, const char *pointer, char *buffer, size_t size,
                      size_t *ret_count) {
    const json_t *value = pointer_find(root, pointer);
    if (!value)
        return -ENOENT;
    if (json_is_object(value) || json_is_array(value)) {
        if (ret_count)
            *ret_count = json_is_array(value) ? json_array_size(value) : json_object_size(value);
        return -ENOTSUP;
    }
    const char *string = json_plain_string(value);
    char *other AUTO_FREE = string ? NULL : json_text(value);
    const char *found = string ? string : other;
    if (!found)
        return -ENOMEM;
    size_t length = strlen(found);
    if (length >= size)
        return -E2BIG;
    memcpy(buffer, found, length + 1);
    return (int)length;
}

/* The text that was asked for a value last, parsed: plugins ask it for one after the other. It is
 * here, and not with a caller, because the service has no context. */
static struct {
    pthread_mutex_t lock;
    char *text;
    json_t *root;
} asked = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void forget(void) {
    free(asked.text);
    json_decref(asked.root);
    asked.text = NULL;
    asked.root = NULL;
}

void json_value_forget(void) {
    pthread_mutex_lock(&asked.lock);
    forget();
    pthread_mutex_unlock(&asked.lock);
}

/* The same address may hold another text by now. */
static const json_t *parse_asked(const char *text) {
    json_error_t problem;
    if (!asked.text || strcmp(asked.text, text) != 0) {
        forget();
        asked.root = json_parse(text, JSON_DECODE_ANY, &problem);
        asked.text = asked.root ? strdup(text) : NULL;
    }
    return asked.root;
}

int json_value(const char *text, const char *pointer, char *buffer, size_t size,
               size_t *ret_count) {
    pthread_mutex_lock(&asked.lock);
    const json_t *root = parse_asked(text);
    int r = root ? copy_value(root, pointer, buffer, size, ret_count) : -EBADMSG;
    pthread_mutex_unlock(&asked.lock);
    return r;
}
