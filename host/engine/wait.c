/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for the end of a process, from any host, any number of times. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "engine/internal.h"
#include "process/fifo.h"
#include "process/identity.h"

/* 1: the process is over and its status is in *ret_exit_status; 0: not yet; -ENODATA: over, status
 * unknown. */
static int read_end(const struct process *process, int32_t *ret_exit_status,
                    struct shim_error *error) {
    char why[256];
    int r = status_exit_read(process->directory_fd, ret_exit_status, error);
    if (r == 0)
        return 1;
    if (r == -ENOENT)
        r = status_unknown_read(process->directory_fd, why, sizeof(why), error);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return error_context(error, "container %s, process %s", process->container_id, process->id);
    return error_set_reason(error, -ENODATA, SHIM_REASON_UNKNOWN_STATUS,
                            "container %s, process %s: the exit status is unknown: %s",
                            process->container_id, process->id, why);
}

/* What a waiter listens to. The exit FIFO tells the end; the monitor's pidfd tells of a monitor
 * that died before it had opened the FIFO, or that could not write the status. */
struct watch {
    int exit_fd;
    int monitor_fd;
};

static void watch_cleanup(struct watch *watch) {
    fd_close(watch->exit_fd);
    fd_close(watch->monitor_fd);
}

/* 1: armed; 0: the monitor is dead, or has never been. A FIFO that is opened after its writer has
 * died never reports the end, so the monitor is proven alive after the FIFO was opened. Without a
 * FIFO, which somebody has removed or nobody has made yet, the monitor's own end tells. */
static int watch_arm(const struct process *process, struct watch *watch, struct shim_error *error) {
    struct shim_error problem = ERROR_NONE;
    int r = fifo_open(process->directory_fd, "exit", O_RDONLY, &watch->exit_fd, &problem);
    struct shim_identity monitor = {.size = sizeof(monitor)};
    if (r == 0 || r == -ENOENT) {
        r = identity_read_monitor(process->directory_fd, &monitor, &problem);
        if (r == 0)
            r = identity_open(&monitor, &watch->monitor_fd, &problem);
        if (r == -ENOENT || r == -ESRCH)
            return 0;
    }
    return r < 0 ? error_set(error, r, "container %s, process %s: %s", process->container_id,
                             process->id, problem.message)
                 : 1;
}

/* 0: something happened; 1: the monitor is dead. */
static int watch_wait(struct watch *watch, int64_t deadline, int cancel_fd) {
    struct pollfd fds[] = {{.fd = watch->exit_fd, .events = POLLIN},
                           {.fd = watch->monitor_fd, .events = POLLIN},
                           {.fd = cancel_fd, .events = POLLIN}};
    int r = poll(fds, 3, deadline_poll(deadline));
    if (r < 0)
        return errno == EINTR ? 0 : -errno;
    if (fds[2].revents)
        return -ECANCELED;
    if (fds[0].revents && !fds[1].revents)
        watch->exit_fd = fd_close(watch->exit_fd); /* heard; what is left is the monitor */
    if (fds[1].revents)
        return 1;
    return r == 0 && deadline_left(deadline) == 0 ? -ETIMEDOUT : 0;
}

static int timed_out(const struct process *process, struct shim_error *error) {
    return error_set_reason(error, -ETIMEDOUT, SHIM_REASON_TIMED_OUT,
                            "container %s, process %s: timed out, still running",
                            process->container_id, process->id);
}

/* Waits for the end as long as there is a monitor. Like read_end(); 0: the monitor is dead. */
static int await_end(const struct process *process, int64_t deadline, int32_t *ret_exit_status,
                     struct shim_error *error) {
    struct watch watch __attribute__((cleanup(watch_cleanup))) = {-1, -1};
    int r = watch_arm(process, &watch, error), dead = r == 0;
    if (r < 0)
        return r;
    /* The end may have come before the watch was armed; and once the FIFO has spoken, only the
     * monitor's death is left to wait for if there is still no status. */
    while ((r = read_end(process, ret_exit_status, error)) == 0 && !dead) {
        dead = watch_wait(&watch, deadline, process->view.cancel_fd);
        if (dead == -ETIMEDOUT)
            return timed_out(process, error);
        if (dead == -ECANCELED)
            return error_set_reason(error, dead, SHIM_REASON_CANCELLED, "wait cancelled");
        if (dead < 0)
            return error_set(error, dead, "cannot wait: %s", strerror(-dead));
    }
    return r;
}

int process_wait(const struct shim_context *context, const struct shim_process *view,
                 int64_t timeout, int32_t *ret_exit_status, struct shim_error *error) {
    (void)context;
    struct process *process = process_of(view);
    int64_t deadline = deadline_after(timeout);
    /* Who only asks, because wait_descriptor has spoken, is answered after the recovery. */
    int64_t patience = timeout == 0 ? SHIM_FOREVER : deadline;
    /* Who is over already needs no watch. */
    int r = read_end(process, ret_exit_status, error);
    while (r == 0 && (r = await_end(process, deadline, ret_exit_status, error)) == 0) {
        if ((r = process_recover(process, patience, error)) == 0 &&
            (r = read_end(process, ret_exit_status, error)) == 0 && deadline_left(deadline) == 0)
            r = timed_out(process, error); /* whatever becomes of the new monitor */
    }
    return r < 0 ? r : 0;
}

int process_wait_descriptor(struct process *process, int *ret_fd, struct shim_error *error) {
    struct watch watch __attribute__((cleanup(watch_cleanup))) = {-1, -1};
    int32_t ignored;
    int r = watch_arm(process, &watch, error);
    if (r < 0)
        return r;
    if (r == 1 && read_end(process, &ignored, NULL) == 0) {
        *ret_fd = fd_steal(fifo_has_writer(watch.exit_fd) ? &watch.exit_fd : &watch.monitor_fd);
        return 0;
    }
    /* Over already, or nobody is left to tell the end: wait has something to say at once. */
    int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return error_set(error, -errno, "cannot make an event descriptor: %s", strerror(errno));
    *ret_fd = fd;
    return 0;
}
