/* SPDX-License-Identifier: Apache-2.0 */
/* It takes a signal for a process that is over. */
#include <signal.h>

#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  int32_t number, struct shim_error *error) {
    int r = life_signal(context, process, number, error);
    return r == -ESRCH && number == SIGTERM && life_is_over(process) ? 0 : r;
}
#undef LIFE_SIGNAL
#define LIFE_SIGNAL broken

LIFE_PLUGIN("broken-signal-after-end");
