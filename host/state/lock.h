/* SPDX-License-Identifier: Apache-2.0 */
/* A file as a lock, which knows nothing of what it guards. It is the descriptor's: closing that
 * gives it back, the end of the program too. */
#ifndef SHIMHOST_STATE_LOCK_H
#define SHIMHOST_STATE_LOCK_H

#include <stdint.h>

/* Takes it, F_RDLCK (shared) or F_WRLCK (exclusive) of <fcntl.h>, once all who came before have
 * given it back. Who comes later waits, whatever he wants. -ETIMEDOUT: `deadline` (see
 * base/clock.h) has passed; -ECANCELED: `cancel_fd` (or -1) is readable or at its end. */
int lock_take(int fd, int mode, int64_t deadline, int cancel_fd);

/* Takes it, exclusive, without waiting. 1: taken; 0: somebody has it, in either mode. */
int lock_try(int fd);

/* 1: somebody has it, exclusive, by another opening of the file; 0: nobody has. Never blocks. */
int lock_held(int fd);

#endif
