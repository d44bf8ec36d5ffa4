/* SPDX-License-Identifier: Apache-2.0 */
/* It claims to have paused what it has not. */
#include "life.h"

static int nothing(const struct shim_context *context, const struct shim_process *process,
                   struct shim_error *error) {
    return context->services->fail(error, -EIO, SHIM_REASON_NONE, "%s: cannot", process->id);
}
#undef LIFE_PAUSE
#define LIFE_PAUSE nothing
#undef LIFE_RESUME
#define LIFE_RESUME nothing

LIFE_PLUGIN("broken-pause");
