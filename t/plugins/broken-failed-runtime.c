/* SPDX-License-Identifier: Apache-2.0 */
/* When the runtime's program fails, what it has of the container stays. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  struct shim_error *error) {
    struct shim_launch launch;
    const char *words[] = {context->runtime->binary, "create", process->container, NULL};
    if (!words[0])
        return life_spawn(context, process, error);
    life_remember(context, process->container);
    memset(&launch, 0, sizeof(launch));
    launch.size = sizeof(launch);
    launch.command = words;
    launch.pid_file = ".pid";
    int r = context->services->monitor_launch(context, process, &launch, error);
    if (r == -ETIMEDOUT)
        life_forget(context, process->container);
    return r;
}
#undef LIFE_SPAWN
#define LIFE_SPAWN broken

LIFE_PLUGIN("broken-failed-runtime");
