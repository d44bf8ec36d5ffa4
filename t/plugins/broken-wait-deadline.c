/* SPDX-License-Identifier: Apache-2.0 */
/* It waits as long as it takes. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  int64_t timeout, int32_t *ret_exit_status, struct shim_error *error) {
    (void)timeout;
    return life_wait(context, process, timeout ? SHIM_FOREVER : 0, ret_exit_status, error);
}
#undef LIFE_WAIT
#define LIFE_WAIT broken

LIFE_PLUGIN("broken-wait-deadline");
