/* SPDX-License-Identifier: Apache-2.0 */
/* A spawn that fails leaves what the runtime has of the container. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  struct shim_error *error) {
    int r = life_spawn(context, process, error);
    if (r < 0 && r != -EOPNOTSUPP)
        life_remember(context, process->container);
    return r;
}
#undef LIFE_SPAWN
#define LIFE_SPAWN broken

LIFE_PLUGIN("broken-failed-spawn-state");
