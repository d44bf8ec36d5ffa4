/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal that the user sits at: put into raw mode, and back again whatever happens. */
#ifndef SHIMHOST_STREAM_TERMINAL_H
#define SHIMHOST_STREAM_TERMINAL_H

#include <shimhost/plugin.h>

/* Puts the terminal `fd`, which has to stay open, into raw mode: every key is a byte, none a
 * signal. What it was is remembered, and put back by terminal_restore(), by exit(), and when the
 * program crashes (SIGSEGV, SIGABRT and their kind); not by SIGKILL. A program has one such
 * terminal. Called again, for the same one, it is put into raw mode once more, as after a stop.
 * -ENOTTY: it is no terminal. */
int terminal_raw(int fd, struct shim_error *error);

/* Puts back what terminal_raw() found; without one before it does nothing. May be called in a
 * signal handler, and when the program is in the background. errno is left as it was. */
void terminal_restore(void);

/* The size of the terminal `fd`. -ENOTTY: it is none; -ENODATA: it does not know. */
int terminal_size(int fd, uint16_t *ret_columns, uint16_t *ret_rows);

#endif
