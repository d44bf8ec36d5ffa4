/* SPDX-License-Identifier: Apache-2.0 */
/* The control FIFO of a monitor: any bytes, written in pieces as the first byte says. */
#include "t/fuzz/monitor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct monitor monitor;
    struct plan plan;
    int pair[2];
    if (size == 0)
        return 0;
    size_t piece = data[0] % 60 + 1u;
    fuzz_monitor(&monitor, &plan);
    CHECK(pipe2(pair, O_NONBLOCK | O_CLOEXEC) == 0);
    monitor.control_fd = pair[0];
    for (size_t at = 1; at < size; at += piece) {
        CHECK(write(pair[1], data + at, size - at < piece ? size - at : piece) > 0);
        control_read(&monitor);
        CHECK(monitor.control.length < sizeof(monitor.control.text));
    }
    close(pair[1]);
    fuzz_monitor_clear(&monitor);
    return 0;
}
