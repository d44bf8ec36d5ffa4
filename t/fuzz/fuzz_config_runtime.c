/* SPDX-License-Identifier: Apache-2.0 */
/* runtimes.d/NAME.yaml: any bytes. */
#include "t/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

static void check_runtime(const struct runtime_config *runtime) {
    CHECK(runtime->plugin && runtime->args);
    CHECK(!runtime->binary || runtime->binary[0] == '/');
    CHECK(!runtime->root || runtime->root[0] == '/');
    CHECK(runtime->timeouts.spawn >= 0 && runtime->timeouts.signal >= 0);
    CHECK(runtime->timeouts.delete >= 0 && runtime->timeouts.drain >= 0);
    CHECK(runtime->streams.max_size >= 0 && runtime->streams.max_files >= 1);
    for (size_t i = 0; i < runtime->n_env; i++)
        CHECK(runtime->env[i].key[0] && !strchr(runtime->env[i].key, '='));
    for (size_t i = 0; i < runtime->n_options; i++)
        CHECK(config_option(runtime, runtime->options[i].key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[256];
    struct config *config = NULL;
    const struct runtime_config *runtime = NULL;
    struct config_problems problems = CONFIG_PROBLEMS_NONE;
    fuzz_make_directory("runtimes.d");
    fuzz_put("runtimes.d/x.yaml", data, size);
    snprintf(path, sizeof(path), "%s/shimhost.yaml", fuzz_directory());
    const struct config_defaults defaults = {
        .path = path, .state_dir = "/run/state", .plugin_dir = "/usr/lib/plugins"};
    CHECK(config_load(NULL, &defaults, &config, &problems) == 0);
    int r = config_runtime(config, "x", &runtime, &problems);
    CHECK((r < 0) == (problems.count > 0));
    if (r == 0) {
        char *text = NULL;
        size_t length = 0;
        FILE *stream = open_memstream(&text, &length);
        check_runtime(runtime);
        CHECK(stream && config_show(config, stream) == 0);
        fclose(stream);
        free(text);
    }
    config_free(config);
    config_problems_clear(&problems);
    return 0;
}
