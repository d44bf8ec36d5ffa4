/* SPDX-License-Identifier: Apache-2.0 */
/* config.json of a bundle: any bytes. What is made of it can be read again. */
#include "t/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/engine.h"
#include "state/record.h"

static void make_exec(const struct bundle *bundle) {
    const char *const arguments[] = {"true", NULL};
    const char *const environment[] = {"A=b", NULL};
    const struct exec_template exec = {
        .arguments = arguments, .environment = environment, .cwd = "/tmp", .user = "1:2"};
    char *process = NULL;
    struct shim_error error = ERROR_NONE;
    int r = bundle_exec_process(bundle, &exec, &process, &error);
    CHECK(r == 0 || error.message[0]);
    if (r == 0) {
        int terminal = -1;
        CHECK(record_check_object(process, "process", &terminal, &error) == 0);
        CHECK(terminal == 0);
    }
    free(process);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bundle bundle;
    struct shim_error error = ERROR_NONE;
    fuzz_put("config.json", data, size);
    int r = bundle_read(fuzz_directory(), &bundle, &error);
    if (r < 0) {
        CHECK(error.message[0] && error.code == r);
        return 0;
    }
    CHECK(bundle.oci_version && bundle.path[0] == '/');
    CHECK(record_check_object(bundle.process, "process", NULL, &error) == 0);
    CHECK(record_check_object(bundle.annotations, "annotations", NULL, &error) == 0);
    make_exec(&bundle);
    const char *const argv[] = {"/bin/true", NULL};
    fuzz_make_directory("varied");
    char path[256];
    strcpy(path, bundle.path);
    int varied = openat(fuzz_directory_fd(), "varied", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    r = bundle_vary(path, argv, varied, &error);
    close(varied);
    if (r == 0) {
        struct bundle again;
        strcat(path, "/varied");
        CHECK(bundle_read(path, &again, &error) == 0 && !again.terminal);
        bundle_clear(&again);
    }
    bundle_clear(&bundle);
    return 0;
}
