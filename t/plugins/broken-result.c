/* SPDX-License-Identifier: Apache-2.0 */
/* It writes to its result before it knows it. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  int64_t timeout, int32_t *ret_exit_status, struct shim_error *error) {
    *ret_exit_status = 0;
    return life_wait(context, process, timeout, ret_exit_status, error);
}
#undef LIFE_WAIT
#define LIFE_WAIT broken

LIFE_PLUGIN("broken-result");
