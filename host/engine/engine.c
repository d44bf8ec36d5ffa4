/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/call.h"

#include <string.h>

#include "base/error.h"
#include "base/fd.h"

int engine_open(const struct engine_options *options, struct engine **ret_engine,
                struct shim_error *error) {
    struct store *store = NULL;
    const char *path = options->state_dir ? options->state_dir : options->config->state_dir;
    int r = store_open(path, &store, error);
    if (r < 0)
        return r;
    struct engine *engine = calloc(1, sizeof(*engine));
    if (!engine) {
        store_close(store);
        return error_set(error, -ENOMEM, "cannot open the engine: out of memory");
    }
    engine->options = *options;
    engine->store = store;
    *ret_engine = engine;
    return 0;
}

static void strings_free(char **strings) {
    for (size_t i = 0; strings && strings[i]; i++)
        free(strings[i]);
    free(strings);
}

static struct runtime *runtime_close(struct runtime *runtime) {
    struct runtime *next = runtime->next;
    if (runtime->plugin && SHIM_HAS(struct shim_plugin, runtime->plugin, close)) {
        struct plugin_call call = plugin_call_begin(runtime, "close", plugin_call_limit(runtime));
        runtime->plugin->close(&runtime->context);
        plugin_call_end(&call, 0, NULL);
    }
    if (runtime->file) {
        /* Which runs the file's destructors. */
        struct plugin_call call =
            plugin_call_begin(runtime, "unloading", plugin_call_limit(runtime));
        runtime->file = plugin_close(runtime->file);
        plugin_call_end(&call, 0, NULL);
    }
    strings_free(runtime->args);
    free(runtime->binary);
    free(runtime->root);
    free(runtime);
    return next;
}

struct engine *engine_close(struct engine *engine) {
    if (engine) {
        while (engine->runtimes)
            engine->runtimes = runtime_close(engine->runtimes);
        store_close(engine->store);
        free(engine);
    }
    return NULL;
}

static int runtime_load(struct runtime *runtime, struct shim_error *error) {
    const struct runtime_config *config = runtime->config;
    const struct engine_options *options = &runtime->engine->options;
    /* Loading runs the file's constructors and its one symbol. */
    if (options->guard)
        options->guard->enter(options->guard, config->plugin, SHIM_PLUGIN_SYMBOL,
                              plugin_call_limit(runtime));
    int r = plugin_open(options->config->plugin_dir, config->plugin, &runtime->file, error);
    if (options->guard)
        options->guard->leave(options->guard);
    if (r < 0)
        return error_context(error, "runtime %s", config->name);
    runtime->context = (struct shim_context){
        .size = sizeof(runtime->context),
        .services = &engine_services,
        .runtime = &runtime->shim,
    };
    const struct shim_plugin *plugin = plugin_descriptor(runtime->file);
    if (SHIM_HAS(struct shim_plugin, plugin, open)) {
        struct plugin_call call = plugin_call_begin(runtime, "open", plugin_call_limit(runtime));
        r = plugin->open(&runtime->context, error);
        r = plugin_call_end(&call, r, error);
        if (r < 0)
            return error_context(error, "runtime %s: plugin %s", config->name, plugin->name);
    }
    runtime->plugin = plugin;
    return 0;
}

static size_t count_strings(const char *const *strings) {
    size_t count = 0;
    while (strings && strings[count])
        count++;
    return count;
}

static bool same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Is an open runtime what `override` makes of its file? */
static bool runtime_fits(const struct runtime *runtime, const struct runtime_override *override) {
    size_t own = count_strings(override->args);
    size_t all = count_strings((const char *const *)runtime->args);
    size_t files = count_strings(runtime->config->args);
    if (!same(runtime->binary, override->binary) || !same(runtime->root, override->root) ||
        own != (all ? all - files : 0))
        return false;
    for (size_t i = 0; i < own; i++)
        if (strcmp(runtime->args[files + i], override->args[i]) != 0)
            return false;
    return true;
}

