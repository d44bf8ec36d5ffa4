/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing processes into being: create, run, exec and restore, each by a monitor. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The options of the one who asked for this process, then the id. */
static void finish(const struct shim_context *context, const struct shim_process *process,
                   const char *subcommand, struct shim_oci_words *words) {
    if (process->flags & SHIM_PROCESS_TERMINAL)
        oci_add_option(context, words, "--console-socket", SHIM_LAUNCH_CONSOLE_SOCKET);
    for (size_t i = 0; process->runtime_args && process->runtime_args[i]; i++)
        shim_oci_add(words, process->runtime_args[i]);
    oci_finish(context, process, subcommand, NULL, words);
}

static void add_container_options(const struct shim_context *context,
                                  const struct shim_process *process,
                                  struct shim_oci_words *words) {
    oci_add_option(context, words, "--bundle", process->bundle);
    oci_add_file(context, process, words, "--pid-file", OCI_PID_FILE);
    int no_pivot = (context->runtime->flags & SHIM_RUNTIME_NO_PIVOT_ROOT) ||
                   (process->flags & SHIM_PROCESS_NO_PIVOT_ROOT);
    /* CRIU makes the root of what is restored: runc takes the option and does nothing with it, crun
     * does not know it there. */
    if (no_pivot && !process->checkpoint)
        oci_add_option(context, words, "--no-pivot", NULL);
}

/* Makes the sentence say what the runtime may have left out: that it cannot work here at all. */
static void explain_health(const struct shim_context *context, struct shim_error *error) {
    char health[256] = "", message[sizeof(error->message)];
    if (!error || !oci_of(context)->runtime.check_health)
        return;
    oci_of(context)->runtime.check_health(context, health, sizeof(health));
    if (!health[0])
        return;
    snprintf(message, sizeof(message), "%s", error->message);
    context->services->fail(error, error->code, error->reason, "%s (%s)", message, health);
}

/* Lets the monitor run `command`, and makes an error of the runtime's into one of the container's
 * command where it is one. */
static int launch(const struct shim_context *context, const struct shim_process *process,
                  const struct shim_oci_words *command, const char *const *const *cleanup,
                  uint32_t flags, struct shim_error *error) {
    struct shim_launch launch;
    memset(&launch, 0, sizeof(launch));
    launch.size = sizeof(launch);
    launch.flags = flags;
    launch.command = oci_words_argv(command);
    launch.cleanup = cleanup;
    launch.pid_file = OCI_PID_FILE;
    launch.cleanup_timeout = context->runtime->delete_timeout;
    launch.runtime_log = oci_has(context, "--log") ? OCI_LOG : NULL;
    if (!launch.command)
        return oci_fail(context, error, -ENOMEM, SHIM_REASON_NONE, "out of memory");
    int r = context->services->monitor_launch(context, process, &launch, error);
    if (r < 0 && error && error->reason == SHIM_REASON_NONE) {
        uint32_t reason = shim_oci_reason(context, error->message);
        if (reason == SHIM_REASON_NOT_FOUND || reason == SHIM_REASON_NOT_EXECUTABLE)
            error->reason = reason;
        else
            explain_health(context, error);
    }
    return r;
}

static int spawn_exec(const struct shim_context *context, const struct shim_process *process,
                      struct shim_error *error) {
    struct shim_oci_words words = OCI_WORDS_NONE;
    int r = oci_begin(context, process, "exec", &words, error);
    if (r == 0) {
        oci_add_option(context, &words, "--detach", NULL);
        oci_add_file(context, process, &words, "--process", "process.json");
        oci_add_file(context, process, &words, "--pid-file", OCI_PID_FILE);
        finish(context, process, "exec", &words);
        r = launch(context, process, &words, NULL, 0, error);
    }
    oci_words_free(&words);
    return r;
}

/* The commands that the monitor runs when the container is over. */
struct cleanup {
    struct shim_oci_words remove, more;
    const char *const *commands[3];
};

static int make_cleanup(const struct shim_context *context, const struct shim_process *process,
                        struct cleanup *cleanup, struct shim_error *error) {
    const struct shim_oci_runtime *runtime = &oci_of(context)->runtime;
    int r = oci_begin(context, process, "delete", &cleanup->remove, error);
    if (r < 0)
        return r;
    oci_add_option(context, &cleanup->remove, "--force", NULL);
    oci_finish(context, process, "delete", NULL, &cleanup->remove);
    if (runtime->cleanup_words)
        runtime->cleanup_words(context, process, &cleanup->more);
    cleanup->commands[0] = oci_words_argv(&cleanup->remove);
    cleanup->commands[1] = oci_words_argv(&cleanup->more); /* NULL: there is no more */
    if (!cleanup->commands[0] || cleanup->more.failed)
        return oci_fail(context, error, -ENOMEM, SHIM_REASON_NONE, "out of memory");
    return 0;
}

