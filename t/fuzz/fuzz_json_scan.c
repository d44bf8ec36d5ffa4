/* SPDX-License-Identifier: Apache-2.0 */
/* The quick look into a config.json that the shim of containerd takes. */
#include "t/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "containerd/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *document = fuzz_text(data, size);
    char buffer[16];
    int r = json_scan_text(document, "annotations", "k", buffer, sizeof(buffer));
    CHECK(r < 0 || (size_t)r == strlen(buffer));
    free(document);
    return 0;
}
