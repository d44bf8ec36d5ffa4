/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that is wrong in one way, which the build chooses: see t/local.mk. Its entries do
 * nothing. */
#include <errno.h>
#include <shimhost/plugin.h>

#if defined(WITH_CONSTRUCTOR)
#include <stdlib.h>
#include <stdio.h>
/* Shows that the file has been loaded: it should not be, when who owns it is in doubt. */
__attribute__((constructor)) static void constructor(void) {
    const char *path = getenv("PLUGIN_LOADED");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file)
        fclose(file);
}
#endif

static int spawn(const struct shim_context *context, const struct shim_process *process,
                 struct shim_error *error) {
    (void)context, (void)process, (void)error;
    return -ENOSYS;
}

static int load(const struct shim_context *context, const struct shim_process *process,
                struct shim_state *ret_state, struct shim_error *error) {
    (void)context, (void)process, (void)ret_state, (void)error;
    return -ENOSYS;
}

static int wait_for(const struct shim_context *context, const struct shim_process *process,
                    int64_t timeout, int32_t *ret_exit_status, struct shim_error *error) {
    (void)context, (void)process, (void)timeout, (void)ret_exit_status, (void)error;
    return -ENOSYS;
}

#ifndef WITHOUT_SIGNAL
static int send_signal(const struct shim_context *context, const struct shim_process *process,
                       int32_t number, struct shim_error *error) {
    (void)context, (void)process, (void)number, (void)error;
    return -ENOSYS;
}
#endif

#ifndef PLUGIN_ABI
#define PLUGIN_ABI SHIM_ABI_VERSION
#endif
#ifdef WITHOUT_SIGNAL
#define SIGNAL_ENTRY NULL
#else
#define SIGNAL_ENTRY send_signal
#endif

/* An edition of the header that this host has never seen would have appended something. */
struct descriptor {
    struct shim_plugin known;
#ifdef LARGER
    void (*unknown)(void);
#endif
};
#ifndef PLUGIN_SIZE
#define PLUGIN_SIZE sizeof(struct descriptor)
#endif

static const struct descriptor descriptor = {
    .known =
        {
            .size = PLUGIN_SIZE,
            .abi_version = PLUGIN_ABI,
            .name = "broken",
            .version = "0",
            .summary = "does nothing",
            .spawn = spawn,
            .load = load,
            .wait = wait_for,
            .signal = SIGNAL_ENTRY,
        },
};

#ifndef WITHOUT_SYMBOL
SHIM_PLUGIN(descriptor.known);
#else
const struct shim_plugin *somebody_else(void);
SHIM_EXPORT const struct shim_plugin *somebody_else(void) {
    return &descriptor.known;
}
#endif