/* A container of that id which is there already belongs to someone else, and a failed create would
 * end with its removal. */
static int check_unknown(const struct shim_context *context, const struct shim_process *process,
                         struct shim_error *error) {
    int known = oci_knows(context, process, error);
    if (known <= 0)
        return known;
    const char *root = context->runtime->root ? context->runtime->root : oci_of(context)->root;
    return oci_fail(context, error, -EEXIST, SHIM_REASON_NONE,
                    "%s already has a container of this id%s%s, which is not ours; choose another "
                    "id, or delete that one with %s",
                    oci_of(context)->runtime.name, root ? " in " : "", root ? root : "",
                    oci_of(context)->binary);
}

/* It may be over by then: its monitor writes the end before it writes `stopped`, so whoever is the
 * last of the two to write has seen the end. */
static int record_running(const struct shim_context *context, const struct shim_process *process,
                          struct shim_error *error) {
    static const char running[] = "running\n", stopped[] = "stopped\n";
    const struct shim_services *services = context->services;
    struct shim_state state = {.size = sizeof(state)};
    struct shim_error ignored = oci_error();
    int r =
        services->file_write(process->directory_fd, "status", running, sizeof(running) - 1, error);
    if (r < 0 || services->process_load(context, process, &state, &ignored) < 0 ||
        state.status != SHIM_STATUS_STOPPED)
        return r;
    return services->file_write(process->directory_fd, "status", stopped, sizeof(stopped) - 1,
                                error);
}

static int start_created(const struct shim_context *context, const struct shim_process *process,
                         struct shim_error *error) {
    int r = shim_oci_start(context, process, error);
    return r < 0 ? r : record_running(context, process, error);
}

/* Whatever the failed command has left: it is gone when this returns, or the log says why not. */
static void undo(const struct shim_context *context, const struct shim_process *process) {
    struct shim_error problem = oci_error();
    if (shim_oci_remove(context, process, &problem) < 0)
        context->services->log(context, process, SHIM_LOG_ERROR,
                               "a failed spawn may have left something behind: %s",
                               problem.message);
}

static int spawn_container(const struct shim_context *context, const struct shim_process *process,
                           const char *subcommand, struct shim_error *error) {
    struct shim_oci_words words = OCI_WORDS_NONE;
    struct cleanup cleanup = {OCI_WORDS_NONE, OCI_WORDS_NONE, {NULL, NULL, NULL}};
    int only_created = strcmp(subcommand, "create") == 0;
    int r = oci_begin(context, process, subcommand, &words, error);
    if (r == 0) {
        if (!only_created)
            oci_add_option(context, &words, "--detach", NULL);
        if (process->checkpoint) {
            oci_add_option(context, &words, "--image-path", process->checkpoint);
            oci_add_option(context, &words, "--work-path", process->directory);
        }
        add_container_options(context, process, &words);
        finish(context, process, subcommand, &words);
        r = make_cleanup(context, process, &cleanup, error);
    }
    if (r == 0 && (r = check_unknown(context, process, error)) == 0 &&
        (r = oci_cgroups_foresee(context, process, error)) == 0) {
        r = launch(context, process, &words, cleanup.commands,
                   only_created ? SHIM_LAUNCH_CREATED : 0, error);
        if (r == 0 && only_created && (process->flags & SHIM_PROCESS_START))
            r = start_created(context, process, error);
        if (r == -ECHILD && process->checkpoint)
            oci_explain_criu(context, process->directory, "restore.log", error);
        if (r < 0)
            undo(context, process);
    }
    oci_words_free(&cleanup.more);
    oci_words_free(&cleanup.remove);
    oci_words_free(&words);
    return r;
}

int shim_oci_spawn(const struct shim_context *context, const struct shim_process *process,
                   struct shim_error *error) {
    if (process->flags & SHIM_PROCESS_EXEC)
        return spawn_exec(context, process, error);
    int run = (process->flags & SHIM_PROCESS_START) && oci_has(context, "run");
    return spawn_container(context, process, run ? "run" : "create", error);
}

int shim_oci_restore(const struct shim_context *context, const struct shim_process *process,
                     struct shim_error *error) {
    return spawn_container(context, process, "restore", error);
}
