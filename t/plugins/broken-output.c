/* SPDX-License-Identifier: Apache-2.0 */
/* It writes to standard error. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  struct shim_state *ret_state, struct shim_error *error) {
    fprintf(stderr, "loading\n");
    return life_load(context, process, ret_state, error);
}
#undef LIFE_LOAD
#define LIFE_LOAD broken

LIFE_PLUGIN("broken-output");
