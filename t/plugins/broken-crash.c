/* SPDX-License-Identifier: Apache-2.0 */
/* It crashes in processes. */
#include "life.h"

static int list(const struct shim_context *context, const struct shim_process *process,
                struct shim_pid_list *pids, struct shim_error *error) {
    (void)context, (void)process, (void)error;
    volatile int *nowhere = NULL;
    *nowhere = 1;
    return pids->add(pids, 1);
}
#undef LIFE_PROCESSES
#define LIFE_PROCESSES list

LIFE_PLUGIN("broken-crash");
