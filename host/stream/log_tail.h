/* SPDX-License-Identifier: Apache-2.0 */
/* Where the last lines of a log begin, found from its end. */
#ifndef SHIMHOST_STREAM_LOG_TAIL_H
#define SHIMHOST_STREAM_LOG_TAIL_H

#include "stream/log_files.h"
#include "stream/log_record.h"

struct log_tail {
    enum log_kind kind;
    unsigned int streams; /* bit N: log_stream N is of interest */
    int64_t since;        /* older records are of none */
    uint64_t wanted;      /* how many lines */
};

/* Where to begin to read. Lines of the two streams may be interleaved in parts, so what has to be
 * left out is counted for each: its first `skip` lines, the first of which may have begun before.
 */
struct log_position {
    int fd; /* the caller's to close */
    off_t offset;
    uint64_t skip[2];
};

/* Finds it, reading no more than is needed, in constant memory. A line that has not come to its end
 * at the end of the log counts as one. -ENOENT: there is no log. */
int log_tail_find(const struct log_files *files, const struct log_tail *tail,
                  struct log_position *ret_position, struct shim_error *error);

#endif
