/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A supervised process of this host, without a container around it: the `process` object of a
 * bundle's config.json (args, env, cwd, user, rlimits, umask, noNewPrivileges, terminal) is all
 * that counts. Needs no runtime, and root only to become somebody else.
 *
 * The launch command is the process itself: shimhost-process-init, which waits at a FIFO until it
 * is started, and then becomes what was asked for. The same program deals with the process's group:
 * see init.c.
 */
#include <errno.h>
#include <shimhost/plugin.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_FIFO ".start" /* the process waits for a byte in it */
#define READY_FILE ".ready" /* it does so now */
#define PROCESS_FILE "process.json"
#define PROCESS_FILE_MAX (4u << 20)
#define VALUE_MAX 4096

/* An argument vector under construction. `failed` is looked at once, at the end. */
struct words {
    char **argv;
    size_t count, room;
    int failed;
};

static void words_free(struct words *words) {
    for (size_t i = 0; i < words->count; i++)
        free(words->argv[i]);
    free(words->argv);
}

static void add(struct words *words, const char *word) {
    if (words->count + 1 >= words->room) {
        size_t room = words->room ? words->room * 2 : 32;
        char **grown = realloc(words->argv, room * sizeof(*grown));
        if (!grown) {
            words->failed = 1;
            return;
        }
        words->argv = grown;
        words->room = room;
    }
    words->argv[words->count] = strdup(word);
    words->failed |= !words->argv[words->count];
    words->argv[++words->count] = NULL;
}

static void add_option(struct words *words, const char *option, const char *value) {
    add(words, option);
    add(words, value);
}

/* The program beside the monitor, unless the YAML names another. */
static const char *init_program(const struct shim_context *context) {
    return context->runtime->binary ? context->runtime->binary : PROCESS_INIT_PATH;
}

/* ---------------------------------------------------------------------- the process object */

struct reading {
    const struct shim_context *context;
    const char *text; /* of process.json */
    struct shim_error *error;
};

/* The value at a JSON pointer made as by printf. Returns its length; -ENOENT: it is not there; else
 * an error is told. */
static int value_at(const struct reading *reading, char value[VALUE_MAX], size_t *ret_count,
                    const char *format, ...) SHIM_PRINTF(4, 5);
