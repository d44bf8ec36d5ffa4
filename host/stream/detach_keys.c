/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/detach_keys.h"

#include <ctype.h>
#include <string.h>

#include "base/error.h"

static const char control[] = "ctrl-";

/* The byte that a key sends, or -1. */
static int key_byte(const char *key, size_t length) {
    const size_t prefix = sizeof(control) - 1;
    if (length == 1 && (unsigned char)key[0] > ' ' && (unsigned char)key[0] < 127)
        return (unsigned char)key[0];
    if (length != prefix + 1 || strncmp(key, control, prefix) != 0)
        return -1;
    int letter = toupper((unsigned char)key[prefix]);
    return letter >= '@' && letter <= '_' ? letter & 0x1f : -1;
}

int detach_keys_parse(const char *text, struct detach_keys *ret_keys, struct shim_error *error) {
    struct detach_keys keys = {.count = 0};
    for (const char *key = text; *text; key++) {
        size_t length = strcspn(key, ",");
        int byte = key_byte(key, length);
        if (byte < 0)
            return error_set(error, -EINVAL,
                             "'%s' is not a sequence of keys: '%.*s' is neither a character nor "
                             "ctrl- and one of a-z @ [ \\ ] ^ _",
                             text, (int)length, key);
        if (keys.count == DETACH_KEYS_MAX)
            return error_set(error, -EINVAL, "'%s' has more than %d keys", text, DETACH_KEYS_MAX);
        keys.keys[keys.count++] = (unsigned char)byte;
        key += length;
        if (!*key)
            break;
    }
    *ret_keys = keys;
    return 0;
}

/* One byte less is kept back than before: how many of those that remain still are a beginning of
 * the sequence? */
static size_t shorter_beginning(const struct detach_keys *keys) {
    size_t length = keys->matched - 1;
    while (memcmp(keys->keys, keys->keys + keys->matched - length, length) != 0)
        length--;
    return length;
}

static bool take(struct detach_keys *keys, unsigned char byte, unsigned char *output,
                 size_t *length) {
    while (keys->matched > 0 && keys->keys[keys->matched] != byte) {
        size_t kept = shorter_beginning(keys), passed = keys->matched - kept;
        memcpy(output + *length, keys->keys, passed);
        *length += passed;
        keys->matched = kept;
    }
    if (keys->keys[keys->matched] == byte)
        return ++keys->matched == keys->count;
    output[(*length)++] = byte;
    return false;
}

bool detach_keys_filter(struct detach_keys *keys, const unsigned char *input, size_t length,
                        unsigned char *output, size_t *ret_length) {
    *ret_length = 0;
    if (keys->count == 0) {
        memcpy(output, input, length);
        *ret_length = length;
        return false;
    }
    for (size_t i = 0; i < length; i++)
        if (take(keys, input[i], output, ret_length)) {
            keys->matched = 0;
            return true;
        }
    return false;
}

size_t detach_keys_flush(struct detach_keys *keys, unsigned char *output) {
    size_t length = keys->matched;
    memcpy(output, keys->keys, length);
    keys->matched = 0;
    return length;
}
