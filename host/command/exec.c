/* SPDX-License-Identifier: Apache-2.0 */
/* exec: a further process in a running container. */
#include <string.h>
#include <sys/random.h>

#include "command/attaching.h"
#include "command/spawning.h"

struct exec_arguments {
    const char *process_file;
    const char *id;
    bool detach;
    const char *user;
    const char *cwd;
    struct option_list environment;
    struct option_list runtime_args;
    struct stream_arguments streams;
    const char *pid_file;
    bool quiet;
};

#define FIELD(name) offsetof(struct exec_arguments, name)

static const struct option_spec exec_specs[] = {
    {OPTION_FLAG, 'd', "detach", NULL, "return as soon as it runs", FIELD(detach), NULL},
    {OPTION_TEXT, 0, "process", "FILE",
     "an OCI process object instead of a command; -: standard input", FIELD(process_file), NULL},
    {OPTION_TEXT, 0, "id", "EXEC", "the id of the process; else a new one is made up", FIELD(id),
     NULL},
    {OPTION_TEXT, 'u', "user", "UID[:GID]", "the user; else the container's", FIELD(user), NULL},
    {OPTION_TEXT, 'w', "cwd", "DIR", "the working directory; else the container's", FIELD(cwd),
     NULL},
    {OPTION_LIST, 'e', "env", "NAME=VALUE", "add to the environment; may be repeated",
     FIELD(environment), NULL},
    {OPTION_LIST, 0, "runtime-arg", "ARG", "pass ARG on to the runtime; may be repeated",
     FIELD(runtime_args), NULL},
    {OPTION_TEXT, 0, "pid-file", "FILE", "write the pid of the process to FILE", FIELD(pid_file),
     NULL},
    {OPTION_FLAG, 'q', "quiet", NULL, "do not print a made-up id", FIELD(quiet), NULL},
    DETACH_KEYS_OPTION(struct exec_arguments),
    {.kind = OPTION_GROUP, .group = stream_specs, .field = FIELD(streams)},
    OPTIONS_DONE,
};

/* One use of exec. */
struct exec {
    const struct invocation *invocation;
    const struct exec_arguments *arguments;
    const char *container;
    const char *const *command; /* NULL-terminated; empty with --process */
    const char *process_json;   /* what --process says, or NULL */
    const char *id;
};

/* Returns 0, or the exit status after a complaint. */
static int check(const struct exec *exec) {
    const struct exec_arguments *arguments = exec->arguments;
    const struct invocation *invocation = exec->invocation;
    bool described = arguments->user || arguments->cwd || arguments->environment.count;
    if (arguments->process_file && (exec->command[0] || described))
        return complain_of_usage(invocation, "--process says all about the process; a command, "
                                             "--user, --cwd and --env do not go with it");
    if (!arguments->process_file && !exec->command[0])
        return complain_of_usage(invocation, "expected: ID COMMAND…, or --process FILE ID");
    for (size_t i = 0; i < arguments->environment.count; i++) {
        const char *variable = arguments->environment.items[i];
        if (!strchr(variable, '=') || variable[0] == '=')
            return complain_of_usage(invocation, "--env: '%s' is not of the form NAME=VALUE",
                                     variable);
    }
    return 0;
}

/* The command behind the container's id, with or without "--" before it. NULL after a complaint. */
static const char *const *command_after_id(const struct invocation *invocation) {
    char **command = invocation->operands + 1;
    if (command[0] && strcmp(command[0], "--") == 0) {
        command++;
    } else if (command[0] && command[0][0] == '-') {
        complain_of_usage(
            invocation,
            "options such as '%s' come before the container's id; '--' comes before a "
            "command with a dash",
            command[0]);
        return NULL;
    }
    return (const char *const *)command;
}

/* An id that no other process of the container has, but for an accident in four billion; the engine
 * would refuse it. */
static int make_up_id(char *id, size_t size, struct shim_error *error) {
    uint32_t number;
    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        return error_set(error, -errno, "cannot make up an id: %s", strerror(errno));
    snprintf(id, size, "exec-%08x", number);
    return 0;
}

static int describe(const struct exec *exec, char **ret_json, struct shim_error *error) {
    const struct exec_arguments *arguments = exec->arguments;
    struct exec_template template = {
        .arguments = exec->command,
        .environment = arguments->environment.items,
        .cwd = arguments->cwd,
        .user = arguments->user,
        .terminal = arguments->streams.terminal,
    };
    return engine_exec_template(exec->invocation->engine, exec->container, &template, ret_json,
                                error);
}

static int remove_exec(const struct exec *exec, bool force) {
    struct shim_error error = ERROR_NONE;
    int r = engine_delete(exec->invocation->engine, exec->container, exec->id, force, &error);
    if (r < 0 && r != -ENOENT)
        complain(exec->invocation, exec->container, &error);
    return r;
}

