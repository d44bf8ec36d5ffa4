/* SPDX-License-Identifier: Apache-2.0 */
/* Time: deadlines on the monotonic clock, and timestamps for people and records. */
#ifndef SHIMHOST_BASE_CLOCK_H
#define SHIMHOST_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* "2017-01-31T23:59:59.123456789Z" and the NUL */
#define CLOCK_RFC3339_SIZE 31

/* Milliseconds on the monotonic clock. Never fails, never goes back; says nothing about the
 * date. */
int64_t clock_milliseconds(void);

/* The moment, on the same clock, that is `timeout` milliseconds away. SHIM_FOREVER (any negative
 * number) stays SHIM_FOREVER: a deadline that never comes. */
int64_t deadline_after(int64_t timeout);

/* What is left until then, in milliseconds: 0 when it has passed, SHIM_FOREVER when it never
 * comes. */
int64_t deadline_left(int64_t deadline);

/* deadline_left() in the form that poll(2) takes. It may be shorter than what is left, so ask
 * deadline_left() whether the time is really up. */
int deadline_poll(int64_t deadline);

/* Writes the present time as RFC 3339 in UTC with nanoseconds. */
void clock_rfc3339(char buffer[CLOCK_RFC3339_SIZE]);

/* The same for any time of the years 0 to 9999. */
void clock_format(const struct timespec *time, char buffer[CLOCK_RFC3339_SIZE]);

#endif
