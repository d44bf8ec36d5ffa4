/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin of the future: its header has one more service, for whose presence it asks. The test
 * makes that header. */
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

LIFE_PLUGIN("future");
