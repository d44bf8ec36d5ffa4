/* SPDX-License-Identifier: Apache-2.0 */
/* It does not give up when its caller has. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  int64_t timeout, int32_t *ret_exit_status, struct shim_error *error) {
    int r = life_wait(context, process, timeout, ret_exit_status, error);
    while (r == -ECANCELED)
        pause();
    return r;
}
#undef LIFE_WAIT
#define LIFE_WAIT broken

LIFE_PLUGIN("broken-cancel");
