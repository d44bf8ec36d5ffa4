/* SPDX-License-Identifier: Apache-2.0 */
/* -info: what the runtime behind this shim is. containerd 2.x asks. */
#include <config.h>

#include <string.h>

#include "base/fd.h"
#include "containerd/actions.h"
#include "runtime.pb-c.h"

#define HELPER_TIMEOUT 10000 /* milliseconds */
#define FEATURES_TYPE "types.containerd.io/opencontainers/runtime-spec/1/features/Features"

static void set_annotation(Pb__RuntimeInfo__AnnotationsEntry *entry, const char *key, char *value) {
    pb__runtime_info__annotations_entry__init(entry);
    entry->key = (char *)(uintptr_t)key;
    entry->value = value;
}

int action_info(const struct arguments *arguments, struct shim_error *error) {
    static char name[] = "io.containerd.shimhost.v1", version_text[] = PACKAGE_VERSION;
    static char features_type[] = FEATURES_TYPE;
    uint8_t *input AUTO_FREE = NULL;
    size_t length;
    int r = action_input(&input, &length, error);
    if (r < 0)
        return r;
    Pb__Any *options = length > 0 ? pb__any__unpack(NULL, length, input) : NULL;
    Pb__HelperRequest request = PB__HELPER_REQUEST__INIT;
    request.verb = PB__VERB__VERB_FEATURES;
    request.options = options;
    request.runtime = (char *)(uintptr_t)arguments->runtime;
    Pb__HelperResponse *response = action_helper(&request, HELPER_TIMEOUT);

    Pb__RuntimeInfo info = PB__RUNTIME_INFO__INIT;
    Pb__RuntimeVersion version = PB__RUNTIME_VERSION__INIT;
    Pb__Any features = PB__ANY__INIT;
    Pb__RuntimeInfo__AnnotationsEntry entries[2], *list[2] = {&entries[0], &entries[1]};
    info.name = name;
    info.version = &version;
    info.options = options;
    version.version = version_text;
    if (response && response->text.len > 0) {
        features.type_url = features_type;
        features.value = response->text;
        info.features = &features;
    }
    if (response && response->code == 0) {
        set_annotation(&entries[0], "shimhost.runtime", response->runtime_name);
        set_annotation(&entries[1], "shimhost.runtime.version", response->runtime_version);
        info.n_annotations = 2;
        info.annotations = list;
    }
    r = action_output(&info.base, error);
    if (response)
        pb__helper_response__free_unpacked(response, NULL);
    if (options)
        pb__any__free_unpacked(options, NULL);
    return r;
}
