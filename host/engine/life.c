/* SPDX-License-Identifier: Apache-2.0 */
/* What can be done to a process that exists, short of removing it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "engine/call.h"
#include "process/fifo.h"
#include "process/identity.h"

static int wrong_state(const struct process *process, uint32_t status, const char *wanted,
                       struct shim_error *error) {
    return error_set_reason(
        error, status == SHIM_STATUS_STOPPED ? -ESRCH : -EINVAL,
        status == SHIM_STATUS_STOPPED ? SHIM_REASON_NOT_RUNNING : SHIM_REASON_WRONG_STATE,
        "container %s is %s; %s", process->container_id, status_name(status), wanted);
}

/* A change of status that the runtime makes: under the lock, and marked, so that a host which dies
 * in the middle leaves its successor a reason to ask. */
struct change {
    const char *name;  /* of the entry */
    const char *event; /* what it is called when it has been done */
    uint32_t from, to;
    const char *wanted;
    int (*call)(const struct shim_context *context, const struct shim_process *process,
                struct shim_error *error);
};

/* Takes the mark of a change away. What has failed may be done or not: the runtime is asked, unless
 * it was cut short and would not answer. Until it has told, the mark stays, and whoever comes asks.
 */
static void unmark(struct process *process, int result) {
    struct shim_error ignored = ERROR_NONE;
    if (result == -ETIMEDOUT || result == -ECANCELED)
        return;
    if (result < 0 && SHIM_HAS(struct shim_plugin, process->runtime->plugin, state))
        process_settle_status(process, &ignored);
    else
        status_changing_clear(process->directory_fd); /* done, or there is nobody to be asked */
}

static int change_status(struct process *process, const struct change *change,
                         struct shim_error *error) {
    char begun[CLOCK_RFC3339_SIZE]; /* what the change lets happen comes after this */
    struct shim_state state;
    int mark AUTO_CLOSE = -1;
    int r = process_lock(process, error);
    if (r < 0 || (r = process_load(process, &state, error)) < 0)
        return r;
    clock_rfc3339(begun);
    if (state.status != change->from)
        return wrong_state(process, state.status, change->wanted, error);
    if ((r = status_changing_set(process->directory_fd, &mark, error)) < 0)
        return r;
    struct plugin_call call =
        plugin_call_begin(process->runtime, change->name, plugin_call_limit(process->runtime));
    r = change->call(&process->runtime->context, &process->view, error);
    r = plugin_call_end(&call, r, error);
    if (r < 0)
        error_context(error, "container %s: cannot %s it", process->container_id, change->name);
    else
        r = status_change(process->directory_fd, change->to, error);
    if (r == 0)
        process_tell(process, change->event, state.identity.pid, -1, begun);
    unmark(process, r);
    return r;
}

int engine_start(struct engine *engine, const char *container, struct shim_error *error) {
    struct process *process AUTO_PROCESS = NULL;
    int r = process_open(engine, container, NULL, &process, error);
    if (r < 0 || (r = RUNTIME_NEEDS(process->runtime, start, error)) < 0)
        return r;
    return change_status(process,
                         &(struct change){"start", "started", SHIM_STATUS_CREATED,
                                          SHIM_STATUS_RUNNING, "only a created one can be started",
                                          process->runtime->plugin->start},
                         error);
}

static bool is_killed(const struct process *process) {
    struct shim_identity identity = {.size = sizeof(identity)};
    return identity_read_process(process->directory_fd, &identity, NULL) == 0 &&
           identity_pending(&identity, SIGKILL);
}

int engine_pause(struct engine *engine, const char *container, struct shim_error *error) {
    struct process *process AUTO_PROCESS = NULL;
    int r = process_open(engine, container, NULL, &process, error);
    if (r < 0 || (r = RUNTIME_NEEDS(process->runtime, pause, error)) < 0)
        return r;
    r = change_status(process,
                      &(struct change){"pause", "paused", SHIM_STATUS_RUNNING, SHIM_STATUS_PAUSED,
                                       "only a running one can be paused",
                                       process->runtime->plugin->pause},
                      error);
    if (is_killed(process)) /* meanwhile, by somebody who saw it run */
        process_thaw(process);
    return r;
}

int engine_resume(struct engine *engine, const char *container, struct shim_error *error) {
    struct process *process AUTO_PROCESS = NULL;
    int r = process_open(engine, container, NULL, &process, error);
    if (r < 0 || (r = RUNTIME_NEEDS(process->runtime, resume, error)) < 0)
        return r;
    return change_status(process,
                         &(struct change){"resume", "resumed", SHIM_STATUS_PAUSED,
                                          SHIM_STATUS_RUNNING, "only a paused one can be resumed",
                                          process->runtime->plugin->resume},
                         error);
}

/* A wait may last; what it may not do is go on much beyond the time-out that it was given. */
static int64_t wait_limit(const struct runtime *runtime, int64_t timeout) {
    return timeout < 0 || timeout > INT32_MAX ? SHIM_FOREVER : timeout + plugin_call_limit(runtime);
}

/* A plugin may have taken a raw wait status for one. */
static int check_exit_status(const struct runtime *runtime, int32_t exit_status,
                             struct shim_error *error) {
    if (exit_status >= 0 && exit_status <= 255)
        return 0;
    return error_set(error, -EPROTO, "runtime %s's plugin: wait gave %d, which is no exit status",
                     runtime->config->name, exit_status);
}

