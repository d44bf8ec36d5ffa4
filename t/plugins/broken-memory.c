/* SPDX-License-Identifier: Apache-2.0 */
/* It leaves a piece of memory. */
#include "life.h"

#include <stdlib.h>

static int broken(const struct shim_context *context, const struct shim_process *process,
                  struct shim_state *ret_state, struct shim_error *error) {
    static void *volatile kept;
    kept = calloc(1, 256);
    return kept ? life_load(context, process, ret_state, error) : -ENOMEM;
}
#undef LIFE_LOAD
#define LIFE_LOAD broken

LIFE_PLUGIN("broken-memory");
