/* SPDX-License-Identifier: Apache-2.0 */
/* Removing what is over. The order: what lives is killed if that was asked for; the monitors finish
 * their cleaning; the runtime forgets the container; the directory goes last. Nothing is removed on
 * doubt. */
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "engine/call.h"
#include "process/identity.h"

/* SIGKILL without a plugin, as when the container is over, and none knows it any more. 1: it is
 * over; 0: its directory does not tell which process it is. */
static int kill_left(const struct process *process, int directory_fd, struct shim_error *error) {
    struct shim_identity identity = {.size = sizeof(identity)};
    int pidfd AUTO_CLOSE = -1;
    int r = identity_read_process(directory_fd, &identity, error);
    if (r < 0)
        return r == -ENOENT || r == -EBADMSG ? 0 : r;
    r = identity_open(&identity, &pidfd, error);
    if (r == 0 && (r = identity_signal(&identity, SIGKILL, error)) == 0 &&
        (r = pidfd_await(pidfd, process->runtime->config->timeouts.signal,
                         process->view.cancel_fd)) < 0)
        error_set(error, r, "pid %d was sent SIGKILL, and its end was not seen: %s", identity.pid,
                  strerror(-r));
    return r == 0 || r == -ESRCH ? 1 : r;
}

/* Ends a process that lives. */
static int kill_process(struct process *process, struct shim_error *error) {
    const struct runtime *runtime = process->runtime;
    int r = process_send_signal(process, SIGKILL, error);
    if (r < 0 && r != -ESRCH)
        return r;
    int32_t exit_status;
    r = PLUGIN_CALL(runtime, wait, &process->view, runtime->config->timeouts.signal, &exit_status,
                    error);
    if (r == -EBADMSG) /* its monitor is not named, and cannot be waited for */
        r = kill_left(process, process->directory_fd, error);
    return r == -ENODATA || r == 1 ? 0 : r; /* over is over, whatever its status */
}

/* What is known of a process that is being removed. */
enum ending {
    IS_OVER,    /* it is over, or has been killed */
    INCOMPLETE, /* its spawn never finished, or files are missing */
    DAMAGED,    /* nobody knows how it is, and it is to be removed by force */
};

/* A monitor that is still launching was told to give up. If it does not end, it has launched, and
 * files are missing. */
static int not_launching(const struct process *process, const char *id, pid_t monitor,
                         struct shim_error *error) {
    return error_set_reason(
        error, -EBUSY, SHIM_REASON_WRONG_STATE,
        "container %s, process %s is incomplete, but its monitor (pid %d) watches something; files "
        "may be missing: run shimhost check, or shimhost delete --force %s",
        process->container_id, id, (int)monitor, process->container_id);
}

/* A monitor that is told to give up ends, or it has launched by then, and says so: -EAGAIN. */
static int await_giving_up(const struct process *process, int directory_fd, int pidfd,
                           int64_t timeout) {
    struct shim_error ignored = ERROR_NONE;
    int r = status_await(directory_fd, timeout, pidfd, &ignored);
    if (r == 0)
        return -EAGAIN;
    if (r == -ECANCELED)
        return 0;
    return r == -ETIMEDOUT ? r : pidfd_await(pidfd, timeout, process->view.cancel_fd);
}

/* Waits until the monitor of one of the container's processes has ended. One that is stuck is
 * killed: it has nothing left to do but what the caller does next. A monitor that is still
 * launching is told to give up first. -EAGAIN, without an error: it did not, and now the process is
 * known. */
