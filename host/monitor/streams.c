/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors 0 to 2. The process has been handed them and needs nobody in between. The monitor
 * keeps those that it is told to: a FIFO open in both directions lives on while its other end comes
 * and goes.
 *
 * What has to be copied (log drivers, terminals, attached clients) has its place here: descriptors
 * that watch.c polls, read and written by functions of this file.
 */
#include "monitor.h"

/* Lets go of the descriptors in `mask`. They stay taken, by /dev/null: an unlucky open() must not
 * become anybody's standard output. */
static void let_go(const struct monitor *monitor, unsigned mask) {
    int null_fd = mask ? sys_open("/dev/null", O_RDWR, 0) : -ENODEV;
    if (mask && null_fd < 0)
        log_line(monitor, "warning", "cannot open /dev/null: error %d", -null_fd);
    for (int fd = 0; fd <= 2; fd++)
        if ((mask & (1u << fd)) && (null_fd < 0 || sys_dup3(null_fd, fd, O_CLOEXEC) < 0))
            sys_close(fd);
    if (null_fd > 2)
        sys_close(null_fd);
}

void streams_release(struct monitor *monitor) {
    let_go(monitor, ~monitor->plan->keep & 7);
}

void streams_close_input(struct monitor *monitor) {
    let_go(monitor, monitor->plan->keep & 1);
}

void streams_end(struct monitor *monitor) {
    let_go(monitor, monitor->plan->keep);
}

void streams_resize(struct monitor *monitor, unsigned width, unsigned height) {
    log_line(monitor, "warning", "the process has no terminal to resize to %dx%d", (int)width,
             (int)height);
}

void streams_reopen(struct monitor *monitor) {
    log_line(monitor, "warning", "the monitor writes no logs that could be reopened");
}
