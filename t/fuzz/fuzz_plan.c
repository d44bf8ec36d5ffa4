/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of a monitor: words with NULs between them. */
#include "t/fuzz/monitor.h"

#include <stdlib.h>

#define WORDS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *bytes = fuzz_text(data, size), *environment[] = {NULL};
    char **words = calloc(WORDS + 1, sizeof(*words));
    struct plan plan;
    int count = 0;
    CHECK(words);
    for (char *at = bytes; at < bytes + size && count < WORDS; at += strlen(at) + 1)
        words[count++] = at;
    const char *problem = plan_read(&plan, count, words, environment);
    if (problem) {
        CHECK(problem[0] || count > 0);
    } else {
        CHECK(plan.held_count <= PLAN_HELD && plan.cleanup_count <= PLAN_CLEANUPS);
        CHECK(plan.adopt != (plan.launch != NULL) && plan.log_max_files >= 1);
        for (unsigned i = 0; i < plan.cleanup_count; i++)
            for (char *const *word = plan.cleanup[i]; *word; word++)
                CHECK(*word >= bytes && *word <= bytes + size);
    }
    free(words);
    free(bytes);
    return 0;
}
