/* SPDX-License-Identifier: Apache-2.0 */
/* plugin list, plugin info: the files, not what is configured with them. */
#include <stdio.h>
#include <string.h>

#include "base/json_out.h"
#include "base/text.h"
#include "command/facts.h"
#include "command/print.h"
#include "plugin/registry.h"

struct plugin_arguments {
    enum output_format format;
};

static const struct option_spec plugin_specs[] = {
    {OPTION_FORMAT, 0, "format", "table|json", "how to print it; table by default",
     offsetof(struct plugin_arguments, format), NULL},
    OPTIONS_DONE,
};

/* One printed list. */
struct plugins {
    const struct invocation *invocation;
    enum output_format format;
    struct table table;
    struct json_out json;
};

/* The members that `plugin list` and `plugin info` share. */
static void print_members(struct json_out *out, const struct plugin_facts *facts,
                          const char *path) {
    json_out_text(out, "name", facts->opened ? facts->name : NULL);
    json_out_text(out, "version", facts->opened ? facts->version : NULL);
    if (facts->opened)
        json_out_integer(out, "abi", facts->abi);
    else
        json_out_null(out, "abi");
    json_out_text(out, "summary", facts->opened ? facts->summary : NULL);
    json_out_text(out, "path", path);
}

static void print_object(struct json_out *out, const struct plugin_facts *facts, const char *path) {
    json_out_object(out, NULL);
    print_members(out, facts, path);
    json_out_text(out, "problem", facts->problem[0] ? facts->problem : NULL);
    json_out_object_end(out);
}

static void add_row(struct table *table, const struct plugin_facts *facts, const char *path) {
    const char *file = strrchr(path, '/') + 1;
    table_cell(table, "%s", facts->opened ? facts->name : file);
    table_cell(table, "%s", facts->version);
    if (facts->opened)
        table_cell(table, "%u", facts->abi);
    else
        table_cell(table, "%s", "");
    table_cell(table, "%s", path);
    table_cell(table, "%s", facts->problem[0] ? facts->problem : facts->summary);
}

static int add_plugin(const char *path, void *user) {
    struct plugins *plugins = user;
    struct plugin_facts facts;
    facts_of_file(plugins->invocation, NULL, path, &facts);
    if (plugins->format == FORMAT_JSON)
        print_object(&plugins->json, &facts, path);
    else
        add_row(&plugins->table, &facts, path);
    return 0;
}

static int list(struct invocation *invocation, const void *data) {
    static const char *const headings[] = {"NAME", "VERSION", "ABI", "PATH", "SUMMARY", NULL};
    const struct plugin_arguments *arguments = data;
    struct plugins plugins = {.invocation = invocation,
                              .format = arguments->format,
                              .table = {.headings = headings},
                              .json = {.stream = stdout}};
    struct shim_error error = ERROR_NONE;
    struct config *config;
    if (invocation_config(invocation, &config) < 0)
        return EXIT_FAILED;
    if (arguments->format == FORMAT_JSON)
        json_out_array(&plugins.json, NULL);
    int r = plugin_list(config->plugin_dir, add_plugin, &plugins, &error);
    if (arguments->format == FORMAT_JSON) {
        json_out_array_end(&plugins.json);
        json_out_finish(&plugins.json);
    } else {
        int printed = table_print(&plugins.table, stdout);
        if (r == 0 && printed < 0)
            r = error_set(&error, printed, "out of memory");
    }
    return r < 0 ? complain(invocation, NULL, &error) : EXIT_DONE;
}

static void print_info_json(const struct plugin_facts *facts) {
    struct json_out out = {.stream = stdout};
    json_out_object(&out, NULL);
    print_members(&out, facts, facts->path);
    json_out_object(&out, "entries");
    for (size_t i = 0; plugin_entry_name(i); i++)
        json_out_boolean(&out, plugin_entry_name(i), facts->entries >> i & 1);
    json_out_object_end(&out);
    json_out_object_end(&out);
    json_out_finish(&out);
}

static void print_entries(const char *heading, uint32_t entries) {
    const char *separator = "";
    printf("%-10s", heading);
    for (size_t i = 0; plugin_entry_name(i); i++)
        if (entries >> i & 1) {
            printf("%s%s", separator, plugin_entry_name(i));
            separator = ", ";
        }
    printf("%s\n", *separator ? "" : "none");
}

/* What a plugin says of itself does not reach the terminal as it is. */
static void print_text(const char *heading, const char *text) {
    char shown[PATH_MAX + 16];
    printf("%-10s%s\n", heading, text_show(shown, sizeof(shown), text, strlen(text)));
}

static void print_info(const struct plugin_facts *facts) {
    print_text("name:", facts->name);
    print_text("version:", facts->version);
    printf("%-10s%u\n", "abi:", facts->abi);
    print_text("summary:", facts->summary);
    print_text("file:", facts->path);
    print_entries("has:", facts->entries);
    print_entries("lacks:", ~facts->entries);
}

/* FILE with a slash in it is meant from where the user stands; anything else is a name in the
 * plugin directory. */
static int look(const struct invocation *invocation, const char *name,
                struct plugin_facts *ret_facts, struct shim_error *error) {
    char *path AUTO_FREE = NULL;
    if (strchr(name, '/') && !(path = realpath(name, NULL)))
        return error_set(error, -errno, "cannot find %s: %s", name, strerror(errno));
    facts_of_file(invocation, invocation->config->plugin_dir, path ? path : name, ret_facts);
    return ret_facts->problem[0] ? error_set(error, -EIO, "%s", ret_facts->problem) : 0;
}

static int info(struct invocation *invocation, const void *data) {
    const struct plugin_arguments *arguments = data;
    struct shim_error error = ERROR_NONE;
    struct plugin_facts facts;
    struct config *config;
    if (invocation_config(invocation, &config) < 0)
        return EXIT_FAILED;
    if (look(invocation, invocation->operands[0], &facts, &error) < 0)
        return complain(invocation, NULL, &error);
    if (arguments->format == FORMAT_JSON)
        print_info_json(&facts);
    else
        print_info(&facts);
    return EXIT_DONE;
}

const struct command command_plugin_list = {
    .name = "plugin list",
    .operands = "",
    .summary = "list the installed plugins",
    .options = plugin_specs,
    .arguments_size = sizeof(struct plugin_arguments),
    .run = list,
};

const struct command command_plugin_info = {
    .name = "plugin info",
    .operands = "FILE|NAME",
    .summary = "say what a plugin is and what it supports",
    .options = plugin_specs,
    .arguments_size = sizeof(struct plugin_arguments),
    .operands_min = 1,
    .operands_max = 1,
    .run = info,
};
