/* SPDX-License-Identifier: Apache-2.0 */
/* shimhost.yaml: any bytes. Every problem has its place, and what is read can be shown. */
#include "t/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

static void check_problems(const struct config_problems *problems) {
    for (size_t i = 0; i < problems->count; i++) {
        CHECK(problems->list[i].code < 0);
        CHECK(problems->list[i].message && problems->list[i].message[0]);
        CHECK(problems->list[i].file);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[256];
    struct config *config = NULL;
    struct config_problems problems = CONFIG_PROBLEMS_NONE, all = CONFIG_PROBLEMS_NONE;
    fuzz_put("shimhost.yaml", data, size);
    snprintf(path, sizeof(path), "%s/shimhost.yaml", fuzz_directory());
    const struct config_defaults defaults = {
        .path = path, .state_dir = "/run/state", .plugin_dir = "/usr/lib/plugins"};
    int r = config_load(path, &defaults, &config, &problems);
    check_problems(&problems);
    CHECK((r == 0) == (config != NULL) && (r < 0) == (problems.count > 0));
    if (r == 0) {
        char *text = NULL;
        size_t length = 0;
        FILE *stream = open_memstream(&text, &length);
        CHECK(config->state_dir[0] == '/' && config->plugin_dir[0] == '/');
        CHECK(stream && config_show(config, stream) == 0);
        fclose(stream);
        CHECK(strlen(text) == length);
        free(text);
    }
    config_check(path, &defaults, &all);
    check_problems(&all);
    CHECK(all.count >= problems.count);
    config_free(config);
    config_problems_clear(&problems);
    config_problems_clear(&all);
    return 0;
}
