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
void plugin_call_end(const struct plugin_call *call, int result);

/* The most that an entry may take which is not a wait. The plugin keeps the configured time-outs
 * itself; whoever is still in there after all of them does not keep them. */
int64_t plugin_call_limit(const struct runtime *runtime);

/* Calls `entry` of the runtime's plugin with its context and these arguments, and is what that
 * returns. */
#define PLUGIN_CALL_WITHIN(runtime, limit, entry, ...)                                             \
    __extension__({                                                                                \
        struct plugin_call call_ = plugin_call_begin((runtime), #entry, (limit));                  \
        int result_ = (runtime)->plugin->entry(&(runtime)->context, __VA_ARGS__);                  \
        plugin_call_end(&call_, result_);                                                          \
        result_;                                                                                   \
    })
#define PLUGIN_CALL(runtime, entry, ...)                                                           \
    PLUGIN_CALL_WITHIN((runtime), plugin_call_limit(runtime), entry, __VA_ARGS__)

#endif
