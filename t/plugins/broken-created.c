/* SPDX-License-Identifier: Apache-2.0 */
/* It has a start, but spawn does not wait for it. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  struct shim_error *error) {
    (void)context, (void)process, (void)error;
    return 0;
}
#undef LIFE_START
#define LIFE_START broken

LIFE_PLUGIN("broken-created");
