/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: aligned columns, the headings set off where a terminal shows them. */
#ifndef SHIMHOST_COMMAND_PRINT_H
#define SHIMHOST_COMMAND_PRINT_H

#include <stdio.h>

/* Begins with `headings` (NULL-terminated, at most 16) set and everything else 0. */
struct table {
    const char *const *headings;
    char **cells; /* private: row after row */
    size_t count, room;
    int failed; /* private */
};

/* Appends the next cell, from left to right. What a terminal would act on is
 * escaped. An empty text shows as
 * "-". */
void table_cell(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints the rows and frees the cells. Returns 0, or -ENOMEM, and prints nothing then. */
int table_print(struct table *table, FILE *stream);

#endif
