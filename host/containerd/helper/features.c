/* SPDX-License-Identifier: Apache-2.0 */
/* -info: what the runtime is, and what it says of itself to those who ask in the words of the OCI.
 */
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "containerd/helper/helper.h"
#include "process/command.h"
#include "state/json_value.h"

#define FEATURES_TIMEOUT 3000 /* milliseconds */

/* The answer of `BINARY features`. Not every runtime knows that: then there is none. */
static void ask_binary(struct helper *helper, const char *binary) {
    const char *const argv[] = {binary, "features", NULL};
    const struct command command = {
        .argv = argv, .directory_fd = -1, .timeout = FEATURES_TIMEOUT, .cancel_fd = -1};
    struct shim_output output = {.size = sizeof(output)};
    struct shim_error ignored = ERROR_NONE;
    char version[64];
    if (command_run(&command, &output, &ignored) < 0)
        return;
    if (output.exit_status == 0 &&
        json_value(output.text, "/ociVersionMin", version, sizeof(version), NULL) > 0) {
        helper->response.text.len = strlen(output.text);
        helper->response.text.data = (uint8_t *)pointer_steal(&output.text);
    }
    free(output.text);
}

static int ask(struct helper *helper, const struct choice *choice, struct shim_error *error) {
    const struct shim_plugin *plugin;
    struct shim_features features;
    int r = helper_open(helper, choice->config, error);
    if (r < 0)
        return r;
    const char *name = choice->runtime               ? choice->runtime
                       : helper->request->runtime[0] ? helper->request->runtime
                                                     : helper->config->default_runtime;
    r = engine_features(helper->engine, name, &plugin, &features, error);
    if (r < 0)
        return r;
    helper->response.runtime_name = strdup(name);
    helper->response.runtime_version = strdup(features.version);
    if (!helper->response.runtime_name || !helper->response.runtime_version)
        return error_set(error, -ENOMEM, "out of memory");
    if (choice->binary || features.binary[0])
        ask_binary(helper, choice->binary ? choice->binary : features.binary);
    return 0;
}

int verb_features(struct helper *helper, struct shim_error *error) {
    struct choice choice = {NULL};
    int r = choice_read(helper->request->options, helper->request->bundle, &choice, error);
    if (r >= 0)
        r = ask(helper, &choice, error);
    choice_clear(&choice);
    return r;
}
