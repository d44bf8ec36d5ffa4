/* SPDX-License-Identifier: Apache-2.0 */
#include "command/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/nearest.h"
#include "config/value.h"

#define OPTIONS_MAX 40
#define HELP_COLUMN 30

/* What getopt_long() returns for the option with this index: beyond all letters. */
#define VALUE_OF(index) (256 + (int)(index))

/* An option with its place in the command's structure. */
struct placed_option {
    const struct option_spec *spec;
    size_t field;
};

/* All options of a command, those of its groups among them. */
struct option_table {
    struct placed_option options[OPTIONS_MAX];
    size_t count;
};

static void table_add(struct option_table *table, const struct option_spec *specs, size_t base) {
    for (; specs->kind != OPTION_END; specs++) {
        if (specs->kind == OPTION_GROUP)
            table_add(table, specs->group, base + specs->field);
        else if (table->count < OPTIONS_MAX)
            table->options[table->count++] =
                (struct placed_option){.spec = specs, .field = base + specs->field};
    }
}

static void table_fill(struct option_table *table, const struct option_spec *specs) {
    table->count = 0;
    table_add(table, specs, 0);
}

/* The same options, as getopt_long() wants them. --help comes after the last of the table. */
struct getopt_lists {
    struct option names[OPTIONS_MAX + 2];
    char letters[2 * OPTIONS_MAX + 4];
};

static void lists_fill(struct getopt_lists *lists, const struct option_table *table,
                       bool in_order) {
    char *letter = lists->letters;
    if (in_order)
        *letter++ = '+';
    *letter++ = ':'; /* a missing argument is told apart from an unknown option */
    for (size_t i = 0; i < table->count; i++) {
        const struct option_spec *spec = table->options[i].spec;
        lists->names[i] = (struct option){
            .name = spec->name, .has_arg = spec->argument != NULL, .val = VALUE_OF(i)};
        if (spec->letter)
            *letter++ = spec->letter;
        if (spec->letter && spec->argument)
            *letter++ = ':';
    }
    lists->names[table->count] = (struct option){.name = "help", .val = VALUE_OF(table->count)};
    lists->names[table->count + 1] = (struct option){0};
    *letter++ = 'h';
    *letter = '\0';
}

/* The option that getopt_long() means by `value`, or NULL: --help or none. */
static const struct placed_option *option_of(const struct option_table *table, int value) {
    for (size_t i = 0; i < table->count; i++) {
        char letter = table->options[i].spec->letter;
        if (value == VALUE_OF(i) || (letter && value == letter))
            return &table->options[i];
    }
    return NULL;
}

static int list_append(struct option_list *list, const char *value, struct shim_error *error) {
    const char **items = reallocarray(list->items, list->count + 2, sizeof(*items));
    if (!items)
        return error_set(error, -ENOMEM, "out of memory");
    list->items = items;
    list->items[list->count++] = value;
    list->items[list->count] = NULL;
    return 0;
}

static int store_format(enum output_format *field, const char *value, struct shim_error *error) {
    if (strcmp(value, "table") == 0)
        *field = FORMAT_TABLE;
    else if (strcmp(value, "json") == 0)
        *field = FORMAT_JSON;
    else
        return error_set(error, -EINVAL, "--format: '%s' is neither 'table' nor 'json'", value);
    return 0;
}

static int store_duration(const char *name, struct option_duration *field, const char *value,
                          struct shim_error *error) {
    const char *wrong = value_duration(value, &field->milliseconds);
    if (wrong)
        return error_set(error, -EINVAL,
                         "--%s: '%s' %s; expected a duration such as 500ms, 30s, 2m or 1h", name,
                         value, wrong);
    field->given = true;
    return 0;
}

static int store(const struct placed_option *option, void *target, const char *value,
                 struct shim_error *error) {
    const struct option_spec *spec = option->spec;
    void *field = (char *)target + option->field;
    switch (spec->kind) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return 0;
    case OPTION_TEXT:
        *(const char **)field = value;
        return 0;
    case OPTION_LIST:
        return list_append(field, value, error);
    case OPTION_DURATION:
        return store_duration(spec->name, field, value, error);
    case OPTION_FORMAT:
        return store_format(field, value, error);
    case OPTION_GROUP:
    case OPTION_END:
        break;
    }
    return error_set(error, -EINVAL, "--%s: cannot be stored", spec->name);
}

