/* SPDX-License-Identifier: Apache-2.0 */
/* logs: what a container has written to a log that we can read back. */
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "command/command.h"
#include "config/value.h"
#include "process/identity.h"
#include "stream/logs.h"

#define MILLISECOND INT64_C(1000000) /* nanoseconds */
#define SECOND (1000 * MILLISECOND)

struct logs_arguments {
    bool follow;
    bool timestamps;
    const char *tail;
    const char *since;
    const char *stream;
    const char *process;
};

#define FIELD(name) offsetof(struct logs_arguments, name)

static const struct option_spec logs_specs[] = {
    {OPTION_FLAG, 'f', "follow", NULL, "go on with what is being written, until it is over",
     FIELD(follow), NULL},
    {OPTION_TEXT, 0, "tail", "N", "only the last N lines", FIELD(tail), NULL},
    {OPTION_TEXT, 0, "since", "TIME",
     "only from this time on: 2026-01-31T23:59:59Z, or how long ago: 500ms, 30s, 2m, 1h",
     FIELD(since), NULL},
    {OPTION_FLAG, 't', "timestamps", NULL, "begin each line with its time", FIELD(timestamps),
     NULL},
    {OPTION_TEXT, 0, "stream", "STREAM", "only stdout or stderr", FIELD(stream), NULL},
    {OPTION_TEXT, 0, "process-id", "EXEC", "a process of an exec, instead of the container's first",
     FIELD(process), NULL},
    OPTIONS_DONE,
};

/* ------------------------------------------------------------------------------ the options */

static int parse_tail(const char *text, int64_t *ret_tail, struct shim_error *error) {
    uint64_t count;
    if (parse_decimal(text, strlen(text), INT64_MAX, &count) < 0)
        return error_set(error, -EINVAL, "--tail: '%s' is not a number of lines", text);
    *ret_tail = (int64_t)count;
    return 0;
}

static int parse_since(const char *text, int64_t *ret_since, struct shim_error *error) {
    int64_t time, ago;
    struct timespec now;
    if (log_time_parse(text, strlen(text), &time) == strlen(text) && *text) {
        *ret_since = time;
        return 0;
    }
    if (value_duration(text, &ago))
        return error_set(error, -EINVAL,
                         "--since: '%s' is neither a time such as 2026-01-31T23:59:59Z or "
                         "2026-01-31T23:59:59.5+01:00 nor a duration such as 30s, 2m or 1h",
                         text);
    clock_gettime(CLOCK_REALTIME, &now);
    time = now.tv_sec * SECOND + now.tv_nsec;
    *ret_since = ago > time / MILLISECOND ? LOGS_SINCE_EVER : time - ago * MILLISECOND;
    return 0;
}

static int parse_stream(const char *text, unsigned int *ret_streams, struct shim_error *error) {
    if (strcmp(text, "stdout") == 0)
        *ret_streams = 1u << LOG_STDOUT;
    else if (strcmp(text, "stderr") == 0)
        *ret_streams = 1u << LOG_STDERR;
    else
        return error_set(error, -EINVAL, "--stream: '%s' is neither 'stdout' nor 'stderr'", text);
    return 0;
}

static int fill_options(const struct logs_arguments *arguments, struct logs_options *options,
                        struct shim_error *error) {
    int r = arguments->tail ? parse_tail(arguments->tail, &options->tail, error) : 0;
    if (r == 0 && arguments->since)
        r = parse_since(arguments->since, &options->since, error);
    if (r == 0 && arguments->stream)
        r = parse_stream(arguments->stream, &options->streams, error);
    options->follow = arguments->follow;
    options->timestamps = arguments->timestamps;
    return r;
}

/* ------------------------------------------------------------------------------ the log */

/* Finds the log among the targets. Of a terminal, and of most others, it is that of both outputs.
 */
