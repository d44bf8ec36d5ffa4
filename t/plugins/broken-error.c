/* SPDX-License-Identifier: Apache-2.0 */
/* It fails without saying why. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  int32_t number, struct shim_error *error) {
    struct shim_error unsaid;
    memset(&unsaid, 0, sizeof(unsaid));
    unsaid.size = sizeof(unsaid);
    (void)error;
    return life_signal(context, process, number, &unsaid);
}
#undef LIFE_SIGNAL
#define LIFE_SIGNAL broken

LIFE_PLUGIN("broken-error");
