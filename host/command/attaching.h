/* SPDX-License-Identifier: Apache-2.0 */
/* The user's terminal or streams at a process: what attach, run and exec have in common. */
#ifndef SHIMHOST_COMMAND_ATTACHING_H
#define SHIMHOST_COMMAND_ATTACHING_H

#include "command/command.h"
#include "command/signals.h"
#include "stream/attach.h"

struct attaching {
    const struct invocation *invocation;
    const struct foreground *foreground; /* whose signals are read meanwhile */
    const char *container;
    const char *process;     /* NULL: init */
    const char *detach_keys; /* NULL: the usual ones */
    bool no_stdin;
    bool pass_signals; /* on to the process */
};

/* Is the sequence of detach keys (NULL: none was given) well-formed? Returns 0, or the exit status
 * after a complaint. */
int check_detach_keys(const struct invocation *invocation, const char *keys);

/* Attaches this program's standard streams until the process's output ends, or the user leaves by
 * the keys or by a signal, whose number is then in *ret_signal. Ends at once, with ATTACH_ENDED,
 * when the process's monitor is gone. At a terminal, SIGINT, SIGTERM, SIGHUP and SIGQUIT leave;
 * without one only if signals are not passed on. */
int attach_user(const struct attaching *attaching, enum attach_outcome *ret_outcome,
                int *ret_signal, struct shim_error *error);

/* Waits for the end of a process that this program has spawned; with `attached`, after the user has
 * been attached to it. Returns 0: it is over, and *ret_exit_status its status; 1: it runs on
 * without us, and *ret_exit_status is what to exit with; the user was told; or a negative errno, as
 * foreground_wait(). */
int stay_with(const struct attaching *attaching, bool attached, int32_t *ret_exit_status,
              struct shim_error *error);

#endif