static int find_log(const struct process_streams *streams, struct logs_options *options,
                    struct shim_error *error) {
    static const struct {
        const char *prefix;
        enum log_kind kind;
    } kinds[] = {{"k8s-file:", LOG_K8S_FILE}, {"json-file:", LOG_JSON_FILE}};
    for (int fd = 1; fd <= 2; fd++)
        for (size_t i = 0; i < 2 && streams->targets[fd]; i++) {
            size_t length = strlen(kinds[i].prefix);
            if (strncmp(streams->targets[fd], kinds[i].prefix, length) != 0)
                continue;
            options->path = streams->targets[fd] + length;
            options->kind = kinds[i].kind;
            return 0;
        }
    const char *output = streams->targets[1] ? streams->targets[1] : "null";
    return error_set(error, -ENOENT,
                     strcmp(output, "journald") == 0
                         ? "it logs to the journal; journalctl CONTAINER_ID=… shows that"
                         : "it has no log: its standard output goes to `%s`; give --log "
                           "k8s-file:PATH or json-file:PATH when it is made",
                     output);
}

/* A descriptor that becomes readable when the monitor, who writes the log, has ended; one that is
 * readable at once if it has. The caller closes it. */
static int open_end(const struct invocation *invocation, const struct logs_arguments *arguments,
                    int *ret_fd, struct shim_error *error) {
    struct shim_identity monitor = {.size = sizeof(monitor)};
    char *directory AUTO_FREE = NULL;
    int r = engine_process_directory(invocation->engine, invocation->operands[0],
                                     arguments->process, &directory, error);
    if (r < 0)
        return r;
    int directory_fd AUTO_CLOSE = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory_fd < 0)
        return error_set(error, -errno, "cannot open %s: %s", directory, strerror(errno));
    r = identity_read_monitor(directory_fd, &monitor, error);
    if (r == 0)
        r = identity_open(&monitor, ret_fd, error);
    if (r != -ESRCH && r != -ENOENT)
        return r;
    *ret_fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* always readable */
    return *ret_fd >= 0 ? 0
                        : error_set(error, -errno, "cannot open /dev/null: %s", strerror(errno));
}

static void complain_of_record(const char *sentence, void *user) {
    const struct invocation *invocation = user;
    remark(invocation, invocation->operands[0], "%s", sentence);
}

static int print_log(struct invocation *invocation, const struct logs_arguments *arguments,
                     struct logs_options *options, struct shim_error *error) {
    int end_fd AUTO_CLOSE = -1;
    struct process_streams streams;
    int r = engine_process_streams(invocation->engine, invocation->operands[0], arguments->process,
                                   &streams, error);
    if (r < 0)
        return r;
    r = find_log(&streams, options, error);
    if (r == 0 && options->follow)
        r = open_end(invocation, arguments, &end_fd, error);
    if (r == 0) {
        options->end_fd = end_fd;
        r = logs_print(options, error);
    }
    process_streams_clear(&streams);
    return r;
}

static int logs(struct invocation *invocation, const void *data) {
    static char buffer[64u << 10];
    const struct logs_arguments *arguments = data;
    struct shim_error error = ERROR_NONE;
    struct engine *engine;
    struct logs_options options = {
        .streams = 1u << LOG_STDOUT | 1u << LOG_STDERR,
        .tail = LOGS_ALL,
        .since = LOGS_SINCE_EVER,
        .end_fd = -1,
        .outputs = {stdout, stderr},
        .complain = complain_of_record,
        .user = invocation,
    };
    if (fill_options(arguments, &options, &error) < 0)
        return complain_of_usage(invocation, "%s", error.message);
    if (invocation_engine(invocation, -1, &engine) < 0)
        return EXIT_FAILED;
    setvbuf(stderr, buffer, _IOFBF, sizeof(buffer));
    int r = print_log(invocation, arguments, &options, &error);
    if (r == -EPIPE) { /* as if SIGPIPE had ended us: the reader has seen enough */
        clearerr(stdout);
        return EXIT_FAILED;
    }
    return r < 0 ? complain(invocation, invocation->operands[0], &error) : EXIT_DONE;
}

const struct command command_logs = {
    .name = "logs",
    .operands = "ID",
    .summary = "print what a container has logged",
    .details = "Reads logs of the drivers k8s-file and json-file, across rotated files. What the "
               "container wrote\nto standard error goes to standard error.",
    .options = logs_specs,
    .arguments_size = sizeof(struct logs_arguments),
    .operands_min = 1,
    .operands_max = 1,
    .run = logs,
};