/* `word` as the user wrote it: "--detahc" or "--detahc=x". */
static int unknown_name(const struct option_table *table, const char *word,
                        struct shim_error *error) {
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
    struct nearest nearest = {.wanted = name};
    size_t beginning = 0;
    for (size_t i = 0; i < table->count; i++) {
        const char *offered = table->options[i].spec->name;
        beginning += strncmp(offered, name, strlen(name)) == 0;
        nearest_offer(&nearest, offered);
    }
    nearest_offer(&nearest, "help");
    if (beginning > 1)
        return error_set(error, -EINVAL, "option '--%s' is ambiguous", name);
    if (nearest.found)
        return error_set(error, -EINVAL, "unknown option '--%s' (did you mean '--%s'?)", name,
                         nearest.found);
    return error_set(error, -EINVAL, "unknown option '--%s'", name);
}

/* Says what getopt_long() could not take. */
static int refuse(const struct option_table *table, int found, const char *word,
                  struct shim_error *error) {
    const struct placed_option *option = option_of(table, optopt);
    if (found == ':' && option)
        return error_set(error, -EINVAL, "option '%s' needs an argument: %s", word,
                         option->spec->argument);
    if (optopt >= VALUE_OF(0))
        return error_set(error, -EINVAL, "option '--%s' takes no argument",
                         option ? option->spec->name : "help");
    if (optopt)
        return error_set(error, -EINVAL, "unknown option '-%c'", optopt);
    return unknown_name(table, word, error);
}

int options_parse(const struct options_input *input, void *target, int *ret_first, bool *ret_help,
                  struct shim_error *error) {
    struct option_table table;
    struct getopt_lists lists;
    table_fill(&table, input->specs);
    lists_fill(&lists, &table, input->in_order);
    opterr = 0;
    optind = 0; /* glibc: begin again, with these lists */
    for (;;) {
        int found = getopt_long(input->argc, input->argv, lists.letters, lists.names, NULL);
        if (found == -1)
            break;
        if (found == 'h' || found == VALUE_OF(table.count)) {
            *ret_help = true;
            return 0;
        }
        if (found == '?' || found == ':')
            return refuse(&table, found, input->argv[optind - 1], error);
        int r = store(option_of(&table, found), target, optarg, error);
        if (r < 0)
            return r;
    }
    *ret_first = optind;
    *ret_help = false;
    return 0;
}

void options_clear(const struct option_spec *specs, void *target) {
    struct option_table table;
    table_fill(&table, specs);
    for (size_t i = 0; i < table.count; i++)
        if (table.options[i].spec->kind == OPTION_LIST) {
            struct option_list *list = (void *)((char *)target + table.options[i].field);
            free(list->items);
            *list = (struct option_list){0};
        }
}

static void help_line(FILE *stream, char letter, const char *name, const char *argument,
                      const char *help) {
    char option[80], dash[8] = "    ";
    if (letter)
        snprintf(dash, sizeof(dash), "-%c, ", letter);
    snprintf(option, sizeof(option), "  %s--%s%s%s", dash, name, argument ? " " : "",
             argument ? argument : "");
    if (strlen(option) + 1 >= HELP_COLUMN)
        fprintf(stream, "%s\n%*s%s\n", option, HELP_COLUMN, "", help);
    else
        fprintf(stream, "%-*s%s\n", HELP_COLUMN, option, help);
}

void options_help(const struct option_spec *specs, FILE *stream) {
    struct option_table table;
    table_fill(&table, specs);
    for (size_t i = 0; i < table.count; i++) {
        const struct option_spec *spec = table.options[i].spec;
        help_line(stream, spec->letter, spec->name, spec->argument, spec->help);
    }
    help_line(stream, 'h', "help", NULL, "print this and exit");
}
