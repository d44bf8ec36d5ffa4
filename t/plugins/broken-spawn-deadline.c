/* SPDX-License-Identifier: Apache-2.0 */
/* It waits for its runtime as long as that takes. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  struct shim_error *error) {
    if (context->runtime->spawn_timeout < 5000)
        for (;;)
            pause();
    return life_spawn(context, process, error);
}
#undef LIFE_SPAWN
#define LIFE_SPAWN broken

LIFE_PLUGIN("broken-spawn-deadline");
