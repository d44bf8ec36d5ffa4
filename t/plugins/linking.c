/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that does FAULT while it is being linked or unlinked: in the function that has the
 * attribute AT, constructor or destructor. */
#include <signal.h>
#include <stdlib.h>

#include "life.h"

__attribute__((AT)) static void link_or_unlink(void) {
    FAULT;
}

LIFE_PLUGIN("linking");