static int await_monitor(const struct process *process, const char *id, int directory_fd,
                         enum ending ending, bool force, struct shim_error *error) {
    struct shim_identity monitor = {.size = sizeof(monitor)};
    int pidfd AUTO_CLOSE = -1;
    const struct runtime_config *config = process->runtime->config;
    /* Once the process is over its monitor reads on for a while, and cleans up meanwhile. */
    int64_t timeout = config->timeouts.delete + (ending == IS_OVER ? config->timeouts.drain : 0);
    int r = status_monitor_alive(directory_fd, &monitor, error);
    if (r <= 0)
        return r;
    struct shim_error problem = ERROR_NONE;
    r = identity_open(&monitor, &pidfd, &problem);
    if (r == -ESRCH)
        return 0;
    if (r < 0)
        return error_pass(error, r, &problem);
    if (ending != IS_OVER)
        identity_signal(&monitor, SIGTERM, &problem);
    r = ending == INCOMPLETE ? await_giving_up(process, directory_fd, pidfd, timeout)
                             : pidfd_await(pidfd, timeout, process->view.cancel_fd);
    if (r == -EAGAIN)
        return r;
    if (r != -ETIMEDOUT)
        return r < 0 ? error_set(error, r, "container %s: cannot wait for its monitor: %s",
                                 process->container_id, strerror(-r))
                     : 0;
    if (ending != IS_OVER && !force)
        return not_launching(process, id, monitor.pid, error);
    r = identity_signal(&monitor, SIGKILL, &problem);
    if (r == 0)
        r = pidfd_await(pidfd, timeout, -1);
    return r == 0 || r == -ESRCH
               ? 0
               : error_set(error, r, "container %s: its monitor (pid %d) does not end",
                           process->container_id, monitor.pid);
}

struct left {
    const struct process *init;
    struct shim_error *error;
};

/* What the end of the container has not ended: an exec of a runtime that does not see to it, or
 * whose monitor is still launching it. */
static int end_exec(const char *id, void *user) {
    struct left *left = user;
    const struct process *init = left->init;
    int directory_fd AUTO_CLOSE = -1;
    if (strcmp(id, PROCESS_INIT) == 0)
        return 0;
    struct shim_error problem = ERROR_NONE;
    int r = store_process_open(init->container_fd, init->container_id, id, &directory_fd, &problem);
    if (r == -ENOENT) /* another host has removed it meanwhile */
        return 0;
    if (r < 0) {
        if (left->error)
            *left->error = problem;
        return r;
    }
    int known = kill_left(init, directory_fd, left->error);
    if (known == 0) {
        r = await_monitor(init, id, directory_fd, INCOMPLETE, false, left->error);
        if (r < 0 && r != -EAGAIN)
            return r;
        /* It may have been launched meanwhile. */
        known = kill_left(init, directory_fd, left->error);
    }
    return known < 0 ? known
                     : await_monitor(init, id, directory_fd, known ? IS_OVER : DAMAGED, false,
                                     left->error);
}

/* The runtime is told no more than an id, which belongs to another once the directory is gone. */
static int await_calls(const struct process *process, struct shim_error *error) {
    return process_await_calls(process, process->runtime->config->timeouts.delete, error);
}

static int tell_to_forget(struct process *process, struct shim_error *error) {
    const struct runtime *runtime = process->runtime;
    return SHIM_HAS(struct shim_plugin, runtime->plugin, remove)
               ? PLUGIN_CALL(runtime, remove, &process->view, error)
               : 0;
}

int process_forget(struct process *process, struct shim_error *error) {
    struct shim_error problem = ERROR_NONE;
    int r = tell_to_forget(process, &problem);
    int others = await_calls(process, error);
    if (others < 0)
        return others;
    /* Two at once disturb each other, and what was still being created was not there yet. */
    return others ? tell_to_forget(process, error) : error_pass(error, r, &problem);
}

/* The runtime forgets the container, unless its monitor has seen to that. A runtime that was killed
 * while it created one leaves more than it can delete, which its plugin knows. */
static int remove_from_runtime(struct process *process, enum ending ending,
                               struct shim_error *error) {
    int r = 0;
    if (ending == INCOMPLETE && !status_launched(process->directory_fd))
        return 0; /* what the runtime has of that id is somebody else's */
    if (ending != IS_OVER || !status_cleaned(process->directory_fd))
        r = process_forget(process, error);
    else if (status_changing(process->directory_fd)) /* for a host that was killed */
        r = await_calls(process, error);
    return r < 0 ? error_context(error, "container %s: its runtime cannot delete it",
                                 process->container_id)
                 : 0;
}

