/* SPDX-License-Identifier: Apache-2.0 */
/* A runtime's log: any bytes. What is found is fit for a terminal. */
#include "t/fuzz/fuzz.h"

#include <string.h>

#include "base/text.h"
#include "process/runtime_log.h"

static void check_answer(int r, const char *buffer, size_t size) {
    CHECK(memchr(buffer, 0, size));
    size_t length = strlen(buffer);
    CHECK(r < 0 ? length == 0 : length == (size_t)r);
    for (size_t i = 0; i < length;) {
        size_t sequence = text_utf8_length(buffer + i, length - i);
        CHECK(sequence > 0 && (unsigned char)buffer[i] >= ' ' && buffer[i] != 0x7f);
        i += sequence;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const size_t sizes[] = {8, 9, 40, 512};
    char buffer[512];
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        check_answer(runtime_log_find((const char *)data, size, false, buffer, sizes[i]), buffer,
                     sizes[i]);
        check_answer(runtime_log_find((const char *)data, size, true, buffer, sizes[i]), buffer,
                     sizes[i]);
    }
    fuzz_put("log.json", data, size);
    check_answer(runtime_log_last_error(fuzz_directory_fd(), "log.json", buffer, sizeof(buffer)),
                 buffer, sizeof(buffer));
    return 0;
}
