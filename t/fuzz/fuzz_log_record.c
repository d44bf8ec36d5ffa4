/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a log, and times: any bytes. */
#include "t/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "stream/log_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (int kind = LOG_K8S_FILE; kind <= LOG_JSON_FILE; kind++) {
        char *bytes = malloc(size ? size : 1);
        CHECK(bytes);
        if (size)
            memcpy(bytes, data, size);
        struct log_record record;
        const char *wrong = log_record_parse((enum log_kind)kind, bytes, size, &record);
        if (wrong)
            CHECK(wrong[0]);
        else
            CHECK(record.text >= bytes && record.length <= size &&
                  record.text + record.length <= bytes + size);
        free(bytes);
    }
    int64_t time;
    CHECK(log_time_parse((const char *)data, size, &time) <= size);
    return 0;
}
