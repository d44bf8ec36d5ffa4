/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin of the future: its header has one more service, for whose presence it asks, and one more
 * field in what it has the host fill. The test makes that header. */
#include "life.h"

static int features(const struct shim_context *context, struct shim_features *ret_features,
                    struct shim_error *error) {
    (void)error;
    const struct shim_services *services = context->services;
    int known = SHIM_HAS(struct shim_services, services, process_signal);
    int future = SHIM_HAS(struct shim_services, services, of_the_future);
    snprintf(ret_features->version, sizeof(ret_features->version), "known %d, future %d", known,
             future);
    return 0;
}
#undef LIFE_FEATURES
#define LIFE_FEATURES features

static int load(const struct shim_context *context, const struct shim_process *process,
                struct shim_state *ret_state, struct shim_error *error) {
    struct shim_state state = {.size = sizeof(state), .exit_status = -1, .of_the_future = 7};
    int r = life_load(context, process, &state, error);
    if (r == 0 && (state.size != sizeof(state) || state.of_the_future != 7))
        return context->services->fail(error, -EIO, SHIM_REASON_NONE,
                                       "the host has changed what it does not know");
    state.size = ret_state->size;
    if (r == 0)
        memcpy(ret_state, &state, ret_state->size);
    return r;
}
#undef LIFE_LOAD
#define LIFE_LOAD load

LIFE_PLUGIN("future");