/* The plugin sees one list: the file's arguments, then the container's. */
static int join_args(const char *const *files, const char *const *own, char ***ret) {
    size_t n_files = count_strings(files), n_own = count_strings(own);
    char **args = calloc(n_files + n_own + 1, sizeof(*args));
    for (size_t i = 0; args && i < n_files + n_own; i++) {
        args[i] = strdup(i < n_files ? files[i] : own[i - n_files]);
        if (!args[i]) {
            strings_free(args);
            return -ENOMEM;
        }
    }
    *ret = args;
    return args ? 0 : -ENOMEM;
}

static int runtime_override(struct runtime *runtime, const struct runtime_override *override) {
    runtime->shim = runtime->config->shim;
    if (override->binary) {
        if (!(runtime->binary = strdup(override->binary)))
            return -ENOMEM;
        runtime->shim.binary = runtime->binary;
    }
    if (override->root) {
        if (!(runtime->root = strdup(override->root)))
            return -ENOMEM;
        runtime->shim.root = runtime->root;
    }
    if (count_strings(override->args) > 0) {
        if (join_args(runtime->config->args, override->args, &runtime->args) < 0)
            return -ENOMEM;
        runtime->shim.args = (const char *const *)runtime->args;
    }
    return 0;
}

int runtime_open(struct engine *engine, const char *name, struct runtime **ret_runtime,
                 struct shim_error *error) {
    return runtime_open_as(engine, name, &(struct runtime_override){.binary = NULL}, ret_runtime,
                           error);
}

int runtime_open_as(struct engine *engine, const char *name,
                    const struct runtime_override *override, struct runtime **ret_runtime,
                    struct shim_error *error) {
    if (!name)
        name = engine->options.config->default_runtime;
    for (struct runtime *runtime = engine->runtimes; runtime; runtime = runtime->next)
        if (strcmp(runtime->config->name, name) == 0 && runtime_fits(runtime, override)) {
            *ret_runtime = runtime;
            return 0;
        }
    struct config_problems problems = CONFIG_PROBLEMS_NONE;
    const struct runtime_config *config;
    int r = config_runtime(engine->options.config, name, &config, &problems);
    if (r < 0) {
        config_problems_error(&problems, error);
        config_problems_clear(&problems);
        return r;
    }
    struct runtime *runtime = calloc(1, sizeof(*runtime));
    if (!runtime)
        return error_set(error, -ENOMEM, "cannot open runtime %s: out of memory", name);
    runtime->engine = engine;
    runtime->config = config;
    r = runtime_override(runtime, override);
    if (r < 0)
        error_set(error, r, "cannot open runtime %s: out of memory", name);
    else
        r = runtime_load(runtime, error);
    if (r < 0) {
        runtime_close(runtime);
        return r;
    }
    runtime->next = engine->runtimes;
    engine->runtimes = runtime;
    *ret_runtime = runtime;
    return 0;
}

int runtime_lacks(const struct runtime *runtime, const char *entry, struct shim_error *error) {
    return error_set_reason(error, -EOPNOTSUPP, SHIM_REASON_UNSUPPORTED,
                            "runtime %s does not support %s (plugin %s %s)", runtime->config->name,
                            entry, runtime->plugin->name, runtime->plugin->version);
}

/* The texts are the plugin's, and may have filled all their room. */
static void end_texts(struct shim_features *features) {
    features->version[sizeof(features->version) - 1] = '\0';
    features->health[sizeof(features->health) - 1] = '\0';
    features->warning[sizeof(features->warning) - 1] = '\0';
    features->table_date[sizeof(features->table_date) - 1] = '\0';
    features->binary[sizeof(features->binary) - 1] = '\0';
}

int engine_features(struct engine *engine, const char *name, const struct shim_plugin **ret_plugin,
                    struct shim_features *ret_features, struct shim_error *error) {
    struct runtime *runtime;
    int r = runtime_open(engine, name, &runtime, error);
    struct shim_features features = {.size = sizeof(features)};
    if (r == 0 && SHIM_HAS(struct shim_plugin, runtime->plugin, features))
        r = PLUGIN_CALL(runtime, features, &features, error);
    if (r < 0)
        return r;
    end_texts(&features);
    *ret_plugin = runtime->plugin;
    *ret_features = features;
    return 0;
}
