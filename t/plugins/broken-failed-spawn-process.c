/* SPDX-License-Identifier: Apache-2.0 */
/* A spawn that fails leaves a process. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  struct shim_error *error) {
    int r = life_spawn(context, process, error);
    if (r < 0 && fork() == 0)
        for (;;)
            pause();
    return r;
}
#undef LIFE_SPAWN
#define LIFE_SPAWN broken

LIFE_PLUGIN("broken-failed-spawn-process");
