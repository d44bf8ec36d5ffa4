/* SPDX-License-Identifier: Apache-2.0 */
/* It exports a second symbol. */
#include "life.h"

int helper_of_mine(void);
SHIM_EXPORT int helper_of_mine(void) {
    return 0;
}

LIFE_PLUGIN("broken-exports");
