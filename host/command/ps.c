/* SPDX-License-Identifier: Apache-2.0 */
/* ps: the processes in a container, as the host sees them. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/json_out.h"
#include "command/command.h"
#include "command/print.h"

#define ARGUMENTS_MAX 4096 /* of a command line; the rest is not shown */

struct ps_arguments {
    enum output_format format;
};

static const struct option_spec ps_specs[] = {
    {OPTION_FORMAT, 0, "format", "table|json", "how to print them; table by default",
     offsetof(struct ps_arguments, format), NULL},
    OPTIONS_DONE,
};

/* What /proc says of a process. */
struct process_line {
    pid_t pid, parent;
    unsigned int uid;
    char name[32];                 /* the kernel's, for what has no command line: a zombie */
    char arguments[ARGUMENTS_MAX]; /* each ends with a NUL */
    size_t length;                 /* of all arguments */
};

/* Reads at most `size` - 1 bytes of /proc/PID/NAME and ends them with a NUL. */
static ssize_t read_proc(pid_t pid, const char *name, char *buffer, size_t size) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t length = read(fd, buffer, size - 1);
    if (length < 0)
        return -errno;
    buffer[length] = '\0';
    return length;
}

/* The value of a line "KEY:\tVALUE" of /proc/PID/status, or "". */
static const char *status_value(const char *status, const char *key) {
    const char *found = strstr(status, key);
    return found ? found + strlen(key) + strspn(found + strlen(key), "\t ") : "";
}

/* Returns 0, or -1: the process has ended in the meantime. */
static int look(pid_t pid, struct process_line *ret_line) {
    char status[2048];
    if (read_proc(pid, "status", status, sizeof(status)) <= 0)
        return -1;
    struct process_line *line = ret_line;
    line->pid = pid;
    line->parent = atoi(status_value(status, "\nPPid:"));
    line->uid = (unsigned int)strtoul(status_value(status, "\nUid:"), NULL, 10);
    const char *name = status_value(status, "Name:");
    snprintf(line->name, sizeof(line->name), "[%.*s]", (int)strcspn(name, "\n"), name);
    ssize_t length = read_proc(pid, "cmdline", line->arguments, sizeof(line->arguments));
    line->length = length > 0 ? (size_t)length : 0;
    return 0;
}

static void print_object(struct json_out *out, const struct process_line *line) {
    json_out_object(out, NULL);
    json_out_integer(out, "pid", line->pid);
    json_out_integer(out, "ppid", line->parent);
    json_out_integer(out, "uid", line->uid);
    json_out_array(out, "command");
    if (line->length == 0)
        json_out_text(out, NULL, line->name);
    for (size_t at = 0; at < line->length; at += strlen(line->arguments + at) + 1)
        json_out_text(out, NULL, line->arguments + at);
    json_out_array_end(out);
    json_out_object_end(out);
}

static void add_row(struct table *table, struct process_line *line) {
    for (size_t i = 0; i + 1 < line->length; i++)
        if (line->arguments[i] == '\0')
            line->arguments[i] = ' ';
    table_cell(table, "%d", (int)line->pid);
    table_cell(table, "%d", (int)line->parent);
    table_cell(table, "%u", line->uid);
    table_cell(table, "%s", line->length ? line->arguments : line->name);
}

static int print_processes(const pid_t *pids, size_t n, enum output_format format) {
    static const char *const headings[] = {"PID", "PPID", "UID", "COMMAND", NULL};
    struct table table = {.headings = headings};
    struct json_out json = {.stream = stdout};
    struct process_line line;
    if (format == FORMAT_JSON)
        json_out_array(&json, NULL);
    for (size_t i = 0; i < n; i++) {
        if (look(pids[i], &line) < 0)
            continue;
        if (format == FORMAT_JSON)
            print_object(&json, &line);
        else
            add_row(&table, &line);
    }
    if (format == FORMAT_TABLE)
        return table_print(&table, stdout);
    json_out_array_end(&json);
    json_out_finish(&json);
    return 0;
}

static int run(struct invocation *invocation, const void *data) {
    const struct ps_arguments *arguments = data;
    const char *container = invocation->operands[0];
    struct shim_error error = ERROR_NONE;
    struct engine *engine;
    pid_t *pids AUTO_FREE = NULL;
    if (invocation_engine(invocation, -1, &engine) < 0)
        return EXIT_FAILED;
    ssize_t n = engine_processes(engine, container, &pids, &error);
    if (n >= 0) {
        int r = print_processes(pids, (size_t)n, arguments->format);
        if (r < 0)
            n = error_set(&error, r, "out of memory");
    }
    return n < 0 ? complain(invocation, container, &error) : EXIT_DONE;
}

const struct command command_ps = {
    .name = "ps",
    .operands = "ID",
    .summary = "list the processes in a container",
    .options = ps_specs,
    .arguments_size = sizeof(struct ps_arguments),
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};
