/* SPDX-License-Identifier: Apache-2.0 */
/* It answers one wait of each host only, as wait(2) does. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  int64_t timeout, int32_t *ret_exit_status, struct shim_error *error) {
    char name[32];
    snprintf(name, sizeof(name), "waited-%ld", (long)getpid());
    if (faccessat(process->directory_fd, name, F_OK, 0) == 0)
        return context->services->fail(error, -ECHILD, SHIM_REASON_NONE, "reaped already");
    int r = life_wait(context, process, timeout, ret_exit_status, error);
    return r < 0 ? r : context->services->file_write(process->directory_fd, name, "", 0, error);
}
#undef LIFE_WAIT
#define LIFE_WAIT broken

LIFE_PLUGIN("broken-wait-once");
