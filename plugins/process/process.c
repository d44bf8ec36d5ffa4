/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A supervised process of this host out of a bundle's process object, for which no runtime need be
 * installed and nobody need be root. There is no isolation at all: of the bundle's config.json only
 * the process counts. A container is the processes that its first one and its execs have brought
 * forth.
 */
#include <errno.h>
#include <fcntl.h>
#include <shimhost/plugin.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "make_plan.h"
#include "members.h"
#include "plan.h"

#define KILL_WAIT 5000 /* milliseconds for one process to die */
#define ROUNDS 100     /* of looking for processes that have been made meanwhile */

/* The program that makes the process. */
static const char *helper(const struct shim_context *context) {
    return context->runtime->binary ? context->runtime->binary : PROCESS_INIT;
}

/* ------------------------------------------------------------------------------------ spawning */

static int launch(const struct shim_context *context, const struct shim_process *process, int wait,
                  struct shim_error *error) {
    const char *const terminal[] = {helper(context), "--spawn", SHIM_LAUNCH_CONSOLE_SOCKET, NULL};
    const char *const plain[] = {helper(context), "--spawn", NULL};
    const char *const end[] = {helper(context), "--end", NULL};
    const char *const *const cleanup[] = {end, NULL};
    const struct shim_launch launch = {
        .size = sizeof(launch),
        .flags = wait ? SHIM_LAUNCH_CREATED : 0,
        .command = process->flags & SHIM_PROCESS_TERMINAL ? terminal : plain,
        .cleanup = cleanup,
        .pid_file = PID_FILE,
        .cleanup_timeout = context->runtime->delete_timeout,
        .runtime_log = LOG_FILE,
    };
    int r = context->services->monitor_launch(context, process, &launch, error);
    if (r == -ECHILD && error && strstr(error->message, MESSAGE_NOT_FOUND))
        error->reason = SHIM_REASON_NOT_FOUND;
    if (r == -ECHILD && error && strstr(error->message, MESSAGE_NOT_EXECUTABLE))
        error->reason = SHIM_REASON_NOT_EXECUTABLE;
    return r;
}

static int spawn(const struct shim_context *context, const struct shim_process *process,
                 struct shim_error *error) {
    const struct shim_services *services = context->services;
    int wait = !(process->flags & (SHIM_PROCESS_EXEC | SHIM_PROCESS_START));
    if (access(helper(context), X_OK) < 0)
        return services->fail(error, -errno, SHIM_REASON_NONE, "cannot execute %s: %s",
                              helper(context), strerror(errno));
    if (process->runtime_args && process->runtime_args[0])
        return services->fail(error, -EINVAL, SHIM_REASON_NONE,
                              "plugin process takes no further arguments, such as %s",
                              process->runtime_args[0]);
    int r = make_plan(context, process, wait, error);
    if (r == 0 && wait)
        r = services->fifo_create(process->directory_fd, START_FIFO, error);
    return r < 0 ? r : launch(context, process, wait, error);
}

/* Whoever waits has the FIFO open. */
static int start(const struct shim_context *context, const struct shim_process *process,
                 struct shim_error *error) {
    const struct shim_services *services = context->services;
    struct shim_error problem = {.size = sizeof(problem)};
    int fd = -1;
    int r = services->fifo_open(process->directory_fd, START_FIFO, O_WRONLY, &fd, &problem);
    if (r == -ENXIO || r == -ENOENT)
        return services->fail(error, -ESRCH, SHIM_REASON_NOT_RUNNING,
                              "the process that was created is gone");
    if (r < 0)
        return services->fail(error, r, problem.reason, "%s", problem.message);
    r = write(fd, "", 1) == 1 ? 0 : -errno;
    close(fd);
    return r < 0 ? services->fail(error, r, SHIM_REASON_NONE, "cannot write to %s/%s: %s",
                                  process->directory, START_FIFO, strerror(-r))
                 : 0;
}

/* ------------------------------------------------------------------------------------ the life */

static int load(const struct shim_context *context, const struct shim_process *process,
                struct shim_state *ret_state, struct shim_error *error) {
    return context->services->process_load(context, process, ret_state, error);
}

static int wait_for(const struct shim_context *context, const struct shim_process *process,
                    int64_t timeout, int32_t *ret_exit_status, struct shim_error *error) {
    return context->services->process_wait(context, process, timeout, ret_exit_status, error);
}

/* Of the container; of an exec, what that has brought forth. */
static int take_census(const struct shim_context *context, const struct shim_process *process,
                       struct census *census, struct shim_error *error) {
    int r = census_take(census);
    if (r < 0)
        return context->services->fail(error, r, SHIM_REASON_NONE, "cannot list processes: %s",
                                       strerror(-r));
    if (process->flags & SHIM_PROCESS_EXEC)
        census_mark_process(census, process->directory_fd);
    else
        census_mark_container(census, process->directory_fd);
    return 0;
}

/* Sends a signal to all, again and again until nobody new is found: `skip` tells who has it already
 * by the state that it is in. */
