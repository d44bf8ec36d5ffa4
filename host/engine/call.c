/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/call.h"

#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "state/json_value.h"

#define GRACE 10000 /* milliseconds beyond all the time-outs together */

int64_t plugin_call_limit(const struct runtime *runtime) {
    const struct runtime_config *config = runtime->config;
    return config->timeouts.spawn + config->timeouts.signal + 2 * config->timeouts.delete + GRACE;
}

static int64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct plugin_call plugin_call_begin(const struct runtime *runtime, const char *entry,
                                     int64_t limit) {
    const struct engine_options *options = &runtime->engine->options;
    struct plugin_call call = {.runtime = runtime, .entry = entry};
    if (options->trace)
        call.begun = nanoseconds();
    if (options->guard)
        options->guard->enter(options->guard, plugin_path(runtime->file), entry, limit);
    return call;
}

static void trace(const struct plugin_call *call, int result) {
    int64_t took = nanoseconds() - call->begun;
    log_write_line(SHIM_LOG_DEBUG, &(struct log_fields){.runtime = call->runtime->config->name},
                   "%s: %s after %lld.%03lld ms", call->entry,
                   result < 0 ? strerror(-result) : "done", (long long)(took / 1000000),
                   (long long)(took / 1000 % 1000));
}

int plugin_call_end(const struct plugin_call *call, int result, struct shim_error *error) {
    const struct engine_options *options = &call->runtime->engine->options;
    if (options->guard)
        options->guard->leave(options->guard);
    json_value_forget();
    if (options->trace)
        trace(call, result);
    if (result > 0)
        return error_set(error, -EPROTO,
                         "runtime %s's plugin: %s gave %d; expected 0 or a negative errno",
                         call->runtime->config->name, call->entry, result);
    if (result < 0 && error && !error->message[0])
        error_set(error, result, "the plugin said nothing: %s", strerror(-result));
    return result;
}
