/* SPDX-License-Identifier: Apache-2.0 */
/* How the parts of this folder report what is wrong. */
#ifndef SHIMHOST_CONFIG_PROBLEM_H
#define SHIMHOST_CONFIG_PROBLEM_H

#include "config/config.h"

/* Where in the files something is. Line and column count from 1; line 0 is the file as a whole. */
struct place {
    const char *file;
    unsigned int line, column;
};

/* Adds "FILE:LINE:COLUMN: KEY: " and the formatted text to `problems`; `key` may be NULL. Returns
 * `code`, a negative errno, for those who end with it; others go on, and look at problems_since().
 */
int problem_add(struct config_problems *problems, int code, const struct place *place,
                const char *key, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Adds that memory has run out while reading `file`, and returns -ENOMEM. */
int problem_memory(struct config_problems *problems, const char *file);

/* How many problems there are; and, given an earlier number, the code of the first one since, or 0.
 */
size_t problems_mark(const struct config_problems *problems);
int problems_since(const struct config_problems *problems, size_t mark);

/* Puts those since an earlier number, all of one file, into the order of their places. */
void problems_sort(struct config_problems *problems, size_t mark);

/* A user's text fit for a message: cut, and without anything that a terminal would obey. */
struct shown {
    char text[96];
};
struct shown shown(const char *text);

#endif
