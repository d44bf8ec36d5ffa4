/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin that the broken ones are made from, as it is: it passes every check. */
#include "life.h"

LIFE_PLUGIN("life");
