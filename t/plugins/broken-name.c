/* SPDX-License-Identifier: Apache-2.0 */
/* Its name is none that a configuration could have. */
#include "life.h"

LIFE_PLUGIN("Broken Name");
