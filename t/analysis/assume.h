/* SPDX-License-Identifier: Apache-2.0 */
/* What an analyser, which looks at one file at a time, has to be told: these functions return what
 * they are given, and that is negative. */
#include "base/error.h"

static inline int assume_negative(int code) {
    if (code >= 0)
        __builtin_unreachable();
    return code;
}

#define error_set(...) assume_negative(error_set(__VA_ARGS__))
#define error_set_reason(...) assume_negative(error_set_reason(__VA_ARGS__))
#define error_context(...) assume_negative(error_context(__VA_ARGS__))
