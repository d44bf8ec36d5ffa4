/* SPDX-License-Identifier: Apache-2.0 */
/* update, checkpoint, resize, close-stdin: what can be done to a container that runs. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "command/command.h"
#include "process/fifo.h"

struct update_arguments {
    const char *resources;
};

static const struct option_spec update_specs[] = {
    {OPTION_TEXT, 0, "resources", "FILE",
     "an OCI linux.resources object; -: standard input; needed",
     offsetof(struct update_arguments, resources), NULL},
    OPTIONS_DONE,
};

static int update(struct invocation *invocation, const void *data) {
    const struct update_arguments *arguments = data;
    const char *container = invocation->operands[0];
    struct shim_error error = ERROR_NONE;
    struct engine *engine;
    char *resources AUTO_FREE = NULL;
    if (!arguments->resources)
        return complain_of_usage(invocation, "--resources FILE is needed");
    if (read_text(arguments->resources, &resources, &error) < 0)
        return complain(invocation, container, &error);
    if (invocation_engine(invocation, -1, &engine) < 0)
        return EXIT_FAILED;
    if (engine_update(engine, container, resources, &error) < 0)
        return complain(invocation, container, &error);
    return EXIT_DONE;
}

struct checkpoint_arguments {
    const char *image_path;
    const char *work_path;
    bool leave_running;
    bool tcp_established;
    bool file_locks;
};

#define FIELD(name) offsetof(struct checkpoint_arguments, name)

static const struct option_spec checkpoint_specs[] = {
    {OPTION_TEXT, 0, "image-path", "DIR", "where the image goes; made if it is missing; needed",
     FIELD(image_path), NULL},
    {OPTION_TEXT, 0, "work-path", "DIR", "where CRIU puts its logs", FIELD(work_path), NULL},
    {OPTION_FLAG, 0, "leave-running", NULL, "let the container run on", FIELD(leave_running), NULL},
    {OPTION_FLAG, 0, "tcp-established", NULL, "also with open TCP connections",
     FIELD(tcp_established), NULL},
    {OPTION_FLAG, 0, "file-locks", NULL, "also with file locks", FIELD(file_locks), NULL},
    OPTIONS_DONE,
};

/* Makes the directory if it is missing and finds its absolute path. The caller frees *ret_path. */
static int make_directory(const char *path, char **ret_path, struct shim_error *error) {
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return error_set(error, -errno, "cannot make the directory %s: %s", path, strerror(errno));
    char *absolute = realpath(path, NULL);
    if (!absolute)
        return error_set(error, -errno, "cannot find %s: %s", path, strerror(errno));
    *ret_path = absolute;
    return 0;
}

static int checkpoint(struct invocation *invocation, const void *data) {
    const struct checkpoint_arguments *arguments = data;
    const char *container = invocation->operands[0];
    struct shim_error error = ERROR_NONE;
    struct engine *engine;
    char *image_path AUTO_FREE = NULL, *work_path AUTO_FREE = NULL;
    if (!arguments->image_path)
        return complain_of_usage(invocation, "--image-path DIR is needed");
    if (make_directory(arguments->image_path, &image_path, &error) < 0)
        return complain(invocation, container, &error);
    if (arguments->work_path && make_directory(arguments->work_path, &work_path, &error) < 0)
        return complain(invocation, container, &error);
    struct shim_checkpoint request = {
        .size = sizeof(request),
        .flags = (arguments->leave_running ? SHIM_CHECKPOINT_LEAVE_RUNNING : 0) |
                 (arguments->tcp_established ? SHIM_CHECKPOINT_TCP_ESTABLISHED : 0) |
                 (arguments->file_locks ? SHIM_CHECKPOINT_FILE_LOCKS : 0),
        .image_path = image_path,
        .work_path = work_path,
    };
    if (invocation_engine(invocation, -1, &engine) < 0)
        return EXIT_FAILED;
    if (engine_checkpoint(engine, container, &request, &error) < 0)
        return complain(invocation, container, &error);
    return EXIT_DONE;
}

struct control_arguments {
    const char *process;
};

static const struct option_spec control_specs[] = {
    {OPTION_TEXT, 0, "process-id", "EXEC", "a process of an exec, instead of the container's first",
     offsetof(struct control_arguments, process), NULL},
    OPTIONS_DONE,
};

static int control(struct invocation *invocation, const struct control_arguments *arguments,
                   int type, unsigned int width, unsigned int height) {
    const char *container = invocation->operands[0];
    struct shim_error error = ERROR_NONE;
    struct engine *engine;
    if (invocation_engine(invocation, -1, &engine) < 0)
        return EXIT_FAILED;
    if (engine_control(engine, container, arguments->process, type, width, height, &error) < 0)
        return complain(invocation, container, &error);
    return EXIT_DONE;
}

/* A decimal number from 1 to 65535 that begins `text`, or 0. *ret_end is what follows. */
static unsigned int parse_length(const char *text, const char **ret_end) {
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return 0;
    unsigned long value = strtoul(text, &end, 10);
    *ret_end = end;
    return value <= UINT16_MAX ? (unsigned int)value : 0;
}

static int resize(struct invocation *invocation, const void *arguments) {
    const char *size = invocation->operands[1], *after = "", *end = "";
    unsigned int columns = parse_length(size, &after), rows = 0;
    if (columns > 0 && *after == 'x')
        rows = parse_length(after + 1, &end);
    if (rows == 0 || *end != '\0')
        return complain_of_usage(invocation,
                                 "'%s' is not a size; expected COLSxROWS, such as 80x24", size);
    return control(invocation, arguments, CONTROL_RESIZE, columns, rows);
}

static int close_stdin(struct invocation *invocation, const void *arguments) {
    return control(invocation, arguments, CONTROL_CLOSE_STDIN, 0, 0);
}

const struct command command_update = {
    .name = "update",
    .operands = "ID",
    .summary = "set new limits for a container",
    .options = update_specs,
    .arguments_size = sizeof(struct update_arguments),
    .operands_min = 1,
    .operands_max = 1,
    .run = update,
};

const struct command command_checkpoint = {
    .name = "checkpoint",
    .operands = "ID",
    .summary = "write a running container to a directory, from which restore can go on",
    .options = checkpoint_specs,
    .arguments_size = sizeof(struct checkpoint_arguments),
    .operands_min = 1,
    .operands_max = 1,
    .run = checkpoint,
};

const struct command command_resize = {
    .name = "resize",
    .operands = "ID COLSxROWS",
    .summary = "tell a process with a terminal how large it is",
    .options = control_specs,
    .arguments_size = sizeof(struct control_arguments),
    .operands_min = 2,
    .operands_max = 2,
    .run = resize,
};

const struct command command_close_stdin = {
    .name = "close-stdin",
    .operands = "ID",
    .summary = "end the standard input of a process",
    .options = control_specs,
    .arguments_size = sizeof(struct control_arguments),
    .operands_min = 1,
    .operands_max = 1,
    .run = close_stdin,
};
