/* SPDX-License-Identifier: Apache-2.0 */
/* plugin list, plugin info: the files, not what is configured with them. */
#include <stdio.h>
#include <string.h>

#include "base/json_out.h"
#include "command/command.h"
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
    enum output_format format;
    struct table table;
    struct json_out json;
};

/* The members that `plugin list` and `plugin info` share. */
static void print_members(struct json_out *out, const struct shim_plugin *plugin,
                          const char *path) {
    json_out_text(out, "name", plugin ? plugin->name : NULL);
    json_out_text(out, "version", plugin ? plugin->version : NULL);
    if (plugin)
        json_out_integer(out, "abi", plugin->abi_version);
    else
        json_out_null(out, "abi");
    json_out_text(out, "summary", plugin ? plugin->summary : NULL);
    json_out_text(out, "path", path);
}

static void print_object(struct json_out *out, const struct shim_plugin *plugin, const char *path,
                         const char *problem) {
    json_out_object(out, NULL);
    print_members(out, plugin, path);
    json_out_text(out, "problem", problem);
    json_out_object_end(out);
}

static void add_row(struct table *table, const struct shim_plugin *plugin, const char *path,
                    const char *problem) {
    const char *file = strrchr(path, '/') + 1;
    table_cell(table, "%s", plugin ? plugin->name : file);
    table_cell(table, "%s", plugin ? plugin->version : "");
    if (plugin)
        table_cell(table, "%u", plugin->abi_version);
    else
        table_cell(table, "%s", "");
    table_cell(table, "%s", path);
    table_cell(table, "%s", plugin ? plugin->summary : problem);
}

static int add_plugin(const char *path, void *user) {
    struct plugins *plugins = user;
    struct shim_error error = ERROR_NONE;
    struct plugin_file *file = NULL;
    const struct shim_plugin *plugin = NULL;
    if (plugin_open(NULL, path, &file, &error) == 0)
        plugin = plugin_descriptor(file);
    const char *problem = plugin ? NULL : error.message;
    if (plugins->format == FORMAT_JSON)
        print_object(&plugins->json, plugin, path, problem);
    else
        add_row(&plugins->table, plugin, path, problem);
    plugin_close(file);
    return 0;
}

static int list(struct invocation *invocation, const void *data) {
    static const char *const headings[] = {"NAME", "VERSION", "ABI", "PATH", "SUMMARY", NULL};
    const struct plugin_arguments *arguments = data;
    struct plugins plugins = {
        .format = arguments->format, .table = {.headings = headings}, .json = {.stream = stdout}};
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

static void print_info_json(const struct shim_plugin *plugin, const char *path) {
    struct json_out out = {.stream = stdout};
    json_out_object(&out, NULL);
    print_members(&out, plugin, path);
    json_out_object(&out, "entries");
    for (size_t i = 0; plugin_entry_name(i); i++)
        json_out_boolean(&out, plugin_entry_name(i), plugin_has_entry(plugin, i));
    json_out_object_end(&out);
    json_out_object_end(&out);
    json_out_finish(&out);
}

static void print_entries(const char *heading, const struct shim_plugin *plugin, bool present) {
    const char *separator = "";
    printf("%-10s", heading);
    for (size_t i = 0; plugin_entry_name(i); i++)
        if (!!plugin_has_entry(plugin, i) == present) {
            printf("%s%s", separator, plugin_entry_name(i));
            separator = ", ";
        }
    printf("%s\n", *separator ? "" : "none");
}

static void print_info(const struct shim_plugin *plugin, const char *path) {
    printf("%-10s%s\n", "name:", plugin->name);
    printf("%-10s%s\n", "version:", plugin->version);
    printf("%-10s%u\n", "abi:", plugin->abi_version);
    printf("%-10s%s\n", "summary:", plugin->summary);
    printf("%-10s%s\n", "file:", path);
    print_entries("has:", plugin, true);
    print_entries("lacks:", plugin, false);
}

/* FILE with a slash in it is meant from where the user stands; anything else is a name in the
 * plugin directory. */
static int open_plugin(const char *plugin_dir, const char *name, struct plugin_file **ret_file,
                       struct shim_error *error) {
    if (!strchr(name, '/'))
        return plugin_open(plugin_dir, name, ret_file, error);
    char *path AUTO_FREE = realpath(name, NULL);
    if (!path)
        return error_set(error, -errno, "cannot find %s: %s", name, strerror(errno));
    return plugin_open(plugin_dir, path, ret_file, error);
}

static int info(struct invocation *invocation, const void *data) {
    const struct plugin_arguments *arguments = data;
    struct shim_error error = ERROR_NONE;
    struct plugin_file *file;
    struct config *config;
    if (invocation_config(invocation, &config) < 0)
        return EXIT_FAILED;
    if (open_plugin(config->plugin_dir, invocation->operands[0], &file, &error) < 0)
        return complain(invocation, NULL, &error);
    if (arguments->format == FORMAT_JSON)
        print_info_json(plugin_descriptor(file), plugin_path(file));
    else
        print_info(plugin_descriptor(file), plugin_path(file));
    plugin_close(file);
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
