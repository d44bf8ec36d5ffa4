/* SPDX-License-Identifier: Apache-2.0 */
/* It leaves a child. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  struct shim_state *ret_state, struct shim_error *error) {
    static int forked;
    if (!forked++ && fork() == 0)
        for (;;)
            pause();
    return life_load(context, process, ret_state, error);
}
#undef LIFE_LOAD
#define LIFE_LOAD broken

LIFE_PLUGIN("broken-stray");
