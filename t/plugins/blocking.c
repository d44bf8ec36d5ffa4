/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin for a runtime with the OCI command line, whose signals block. */
#include <shimhost/oci.h>
#include <unistd.h>

static int open_runtime(struct shim_context *context, struct shim_error *error) {
    static const struct shim_oci_runtime runtime = {.size = sizeof(runtime), .name = "blocking"};
    return shim_oci_open(context, &runtime, error);
}

static int send_signal(const struct shim_context *context, const struct shim_process *process,
                       int32_t number, struct shim_error *error) {
    (void)context, (void)process, (void)number, (void)error;
    for (;;)
        pause();
}

static const struct shim_plugin plugin = {
    .size = sizeof(plugin),
    .abi_version = SHIM_ABI_VERSION,
    .name = "blocking",
    .version = "1.0",
    .summary = "a runtime with the OCI command line whose signals block, for tests",
    .spawn = shim_oci_spawn,
    .load = shim_oci_load,
    .wait = shim_oci_wait,
    .signal = send_signal,
    .open = open_runtime,
    .close = shim_oci_close,
    .remove = shim_oci_remove,
    .state = shim_oci_state,
};
SHIM_PLUGIN(plugin);
