/* SPDX-License-Identifier: Apache-2.0 */
/* It sends every signal as SIGKILL. */
#include <signal.h>

#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  int32_t number, struct shim_error *error) {
    return life_signal(context, process, number == SIGTERM ? SIGKILL : number, error);
}
#undef LIFE_SIGNAL
#define LIFE_SIGNAL broken

LIFE_PLUGIN("broken-signals");
