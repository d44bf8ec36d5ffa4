/* SPDX-License-Identifier: Apache-2.0 */
/* It needs a function that is nowhere, which the dynamic linker finds out when it is called. */
#include "life.h"

int this_is_nowhere(void);

static int broken(const struct shim_context *context, struct shim_features *ret_features,
                  struct shim_error *error) {
    return ret_features->size == 1 ? this_is_nowhere()
                                   : life_features(context, ret_features, error);
}
#undef LIFE_FEATURES
#define LIFE_FEATURES broken

LIFE_PLUGIN("broken-undefined");
