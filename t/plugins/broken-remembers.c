/* SPDX-License-Identifier: Apache-2.0 */
/* It keeps in memory what the next host needs. */
#include "life.h"

static int spawned;

static int spawn(const struct shim_context *context, const struct shim_process *process,
                 struct shim_error *error) {
    spawned = 1;
    return life_spawn(context, process, error);
}
#undef LIFE_SPAWN
#define LIFE_SPAWN spawn

static int broken(const struct shim_context *context, const struct shim_process *process,
                  struct shim_state *ret_state, struct shim_error *error) {
    if (!spawned)
        return context->services->fail(error, -ENOENT, SHIM_REASON_NONE, "never heard of it");
    return life_load(context, process, ret_state, error);
}
#undef LIFE_LOAD
#define LIFE_LOAD broken

LIFE_PLUGIN("broken-remembers");
