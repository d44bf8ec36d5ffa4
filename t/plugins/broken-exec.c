/* SPDX-License-Identifier: Apache-2.0 */
/* A further process is not the one that was asked for. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  struct shim_error *error) {
    static const char *const words[] = {"/bin/true", NULL};
    struct shim_launch launch;
    if (!(process->flags & SHIM_PROCESS_EXEC))
        return life_spawn(context, process, error);
    memset(&launch, 0, sizeof(launch));
    launch.size = sizeof(launch);
    launch.flags = SHIM_LAUNCH_DIRECT;
    launch.command = words;
    return context->services->monitor_launch(context, process, &launch, error);
}
#undef LIFE_SPAWN
#define LIFE_SPAWN broken

LIFE_PLUGIN("broken-exec");
