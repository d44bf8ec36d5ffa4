/* SPDX-License-Identifier: Apache-2.0 */
/* state: everything about one container. */
#include "command/command.h"
#include "command/container_json.h"

static const struct option_spec state_specs[] = {OPTIONS_DONE};

static int run(struct invocation *invocation, const void *arguments) {
    (void)arguments;
    const char *container = invocation->operands[0];
    struct shim_error error = ERROR_NONE;
    struct container_info info;
    struct engine *engine;
    if (invocation_engine(invocation, -1, &engine) < 0)
        return EXIT_FAILED;
    if (engine_inspect(engine, container, &info, &error) < 0)
        return complain(invocation, container, &error);
    if (info.problem[0])
        remark(invocation, container, "%s", info.problem);
    struct json_out out = {.stream = stdout};
    container_json_state(&out, &info);
    container_info_clear(&info);
    return EXIT_DONE;
}

const struct command command_state = {
    .name = "state",
    .operands = "ID",
    .summary = "print everything about a container as JSON",
    .options = state_specs,
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};
