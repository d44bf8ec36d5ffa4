/* SPDX-License-Identifier: Apache-2.0 */
/* load notes down that it was called. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  struct shim_state *ret_state, struct shim_error *error) {
    int r = context->services->file_write(process->directory_fd, "loaded", "yes\n", 4, error);
    return r < 0 ? r : life_load(context, process, ret_state, error);
}
#undef LIFE_LOAD
#define LIFE_LOAD broken

LIFE_PLUGIN("broken-load-writes");
