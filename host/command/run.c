/* SPDX-License-Identifier: Apache-2.0 */
/* run, create, restore: a container's first process. */
#include <string.h>

#include "command/attaching.h"
#include "command/spawning.h"

struct run_arguments {
    const char *runtime;
    const char *bundle;
    bool detach;
    bool remove;
    bool no_pivot;
    struct option_list runtime_args;
    struct stream_arguments streams;
    const char *pid_file;
    const char *image_path;
    bool quiet;
};

#define FIELD(name) offsetof(struct run_arguments, name)

static const struct option_spec container_specs[] = {
    {OPTION_TEXT, 'r', "runtime", "NAME", "the runtime; else the configuration's default-runtime",
     FIELD(runtime), NULL},
    {OPTION_TEXT, 'b', "bundle", "DIR", "the OCI bundle; else the working directory", FIELD(bundle),
     NULL},
    {OPTION_FLAG, 0, "no-pivot", NULL, "do not use pivot_root(2)", FIELD(no_pivot), NULL},
    {OPTION_LIST, 0, "runtime-arg", "ARG", "pass ARG on to the runtime; may be repeated",
     FIELD(runtime_args), NULL},
    {OPTION_TEXT, 0, "pid-file", "FILE", "write the pid of the process to FILE", FIELD(pid_file),
     NULL},
    {OPTION_FLAG, 'q', "quiet", NULL, "log nothing but errors", FIELD(quiet), NULL},
    {.kind = OPTION_GROUP, .group = stream_specs, .field = FIELD(streams)},
    OPTIONS_DONE,
};

static const struct option_spec run_specs[] = {
    {OPTION_FLAG, 'd', "detach", NULL, "return as soon as it runs", FIELD(detach), NULL},
    {OPTION_FLAG, 0, "rm", NULL, "delete the container after its end", FIELD(remove), NULL},
    DETACH_KEYS_OPTION(struct run_arguments),
    {.kind = OPTION_GROUP, .group = container_specs},
    OPTIONS_DONE,
};

static const struct option_spec restore_specs[] = {
    {OPTION_TEXT, 0, "image-path", "DIR", "the directory that checkpoint wrote to; needed",
     FIELD(image_path), NULL},
    {.kind = OPTION_GROUP, .group = container_specs},
    OPTIONS_DONE,
};

static uint32_t spawn_flags(const struct run_arguments *arguments, bool start) {
    return (start ? SHIM_PROCESS_START : 0) |
           (arguments->streams.terminal ? SHIM_PROCESS_TERMINAL : 0) |
           (arguments->no_pivot ? SHIM_PROCESS_NO_PIVOT_ROOT : 0);
}

/* Spawns the container, and its pid file with it. Returns 0, or the exit status after a complaint;
 * then there is no container. */
static int spawn_request(const struct invocation *invocation, const char *pid_path,
                         const struct spawn_request *request) {
    struct pid_file pid_file AUTO_PID_FILE = PID_FILE_NONE;
    struct shim_error error = ERROR_NONE;
    if (pid_file_open(pid_path, &pid_file, &error) < 0)
        return complain(invocation, request->container, &error);
    if (engine_spawn(invocation->engine, request, &error) < 0) {
        complain(invocation, request->container, &error);
        return exit_not_spawned(invocation->command, &error);
    }
    if (pid_file_fill(&pid_file, invocation->engine, request->container, NULL, &error) == 0)
        return 0;
    int status = complain(invocation, request->container, &error);
    if (engine_delete(invocation->engine, request->container, NULL, true, &error) < 0)
        complain(invocation, request->container, &error);
    return status;
}

/* *ret_attached: the user is to be attached to it. */
static int spawn(const struct invocation *invocation, const struct run_arguments *arguments,
                 bool start, bool detached, bool *ret_attached) {
    struct shim_error error = ERROR_NONE;
    struct stream_request streams;
    char *checkpoint AUTO_FREE = NULL;
    if (arguments->image_path && !(checkpoint = realpath(arguments->image_path, NULL))) {
        error_set(&error, -errno, "cannot find %s: %s", arguments->image_path, strerror(errno));
        return complain(invocation, invocation->operands[0], &error);
    }
    int status = stream_request_fill(invocation, &arguments->streams, detached, &streams);
    if (status == 0) {
        struct spawn_request request = {
            .container = invocation->operands[0],
            .runtime = arguments->runtime,
            .bundle = arguments->bundle ? arguments->bundle : ".",
            .checkpoint = checkpoint,
            .runtime_args = arguments->runtime_args.items,
            .flags = spawn_flags(arguments, start),
            .streams = streams.streams,
        };
        status = spawn_request(invocation, arguments->pid_file, &request);
        *ret_attached = streams.streams.await_attach;
    }
    stream_request_clear(&streams);
    return status;
}

