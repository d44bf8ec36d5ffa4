/* SPDX-License-Identifier: Apache-2.0 */
/* A monitor for fuzz targets: its parts, linked with a C library, without its main loop. */
#ifndef SHIMHOST_T_FUZZ_MONITOR_H
#define SHIMHOST_T_FUZZ_MONITOR_H

#include "t/fuzz/fuzz.h"
#include "monitor/monitor.h"

/* Makes a monitor that watches, in a private working directory, with no stream and no log. */
void fuzz_monitor(struct monitor *monitor, struct plan *plan);

/* Closes what it has open, gives its buffers back, and empties what it wrote to its own log. */
void fuzz_monitor_clear(struct monitor *monitor);

#endif
