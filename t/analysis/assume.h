/* SPDX-License-Identifier: Apache-2.0 */
/* What an analyser, which looks at one file at a time, has to be told: these functions return what
 * they are given, and that is negative. By a macro, because the analysers do not look into a
 * function that is called from too deep. */
#include "base/error.h"

#define ASSUME_NEGATIVE(call)                                                                      \
    ({                                                                                             \
        int code_ = (call);                                                                        \
        if (code_ >= 0)                                                                            \
            __builtin_unreachable();                                                               \
        code_;                                                                                     \
    })

#define error_set(...) ASSUME_NEGATIVE(error_set(__VA_ARGS__))
#define error_set_reason(...) ASSUME_NEGATIVE(error_set_reason(__VA_ARGS__))
#define error_context(...) ASSUME_NEGATIVE(error_context(__VA_ARGS__))
