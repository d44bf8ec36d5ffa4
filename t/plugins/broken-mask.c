/* SPDX-License-Identifier: Apache-2.0 */
/* It leaves a signal blocked. */
#include <signal.h>

#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  struct shim_state *ret_state, struct shim_error *error) {
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    return life_load(context, process, ret_state, error);
}
#undef LIFE_LOAD
#define LIFE_LOAD broken

LIFE_PLUGIN("broken-mask");
