/* SPDX-License-Identifier: Apache-2.0 */
/* events: what has happened to the containers, and what happens. */
#include "command/command.h"

struct events_arguments {
    bool follow;
};

static const struct option_spec events_specs[] = {
    {OPTION_FLAG, 'f', "follow", NULL, "go on with what happens from now on",
     offsetof(struct events_arguments, follow), NULL},
    OPTIONS_DONE,
};

static int events(struct invocation *invocation, const void *data) {
    const struct events_arguments *arguments = data;
    struct shim_error error = ERROR_NONE;
    struct engine *engine;
    if (invocation_engine(invocation, -1, &engine) < 0)
        return EXIT_FAILED;
    int r = engine_events(engine, arguments->follow, stdout, &error);
    if (r < 0)
        clearerr(stdout); /* what was wrong with it is in the error */
    if (r == -EPIPE)
        return EXIT_FAILED; /* as if SIGPIPE had ended us: the reader has seen enough */
    return r < 0 ? complain(invocation, NULL, &error) : EXIT_DONE;
}

const struct command command_events = {
    .name = "events",
    .operands = "",
    .summary = "tell what has happened to the containers",
    .details = "One JSON object a line, oldest first. The newest of them are kept: some thousands.",
    .options = events_specs,
    .arguments_size = sizeof(struct events_arguments),
    .run = events,
};
