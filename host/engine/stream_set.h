/* SPDX-License-Identifier: Apache-2.0 */
/* What a launch is told about the streams: collected piece by piece, then handed over. And how the
 * files and FIFOs of streams are opened. For the engine's streams alone. */
#ifndef SHIMHOST_ENGINE_STREAM_SET_H
#define SHIMHOST_ENGINE_STREAM_SET_H

#include "engine/internal.h"

/* Adds a word for the monitor. -ENOMEM; -E2BIG: there are too many. */
int stream_set_word(struct stream_set *set, struct shim_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a descriptor that the monitor is to get, under the number *ret_number, which is how words
 * name it. Takes `fd_take`, also on failure. */
int stream_set_descriptor(struct stream_set *set, int fd_take, int *ret_number,
                          struct shim_error *error);

/* stream_files.c. All errors name the path, and say what to do where that is plain; none follows a
 * symbolic link or waits for anybody. */

/* A regular file. With O_CREAT in `flags` it is made if it is missing, of mode 0640 whatever the
 * umask. */
int stream_file_open(const char *path, int flags, int *ret_fd, struct shim_error *error);

/* A FIFO that is there, opened for reading or for both directions, without blocking. */
int stream_fifo_open(const char *path, int flags, int *ret_fd, struct shim_error *error);

/* The same FIFO, which is open as `fd`, once more, in the direction `flags`; it blocks in use. */
int stream_fifo_again(int fd, int flags, int *ret_fd, struct shim_error *error);

#endif
