/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
/*
 * Any runtime that speaks the OCI command line, described by YAML alone:
 *
 *     plugin: oci
 *     binary: /usr/local/bin/youki
 *     options:
 *       state-root: /run/youki     # what is there as long as it knows a container; see
 *       state-name: "@id@"         # shimhost/oci.h
 *       words:                     # how it spells what runc spells otherwise; "" for what it lacks
 *         run: ""
 *         --no-pivot: --no-pivot-root
 */
/* clang-format on */
#include <errno.h>
#include <shimhost/oci.h>
#include <stdlib.h>
#include <string.h>

#define WORDS "words."

static size_t count_words(const struct shim_context *context) {
    const char *key, *value;
    size_t count = 0;
    for (size_t i = 0; context->services->option_at(context, i, &key, &value) == 0; i++)
        count += strncmp(key, WORDS, strlen(WORDS)) == 0;
    return count;
}

static int check_key(const struct shim_context *context, const char *key,
                     struct shim_error *error) {
    if (strcmp(key, "state-root") == 0 || strcmp(key, "state-name") == 0)
        return 0;
    return context->services->fail(
        error, -EINVAL, SHIM_REASON_NONE,
        "%s: options.%s: there is no such option of plugin oci; it has state-root, state-name and "
        "words",
        context->runtime->source, key);
}

/* The table of `words`, which is the caller's to free. */
static int read_words(const struct shim_context *context, struct shim_oci_word **ret_words,
                      struct shim_error *error) {
    const char *key, *value;
    size_t count = 0;
    struct shim_oci_word *words =
        (struct shim_oci_word *)calloc(count_words(context) + 1, sizeof(*words));
    if (!words)
        return context->services->fail(error, -ENOMEM, SHIM_REASON_NONE, "out of memory");
    for (size_t i = 0; context->services->option_at(context, i, &key, &value) == 0; i++) {
        if (strncmp(key, WORDS, strlen(WORDS)) == 0) {
            words[count].usual = key + strlen(WORDS);
            words[count++].here = value;
        } else if (check_key(context, key, error) < 0) {
            free(words);
            return -EINVAL;
        }
    }
    *ret_words = words;
    return 0;
}

static int open_runtime(struct shim_context *context, struct shim_error *error) {
    const struct shim_services *services = context->services;
    struct shim_oci_word *words = NULL;
    if (!context->runtime->binary)
        return services->fail(error, -EINVAL, SHIM_REASON_NONE,
                              "%s: binary: is missing; plugin oci knows no runtime of its own",
                              context->runtime->source);
    int r = read_words(context, &words, error);
    if (r < 0)
        return r;
    const struct shim_oci_runtime runtime = {
        .size = sizeof(runtime),
        .name = context->runtime->name,
        .state_root = services->option(context, "state-root"),
        .state_name = services->option(context, "state-name"),
        .words = words,
    };
    r = shim_oci_open(context, &runtime, error);
    if (r < 0)
        free(words);
    return r;
}

static void close_runtime(struct shim_context *context) {
    struct shim_oci_word *words =
        (struct shim_oci_word *)(uintptr_t)shim_oci_description(context)->words;
    shim_oci_close(context);
    free(words);
}

static const struct shim_plugin plugin = {
    .size = sizeof(plugin),
    .abi_version = SHIM_ABI_VERSION,
    .name = "oci",
    .version = PLUGIN_VERSION,
    .summary = "any runtime with the OCI command line, described by YAML alone",
    .spawn = shim_oci_spawn,
    .load = shim_oci_load,
    .wait = shim_oci_wait,
    .signal = shim_oci_signal,
    .open = open_runtime,
    .close = close_runtime,
    .start = shim_oci_start,
    .remove = shim_oci_remove,
    .state = shim_oci_state,
    .pause = shim_oci_pause,
    .resume = shim_oci_resume,
    .update = shim_oci_update,
    .processes = shim_oci_processes,
    .checkpoint = shim_oci_checkpoint,
    .restore = shim_oci_restore,
    .stats = shim_oci_stats,
    .features = shim_oci_features,
};

SHIM_PLUGIN(plugin);
