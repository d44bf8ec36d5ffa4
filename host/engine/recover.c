/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a process whose monitor has been killed: the policy on-monitor-death. */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/call.h"
#include "process/identity.h"

static int record_unknown(const struct process *process, const char *why,
                          struct shim_error *error) {
    int r = status_unknown_write(process->directory_fd, why, error);
    if (r < 0 || (r = status_write(process->directory_fd, SHIM_STATUS_STOPPED, error)) < 0)
        return r;
    process_tell(process, "exited", 0, -1, NULL);
    return 0;
}

/* It is over, and the monitor has not told how. */
static int record_unseen(const struct process *process, const struct shim_identity *identity,
                         struct shim_error *error) {
    int r = identity_of_other_boot(identity, error);
    if (r < 0)
        return r;
    return record_unknown(
        process, r == 1 ? HOST_RESTARTED : "its monitor was killed, and nobody saw its end", error);
}

/* SIGKILL, and the end of exactly that process awaited. -ESRCH: it was over before. Through the
 * plugin: only that knows what more has to be killed, or that what the host sees of the process is
 * not the process itself. */
static int kill_and_await(struct process *process, const struct shim_identity *identity,
                          struct shim_error *error) {
    int pidfd AUTO_CLOSE = -1;
    int r = identity_open(identity, &pidfd, error);
    if (r < 0 || (r = process_send_signal(process, SIGKILL, error)) < 0)
        return r;
    r = pidfd_await(pidfd, process->runtime->config->timeouts.signal, process->view.cancel_fd);
    if (r < 0)
        return error_set(error, r,
                         "container %s: pid %d was sent SIGKILL, and its end was not seen: %s",
                         process->container_id, identity->pid, strerror(-r));
    return 0;
}

int process_clean(struct process *process, struct shim_error *error) {
    int r = process->record.exec ? 0 : process_forget(process, error);
    if (r < 0)
        return r;
    status_cleaned_set(process->directory_fd);
    return 0;
}

static int recover_by_kill(struct process *process, const struct shim_identity *identity,
                           struct shim_error *error) {
    int r = kill_and_await(process, identity, error);
    if (r == -ESRCH)
        return record_unknown(process, "it ended by itself after its monitor had been killed",
                              error);
    if (r < 0)
        return r;
    r = status_exit_write(process->directory_fd, 128 + SIGKILL, error);
    if (r < 0 && r != -EEXIST)
        return r;
    struct shim_error problem = ERROR_NONE; /* that it has ended is told by then */
    status_write(process->directory_fd, SHIM_STATUS_STOPPED, &problem);
    process_tell(process, "exited", identity->pid, 128 + SIGKILL, NULL);
    /* The monitor would have cleaned up. If this fails, delete does it, and says why not. */
    if (process_clean(process, &problem) < 0)
        log_write(SHIM_LOG_WARNING, &(struct log_fields){.container = process->container_id},
                  "cannot clean up: %s", problem.message);
    return 0;
}

/* The monitor may have been killed before it could say what it had launched. Where the runtime
 * cannot be asked now, check does it. */
static void settle_adopted(struct process *process) {
    struct shim_error ignored = ERROR_NONE;
    uint32_t status;
    if (status_read(process->directory_fd, &status, &ignored) == 0 && status == SHIM_STATUS_UNKNOWN)
        process_settle_status(process, &ignored);
}

static int never_finished(const struct process *process, struct shim_error *error) {
    struct stat status;
    if (fstat(process->directory_fd, &status) == 0 && status.st_nlink == 0)
        return error_set(error, -ENOENT, "process %s of container %s was removed meanwhile",
                         process->id, process->container_id);
    return error_set_reason(
        error, -ENODATA, SHIM_REASON_WRONG_STATE,
        "container %s, process %s: its spawn never finished; run: shimhost delete %s%s%s%s",
        process->container_id, process->id, process->record.exec ? "--process-id " : "",
        process->record.exec ? process->id : "", process->record.exec ? " " : "",
        process->container_id);
}

static int recover_locked(struct process *process, struct shim_error *error) {
    int32_t ignored;
    char why[256];
    /* Another host may have been quicker. */
    if (status_exit_read(process->directory_fd, &ignored, NULL) == 0 ||
        status_unknown_read(process->directory_fd, why, sizeof(why), NULL) >= 0)
        return 0;
    int r = status_monitor_alive(process->directory_fd, NULL, error);
    if (r != 0)
        return r < 0 ? r : 0;
    struct shim_identity identity = {.size = sizeof(identity)};
    r = identity_read_process(process->directory_fd, &identity, error);
    if (r == -ENOENT)
        return never_finished(process, error);
    if (r < 0)
        return r;
    if (status_monitor_named(process->directory_fd, &identity, error) < 0)
        return error_context(error, "container %s, process %s", process->container_id, process->id);
    if ((r = identity_alive(&identity, error)) < 0)
        return r;
    process_tell(process, "monitor-lost", identity.pid, -1, NULL);
    if (r == 0)
        return record_unseen(process, &identity, error);
    if (process->runtime->config->on_monitor_death == CONFIG_MONITOR_DEATH_ADOPT) {
        struct shim_error problem = ERROR_NONE;
        r = process_adopt(process, &problem);
        if (r == -ESRCH && identity_alive(&identity, error) == 0) /* it has ended meanwhile */
            return record_unseen(process, &identity, error);
        if (r == 0)
            settle_adopted(process);
        return error_pass(error, r, &problem);
    }
    return recover_by_kill(process, &identity, error);
}

int process_recover(struct process *process, int64_t deadline, struct shim_error *error) {
    int held = process->lock >= 0;
    int r = process_lock_until(process, deadline, error);
    if (r < 0)
        return r;
    r = recover_locked(process, error);
    if (!held)
        process->lock = fd_close(process->lock);
    return r;
}
