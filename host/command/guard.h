/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps a bad plugin from ending the program without a word: when an entry of a plugin crashes,
 * calls exit() or does not return in time, the program says which plugin and entry it was and ends.
 * Containers live beside their monitors and state is written by renaming, so neither is harmed.
 *
 * For a program with one thread, which may have one guard. It takes the handlers of SIGSEGV,
 * SIGBUS, SIGILL, SIGFPE and SIGABRT, and of the real-time signal SIGRTMAX, which it uses as its
 * alarm. A process that was forked from the program is not guarded.
 */
#ifndef SHIMHOST_COMMAND_GUARD_H
#define SHIMHOST_COMMAND_GUARD_H

#include "engine/engine.h"

/* Sets the handlers and returns the guard, for struct engine_options. `command` stands in the
 * message, "shimhost: COMMAND: …", and must stay valid; `exit_status` is what the program then ends
 * with. May be called again, to change these two. NULL: it could not be set up (errno), and the
 * program goes on unguarded. */
struct engine_guard *guard_set_up(const char *command, int exit_status);

/* From now on the guard puts what it has to say into `text`, with a NUL in the end, instead of
 * telling the user. */
void guard_tell(char *text, size_t size);

#endif
