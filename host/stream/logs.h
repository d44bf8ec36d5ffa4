/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a log back: what the process wrote, as it wrote it. */
#ifndef SHIMHOST_STREAM_LOGS_H
#define SHIMHOST_STREAM_LOGS_H

#include <shimhost/plugin.h>
#include <stdio.h>

#include "stream/log_record.h"

#define LOGS_ALL (-1)
#define LOGS_SINCE_EVER INT64_MIN

struct logs_options {
    const char *path; /* absolute; the newest file of the log */
    enum log_kind kind;
    unsigned int streams; /* bit N: log_stream N is shown */
    int64_t tail;         /* only so many of the last lines; LOGS_ALL */
    int64_t since;        /* only records of this time or later: nanoseconds since 1970 */
    bool timestamps;      /* each line begins with its time */
    bool follow;          /* go on with what is still being written */
    int end_fd;           /* follow: readable once nothing more will be written */
    FILE *outputs[2];     /* of each log_stream */
    /* A record was left out, or a part of the log is gone. The sentence names the place. */
    void (*complain)(const char *sentence, void *user);
    void *user;
};

/* Prints it. The parts of a line are printed as they come, so that the longest needs no memory; a
 * last line without a newline is printed without one. The outputs are flushed. With `follow`, new
 * records are waited for with inotify(7), through rotations, until `end_fd` is readable and all is
 * read, or nobody reads the output any more. -ENOENT: there is no log; -EPIPE: nobody reads the
 * output; -EIO: it cannot be written. */
int logs_print(const struct logs_options *options, struct shim_error *error);

#endif
