/* SPDX-License-Identifier: Apache-2.0 */
/* It leaves the working directory changed. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  struct shim_state *ret_state, struct shim_error *error) {
    return chdir("/usr") < 0 ? -errno : life_load(context, process, ret_state, error);
}
#undef LIFE_LOAD
#define LIFE_LOAD broken

LIFE_PLUGIN("broken-directory");
