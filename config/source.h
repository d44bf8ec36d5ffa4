/* SPDX-License-Identifier: Apache-2.0 */
/* Opens and reads configuration files, and only those that nobody else could have written. */
#ifndef SHIMHOST_CONFIG_SOURCE_H
#define SHIMHOST_CONFIG_SOURCE_H

#include "config/arena.h"
#include "config/problem.h"

#define SOURCE_LIMIT ((size_t)1 << 20) /* bytes of a file */

/* The text of a file. */
struct source {
    const char *path;
    const char *text; /* NUL-terminated; whether it has more NULs is not known */
    size_t length;
};

/* Reads the file `path` (absolute), which the result refers to; the text is the arena's. Follows
 * symbolic links. Refused: what is not a regular file; what is larger than SOURCE_LIMIT; a file, or
 * the directory that it is in, that belongs to another than root or the caller, or that group or
 * others can write (a sticky directory they may). Returns 0, or a negative errno with a problem;
 * without one for -ENOENT, which the caller knows how to put. Never hangs on a FIFO. */
int source_read(const char *path, struct arena *arena, struct source *ret_source,
                struct config_problems *problems);

/* The names NAME of all files NAME.yaml in the directory `path`, sorted; the list and its texts are
 * the arena's. Names that begin with a dot are left out. A missing directory is empty. The
 * directory is refused as above. Returns 0, or a negative errno with a problem. */
int source_list(const char *path, struct arena *arena, const char *const **ret_names,
                size_t *ret_count, struct config_problems *problems);

#endif
