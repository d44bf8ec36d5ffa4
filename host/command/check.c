/* SPDX-License-Identifier: Apache-2.0 */
/* check: whether everything is as it has to be. */
#include <stdio.h>
#include <string.h>

#include "base/json_out.h"
#include "base/text.h"
#include "command/command.h"
#include "engine/check.h"

struct check_arguments {
    bool repair;
    enum output_format format;
};

static const struct option_spec check_specs[] = {
    {OPTION_FLAG, 0, "repair", NULL, "mend what is safe to mend, and explain the rest",
     offsetof(struct check_arguments, repair), NULL},
    {OPTION_FORMAT, 0, "format", "table|json", "how to print what is found; as text by default",
     offsetof(struct check_arguments, format), NULL},
    OPTIONS_DONE,
};

static void print_finding(const struct check_finding *finding, void *user) {
    char line[1400], shown[2800];
    (void)user;
    snprintf(line, sizeof(line), "%s%s%s%s%s: %s; %s%s", finding->container,
             finding->process[0] ? "/" : "", finding->process, finding->container[0] ? ": " : "",
             finding->kind, finding->message, finding->mended ? "mended: " : "", finding->advice);
    printf("%s\n", text_show(shown, sizeof(shown), line, strlen(line)));
}

static void print_object(const struct check_finding *finding, void *user) {
    struct json_out *json = user;
    json_out_object(json, NULL);
    json_out_text(json, "container", finding->container[0] ? finding->container : NULL);
    json_out_text(json, "process", finding->process[0] ? finding->process : NULL);
    json_out_text(json, "kind", finding->kind);
    json_out_text(json, "message", finding->message);
    json_out_text(json, "advice", finding->advice);
    json_out_boolean(json, "mended", finding->mended);
    json_out_object_end(json);
}

static int check_as_json(struct engine *engine, bool repair, struct check_counts *counts,
                         struct shim_error *error) {
    struct json_out json = {.stream = stdout};
    json_out_object(&json, NULL);
    json_out_array(&json, "findings");
    int r = engine_check(engine, repair, print_object, &json, counts, error);
    json_out_array_end(&json);
    json_out_integer(&json, "containers", (int64_t)counts->containers);
    json_out_integer(&json, "processes", (int64_t)counts->processes);
    json_out_integer(&json, "busy", (int64_t)counts->busy);
    json_out_object_end(&json);
    json_out_finish(&json);
    return r;
}

static void print_counts(const struct check_counts *counts) {
    printf("%zu containers with %zu processes: ", counts->containers, counts->processes);
    if (counts->found == 0)
        printf("all is well");
    else
        printf("%zu found, %zu of them mended", counts->found, counts->mended);
    if (counts->busy)
        printf("; %zu that are being changed were passed over", counts->busy);
    putchar('\n');
}

static int run(struct invocation *invocation, const void *data) {
    const struct check_arguments *arguments = data;
    struct check_counts counts = {.found = 0};
    struct shim_error error = ERROR_NONE;
    struct engine *engine;
    int r = invocation_engine(invocation, -1, &engine);
    if (r < 0)
        return EXIT_FAILED;
    if (arguments->format == FORMAT_JSON)
        r = check_as_json(engine, arguments->repair, &counts, &error);
    else if ((r = engine_check(engine, arguments->repair, print_finding, NULL, &counts, &error)) ==
             0)
        print_counts(&counts);
    if (r < 0)
        return complain(invocation, NULL, &error);
    return counts.found > counts.mended ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_check = {
    .name = "check",
    .operands = "",
    .summary = "look whether all containers, and what belongs to them, are as they have to be",
    .details = "Ends with 0 if so, or if all that was found has been mended, else with 1.",
    .options = check_specs,
    .arguments_size = sizeof(struct check_arguments),
    .run = run,
};