static int signal_all(const struct shim_context *context, const struct shim_process *process,
                      int signal, const char *skip, int wait_ms, struct shim_error *error) {
    struct census census = {NULL, 0, 0};
    int r = 0, sent = 1;
    for (int round = 0; round < ROUNDS && sent > 0; round++) {
        r = take_census(context, process, &census, error);
        if (r < 0)
            break;
        for (size_t i = 0; i < census.count; i++)
            if (strchr(skip, census.all[i].state))
                census.all[i].belongs = 0;
        sent = census_signal(&census, signal, wait_ms);
    }
    census_clear(&census);
    return r;
}

/* SIGKILL to the first process ends the container, as it would elsewhere, and to an exec what that
 * has brought forth, for which its monitor may no longer be there. What belongs to it has to be
 * found out as long as the process is there to tell. */
static int signal_process(const struct shim_context *context, const struct shim_process *process,
                          int32_t signal, struct shim_error *error) {
    struct census census = {NULL, 0, 0};
    int r = signal == SIGKILL ? take_census(context, process, &census, error) : 0;
    if (r == 0)
        r = context->services->process_signal(context, process, signal, error);
    /* An exec whose monitor died before it could record it is found nevertheless. */
    if (signal == SIGKILL && (r == 0 || (process->flags & SHIM_PROCESS_EXEC)))
        census_signal(&census, signal, 0);
    census_clear(&census);
    return r;
}

static int pause_all(const struct shim_context *context, const struct shim_process *process,
                     struct shim_error *error) {
    return signal_all(context, process, SIGSTOP, "Tt", 0, error);
}

static int resume_all(const struct shim_context *context, const struct shim_process *process,
                      struct shim_error *error) {
    return signal_all(context, process, SIGCONT, "RSDI", 0, error);
}

static int remove_all(const struct shim_context *context, const struct shim_process *process,
                      struct shim_error *error) {
    return process->flags & SHIM_PROCESS_EXEC
               ? 0
               : signal_all(context, process, SIGKILL, "", KILL_WAIT, error);
}

static int list_processes(const struct shim_context *context, const struct shim_process *process,
                          struct shim_pid_list *list, struct shim_error *error) {
    struct census census = {NULL, 0, 0};
    int r = take_census(context, process, &census, error);
    for (size_t i = 0; r == 0 && i < census.count; i++)
        if (census.all[i].belongs && (r = list->add(list, census.all[i].pid)) < 0)
            context->services->fail(error, r, SHIM_REASON_NONE, "out of memory");
    census_clear(&census);
    return r;
}

/* The first process tells: it waits for its start, is stopped, or runs. */
static int state(const struct shim_context *context, const struct shim_process *process,
                 uint32_t *ret_status, struct shim_error *error) {
    const struct shim_services *services = context->services;
    struct shim_state known = {.size = sizeof(known)};
    struct shim_error ignored = {.size = sizeof(ignored)};
    struct census census = {NULL, 0, 0};
    int fd = -1;
    int r = services->process_load(context, process, &known, error);
    if (r < 0)
        return r;
    /* That its monitor has not said what it is does not matter, as long as it lives. */
    int over = known.status == SHIM_STATUS_STOPPED || !known.identity.pid;
    if (!over)
        r = services->identity_signal(&known.identity, 0, error);
    if (over || r == -ESRCH)
        return services->fail(error, -ESRCH, SHIM_REASON_NOT_RUNNING, "not running");
    if (r < 0)
        return r;
    *ret_status = SHIM_STATUS_RUNNING;
    if (services->fifo_open(process->directory_fd, START_FIFO, O_WRONLY, &fd, &ignored) == 0) {
        *ret_status = SHIM_STATUS_CREATED;
        close(fd);
    } else if ((r = take_census(context, process, &census, error)) == 0) {
        for (size_t i = 0; i < census.count; i++)
            if (census.all[i].pid == known.identity.pid && strchr("Tt", census.all[i].state))
                *ret_status = SHIM_STATUS_PAUSED;
    }
    census_clear(&census);
    return r;
}

static int features(const struct shim_context *context, struct shim_features *ret_features,
                    struct shim_error *error) {
    struct shim_features found = {.size = ret_features->size, .version = PLUGIN_VERSION};
    (void)error;
    snprintf(found.binary, sizeof(found.binary), "%s", helper(context));
    if (access(helper(context), X_OK) < 0)
        snprintf(found.health, sizeof(found.health), "cannot execute %.180s: %s", helper(context),
                 strerror(errno));
    memcpy(ret_features, &found, found.size < sizeof(found) ? found.size : sizeof(found));
    return 0;
}

static int check_options(struct shim_context *context, struct shim_error *error) {
    const char *key, *value;
    if (context->services->option_at(context, 0, &key, &value) < 0)
        return 0;
    return context->services->fail(error, -EINVAL, SHIM_REASON_NONE,
                                   "%s: options.%s: plugin process has no options",
                                   context->runtime->source, key);
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
    .signal = signal_process,
    .open = check_options,
    .start = start,
    .remove = remove_all,
    .state = state,
    .pause = pause_all,
    .resume = resume_all,
    .processes = list_processes,
    .features = features,
};

SHIM_PLUGIN(plugin);
