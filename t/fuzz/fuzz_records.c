/* SPDX-License-Identifier: Apache-2.0 */
/* container.json and process.json: any bytes, as either. What is read and written again reads the
 * same. */
#include "t/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "state/json_value.h"
#include "state/record.h"

static void as_container(void) {
    struct container_record record, again;
    struct shim_error error = ERROR_NONE;
    int r = container_record_read(fuzz_directory_fd(), &record, &error);
    if (r < 0) {
        CHECK(error.message[0] && error.code == r);
        return;
    }
    if (container_record_write(fuzz_directory_fd(), &record, &error) == 0) {
        CHECK(container_record_read(fuzz_directory_fd(), &again, &error) == 0);
        CHECK(strcmp(record.id, again.id) == 0 && record.root_uid == again.root_uid);
        CHECK(!record.runtime_binary == !again.runtime_binary);
        container_record_clear(&again);
    }
    container_record_clear(&record);
}

static void as_process(const char *text) {
    struct process_record record, again;
    struct shim_error error = ERROR_NONE;
    int r = process_record_read(fuzz_directory_fd(), &record, &error);
    if (r < 0) {
        CHECK(error.message[0] && error.code == r);
        return;
    }
    if (process_record_write(fuzz_directory_fd(), text, &record, &error) == 0) {
        CHECK(process_record_read(fuzz_directory_fd(), &again, &error) == 0);
        CHECK(record.exec == again.exec && record.terminal == again.terminal);
        CHECK(record.root_gid == again.root_gid && !record.targets[1] == !again.targets[1]);
        process_record_clear(&again);
    }
    process_record_clear(&record);
}

/* What plugins ask of such a text. */
static void ask(const char *text) {
    static const char *const pointers[] = {"", "/", "/a", "/args/0", "/a~1b/~0", "/user/uid", "/0"};
    char value[64], *changed = NULL;
    struct shim_error error = ERROR_NONE;
    for (size_t i = 0; i < sizeof(pointers) / sizeof(*pointers); i++) {
        size_t count = 0;
        int r = json_value(text, pointers[i], value, sizeof(value), &count);
        CHECK(r < 0 || strlen(value) == (size_t)r);
    }
    if (record_set_terminal(text, true, &changed, &error) == 0) {
        int terminal = 0;
        CHECK(record_check_object(changed, "it", &terminal, &error) == 0 && terminal == 1);
    }
    free(changed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_text(data, size);
    fuzz_put("container.json", data, size);
    as_container();
    fuzz_put("process.json", data, size);
    as_process(text);
    ask(text);
    free(text);
    return 0;
}