/* Stays with the container until its end. Returns the exit status. */
static int stay(const struct invocation *invocation, const struct run_arguments *arguments,
                struct foreground *foreground, bool attached) {
    const char *container = invocation->operands[0];
    struct shim_error error = ERROR_NONE;
    int32_t exit_status = EXIT_HOST_FAILED;
    int r = foreground_spawned(foreground, &error);
    if (r == 0)
        r = stay_with(&(struct attaching){.invocation = invocation,
                                          .foreground = foreground,
                                          .container = container,
                                          .detach_keys = arguments->streams.detach_keys,
                                          .pass_signals = true},
                      attached, &exit_status, &error);
    if (r < 0)
        exit_status = complain(invocation, container, &error);
    bool over = r == 0 || r == -ENODATA;
    if (over && arguments->remove &&
        engine_delete(invocation->engine, container, NULL, false, &error) < 0)
        complain(invocation, container, &error);
    return exit_status;
}

/* `start`: the container is to run, not only to be created; `detached`: nobody stays with it. */
static int spawn_and_stay(struct invocation *invocation, const struct run_arguments *arguments,
                          bool start, bool detached) {
    struct shim_error error = ERROR_NONE;
    struct foreground foreground = FOREGROUND_NONE;
    struct engine *engine;
    if (foreground_open(&foreground, &error) < 0)
        return complain(invocation, NULL, &error);
    int status = exit_failed(invocation->command);
    if (invocation_engine(invocation, foreground.cancel_fd, &engine) == 0) {
        if (arguments->quiet)
            invocation_quiet(invocation);
        bool attached = false;
        status = spawn(invocation, arguments, start, detached, &attached);
        if (status == 0 && !detached)
            status = stay(invocation, arguments, &foreground, attached);
    }
    foreground_close(&foreground);
    return status;
}

static int run(struct invocation *invocation, const void *data) {
    const struct run_arguments *arguments = data;
    if (arguments->detach && arguments->remove)
        return complain_of_usage(
            invocation, "--rm needs somebody to wait for the end, --detach nobody; use one "
                        "of them");
    return spawn_and_stay(invocation, arguments, true, arguments->detach);
}

static int create(struct invocation *invocation, const void *data) {
    return spawn_and_stay(invocation, data, false, true);
}

static int restore(struct invocation *invocation, const void *data) {
    const struct run_arguments *arguments = data;
    if (!arguments->image_path)
        return complain_of_usage(invocation, "--image-path DIR is needed");
    return spawn_and_stay(invocation, arguments, true, true);
}

const struct command command_run_container = {
    .name = "run",
    .operands = "ID",
    .summary = "create and start a container, and wait for its end",
    .details =
        "Ends with the status of the container's process; 125 the host failed, 126 the command "
        "cannot be\nexecuted, 127 it was not found. Signals are passed on to the process.",
    .options = run_specs,
    .arguments_size = sizeof(struct run_arguments),
    .operands_min = 1,
    .operands_max = 1,
    .flags = COMMAND_PROCESS_STATUS,
    .run = run,
};

const struct command command_create = {
    .name = "create",
    .operands = "ID",
    .summary = "create a container that waits to be started",
    .options = container_specs,
    .arguments_size = sizeof(struct run_arguments),
    .operands_min = 1,
    .operands_max = 1,
    .run = create,
};

const struct command command_restore = {
    .name = "restore",
    .operands = "ID",
    .summary = "let a container run on from a checkpoint",
    .options = restore_specs,
    .arguments_size = sizeof(struct run_arguments),
    .operands_min = 1,
    .operands_max = 1,
    .run = restore,
};
