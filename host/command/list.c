/* SPDX-License-Identifier: Apache-2.0 */
/* list: all containers. */
#include <string.h>

#include "base/json_out.h"
#include "command/command.h"
#include "command/container_json.h"
#include "command/print.h"

struct list_arguments {
    enum output_format format;
    bool quiet;
};

static const struct option_spec list_specs[] = {
    {OPTION_FORMAT, 0, "format", "table|json", "how to print them; table by default",
     offsetof(struct list_arguments, format), NULL},
    {OPTION_FLAG, 'q', "quiet", NULL, "print the ids only", offsetof(struct list_arguments, quiet),
     NULL},
    OPTIONS_DONE,
};

/* One printed list. */
struct list {
    const struct invocation *invocation;
    struct table table;
    struct json_out json;
};

static int print_id(const struct container_info *info, void *user) {
    (void)user;
    printf("%s\n", info->id);
    return 0;
}

static int add_object(const struct container_info *info, void *user) {
    struct list *list = user;
    container_json_brief(&list->json, info);
    return 0;
}

/* A number's cell, empty where there is none. */
static void number_cell(struct table *table, int64_t number, bool known) {
    if (known)
        table_cell(table, "%lld", (long long)number);
    else
        table_cell(table, "%s", "");
}

static int add_row(const struct container_info *info, void *user) {
    struct list *list = user;
    const struct shim_state *state = &info->init.state;
    table_cell(&list->table, "%s", info->id);
    table_cell(&list->table, "%s", info->runtime ? info->runtime : "");
    table_cell(&list->table, "%s", status_name(state->status));
    number_cell(&list->table, state->identity.pid, container_has_pid(state));
    number_cell(&list->table, state->exit_status, state->exit_status >= 0);
    table_cell(&list->table, "%s", info->created);
    table_cell(&list->table, "%s", info->bundle ? info->bundle : "");
    if (info->problem[0])
        remark(list->invocation, info->id, "%s", info->problem);
    return 0;
}

static int print_list(struct list *list, struct engine *engine, enum output_format format,
                      struct shim_error *error) {
    if (format == FORMAT_JSON) {
        json_out_array(&list->json, NULL);
        int r = engine_list(engine, add_object, list, error);
        json_out_array_end(&list->json);
        json_out_finish(&list->json);
        return r;
    }
    int r = engine_list(engine, add_row, list, error);
    int printed = table_print(&list->table, stdout);
    if (r == 0 && printed < 0)
        return error_set(error, printed, "out of memory");
    return r;
}

static int run(struct invocation *invocation, const void *data) {
    static const char *const headings[] = {"ID",   "RUNTIME", "STATUS", "PID",
                                           "EXIT", "CREATED", "BUNDLE", NULL};
    const struct list_arguments *arguments = data;
    struct list list = {
        .invocation = invocation, .table = {.headings = headings}, .json = {.stream = stdout}};
    struct shim_error error = ERROR_NONE;
    struct engine *engine;
    if (invocation_engine(invocation, -1, &engine) < 0)
        return EXIT_FAILED;
    int r = arguments->quiet ? engine_list(engine, print_id, &list, &error)
                             : print_list(&list, engine, arguments->format, &error);
    return r < 0 ? complain(invocation, NULL, &error) : EXIT_DONE;
}

const struct command command_list = {
    .name = "list",
    .operands = "",
    .summary = "list the containers",
    .options = list_specs,
    .arguments_size = sizeof(struct list_arguments),
    .run = run,
};
