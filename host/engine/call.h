/* SPDX-License-Identifier: Apache-2.0 */
/* Every call into a plugin passes here: it is traced if that was asked for, and whoever runs the
 * engine may guard it. */
#ifndef SHIMHOST_ENGINE_CALL_H
#define SHIMHOST_ENGINE_CALL_H

#include "engine/internal.h"

struct plugin_call {
    const struct runtime *runtime;
    const char *entry;
    int64_t begun; /* nanoseconds, while tracing */
};

/* `limit`: milliseconds after which the entry must have returned, or SHIM_FOREVER. */
struct plugin_call plugin_call_begin(const struct runtime *runtime, const char *entry,
                                     int64_t limit);
/* Is what the entry gave back, as far as the ABI allows that: 0 or a negative errno, with a
 * sentence in `error`. */
int plugin_call_end(const struct plugin_call *call, int result, struct shim_error *error);

/* The most that an entry may take which is not a wait. The plugin keeps the configured time-outs
 * itself; whoever is still in there after all of them does not keep them. */
int64_t plugin_call_limit(const struct runtime *runtime);

/* The last of two to four arguments, which of an entry is its error. */
#define LAST_ARGUMENT(...)                                                                         \
    LAST_ARGUMENT_BY(__VA_ARGS__, FOURTH_ARGUMENT, THIRD_ARGUMENT, SECOND_ARGUMENT, )(__VA_ARGS__)
#define LAST_ARGUMENT_BY(a, b, c, d, by, ...) by
#define SECOND_ARGUMENT(a, b) b
#define THIRD_ARGUMENT(a, b, c) c
#define FOURTH_ARGUMENT(a, b, c, d) d

/* Calls `entry` of the runtime's plugin with its context and these arguments, and is what
 * plugin_call_end() makes of its answer. */
#define PLUGIN_CALL_WITHIN(runtime, limit, entry, ...)                                             \
    __extension__({                                                                                \
        struct plugin_call call_ = plugin_call_begin((runtime), #entry, (limit));                  \
        int result_ = (runtime)->plugin->entry(&(runtime)->context, __VA_ARGS__);                  \
        plugin_call_end(&call_, result_, LAST_ARGUMENT(__VA_ARGS__));                              \
    })
#define PLUGIN_CALL(runtime, entry, ...)                                                           \
    PLUGIN_CALL_WITHIN((runtime), plugin_call_limit(runtime), entry, __VA_ARGS__)

#endif
