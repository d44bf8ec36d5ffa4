/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options as data: a command lists what it takes and in which field of its own structure it wants
 * it. Parsing, help and complaints come from the same list.
 */
#ifndef SHIMHOST_COMMAND_OPTIONS_H
#define SHIMHOST_COMMAND_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <shimhost/plugin.h>

/* The type of the field that an option fills. */
enum option_kind {
    OPTION_END,
    OPTION_FLAG,     /* bool: the option has no argument */
    OPTION_TEXT,     /* const char *: points into argv */
    OPTION_LIST,     /* struct option_list: may be given again */
    OPTION_DURATION, /* struct option_duration: "500ms", "30s", "2m", "1h" */
    OPTION_FORMAT,   /* enum output_format: "table" or "json" */
    OPTION_GROUP,    /* no option: the options of `group`, whose structure is in the field */
};

enum output_format { FORMAT_TABLE, FORMAT_JSON };

/* What an option that may be repeated has collected: NULL-terminated, or NULL if there was none. */
struct option_list {
    const char **items;
    size_t count;
};

struct option_duration {
    int64_t milliseconds;
    bool given;
};

struct option_spec {
    enum option_kind kind;
    char letter; /* or 0 */
    const char *name;
    const char *argument; /* its name in the help, or NULL for a flag */
    const char *help;
    size_t field; /* offset in the command's structure */
    const struct option_spec *group;
};

/* Every list has this in the end; it adds no field. */
#define OPTIONS_DONE                                                                               \
    { .kind = OPTION_END }

struct options_input {
    const struct option_spec *specs; /* ends with OPTIONS_DONE */
    int argc;
    char **argv;   /* argv[0] is skipped; the operands are moved to the end */
    bool in_order; /* the first operand ends the options, as for a command to be run */
};

/* Fills the fields of `target`, which starts zeroed or with its defaults. *ret_first is the index
 * of the first operand. *ret_help: --help or -h was given, and the rest is unchecked. -EINVAL: the
 * error says which option, and what was expected. What the lists of `target` hold is the caller's,
 * also on failure: options_clear(). */
int options_parse(const struct options_input *input, void *target, int *ret_first, bool *ret_help,
                  struct shim_error *error);

/* Frees the lists in `target`. */
void options_clear(const struct option_spec *specs, void *target);

/* Prints one line for each option, --help included. */
void options_help(const struct option_spec *specs, FILE *stream);

#endif
