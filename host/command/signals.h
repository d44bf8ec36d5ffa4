/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: their names, and passing them on to a process while waiting for its end. */
#ifndef SHIMHOST_COMMAND_SIGNALS_H
#define SHIMHOST_COMMAND_SIGNALS_H

#include "engine/engine.h"

/* The number of "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3"; -EINVAL with what was expected. */
int signal_parse(const char *text, struct shim_error *error);

/* While a process is spawned and waited for in the foreground, signals are read, not delivered. */
struct foreground {
    int cancel_fd; /* readable once the user gives up the spawn; for struct engine_options */
    int signal_fd; /* what is to be passed on */
};

#define FOREGROUND_NONE                                                                            \
    { .cancel_fd = -1, .signal_fd = -1 }

/* Blocks the signals that this program is sent and passes on, but for those that its caller has it
 * ignore, as nohup(1) does, for the rest of the program's life. */
int foreground_open(struct foreground *ret_foreground, struct shim_error *error);
void foreground_close(struct foreground *foreground);

/* The signal that has cancelled, or 0. */
int foreground_cancelled(const struct foreground *foreground);

/* From now on nothing can be cancelled: the cancel descriptor stays open, and silent. */
int foreground_spawned(struct foreground *foreground, struct shim_error *error);

/* Waits for the end of a process and passes on every signal that comes in the meantime, also those
 * that came before. *ret_exit_status as from engine_wait(). Blocks until the end; sleeps in
 * poll(2). */
int foreground_wait(const struct foreground *foreground, struct engine *engine,
                    const char *container, const char *process, int32_t *ret_exit_status,
                    struct shim_error *error);

#endif
