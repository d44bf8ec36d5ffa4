/* SPDX-License-Identifier: Apache-2.0 */
/* What it runs has nothing to read. */
#define LIFE_WRAPPER "exec \"$@\" </dev/null"
#include "life.h"

LIFE_PLUGIN("broken-input");
