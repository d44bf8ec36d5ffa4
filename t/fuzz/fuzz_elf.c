/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin file that is looked into before it is loaded: any bytes. */
#include "t/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "check/elf.h"

static int each(const char *name, void *user) {
    size_t *length = user;
    *length += strlen(name);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[256];
    size_t length = 0;
    struct shim_error error = ERROR_NONE;
    fuzz_put("plugin.so", data, size);
    snprintf(path, sizeof(path), "%s/plugin.so", fuzz_directory());
    int r = elf_exports(path, each, &length, &error);
    CHECK(r == 0 || error.message[0]);
    return 0;
}
