/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/cgroup and a cgroup's counters, as the monitor reads them: any bytes. */
#include "t/fuzz/monitor.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *bytes = fuzz_text(data, size), buffer[128];
    struct text path = TEXT_IN(buffer);
    if (oom_counter_path(bytes, &path)) {
        CHECK(text_after(path.buffer, "/sys/fs/cgroup/"));
        CHECK(!strchr(path.buffer, '\n') && strlen(path.buffer) == path.length);
    }
    if (oom_count(bytes) > 0)
        CHECK(strstr(bytes, "oom_kill "));
    free(bytes);
    return 0;
}
