/* SPDX-License-Identifier: Apache-2.0 */
#include "command/spawning.h"

#include <fcntl.h>
#include <string.h>

#include "command/attaching.h"
#include "process/pidfile.h"
#include "stream/terminal.h"

#define FIELD(name) offsetof(struct stream_arguments, name)

const struct option_spec stream_specs[] = {
    {OPTION_FLAG, 't', "terminal", NULL, "give the process a terminal", FIELD(terminal), NULL},
    {OPTION_FLAG, 'i', "interactive", NULL, "keep its standard input open, to be attached to",
     FIELD(interactive), NULL},
    {OPTION_TEXT, 0, "stdin", "TARGET", "inherit, null, file:PATH, fifo:PATH or pipe",
     FIELD(targets[0]), NULL},
    {OPTION_TEXT, 0, "stdout", "TARGET",
     "inherit, null, file:PATH, fifo:PATH, pipe or one of --log", FIELD(targets[1]), NULL},
    {OPTION_TEXT, 0, "stderr", "TARGET", "as for --stdout", FIELD(targets[2]), NULL},
    {OPTION_TEXT, 0, "when-gone", "POLICY", "block or drop, while nobody reads its output",
     FIELD(when_gone), NULL},
    {OPTION_TEXT, 0, "log", "DRIVER[:PATH]",
     "k8s-file:PATH, json-file:PATH or journald, for stdout and stderr", FIELD(log), NULL},
    {OPTION_LIST, 0, "log-opt", "KEY=VALUE", "an option of the log driver; may be repeated",
     FIELD(log_options), NULL},
    OPTIONS_DONE,
};

/* The size of the terminal that this program is used on, if it is. */
static void use_terminal_size(struct spawn_streams *streams) {
    for (int fd = 0; fd <= 2; fd++)
        if (terminal_size(fd, &streams->columns, &streams->rows) == 0)
            return;
}

static const char *target_of(const struct stream_arguments *arguments, int fd, bool detached) {
    if (arguments->targets[fd])
        return arguments->targets[fd];
    if (fd > 0 && arguments->log)
        return arguments->log;
    if (arguments->terminal)
        return NULL;
    if (fd == 0 && arguments->interactive)
        return "pipe";
    return detached ? "null" : "inherit";
}

/* Has somebody who stays with the process something to be attached to? */
static bool is_attached(const struct stream_request *request, bool terminal) {
    for (int fd = 0; fd < 3; fd++) {
        const char *target = request->targets[fd];
        if (target && strcmp(target, "pipe") == 0)
            return true;
    }
    return terminal;
}

/* Returns 0, or the exit status after a complaint. */
static int check(const struct invocation *invocation, const struct stream_arguments *arguments) {
    const char *policy = arguments->when_gone;
    if (policy && strcmp(policy, "block") != 0 && strcmp(policy, "drop") != 0)
        return complain_of_usage(invocation, "--when-gone: '%s' is neither 'block' nor 'drop'",
                                 policy);
    for (size_t i = 0; i < arguments->log_options.count; i++) {
        const char *option = arguments->log_options.items[i];
        if (!strchr(option, '=') || option[0] == '=')
            return complain_of_usage(invocation, "--log-opt: '%s' is not of the form KEY=VALUE",
                                     option);
    }
    return 0;
}

/* "file:log" to "file:/where/the/user/stands/log". What needs no change, and what the engine will
 * refuse, is copied. */
static int with_absolute_path(const char *target, char **ret_target, struct shim_error *error) {
    char *path AUTO_FREE = NULL;
    const char *colon = strchr(target, ':');
    int r = 0;
    if (colon && colon[1] != '\0')
        r = absolute_path(colon + 1, &path, error);
    if (r < 0)
        return r;
    int kind = path ? (int)(colon + 1 - target) : (int)strlen(target);
    if (asprintf(ret_target, "%.*s%s", kind, target, path ? path : "") < 0)
        return error_set(error, -ENOMEM, "out of memory");
    return 0;
}

int stream_request_fill(const struct invocation *invocation,
                        const struct stream_arguments *arguments, bool detached,
                        struct stream_request *request) {
    struct shim_error error = ERROR_NONE;
    *request = (struct stream_request){
        .streams = {.when_gone = {NULL, arguments->when_gone, arguments->when_gone},
                    .options = arguments->log_options.items}};
    int status = check(invocation, arguments);
    if (status == 0)
        status = check_detach_keys(invocation, arguments->detach_keys);
    if (status != 0)
        return status;
    for (int fd = 0; fd < 3; fd++) {
        const char *target = target_of(arguments, fd, detached);
        if (target && with_absolute_path(target, &request->targets[fd], &error) < 0)
            return complain(invocation, NULL, &error);
        request->streams.targets[fd] = request->targets[fd];
    }
    if (arguments->terminal)
        use_terminal_size(&request->streams);
    request->streams.await_attach = !detached && is_attached(request, arguments->terminal);
    return 0;
}

void stream_request_clear(struct stream_request *request) {
    for (int fd = 0; fd < 3; fd++)
        free(request->targets[fd]);
    *request = (struct stream_request){.targets = {NULL}};
}

int pid_file_open(const char *path, struct pid_file *ret_file, struct shim_error *error) {
    struct pid_file file AUTO_PID_FILE = PID_FILE_NONE;
    if (!path)
        return 0;
    file.path = path;
    file.copy = strdup(path);
    if (!file.copy)
        return error_set(error, -ENOMEM, "out of memory");
    char *slash = strrchr(file.copy, '/');
    const char *folder = slash ? slash == file.copy ? "/" : file.copy : ".";
    file.name = slash ? slash + 1 : file.copy;
    if (slash)
        *slash = '\0';
    file.folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = file.folder_fd < 0 || faccessat(file.folder_fd, ".", W_OK, AT_EACCESS) < 0 ? -errno : 0;
    if (*file.name == '\0')
        r = -EISDIR;
    if (r < 0)
        return error_set(error, r, "cannot write the pid file %s: %s", path, strerror(-r));
    *ret_file = file;
    file = (struct pid_file)PID_FILE_NONE;
    return 0;
}

static int pid_of(struct engine *engine, const char *container, const char *process, pid_t *ret_pid,
                  struct shim_error *error) {
    struct container_info info;
    int r = engine_inspect(engine, container, &info, error);
    if (r < 0)
        return r;
    pid_t pid = process ? 0 : info.init.state.identity.pid;
    for (size_t i = 0; process && i < info.n_execs; i++)
        if (strcmp(info.execs[i].id, process) == 0)
            pid = info.execs[i].state.identity.pid;
    container_info_clear(&info);
    if (pid == 0)
        return error_set(error, -ESRCH, "its pid is not known any more");
    *ret_pid = pid;
    return 0;
}

int pid_file_fill(const struct pid_file *file, struct engine *engine, const char *container,
                  const char *process, struct shim_error *error) {
    pid_t pid;
    if (!file->path)
        return 0;
    int r = pid_of(engine, container, process, &pid, error);
    if (r == 0)
        r = pidfile_write(file->folder_fd, file->name, pid, error);
    return r < 0 ? error_context(error, "cannot write the pid file %s", file->path) : 0;
}

void pid_file_clear(struct pid_file *file) {
    free(file->copy);
    fd_close(file->folder_fd);
    *file = (struct pid_file)PID_FILE_NONE;
}
