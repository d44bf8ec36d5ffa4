/* SPDX-License-Identifier: Apache-2.0 */
/* What this host has spawned runs, if one believes its load, but as no process at all. */
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
    int r = life_load(context, process, ret_state, error);
    if (r == 0 && spawned && ret_state->status == SHIM_STATUS_RUNNING)
        ret_state->identity.pid = 0;
    return r;
}
#undef LIFE_LOAD
#define LIFE_LOAD broken

LIFE_PLUGIN("broken-run");
