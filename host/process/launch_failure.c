/* SPDX-License-Identifier: Apache-2.0 */
#include "process/launch_failure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "process/runtime_log.h"

/* "the runtime's create", or what there is to call it by. */
static const char *command_name(const struct launch_plan *plan, char *buffer, size_t size) {
    if (plan->action)
        snprintf(buffer, size, "the runtime's %s", plan->action);
    else
        snprintf(buffer, size, "%s", plan->command ? plan->command[0] : "the command");
    return buffer;
}

/* ": " and the runtime's own last error, or nothing. */
static const char *reason(const struct launch_plan *plan, char *buffer, size_t size) {
    memcpy(buffer, ": ", 3);
    if (!plan->runtime_log ||
        runtime_log_last_error(plan->directory_fd, plan->runtime_log, buffer + 2, size - 2) <= 0)
        buffer[0] = '\0';
    return buffer;
}

/* "30s", or "1500ms" if that is not whole. */
static const char *duration(int64_t milliseconds, char *buffer, size_t size) {
    if (milliseconds % 1000 == 0)
        snprintf(buffer, size, "%" PRId64 "s", milliseconds / 1000);
    else
        snprintf(buffer, size, "%" PRId64 "ms", milliseconds);
    return buffer;
}

static int command_failed(const struct launch_plan *plan, const char *how, int number,
                          struct shim_error *error) {
    char name[256], why[768];
    return error_set(error, -ECHILD, "%s %s %d before the process was created%s",
                     command_name(plan, name, sizeof(name)), how, number,
                     reason(plan, why, sizeof(why)));
}

static int timed_out(const struct launch_plan *plan, struct shim_error *error) {
    char time[32], why[768];
    return error_set_reason(error, -ETIMEDOUT, SHIM_REASON_TIMED_OUT, "timed out after %s%s",
                            duration(plan->spawn_timeout, time, sizeof(time)),
                            reason(plan, why, sizeof(why)));
}

static int cancelled(struct shim_error *error) {
    return error_set_reason(error, -ECANCELED, SHIM_REASON_CANCELLED, "cancelled");
}

/* When the command is the process itself, this is what a shell would call 127 or 126. */
static int not_executed(const struct launch_plan *plan, int number, struct shim_error *error) {
    uint32_t kind = SHIM_REASON_NONE;
    if (!plan->pid_file)
        kind = number == ENOENT || number == ENOTDIR ? SHIM_REASON_NOT_FOUND
                                                     : SHIM_REASON_NOT_EXECUTABLE;
    return error_set_reason(error, -ECHILD, kind, "cannot execute %s: %s", plan->command[0],
                            strerror(number));
}

static int no_process(const struct launch_plan *plan, int number, struct shim_error *error) {
    char name[256];
    command_name(plan, name, sizeof(name));
    switch (number) {
    case ENOENT:
        return error_set(error, -ECHILD, "%s succeeded but wrote no pid file %s/%s", name,
                         plan->directory, plan->pid_file);
    case EBADMSG:
    case EFBIG:
        return error_set(error, -ECHILD, "%s succeeded but its pid file %s/%s holds no pid", name,
                         plan->directory, plan->pid_file);
    case ESRCH:
        return error_set(error, -ECHILD,
                         "%s succeeded but nobody has the pid in its pid file %s/%s", name,
                         plan->directory, plan->pid_file);
    case EEXIST:
        return error_set(
            error, -ECHILD,
            "%s succeeded but the pid in its pid file %s/%s is that of an older process", name,
            plan->directory, plan->pid_file);
    default:
        return error_set(error, -ECHILD, "%s succeeded but its pid file %s/%s is of no use: %s",
                         name, plan->directory, plan->pid_file, strerror(number));
    }
}

static int system_failed(const struct launch_plan *plan, int number, struct shim_error *error) {
    int code = number > 0 && number < 4096 ? -number : -EPROTO;
    if (!plan->command && number == ESRCH)
        return error_set_reason(error, code, SHIM_REASON_NOT_RUNNING, "the process is gone");
    return error_set(error, code, "the monitor could not do its work in %s: %s", plan->directory,
                     strerror(-code));
}

int launch_failure_said(const struct launch_plan *plan, const char *what, int number,
                        struct shim_error *error) {
    if (strcmp(what, "exited") == 0)
        return command_failed(plan, "exited with status", number, error);
    if (strcmp(what, "killed") == 0)
        return command_failed(plan, "was killed by signal", number, error);
    if (strcmp(what, "timeout") == 0)
        return timed_out(plan, error);
    if (strcmp(what, "cancelled") == 0)
        return cancelled(error);
    if (strcmp(what, "exec") == 0)
        return not_executed(plan, number, error);
    if (strcmp(what, "pidfile") == 0)
        return no_process(plan, number, error);
    return system_failed(plan, number, error);
}

int launch_failure_death(const struct launch_plan *plan, const siginfo_t *how,
                         struct shim_error *error) {
    char why[768];
    reason(plan, why, sizeof(why));
    if (!how)
        return error_set(error, -EPIPE, "monitor died before the process was created%s", why);
    if (how->si_code == CLD_EXITED)
        return error_set(error, -EPIPE,
                         "monitor died: exited with status %d before the process was created%s",
                         how->si_status, why);
    return error_set(error, -EPIPE, "monitor died: killed by signal %d%s", how->si_status, why);
}

int launch_failure_overdue(const struct launch_plan *plan, bool was_cancelled,
                           struct shim_error *error) {
    if (was_cancelled)
        return cancelled(error);
    return timed_out(plan, error);
}
