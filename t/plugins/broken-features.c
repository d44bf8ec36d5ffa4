/* SPDX-License-Identifier: Apache-2.0 */
/* What it says of its runtime has warnings, and no date. */
#include "life.h"

static int broken(const struct shim_context *context, struct shim_features *ret_features,
                  struct shim_error *error) {
    snprintf(ret_features->warning, sizeof(ret_features->warning), "CVE-2024-1: everything");
    return life_features(context, ret_features, error);
}
#undef LIFE_FEATURES
#define LIFE_FEATURES broken

LIFE_PLUGIN("broken-features");