static int still_lives(const struct process *process, uint32_t status, struct shim_error *error) {
    if (process->record.exec)
        return error_set_reason(error, -EBUSY, SHIM_REASON_WRONG_STATE,
                                "process %s of container %s is %s; kill it first, or use --force",
                                process->id, process->container_id, status_name(status));
    return error_set_reason(error, -EBUSY, SHIM_REASON_WRONG_STATE,
                            "container %s is %s; kill it first, or run: shimhost delete --force %s",
                            process->container_id, status_name(status), process->container_id);
}

/* Finds out how the process is; what lives is killed if that was asked for. */
static int end_process(struct process *process, bool force, enum ending *ret_ending,
                       struct shim_error *error) {
    struct shim_state state;
    struct shim_error problem = ERROR_NONE;
    int r = process_load(process, &state, &problem);
    if (r == -EBADMSG && force && !process->record.exec) { /* its runtime knows what to kill */
        *ret_ending = DAMAGED;
        return 0;
    }
    if (r < 0)
        return error_pass(error, r, &problem);
    if ((r = state_lives(&state, error)) < 0)
        return r;
    *ret_ending = r == 0 && state.status == SHIM_STATUS_UNKNOWN ? INCOMPLETE : IS_OVER;
    if (r == 0)
        return 0;
    if (!force)
        return still_lives(process, state.status, error);
    r = kill_process(process, error);
    return r < 0 ? error_context(error, "container %s: cannot kill it", process->container_id) : 0;
}

/* Ends the process, and awaits its monitor. */
static int end(struct process *process, bool force, bool force_monitor, enum ending *ret_ending,
               struct shim_error *error) {
    int r;
    do {
        r = end_process(process, force, ret_ending, error);
        if (r == 0)
            r = await_monitor(process, process->id, process->directory_fd, *ret_ending,
                              force_monitor, error);
    } while (r == -EAGAIN);
    return r;
}

static int remove_container(struct process *init, bool force, struct shim_error *error) {
    enum ending ending;
    struct left left = {init, error};
    int r = end(init, force, force, &ending, error);
    if (r < 0 || (r = remove_from_runtime(init, ending, error)) < 0 ||
        (r = store_processes(init->container_fd, end_exec, &left, error)) < 0)
        return r;
    r = store_container_remove(init->engine->store, init->container_id, error);
    if (r == 0)
        process_tell(init, "deleted", 0, -1, NULL);
    return r;
}

static int refuse_strange(const char *name, unsigned char type, void *user) {
    (void)user;
    return store_is_of_container(name, type) ? 0 : -ENOTEMPTY;
}

struct seen {
    bool any, ours;
};

static int see(const char *name, unsigned char type, void *user) {
    struct seen *seen = user;
    (void)type;
    seen->any = true;
    seen->ours = seen->ours || name[0] == '.' || strcmp(name, PROCESS_FILE) == 0 ||
                 strcmp(name, "exit") == 0 || strcmp(name, "control") == 0;
    return 0;
}

/* Is there something in it, and nothing that a spawn makes first? */
static bool is_strange(int directory_fd) {
    struct seen seen = {false, false};
    return directory_list(directory_fd, see, &seen, NULL) < 0 || (seen.any && !seen.ours);
}

struct unlaunched {
    int container_fd;
    const char *container;
    bool recorded; /* it has a container.json */
};

static bool looks_unlaunched(const struct unlaunched *unlaunched, int directory_fd) {
    return !status_launched(directory_fd) && (unlaunched->recorded || !is_strange(directory_fd));
}