static int value_at(const struct reading *reading, char value[VALUE_MAX], size_t *ret_count,
                    const char *format, ...) {
    char pointer[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(pointer, sizeof(pointer), format, arguments);
    va_end(arguments);
    const struct shim_services *services = reading->context->services;
    int r = services->json_value(reading->text, pointer, value, VALUE_MAX, ret_count);
    if (r == -E2BIG)
        return services->fail(reading->error, r, SHIM_REASON_NONE,
                              "process%s is longer than %d bytes", pointer, VALUE_MAX - 1);
    if (r < 0 && r != -ENOENT && r != -ENOTSUP)
        return services->fail(reading->error, r, SHIM_REASON_NONE, "process%s cannot be read",
                              pointer);
    return r;
}

/* Adds `option` with each element of the list at `pointer`; without an option, the elements alone.
 */
static int add_list(const struct reading *reading, const char *pointer, const char *option,
                    struct words *words) {
    char value[VALUE_MAX];
    for (unsigned i = 0;; i++) {
        int r = value_at(reading, value, NULL, "%s/%u", pointer, i);
        if (r == -ENOENT)
            return 0;
        if (r < 0)
            return r == -ENOTSUP
                       ? reading->context->services->fail(reading->error, -EINVAL, SHIM_REASON_NONE,
                                                          "process%s/%u is not a string", pointer,
                                                          i)
                       : r;
        if (option)
            add(words, option);
        add(words, value);
    }
}

static int add_value(const struct reading *reading, const char *pointer, const char *option,
                     struct words *words) {
    char value[VALUE_MAX];
    int r = value_at(reading, value, NULL, "%s", pointer);
    if (r >= 0)
        add_option(words, option, value);
    return r == -ENOENT || r > 0 ? 0 : r;
}

static int add_limits(const struct reading *reading, struct words *words) {
    char type[VALUE_MAX], soft[VALUE_MAX], hard[VALUE_MAX], limit[128];
    for (unsigned i = 0;; i++) {
        int r = value_at(reading, type, NULL, "/rlimits/%u/type", i);
        if (r == -ENOENT)
            return 0;
        if (r < 0 || (r = value_at(reading, soft, NULL, "/rlimits/%u/soft", i)) < 0 ||
            (r = value_at(reading, hard, NULL, "/rlimits/%u/hard", i)) < 0)
            return reading->context->services->fail(
                reading->error, -EINVAL, SHIM_REASON_NONE,
                "process/rlimits/%u: expected type, soft and hard", i);
        snprintf(limit, sizeof(limit), "%.40s:%.40s:%.40s", type, soft, hard);
        add_option(words, "--limit", limit);
    }
}

/* ---------------------------------------------------------------------- finding the command */

/* 0: it can be executed; else why not, as execve(2) would say it. */
static int try_command(const char *path) {
    struct stat status;
    if (stat(path, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode) || access(path, X_OK) < 0)
        return -EACCES;
    return 0;
}

/* Looks along a PATH; `found` becomes the first that can be executed. */
static int search_path(const char *list, const char *command, char found[VALUE_MAX]) {
    int worst = -ENOENT;
    while (list && *list) {
        size_t length = strcspn(list, ":");
        int made = snprintf(found, VALUE_MAX, "%.*s/%s", (int)length, list, command);
        int r = made < VALUE_MAX ? try_command(found) : -ENAMETOOLONG;
        if (r == 0)
            return 0;
        if (r == -EACCES)
            worst = r;
        list += length + (list[length] == ':');
    }
    return worst;
}

/* Finds what is to be executed before there is a process, so that a missing command is told as a
 * runtime tells it. */
static int find_command(const struct reading *reading, char found[VALUE_MAX]) {
    char command[VALUE_MAX], cwd[VALUE_MAX], entry[VALUE_MAX], path[VALUE_MAX] = "/usr/bin:/bin";
    const struct shim_services *services = reading->context->services;
    int r = value_at(reading, command, NULL, "/args/0");
    if (r <= 0)
        return services->fail(reading->error, -EINVAL, SHIM_REASON_NONE,
                              "process/args is missing or empty; expected a command");
    for (unsigned i = 0; (r = value_at(reading, entry, NULL, "/env/%u", i)) >= 0; i++)
        if (strncmp(entry, "PATH=", 5) == 0)
            memcpy(path, entry + 5, strlen(entry + 5) + 1);
    if (value_at(reading, cwd, NULL, "/cwd") <= 0)
        strcpy(cwd, "/");
    int length = 0;
    if (command[0] == '/')
        length = snprintf(found, VALUE_MAX, "%s", command);
    else if (strchr(command, '/'))
        length = snprintf(found, VALUE_MAX, "%s/%s", cwd, command);
    if (length >= VALUE_MAX)
        return services->fail(reading->error, -ENAMETOOLONG, SHIM_REASON_NONE,
                              "the path of `%.64s…` is too long", command);
    r = strchr(command, '/') ? try_command(found) : search_path(path, command, found);
    if (r == 0)
        return 0;
    return services->fail(reading->error, r,
                          r == -EACCES ? SHIM_REASON_NOT_EXECUTABLE : SHIM_REASON_NOT_FOUND,
                          r == -EACCES ? "`%s` cannot be executed: %s" : "`%s` was not found: %s",
                          command, strerror(-r));
}

/* ---------------------------------------------------------------------- spawning */

static int make_command(const struct reading *reading, const struct shim_process *process,
                        int gated, struct words *words) {
    char program[VALUE_MAX], flag[VALUE_MAX];
    int r = find_command(reading, program);
    if (r < 0)
        return r;
    add(words, init_program(reading->context));
    add_option(words, "--program", program);
    if (gated)
        add_option(words, "--gate", START_FIFO);
    if (process->flags & SHIM_PROCESS_TERMINAL)
        add_option(words, "--console", SHIM_LAUNCH_CONSOLE_SOCKET);
    if (value_at(reading, flag, NULL, "/noNewPrivileges") > 0 && strcmp(flag, "true") == 0)
        add(words, "--no-new-privileges");
    if ((r = add_value(reading, "/cwd", "--cwd", words)) < 0 ||
        (r = add_value(reading, "/user/uid", "--uid", words)) < 0 ||
        (r = add_value(reading, "/user/gid", "--gid", words)) < 0 ||
        (r = add_value(reading, "/user/umask", "--umask", words)) < 0 ||
        (r = add_list(reading, "/user/additionalGids", "--group", words)) < 0 ||
        (r = add_list(reading, "/env", "--env", words)) < 0 || (r = add_limits(reading, words)) < 0)
        return r;
    add(words, "--");
    return add_list(reading, "/args", NULL, words);
}

/* The process's group outlives it only until the monitor has run this. */
static void make_sweep(const struct shim_context *context, const struct shim_process *process,
                       struct words *words) {
    add(words, init_program(context));
    add_option(words, "--sweep", process->directory);
}

static int launch(const struct shim_context *context, const struct shim_process *process,
                  const struct words *command, const struct words *sweep, int gated,
                  struct shim_error *error) {
    const char *const *cleanup[] = {(const char *const *)sweep->argv, NULL};
    struct shim_launch launch;
    memset(&launch, 0, sizeof(launch));
    launch.size = sizeof(launch);
    launch.flags = SHIM_LAUNCH_DIRECT | (gated ? SHIM_LAUNCH_CREATED : 0);
    launch.command = (const char *const *)command->argv;
    launch.cleanup = cleanup;
    launch.cleanup_timeout = context->runtime->delete_timeout;
    int r = context->services->monitor_launch(context, process, &launch, error);
    if (r < 0 || !gated)
        return r;
    /* Created is what can be started: a process that waits. */
    pid_t ready;
    return context->services->pid_file_await(process->directory_fd, READY_FILE,
                                             context->runtime->spawn_timeout, process->cancel_fd,
                                             &ready, error);
}

static int run_init(const struct shim_context *context, const struct shim_process *process,
                    const char *option, const char *value, struct shim_output *ret_output,
                    struct shim_error *error);

static int spawn(const struct shim_context *context, const struct shim_process *process,
                 struct shim_error *error) {
    const struct shim_services *services = context->services;
    struct words command = {NULL, 0, 0, 0}, sweep = {NULL, 0, 0, 0};
    char *text = NULL;
    int gated = !(process->flags & (SHIM_PROCESS_EXEC | SHIM_PROCESS_START));
    int r =
        services->file_read(process->directory_fd, PROCESS_FILE, PROCESS_FILE_MAX, &text, error);
    struct reading reading = {context, text, error};
    if (r == 0)
        r = make_command(&reading, process, gated, &command);
    make_sweep(context, process, &sweep);
    if (r == 0 && (command.failed || sweep.failed))
        r = services->fail(error, -ENOMEM, SHIM_REASON_NONE, "out of memory");
    if (r == 0 && gated)
        r = services->fifo_create(process->directory_fd, START_FIFO, error);
    if (r == 0) {
        r = launch(context, process, &command, &sweep, gated, error);
        struct shim_error ignored = {sizeof(ignored), 0, 0, ""};
        if (r < 0)
            run_init(context, process, "--sweep", NULL, NULL, &ignored);
    }
    words_free(&command);
    words_free(&sweep);
    services->text_free(text);
    return r;
}

static int start(const struct shim_context *context, const struct shim_process *process,
                 struct shim_error *error) {
    const struct shim_services *services = context->services;
    struct shim_error problem = {sizeof(problem), 0, 0, ""};
    int fd;
    int r = services->fifo_open(process->directory_fd, START_FIFO, 1 /* O_WRONLY */, &fd, &problem);
    if (r == -ENXIO)
        return services->fail(error, -ESRCH, SHIM_REASON_NOT_RUNNING,
                              "the process does not wait to be started any more");
    if (r < 0)
        return services->fail(error, r, problem.reason, "%s", problem.message);
    ssize_t written = write(fd, "s", 1);
    r = written == 1 ? 0 : -errno;
    close(fd);
    return r == 0 ? 0
                  : services->fail(error, r, SHIM_REASON_NONE, "cannot tell it to start: %s",
                                   strerror(-r));
}

/* ---------------------------------------------------------------------- the process's group */

/* Runs the other program on the group: `option` DIRECTORY [`value`]. */
static int run_init(const struct shim_context *context, const struct shim_process *process,
                    const char *option, const char *value, struct shim_output *ret_output,
                    struct shim_error *error) {
    const char *argv[] = {init_program(context), option, process->directory, value, NULL};
    struct shim_output output;
    memset(&output, 0, sizeof(output));
    output.size = sizeof(output);
    int r = context->services->run_command(context, process, argv, context->runtime->signal_timeout,
                                           SHIM_RUN_MERGE_ERRORS, &output, error);
    if (r == 0 && output.exit_status != 0)
        r = context->services->fail(error, -EIO, SHIM_REASON_NONE, "%s %s: %.200s",
                                    init_program(context), option,
                                    output.text ? output.text : "failed");
    if (r == 0 && ret_output) {
        *ret_output = output;
        return 0;
    }
    context->services->output_free(&output);
    return r;
}

static int remove_group(const struct shim_context *context, const struct shim_process *process,
                        struct shim_error *error) {
    return run_init(context, process, "--sweep", NULL, NULL, error);
}

static int pause_group(const struct shim_context *context, const struct shim_process *process,
                       struct shim_error *error) {
    return run_init(context, process, "--stop", NULL, NULL, error);
}

static int resume_group(const struct shim_context *context, const struct shim_process *process,
                        struct shim_error *error) {
    return run_init(context, process, "--continue", NULL, NULL, error);
}

static int processes(const struct shim_context *context, const struct shim_process *process,
                     struct shim_pid_list *list, struct shim_error *error) {
    struct shim_output output;
    int r = run_init(context, process, "--list", NULL, &output, error);
    if (r < 0)
        return r;
    for (char *at = output.text; at && *at && r == 0;) {
        long pid = strtol(at, &at, 10);
        if (pid > 0)
            r = list->add(list, (pid_t)pid);
        at += strspn(at, "\n");
    }
    context->services->output_free(&output);
    return r < 0 ? context->services->fail(error, r, SHIM_REASON_NONE, "out of memory") : 0;
}

/* ---------------------------------------------------------------------- the rest */

static int load(const struct shim_context *context, const struct shim_process *process,
                struct shim_state *ret_state, struct shim_error *error) {
    return context->services->process_load(context, process, ret_state, error);
}

static int wait_for(const struct shim_context *context, const struct shim_process *process,
                    int64_t timeout, int32_t *ret_exit_status, struct shim_error *error) {
    return context->services->process_wait(context, process, timeout, ret_exit_status, error);
}

static int send_signal(const struct shim_context *context, const struct shim_process *process,
                       int32_t signal, struct shim_error *error) {
    return context->services->process_signal(context, process, signal, error);
}

static int check_options(struct shim_context *context, struct shim_error *error) {
    const char *key, *value;
    if (context->services->option_at(context, 0, &key, &value) == 0)
        return context->services->fail(error, -EINVAL, SHIM_REASON_NONE,
                                       "%s: options.%s: plugin process has no options",
                                       context->runtime->source, key);
    return 0;
}

static int features(const struct shim_context *context, struct shim_features *ret_features,
                    struct shim_error *error) {
    (void)error;
    snprintf(ret_features->version, sizeof(ret_features->version), "%s", PLUGIN_VERSION);
    if (access(init_program(context), X_OK) < 0)
        snprintf(ret_features->health, sizeof(ret_features->health), "%s cannot be executed: %s",
                 init_program(context), strerror(errno));
    return 0;
}

static const struct shim_plugin plugin = {
    .size = sizeof(plugin),
    .abi_version = SHIM_ABI_VERSION,
    .name = "process",
    .version = PLUGIN_VERSION,
    .summary = "a supervised process of this host, without isolation and without a runtime",
    .spawn = spawn,
    .load = load,
    .wait = wait_for,
    .signal = send_signal,
    .open = check_options,
    .start = start,
    .remove = remove_group,
    .pause = pause_group,
    .resume = resume_group,
    .processes = processes,
    .features = features,
};

SHIM_PLUGIN(plugin);
