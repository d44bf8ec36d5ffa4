/* SPDX-License-Identifier: Apache-2.0 */
/* It believes a pid. */
#include <signal.h>

#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  int32_t number, struct shim_error *error) {
    pid_t pid;
    int r = context->services->pid_file_read(process->directory_fd, "pid", &pid, error);
    if (r < 0 || life_is_over(process))
        return r < 0 ? r : life_signal(context, process, number, error);
    return kill(pid, number) < 0 ? context->services->fail(error, -errno, SHIM_REASON_NONE, "kill")
                                 : 0;
}
#undef LIFE_SIGNAL
#define LIFE_SIGNAL broken

LIFE_PLUGIN("broken-stranger");