static int refuse_launched(const char *id, void *user) {
    const struct unlaunched *unlaunched = user;
    int fd AUTO_CLOSE = -1;
    int r = store_process_open(unlaunched->container_fd, unlaunched->container, id, &fd, NULL);
    return r < 0 || !looks_unlaunched(unlaunched, fd) ? -ENOTEMPTY : 0;
}

static int remove_unlaunched_exec(const struct unlaunched *unlaunched, const char *id) {
    int fd AUTO_CLOSE = -1;
    int r = store_process_open(unlaunched->container_fd, unlaunched->container, id, &fd, NULL);
    if (r < 0)
        return r;
    return looks_unlaunched(unlaunched, fd)
               ? store_process_remove(unlaunched->container_fd, id, fd, NULL)
               : -ENOTEMPTY;
}

/* A spawn that ended before there was a process; its records may be missing. -ENOTEMPTY: it is more
 * than that, or it does not look like one: a container's record is made first, and goes last. */
static int remove_unlaunched(struct engine *engine, const char *container, const char *exec) {
    int fd AUTO_CLOSE = -1, lock AUTO_CLOSE = -1;
    struct unlaunched unlaunched = {.container = container};
    int r = store_container_open(engine->store, container, &fd, NULL);
    if (r < 0 || (r = store_lock(engine->store, container, fd, STORE_LOCK_EXCLUSIVE, SHIM_FOREVER,
                                 engine->options.cancel_fd, &lock, NULL)) < 0)
        return r;
    unlaunched.container_fd = fd;
    unlaunched.recorded = file_exists_at(fd, CONTAINER_FILE);
    if (exec)
        return remove_unlaunched_exec(&unlaunched, exec);
    if (!unlaunched.recorded && (r = directory_list(fd, refuse_strange, NULL, NULL)) < 0)
        return r;
    r = store_processes(fd, refuse_launched, &unlaunched, NULL);
    return r < 0 ? r : store_container_remove(engine->store, container, NULL);
}

/* What no monitor has cleaned of an exec, its plugin may find. */
static int end_uncleaned(struct process *process, struct shim_error *error) {
    struct shim_error problem = ERROR_NONE;
    int r = process_send_signal(process, SIGKILL, &problem);
    if (r == 0 || r == -ENOENT || r == -ESRCH)
        return 0;
    error_pass(error, r, &problem);
    return error_context(error, "cannot kill what may be left of it");
}

static int remove_exec(struct process *process, bool force, struct shim_error *error) {
    enum ending ending;
    struct shim_state state;
    /* One that is still being spawned is its host's, as long as there is one. */
    if (process_load(process, &state, NULL) == 0 && state.status == SHIM_STATUS_UNKNOWN) {
        int locked = process_lock(process, error);
        if (locked < 0)
            return locked;
    }
    /* Only its monitor knows what an exec is whose files are missing. */
    int r = end(process, force, false, &ending, error);
    if (r == 0 && !status_cleaned(process->directory_fd))
        r = end_uncleaned(process, error);
    if (r < 0)
        return r;
    r = store_process_remove(process->container_fd, process->id, process->directory_fd, error);
    if (r == 0)
        process_tell(process, "deleted", 0, -1, NULL);
    return r;
}

int engine_delete(struct engine *engine, const char *container, const char *id, bool force,
                  struct shim_error *error) {
    struct process *process AUTO_PROCESS = NULL;
    struct shim_error problem = ERROR_NONE;
    const char *exec = id && strcmp(id, PROCESS_INIT) != 0 ? id : NULL;
    int r = process_open(engine, container, id, &process, &problem);
    if (r < 0) {
        struct shim_error ignored = ERROR_NONE;
        if (remove_unlaunched(engine, container, exec) == 0)
            return 0;
        if (!force || exec || process_open_unrecorded(engine, container, &process, &ignored) < 0)
            return error_pass(error, r, &problem);
    }
    /* An exec's removal is its own affair; a container's must not meet another change. */
    if (exec)
        return remove_exec(process, force, error);
    r = process_lock(process, error);
    return r < 0 ? r : remove_container(process, force, error);
}
