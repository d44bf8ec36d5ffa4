/* SPDX-License-Identifier: Apache-2.0 */
/* Ids, paths and other short words of a command line. */
#include "t/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "engine/stream_target.h"
#include "state/store.h"
#include "stream/detach_keys.h"

static bool is_id(const char *text) {
    size_t length = strlen(text);
    return length >= 1 && length <= 76 && text[0] != '.' && text[0] != '_' && text[0] != '-' &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") ==
               length;
}

static void as_id(const char *text) {
    static struct store *store;
    char path[256];
    struct shim_error error = ERROR_NONE;
    int fd = -1;
    strcpy(path, fuzz_directory());
    strcat(path, "/state");
    CHECK(store || store_open(path, &store, &error) == 0);
    CHECK(id_valid(text) == is_id(text));
    int r = store_container_open(store, text, &fd, &error);
    CHECK(r == (id_valid(text) ? -ENOENT : -EINVAL) && error.message[0]);
}

static void shown(const char *text, size_t length) {
    char buffer[48];
    for (size_t size = 8; size <= sizeof(buffer); size += 5) {
        CHECK(text_show(buffer, size, text, length) == buffer && strlen(buffer) < size);
        for (const char *c = buffer; *c; c++)
            CHECK((unsigned char)*c >= ' ' && *c != 0x7f);
    }
}

static void as_target(const char *text) {
    struct stream_target target;
    struct shim_error error = ERROR_NONE;
    int r = stream_target_parse(text, &target, &error);
    CHECK(r == 0 ? !target.path || target.path[0] == '/' : r == -EINVAL && error.message[0]);
}

static void as_keys(const char *text) {
    struct detach_keys keys;
    struct shim_error error = ERROR_NONE;
    unsigned char output[DETACH_KEYS_MAX + 64];
    size_t length, size = strlen(text) < 64 ? strlen(text) : 64;
    int r = detach_keys_parse(text, &keys, &error);
    CHECK(r == 0 || (r == -EINVAL && error.message[0]));
    if (r == 0) {
        detach_keys_filter(&keys, (const unsigned char *)text, size, output, &length);
        CHECK(length <= size && detach_keys_flush(&keys, output) <= DETACH_KEYS_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_text(data, size);
    uint64_t number;
    if (parse_decimal((const char *)data, size, 1000, &number) == 0)
        CHECK(number <= 1000);
    if (parse_decimal((const char *)data, size, UINT64_MAX, &number) == 0)
        CHECK(number == strtoull(text, NULL, 10));
    as_id(text);
    shown((const char *)data, size);
    as_target(text);
    as_keys(text);
    free(text);
    return 0;
}
