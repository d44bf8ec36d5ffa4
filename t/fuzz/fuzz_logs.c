/* SPDX-License-Identifier: Apache-2.0 */
/* A whole log file, read from its beginning, from its tail and by its time. The first byte chooses
 * how; the rest is the file. */
#include "t/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "stream/logs.h"

static void complain(const char *sentence, void *user) {
    (void)user;
    CHECK(sentence[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    uint8_t how = data[0];
    char path[256];
    char *texts[2] = {NULL, NULL};
    size_t lengths[2];
    snprintf(path, sizeof(path), "%s/log", fuzz_directory());
    fuzz_put("log", data + 1, size - 1);
    struct logs_options options = {
        .path = path,
        .kind = how & 1 ? LOG_JSON_FILE : LOG_K8S_FILE,
        .streams = (how >> 1 & 3) ? (unsigned int)(how >> 1 & 3) : 3,
        .tail = how & 8 ? how >> 5 : LOGS_ALL,
        .since = how & 16 ? 1767323045000000000 : LOGS_SINCE_EVER,
        .timestamps = how & 8,
        .end_fd = -1,
        .complain = complain,
    };
    for (int i = 0; i < 2; i++) {
        options.outputs[i] = open_memstream(&texts[i], &lengths[i]);
        CHECK(options.outputs[i]);
    }
    struct shim_error error = ERROR_NONE;
    int r = logs_print(&options, &error);
    CHECK(r == 0 || error.message[0]);
    for (int i = 0; i < 2; i++) {
        fclose(options.outputs[i]);
        CHECK(options.timestamps || lengths[i] <= 3 * size);
        free(texts[i]);
    }
    return 0;
}
