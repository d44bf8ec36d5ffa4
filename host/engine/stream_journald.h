/* SPDX-License-Identifier: Apache-2.0 */
/* The log program of the target `journald`. */
#ifndef SHIMHOST_ENGINE_STREAM_JOURNALD_H
#define SHIMHOST_ENGINE_STREAM_JOURNALD_H

#include "engine/internal.h"

/* Starts the program that sends what it reads to the journal. `wanted` has bit N for descriptor N,
 * 1 or 2; for each, ret_fds[N] is the write end of a pipe, which does not block, for the caller to
 * close; the other stays as it is. The program is nobody's child and ends with the pipes. `tag` is
 * the SYSLOG_IDENTIFIER; NULL: the container's id. -EOPNOTSUPP: there is no such program in this
 * build. */
int journald_start(const struct process *process, unsigned int wanted, const char *tag,
                   int ret_fds[3], struct shim_error *error);

#endif
