/* SPDX-License-Identifier: Apache-2.0 */
/* The sentences for a launch that failed. Each fills the error and returns its code. */
#ifndef SHIMHOST_PROCESS_LAUNCH_FAILURE_H
#define SHIMHOST_PROCESS_LAUNCH_FAILURE_H

#include <signal.h>

#include "process/launch.h"

/* The monitor said "failed WHAT NUMBER". */
int launch_failure_said(const struct launch_plan *plan, const char *what, int number,
                        struct shim_error *error);

/* The monitor died without a word. `how` is what waitid() tells, or NULL: somebody else reaped it.
 */
int launch_failure_death(const struct launch_plan *plan, const siginfo_t *how,
                         struct shim_error *error);

/* The monitor was silent for longer than it may, and was killed; `cancelled`: after it had been
 * told to give up. */
int launch_failure_overdue(const struct launch_plan *plan, bool cancelled,
                           struct shim_error *error);

#endif