/* Returns 0, or the exit status after a complaint; then there is no such process. */
static int spawn_request(const struct exec *exec, const struct spawn_request *request) {
    struct engine *engine = exec->invocation->engine;
    struct pid_file pid_file AUTO_PID_FILE = PID_FILE_NONE;
    struct shim_error error = ERROR_NONE;
    if (pid_file_open(exec->arguments->pid_file, &pid_file, &error) < 0)
        return complain(exec->invocation, exec->container, &error);
    if (engine_spawn(engine, request, &error) < 0) {
        complain(exec->invocation, exec->container, &error);
        return exit_not_spawned(exec->invocation->command, &error);
    }
    if (pid_file_fill(&pid_file, engine, exec->container, exec->id, &error) == 0)
        return 0;
    int status = complain(exec->invocation, exec->container, &error);
    remove_exec(exec, true);
    return status;
}

/* *ret_attached: the user is to be attached to it. */
static int spawn(const struct exec *exec, bool *ret_attached) {
    const struct exec_arguments *arguments = exec->arguments;
    struct shim_error error = ERROR_NONE;
    struct stream_request streams;
    char *described AUTO_FREE = NULL;
    if (!exec->process_json && describe(exec, &described, &error) < 0)
        return complain(exec->invocation, exec->container, &error);
    int status =
        stream_request_fill(exec->invocation, &arguments->streams, arguments->detach, &streams);
    if (status == 0) {
        struct spawn_request request = {
            .container = exec->container,
            .process = exec->id,
            .process_json = exec->process_json ? exec->process_json : described,
            .runtime_args = arguments->runtime_args.items,
            .flags = SHIM_PROCESS_START | (arguments->streams.terminal ? SHIM_PROCESS_TERMINAL : 0),
            .streams = streams.streams,
        };
        status = spawn_request(exec, &request);
        *ret_attached = streams.streams.await_attach;
    }
    stream_request_clear(&streams);
    return status;
}

/* Stays with the process until its end, and removes what is left of it. Returns the exit status. */
static int stay(const struct exec *exec, struct foreground *foreground, bool attached) {
    struct shim_error error = ERROR_NONE;
    int32_t exit_status = EXIT_HOST_FAILED;
    int r = foreground_spawned(foreground, &error);
    if (r == 0)
        r = stay_with(&(struct attaching){.invocation = exec->invocation,
                                          .foreground = foreground,
                                          .container = exec->container,
                                          .process = exec->id,
                                          .detach_keys = exec->arguments->streams.detach_keys,
                                          .pass_signals = true},
                      attached, &exit_status, &error);
    if (r < 0)
        exit_status = complain(exec->invocation, exec->container, &error);
    if (r == 0 || r == -ENODATA)
        remove_exec(exec, false);
    return exit_status;
}

static int spawn_and_stay(struct invocation *invocation, const struct exec *exec) {
    struct shim_error error = ERROR_NONE;
    struct foreground foreground = FOREGROUND_NONE;
    struct engine *engine;
    if (foreground_open(&foreground, &error) < 0)
        return complain(invocation, exec->container, &error);
    int status = EXIT_HOST_FAILED;
    if (invocation_engine(invocation, foreground.cancel_fd, &engine) == 0) {
        bool attached = false;
        status = spawn(exec, &attached);
        if (status == 0 && !exec->arguments->detach)
            status = stay(exec, &foreground, attached);
        else if (status == 0 && !exec->arguments->id && !exec->arguments->quiet)
            printf("%s\n", exec->id);
    }
    foreground_close(&foreground);
    return status;
}

static int run(struct invocation *invocation, const void *data) {
    struct exec exec = {
        .invocation = invocation, .arguments = data, .container = invocation->operands[0]};
    struct shim_error error = ERROR_NONE;
    char *text AUTO_FREE = NULL;
    char made_up[32];
    exec.command = command_after_id(invocation);
    if (!exec.command)
        return exit_usage(invocation->command);
    int status = check(&exec);
    if (status != 0)
        return status;
    exec.id = exec.arguments->id;
    if (!exec.id) {
        if (make_up_id(made_up, sizeof(made_up), &error) < 0)
            return complain(invocation, exec.container, &error);
        exec.id = made_up;
    }
    /* As long as signals still end this program: it may come from somebody who types it. */
    if (exec.arguments->process_file && read_text(exec.arguments->process_file, &text, &error) < 0)
        return complain(invocation, exec.container, &error);
    exec.process_json = text;
    return spawn_and_stay(invocation, &exec);
}

const struct command command_exec = {
    .name = "exec",
    .operands = "ID [--] [COMMAND…]",
    .summary = "run a further process in a running container",
    .details =
        "Ends with the status of the process; 125 the host failed, 126 the command cannot be "
        "executed,\n127 it was not found. Signals are passed on to the process. With --detach, the "
        "id that was made up\nis printed.",
    .options = exec_specs,
    .arguments_size = sizeof(struct exec_arguments),
    .operands_min = 1,
    .operands_max = OPERANDS_ANY,
    .flags = COMMAND_IN_ORDER | COMMAND_PROCESS_STATUS,
    .run = run,
};
