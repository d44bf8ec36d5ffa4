/* SPDX-License-Identifier: Apache-2.0 */
/* What a runtime's log has to say about a failure. Runtimes log a JSON object a line, with "level"
 * and "msg" among its members; what does not look like that is shown as it is. */
#ifndef SHIMHOST_PROCESS_RUNTIME_LOG_H
#define SHIMHOST_PROCESS_RUNTIME_LOG_H

#include <shimhost/plugin.h>
#include <stdbool.h>

/* No more than this is read, from the end of the file. */
#define RUNTIME_LOG_MAX (64u << 10)

/* The message of the last error in the file `name`: of the last object whose level is error, fatal
 * or panic, or that has none. Else, if the last line is no object at all, that line. It is put into
 * `buffer`, cut to `size` (at least 8) at a character, NUL-terminated, without control characters.
 * Returns its length; -ENOENT: no such file, or no error in it; or why the file could not be read;
 * `buffer` is empty then. */
int runtime_log_last_error(int directory_fd, const char *name, char *buffer, size_t size);

/* The same out of a text. `begun` says that it begins in the middle of a line. -ENOENT: no error in
 * it. */
int runtime_log_find(const char *text, size_t length, bool begun, char *buffer, size_t size);

#endif
