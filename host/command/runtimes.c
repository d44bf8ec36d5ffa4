/* SPDX-License-Identifier: Apache-2.0 */
/* runtimes: those that are configured, and whether they work here. */
#include <stdio.h>
#include <string.h>

#include "base/json_out.h"
#include "command/facts.h"
#include "command/print.h"
#include "plugin/registry.h"

struct runtimes_arguments {
    enum output_format format;
};

static const struct option_spec runtimes_specs[] = {
    {OPTION_FORMAT, 0, "format", "table|json", "how to print them; table by default",
     offsetof(struct runtimes_arguments, format), NULL},
    OPTIONS_DONE,
};

/* What is known of a configured runtime. */
struct runtime_line {
    const char *name;
    bool is_default;
    const struct runtime_config *config; /* NULL: its file has problems */
    uint32_t entries;                    /* of its plugin, as in struct plugin_facts */
    struct shim_features features;       /* `health` is empty if it works */
};

/* The optional entries that are something for a user: number `index` that the plugin has, or NULL.
 */
static const char *feature_at(uint32_t entries, size_t index) {
    static const char *const inner[] = {"open", "close", "remove", "state", "features"};
    const char *name;
    for (size_t i = 0; (name = plugin_entry_name(i)); i++) {
        bool shown = entries >> i & 1;
        for (size_t j = 0; j < sizeof(inner) / sizeof(*inner); j++)
            shown &= strcmp(name, inner[j]) != 0;
        if (shown && index-- == 0)
            return name;
    }
    return NULL;
}

/* Finds out what there is to know of the runtime `name`. What is wrong with it is its health. */
static void look(const struct invocation *invocation, const char *name,
                 struct runtime_line *ret_line) {
    const struct config *config = invocation->config;
    struct plugin_facts facts = {.opened = false};
    struct shim_error error = ERROR_NONE;
    struct config_problems problems = CONFIG_PROBLEMS_NONE;
    struct runtime_line line = {
        .name = name,
        .is_default = strcmp(name, config->default_runtime) == 0,
    };
    if (config_runtime(config, name, &line.config, &problems) < 0) {
        config_problems_error(&problems, &error);
        snprintf(facts.problem, sizeof(facts.problem), "%s", error.message);
    } else {
        facts_of_runtime(invocation, name, &facts);
    }
    line.entries = facts.entries;
    line.features = facts.features;
    if (facts.problem[0])
        snprintf(line.features.health, sizeof(line.features.health), "%.*s",
                 (int)sizeof(line.features.health) - 1, facts.problem);
    config_problems_clear(&problems);
    *ret_line = line;
}

/* The program as configured, or else as the plugin has found it, or NULL. */
static const char *path_of(const struct runtime_line *line) {
    if (line->config && line->config->binary)
        return line->config->binary;
    return line->features.binary[0] ? line->features.binary : NULL;
}

static void print_warnings(struct json_out *out, const char *warnings) {
    json_out_array(out, "warnings");
    while (*warnings) {
        size_t length = strcspn(warnings, "\n");
        char warning[sizeof(((struct shim_features *)0)->warning)];
        snprintf(warning, sizeof(warning), "%.*s", (int)length, warnings);
        json_out_text(out, NULL, warning);
        warnings += length + (warnings[length] == '\n');
    }
    json_out_array_end(out);
}

static void print_object(struct json_out *out, const struct runtime_line *line) {
    const struct shim_features *features = &line->features;
    json_out_object(out, NULL);
    json_out_text(out, "name", line->name);
    json_out_boolean(out, "default", line->is_default);
    json_out_text(out, "plugin", line->config ? line->config->plugin : NULL);
    json_out_text(out, "version", features->version[0] ? features->version : NULL);
    json_out_text(out, "path", path_of(line));
    json_out_array(out, "features");
    const char *feature;
    for (size_t i = 0; (feature = feature_at(line->entries, i)); i++)
        json_out_text(out, NULL, feature);
    json_out_array_end(out);
    json_out_boolean(out, "healthy", !features->health[0]);
    json_out_text(out, "health", features->health[0] ? features->health : NULL);
    print_warnings(out, features->warning);
    json_out_text(out, "warningsFrom", features->table_date[0] ? features->table_date : NULL);
    json_out_text(out, "file", line->config ? line->config->file : NULL);
    json_out_object_end(out);
}

