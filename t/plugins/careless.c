/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that gives back what the options of its runtime's file say, and does nothing for it:
 * `spawn` and `signal` a result, `status` an exit status. With `features: full` it says as much of
 * itself as there is room for, and more. */
#include <stdlib.h>

#include "life.h"

/* Whether the option is there, and the number that it is. */
static int told(const struct shim_context *context, const char *option, int *ret) {
    const char *value = context->services->option(context, option);
    if (value)
        *ret = atoi(value);
    return value != NULL;
}

static int spawn(const struct shim_context *context, const struct shim_process *process,
                 struct shim_error *error) {
    int r;
    return told(context, "spawn", &r) ? r : life_spawn(context, process, error);
}
#undef LIFE_SPAWN
#define LIFE_SPAWN spawn

static int wait_for(const struct shim_context *context, const struct shim_process *process,
                    int64_t timeout, int32_t *ret_exit_status, struct shim_error *error) {
    int r = life_wait(context, process, timeout, ret_exit_status, error);
    if (r == 0)
        told(context, "status", ret_exit_status);
    return r;
}
#undef LIFE_WAIT
#define LIFE_WAIT wait_for

static int send_signal(const struct shim_context *context, const struct shim_process *process,
                       int32_t number, struct shim_error *error) {
    int r;
    return told(context, "signal", &r) ? r : life_signal(context, process, number, error);
}
#undef LIFE_SIGNAL
#define LIFE_SIGNAL send_signal

static int features(const struct shim_context *context, struct shim_features *ret_features,
                    struct shim_error *error) {
    if (!context->services->option(context, "features"))
        return life_features(context, ret_features, error);
    memset(ret_features->version, 'v', sizeof(ret_features->version));
    memset(ret_features->health, 'h', sizeof(ret_features->health));
    memset(ret_features->warning, 'w', sizeof(ret_features->warning));
    memset(ret_features->table_date, 'd', sizeof(ret_features->table_date));
    memset(ret_features->binary, 'b', sizeof(ret_features->binary));
    return 0;
}
#undef LIFE_FEATURES
#define LIFE_FEATURES features

LIFE_PLUGIN("careless");