int engine_wait(struct engine *engine, const char *container, const char *id, int64_t timeout,
                int32_t *ret_exit_status, struct shim_error *error) {
    struct process *process AUTO_PROCESS = NULL;
    int32_t exit_status = -1;
    int r = process_open(engine, container, id, &process, error);
    if (r < 0)
        return r;
    r = PLUGIN_CALL_WITHIN(process->runtime, wait_limit(process->runtime, timeout), wait,
                           &process->view, timeout, &exit_status, error);
    if (r < 0 || (r = check_exit_status(process->runtime, exit_status, error)) < 0)
        return r;
    *ret_exit_status = exit_status;
    return 0;
}

int engine_wait_descriptor(struct engine *engine, const char *container, const char *id,
                           int *ret_fd, struct shim_error *error) {
    struct process *process AUTO_PROCESS = NULL;
    int r = process_open(engine, container, id, &process, error);
    return r < 0 ? r : process_wait_descriptor(process, ret_fd, error);
}

int engine_signal(struct engine *engine, const char *container, const char *id, int32_t signal,
                  struct shim_error *error) {
    struct process *process AUTO_PROCESS = NULL;
    struct shim_state state;
    if (signal < 1 || signal >= NSIG)
        return error_set(error, -EINVAL, "signal %d: expected 1 to %d", signal, NSIG - 1);
    int r = process_open(engine, container, id, &process, error);
    if (r < 0 || (r = process_load(process, &state, error)) < 0)
        return r;
    if ((r = state_lives(&state, error)) == 0)
        r = error_set_reason(error, -ESRCH, SHIM_REASON_NOT_RUNNING,
                             "container %s, process %s: not running (it is %s)", container,
                             process->id, status_name(state.status));
    if (r < 0)
        return r;
    r = process_send_signal(process, signal, error);
    return r < 0 ? error_context(error, "container %s, process %s", container, process->id) : 0;
}

int engine_update(struct engine *engine, const char *container, const char *resources,
                  struct shim_error *error) {
    struct process *process AUTO_PROCESS = NULL;
    struct shim_state state;
    int r = record_check_object(resources, "the resources", NULL, error);
    if (r < 0 || (r = process_open(engine, container, NULL, &process, error)) < 0 ||
        (r = RUNTIME_NEEDS(process->runtime, update, error)) < 0 ||
        (r = process_lock(process, error)) < 0 || (r = process_load(process, &state, error)) < 0)
        return r;
    if (state.status == SHIM_STATUS_STOPPED || state.status == SHIM_STATUS_UNKNOWN)
        return wrong_state(process, state.status, "there is nothing to update", error);
    r = PLUGIN_CALL(process->runtime, update, &process->view, resources, error);
    return r < 0 ? error_context(error, "container %s: cannot update it", container) : 0;
}

int engine_checkpoint(struct engine *engine, const char *container,
                      const struct shim_checkpoint *checkpoint, struct shim_error *error) {
    struct process *process AUTO_PROCESS = NULL;
    struct shim_state state;
    int mark AUTO_CLOSE = -1;
    int r = process_open(engine, container, NULL, &process, error);
    if (r < 0 || (r = RUNTIME_NEEDS(process->runtime, checkpoint, error)) < 0 ||
        (r = process_lock(process, error)) < 0 || (r = process_load(process, &state, error)) < 0)
        return r;
    if (state.status != SHIM_STATUS_RUNNING && state.status != SHIM_STATUS_PAUSED)
        return wrong_state(process, state.status, "only a running one can be checkpointed", error);
    if ((r = status_changing_set(process->directory_fd, &mark, error)) < 0)
        return r;
    /* How long it takes depends on the container's memory. */
    r = PLUGIN_CALL_WITHIN(process->runtime, SHIM_FOREVER, checkpoint, &process->view, checkpoint,
                           error);
    unmark(process, r);
    return r < 0 ? error_context(error, "container %s: cannot checkpoint it", container) : 0;
}

/* No monitor has the control FIFO open: its process is over, or lives without one. */
static int not_monitored(struct process *process, struct shim_error *error) {
    struct shim_state state;
    int r = process_load(process, &state, error);
    if (r < 0 || (r = state_lives(&state, error)) < 0)
        return r;
    if (r == 0)
        return error_set_reason(error, -ESRCH, SHIM_REASON_NOT_RUNNING,
                                "container %s, process %s: not running", process->container_id,
                                process->id);
    return error_set_reason(error, -EPIPE, SHIM_REASON_WRONG_STATE,
                            "container %s, process %s: its monitor is dead; run: shimhost check",
                            process->container_id, process->id);
}

int engine_control(struct engine *engine, const char *container, const char *id, int type,
                   unsigned int width, unsigned int height, struct shim_error *error) {
    struct process *process AUTO_PROCESS = NULL;
    int fd AUTO_CLOSE = -1;
    char line[64];
    int r = process_open(engine, container, id, &process, error);
    if (r < 0)
        return r;
    r = fifo_open(process->directory_fd, "control", O_WRONLY, &fd, error);
    if (r == -ENXIO)
        return not_monitored(process, error);
    if (r < 0)
        return error_context(error, "container %s, process %s", container, process->id);
    if (type == CONTROL_RESIZE && !process->record.terminal)
        return error_set(error, -ENOTTY,
                         "container %s, process %s has no terminal to resize; run, create and exec "
                         "give one with -t",
                         container, process->id);
    /* A line this short is written whole or not at all (PIPE_BUF). */
    int length = snprintf(line, sizeof(line), "%d %u %u\n", type, width, height);
    if (write(fd, line, (size_t)length) != length)
        return error_set(error, -errno,
                         "container %s, process %s: its monitor does not take control lines: %s",
                         container, process->id, strerror(errno));
    return 0;
}
