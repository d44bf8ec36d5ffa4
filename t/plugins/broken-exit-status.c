/* SPDX-License-Identifier: Apache-2.0 */
/* It knows success and failure, but not which. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  int64_t timeout, int32_t *ret_exit_status, struct shim_error *error) {
    int32_t status = 0;
    int r = life_wait(context, process, timeout, &status, error);
    if (r == 0)
        *ret_exit_status = status == 42 ? 1 : status;
    return r;
}
#undef LIFE_WAIT
#define LIFE_WAIT broken

LIFE_PLUGIN("broken-exit-status");
