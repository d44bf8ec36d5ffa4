/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that a process has been sent and has not got. */
#ifndef SHIMHOST_PROCESS_PENDING_H
#define SHIMHOST_PROCESS_PENDING_H

#include <stdbool.h>
#include <sys/types.h>

/* Also false if there is no such process. */
bool pending_signal(pid_t pid, int signal);

#endif
