/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a runtime, and what is known of it without asking it. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *find_binary(const struct shim_context *context,
                               const struct shim_oci_runtime *description) {
    if (context->runtime->binary)
        return context->runtime->binary;
    const char *const *path = description->binaries;
    for (; path && *path; path++)
        if (access(*path, X_OK) == 0)
            return *path;
    return NULL;
}

/* Without --root a runtime uses its default, which is another one for ordinary users. */
static const char *find_root(const struct shim_context *context,
                             const struct shim_oci_runtime *description) {
    const char *const *variable = context->runtime->environment;
    if (!description->state_root)
        return NULL;
    if (context->runtime->root)
        return context->runtime->root;
    for (; variable && *variable; variable++)
        if (strncmp(*variable, "XDG_RUNTIME_DIR=", strlen("XDG_RUNTIME_DIR=")) == 0)
            return NULL;
    return geteuid() == 0 ? description->state_root : NULL;
}

static int check_words(const struct shim_context *context, const struct shim_oci_word *word,
                       struct shim_error *error) {
    for (; word && word->usual; word++) {
        size_t i = 0;
        while (shim_oci_usual_word(i) && strcmp(shim_oci_usual_word(i), word->usual) != 0)
            i++;
        if (!shim_oci_usual_word(i) || !word->here)
            return oci_fail(context, error, -EINVAL, SHIM_REASON_NONE,
                            "the usual command line has no word \"%s\" that could be spelled "
                            "otherwise",
                            word->usual);
    }
    return 0;
}

int shim_oci_open(struct shim_context *context, const struct shim_oci_runtime *runtime,
                  struct shim_error *error) {
    const size_t least = offsetof(struct shim_oci_runtime, name) + sizeof(runtime->name);
    if (runtime->size < least || runtime->flags != 0 || !runtime->name)
        return oci_fail(context, error, -EINVAL, SHIM_REASON_NONE,
                        "the plugin's description of its runtime is not valid (size %u, flags "
                        "0x%x)",
                        runtime->size, runtime->size < least ? 0 : runtime->flags);
    struct oci *oci = (struct oci *)calloc(1, sizeof(*oci));
    if (!oci)
        return oci_fail(context, error, -ENOMEM, SHIM_REASON_NONE, "out of memory");
    memcpy(&oci->runtime, runtime,
           runtime->size < sizeof(oci->runtime) ? runtime->size : sizeof(oci->runtime));
    int r = check_words(context, oci->runtime.words, error);
    if (r < 0) {
        free(oci);
        return r;
    }
    oci->binary = find_binary(context, &oci->runtime);
    oci->root = find_root(context, &oci->runtime);
    context->data = oci;
    return 0;
}

void shim_oci_close(struct shim_context *context) {
    free(context->data);
    context->data = NULL;
}

const struct shim_oci_runtime *shim_oci_description(const struct shim_context *context) {
    return &oci_of(context)->runtime;
}

const char *shim_oci_binary(const struct shim_context *context) {
    return oci_of(context)->binary;
}
