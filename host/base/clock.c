/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <limits.h>
#include <shimhost/plugin.h>
#include <stdio.h>

int64_t clock_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t deadline_after(int64_t timeout) {
    if (timeout < 0)
        return SHIM_FOREVER;
    int64_t now = clock_milliseconds();
    return timeout > INT64_MAX - now ? INT64_MAX : now + timeout;
}

int64_t deadline_left(int64_t deadline) {
    if (deadline < 0)
        return SHIM_FOREVER;
    int64_t now = clock_milliseconds();
    return deadline > now ? deadline - now : 0;
}

int deadline_poll(int64_t deadline) {
    int64_t left = deadline_left(deadline);
    return left > INT_MAX ? INT_MAX : (int)left;
}

void clock_format(const struct timespec *time, char buffer[CLOCK_RFC3339_SIZE]) {
    struct tm date;
    gmtime_r(&time->tv_sec, &date);
    size_t used = strftime(buffer, CLOCK_RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &date);
    snprintf(buffer + used, CLOCK_RFC3339_SIZE - used, ".%09ldZ", time->tv_nsec);
}

void clock_rfc3339(char buffer[CLOCK_RFC3339_SIZE]) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_format(&now, buffer);
}
