/* SPDX-License-Identifier: Apache-2.0 */
/* What it has removed still takes up the container's id. */
#include "life.h"

static int spawn(const struct shim_context *context, const struct shim_process *process,
                 struct shim_error *error) {
    int fd = process->flags & SHIM_PROCESS_EXEC ? -1 : life_open_root(context);
    int taken = fd >= 0 && faccessat(fd, process->container, F_OK, 0) == 0;
    if (fd >= 0)
        close(fd);
    if (taken)
        return context->services->fail(error, -EEXIST, SHIM_REASON_NONE, "%s exists",
                                       process->container);
    return life_spawn(context, process, error);
}
#undef LIFE_SPAWN
#define LIFE_SPAWN spawn

static int broken(const struct shim_context *context, const struct shim_process *process,
                  struct shim_error *error) {
    (void)context, (void)process, (void)error;
    return 0;
}
#undef LIFE_REMOVE
#define LIFE_REMOVE broken

LIFE_PLUGIN("broken-deleted");
