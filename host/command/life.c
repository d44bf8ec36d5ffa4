/* SPDX-License-Identifier: Apache-2.0 */
/* start, kill, pause, resume, wait, delete: from one state of a container to the next. */
#include <stdio.h>

#include "command/command.h"
#include "command/signals.h"

#define PROCESS_HELP "a process of an exec, instead of the container's first"

static const struct option_spec no_specs[] = {OPTIONS_DONE};

/* What the commands without options of their own are about. */
static int change(struct invocation *invocation,
                  int (*function)(struct engine *, const char *, struct shim_error *)) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine;
    if (invocation_engine(invocation, -1, &engine) < 0)
        return EXIT_FAILED;
    if (function(engine, invocation->operands[0], &error) < 0)
        return complain(invocation, invocation->operands[0], &error);
    return EXIT_DONE;
}

static int start(struct invocation *invocation, const void *arguments) {
    (void)arguments;
    return change(invocation, engine_start);
}

static int freeze(struct invocation *invocation, const void *arguments) {
    (void)arguments;
    return change(invocation, engine_pause);
}

static int resume(struct invocation *invocation, const void *arguments) {
    (void)arguments;
    return change(invocation, engine_resume);
}

struct kill_arguments {
    const char *process;
};

static const struct option_spec kill_specs[] = {{OPTION_TEXT, 0, "process-id", "EXEC", PROCESS_HELP,
                                                 offsetof(struct kill_arguments, process), NULL},
                                                OPTIONS_DONE};

static int send(struct invocation *invocation, const void *data) {
    const struct kill_arguments *arguments = data;
    const char *container = invocation->operands[0];
    struct shim_error error = ERROR_NONE;
    struct engine *engine;
    int number =
        signal_parse(invocation->n_operands > 1 ? invocation->operands[1] : "TERM", &error);
    if (number < 0)
        return complain_of_usage(invocation, "%s", error.message);
    if (invocation_engine(invocation, -1, &engine) < 0)
        return EXIT_FAILED;
    if (engine_signal(engine, container, arguments->process, number, &error) < 0)
        return complain(invocation, container, &error);
    return EXIT_DONE;
}

struct wait_arguments {
    const char *process;
    struct option_duration timeout;
};

static const struct option_spec wait_specs[] = {
    {OPTION_DURATION, 0, "timeout", "DURATION", "give up after this time: 500ms, 30s, 2m, 1h",
     offsetof(struct wait_arguments, timeout), NULL},
    {OPTION_TEXT, 0, "process-id", "EXEC", PROCESS_HELP, offsetof(struct wait_arguments, process),
     NULL},
    OPTIONS_DONE,
};

static int await(struct invocation *invocation, const void *data) {
    const struct wait_arguments *arguments = data;
    const char *container = invocation->operands[0];
    struct shim_error error = ERROR_NONE;
    struct engine *engine;
    int32_t exit_status;
    int64_t timeout = arguments->timeout.given ? arguments->timeout.milliseconds : SHIM_FOREVER;
    if (invocation_engine(invocation, -1, &engine) < 0)
        return EXIT_FAILED;
    if (engine_wait(engine, container, arguments->process, timeout, &exit_status, &error) < 0)
        return complain(invocation, container, &error);
    /* At once: whoever reads it does not wait for our own end. */
    printf("%d\n", exit_status);
    fflush(stdout);
    return EXIT_DONE;
}

struct delete_arguments {
    bool force;
    const char *process;
};

static const struct option_spec delete_specs[] = {
    {OPTION_FLAG, 'f', "force", NULL, "kill it first if it runs",
     offsetof(struct delete_arguments, force), NULL},
    {OPTION_TEXT, 0, "process-id", "EXEC", PROCESS_HELP, offsetof(struct delete_arguments, process),
     NULL},
    OPTIONS_DONE,
};

static int remove_all(struct invocation *invocation, const void *data) {
    const struct delete_arguments *arguments = data;
    struct engine *engine;
    int status = EXIT_DONE;
    if (arguments->process && invocation->n_operands > 1)
        return complain_of_usage(invocation, "--process-id goes with one container, not with %d",
                                 invocation->n_operands);
    if (invocation_engine(invocation, -1, &engine) < 0)
        return EXIT_FAILED;
    for (int i = 0; i < invocation->n_operands; i++) {
        const char *container = invocation->operands[i];
        struct shim_error error = ERROR_NONE;
        if (engine_delete(engine, container, arguments->process, arguments->force, &error) < 0)
            status = complain(invocation, container, &error);
    }
    return status;
}

const struct command command_start = {
    .name = "start",
    .operands = "ID",
    .summary = "start a created container",
    .options = no_specs,
    .operands_min = 1,
    .operands_max = 1,
    .run = start,
};

const struct command command_pause = {
    .name = "pause",
    .operands = "ID",
    .summary = "freeze all processes of a container",
    .options = no_specs,
    .operands_min = 1,
    .operands_max = 1,
    .run = freeze,
};

const struct command command_resume = {
    .name = "resume",
    .operands = "ID",
    .summary = "let a paused container go on",
    .options = no_specs,
    .operands_min = 1,
    .operands_max = 1,
    .run = resume,
};

const struct command command_kill = {
    .name = "kill",
    .operands = "ID [SIGNAL]",
    .summary = "send a signal to a container's process",
    .details = "SIGNAL is a name with or without SIG, or a number; TERM if none is given.",
    .options = kill_specs,
    .arguments_size = sizeof(struct kill_arguments),
    .operands_min = 1,
    .operands_max = 2,
    .run = send,
};

const struct command command_wait = {
    .name = "wait",
    .operands = "ID",
    .summary = "wait for a container's end and print its exit status",
    .options = wait_specs,
    .arguments_size = sizeof(struct wait_arguments),
    .operands_min = 1,
    .operands_max = 1,
    .run = await,
};

const struct command command_delete = {
    .name = "delete",
    .operands = "ID…",
    .summary = "remove containers that are over",
    .details = "Also removes what a spawn that never finished has left.",
    .options = delete_specs,
    .arguments_size = sizeof(struct delete_arguments),
    .operands_min = 1,
    .operands_max = OPERANDS_ANY,
    .run = remove_all,
};
