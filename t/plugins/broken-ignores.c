/* SPDX-License-Identifier: Apache-2.0 */
/* What it runs ignores SIGINT. */
#define LIFE_WRAPPER "trap '' INT; exec \"$@\""
#include "life.h"

LIFE_PLUGIN("broken-ignores");