static void add_features(struct table *table, const struct runtime_line *line) {
    char text[256] = "";
    const char *feature;
    for (size_t i = 0; (feature = feature_at(line->entries, i)); i++) {
        size_t length = strlen(text);
        snprintf(text + length, sizeof(text) - length, "%s%s", i ? "," : "", feature);
    }
    table_cell(table, "%s", text);
}

static void add_row(struct table *table, const struct runtime_line *line) {
    const struct runtime_config *config = line->config;
    const struct shim_features *features = &line->features;
    table_cell(table, "%s%s", line->name, line->is_default ? " (default)" : "");
    table_cell(table, "%s", config ? config->plugin : "");
    table_cell(table, "%s", features->version);
    table_cell(table, "%s", path_of(line) ? path_of(line) : "");
    add_features(table, line);
    table_cell(table, "%s", features->health[0] ? features->health : "works");
}

/* What is known against the installed version is no failure, and not a part of the table. */
static void warn(const struct invocation *invocation, const struct runtime_line *line) {
    const struct shim_features *features = &line->features;
    if (!features->warning[0])
        return;
    remark(invocation, NULL, "%s %s has known holes, as of %s:", line->name, features->version,
           features->table_date[0] ? features->table_date : "an unknown date");
    for (const char *warning = features->warning; *warning;) {
        int length = (int)strcspn(warning, "\n");
        remark(invocation, NULL, "  %.*s", length, warning);
        warning += length + (warning[length] == '\n');
    }
}

static int print_table(const struct invocation *invocation, const struct runtime_line *lines,
                       size_t n) {
    static const char *const headings[] = {"NAME",     "PLUGIN", "VERSION", "PATH",
                                           "FEATURES", "HEALTH", NULL};
    struct table table = {.headings = headings};
    for (size_t i = 0; i < n; i++)
        add_row(&table, &lines[i]);
    int r = table_print(&table, stdout);
    fflush(stdout); /* main() says so if that fails */
    for (size_t i = 0; i < n; i++)
        warn(invocation, &lines[i]);
    return r;
}

static void print_json(const struct runtime_line *lines, size_t n) {
    struct json_out json = {.stream = stdout};
    json_out_array(&json, NULL);
    for (size_t i = 0; i < n; i++)
        print_object(&json, &lines[i]);
    json_out_array_end(&json);
    json_out_finish(&json);
}

static int print_runtimes(const struct invocation *invocation, const char *const *names, size_t n,
                          enum output_format format) {
    struct runtime_line *lines AUTO_FREE = calloc(n + 1, sizeof(*lines));
    if (!lines)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        look(invocation, names[i], &lines[i]);
    if (format == FORMAT_TABLE)
        return print_table(invocation, lines, n);
    print_json(lines, n);
    return 0;
}

static int run(struct invocation *invocation, const void *data) {
    const struct runtimes_arguments *arguments = data;
    struct config_problems problems = CONFIG_PROBLEMS_NONE;
    const char *const *names;
    struct engine *engine;
    size_t n;
    if (invocation_engine(invocation, -1, &engine) < 0)
        return EXIT_FAILED;
    int r = config_runtime_names(invocation->config, &names, &n, &problems);
    if (r < 0)
        complain_of_config(invocation, &problems);
    else if ((r = print_runtimes(invocation, names, n, arguments->format)) < 0)
        remark(invocation, NULL, "out of memory");
    config_problems_clear(&problems);
    return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_runtimes = {
    .name = "runtimes",
    .operands = "",
    .summary = "list the configured runtimes, and whether they work here",
    .options = runtimes_specs,
    .arguments_size = sizeof(struct runtimes_arguments),
    .run = run,
};
