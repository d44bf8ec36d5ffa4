/* SPDX-License-Identifier: Apache-2.0 */
/* How the monitor enters the kernel through a C library: on machines that have no file of their own
 * here, and under the sanitizers. Only system.h includes this. */
#ifndef SHIMHOST_MONITOR_MACHINE_HOSTED_H
#define SHIMHOST_MONITOR_MACHINE_HOSTED_H

#include <errno.h>
#include <string.h>
#include <unistd.h>

static inline long call6(long number, long a, long b, long c, long d, long e, long f) {
    long result = syscall(number, a, b, c, d, e, f);
    return result < 0 ? -errno : result;
}

#define call0(number) call6(number, 0, 0, 0, 0, 0, 0)
#define call1(number, a) call6(number, a, 0, 0, 0, 0, 0)
#define call2(number, a, b) call6(number, a, b, 0, 0, 0, 0)
#define call3(number, a, b, c) call6(number, a, b, c, 0, 0, 0)
#define call4(number, a, b, c, d) call6(number, a, b, c, d, 0, 0)

#endif
