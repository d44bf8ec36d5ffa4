/* SPDX-License-Identifier: Apache-2.0 */
/* attach: to the streams of a process that runs without us. */
#include "command/attaching.h"

struct attach_arguments {
    bool no_stdin;
    const char *detach_keys;
    const char *process;
};

#define FIELD(name) offsetof(struct attach_arguments, name)

static const struct option_spec attach_specs[] = {
    {OPTION_FLAG, 0, "no-stdin", NULL, "only watch: send no input, and not its end either",
     FIELD(no_stdin), NULL},
    {OPTION_TEXT, 0, "detach-keys", "KEYS",
     "leave when these are typed; " DETACH_KEYS_DEFAULT " if not given", FIELD(detach_keys), NULL},
    {OPTION_TEXT, 0, "process-id", "EXEC", "a process of an exec, instead of the container's first",
     FIELD(process), NULL},
    OPTIONS_DONE,
};

/* Returns the exit status. */
static int attach_until_the_end(const struct attaching *attaching) {
    const struct invocation *invocation = attaching->invocation;
    struct shim_error error = ERROR_NONE;
    enum attach_outcome outcome;
    int number = 0;
    int32_t exit_status;
    if (attach_user(attaching, &outcome, &number, &error) < 0)
        return complain(invocation, attaching->container, &error);
    if (outcome == ATTACH_DETACHED)
        return EXIT_DONE;
    if (outcome == ATTACH_LEFT)
        return 128 + number;
    /* The exit is told before the connection is closed. */
    int r = engine_wait(invocation->engine, attaching->container, attaching->process, 0,
                        &exit_status, &error);
    if (r == -ETIMEDOUT)
        error_set(&error, r, "its monitor has closed the connection; the process runs on");
    return r < 0 ? complain(invocation, attaching->container, &error) : exit_status;
}

static int attach(struct invocation *invocation, const void *data) {
    const struct attach_arguments *arguments = data;
    struct foreground foreground = FOREGROUND_NONE;
    struct shim_error error = ERROR_NONE;
    struct engine *engine;
    int status = check_detach_keys(invocation, arguments->detach_keys);
    if (status != 0)
        return status;
    if (foreground_open(&foreground, &error) < 0)
        return complain(invocation, invocation->operands[0], &error);
    status = exit_failed(invocation->command);
    if (invocation_engine(invocation, foreground.cancel_fd, &engine) == 0)
        status = attach_until_the_end(&(struct attaching){
            .invocation = invocation,
            .foreground = &foreground,
            .container = invocation->operands[0],
            .process = arguments->process,
            .detach_keys = arguments->detach_keys,
            .no_stdin = arguments->no_stdin,
        });
    foreground_close(&foreground);
    return status;
}

const struct command command_attach = {
    .name = "attach",
    .operands = "ID",
    .summary = "use the streams of a process that runs",
    .details = "Ends with the status of the process; 0 when left by the detach keys, 125 if the "
               "host failed.\nThe end of standard input ends that of the process; with --no-stdin "
               "it does not.",
    .options = attach_specs,
    .arguments_size = sizeof(struct attach_arguments),
    .operands_min = 1,
    .operands_max = 1,
    .flags = COMMAND_PROCESS_STATUS,
    .run = attach,
};
