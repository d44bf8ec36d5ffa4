/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/stat, as the host and as the monitor read it: any bytes. What both can read, they read
 * as the same. */
#include "t/fuzz/fuzz.h"

#include <stdlib.h>

#include "monitor/monitor.h"
#include "process/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct process_stat host = {.pid = 0};
    struct child_stat monitor = {.state = 0};
    char *bytes = fuzz_text(data, size);
    struct text text = {.buffer = bytes, .size = size + 1, .length = size};
    int read_by_host = identity_parse_stat((const char *)data, size, &host);
    int read_by_monitor = child_parse_stat(&text, &monitor);
    CHECK(read_by_host == 0 || read_by_host == -EBADMSG);
    CHECK(read_by_monitor == 0 || read_by_monitor == -EBADMSG);
    /* The kernel writes no NUL, and one blank between two fields. */
    if (read_by_host == 0 && read_by_monitor == 0 && strlen(bytes) == size &&
        !strstr(bytes, "  ")) {
        CHECK(host.start_time == monitor.start_time);
        CHECK(host.state == monitor.state && host.parent == monitor.parent);
    }
    free(bytes);
    return 0;
}
