/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin whose cleaning takes its time: at most what the option `timeout` says for each of the
 * commands, which are as many as `cleanups` says, in a structure that says to be of `size` bytes.
 */
#include <stdlib.h>

#include "life.h"

static int option(const struct shim_context *context, const char *key, int usual) {
    const char *value = context->services->option(context, key);
    return value ? atoi(value) : usual;
}

static int spawn(const struct shim_context *context, const struct shim_process *process,
                 struct shim_error *error) {
    static const char *const command[] = {"/bin/true", NULL};
    static const char *const clean[] = {"/bin/sh", "-c", "sleep 0.3 && echo x >>cleaned", NULL};
    const char *const *cleanup[LIFE_WORDS_MAX + 1] = {NULL};
    struct shim_launch launch;
    for (int i = 0; i < option(context, "cleanups", 1) && i < LIFE_WORDS_MAX; i++)
        cleanup[i] = clean;
    memset(&launch, 0, sizeof(launch));
    launch.size = (uint32_t)option(context, "size", sizeof(launch));
    launch.flags = SHIM_LAUNCH_DIRECT;
    launch.command = command;
    launch.cleanup = cleanup;
    launch.cleanup_timeout = option(context, "timeout", 0);
    return context->services->monitor_launch(context, process, &launch, error);
}
#undef LIFE_SPAWN
#define LIFE_SPAWN spawn

LIFE_PLUGIN("cleaning");
