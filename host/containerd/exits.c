/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of processes. Their monitors record it in the state directory and close a FIFO; reading
 * that needs no plugin. What the world is told, and when: never before the start, the execs' ends
 * before that of the container's first process, an out-of-memory before the end that it made.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "containerd/bundle.h"
#include "containerd/task.h"
#include "events.pb-c.h"
#include "process/fifo.h"
#include "process/identity.h"
#include "state/status.h"

#define UNKNOWN_STATUS 255
#define PATIENCE 10000 /* milliseconds */
#define AGAIN 1000

static void end_process(struct process *process, uint32_t exit_status, const struct timespec *when);

/* ---------------------------------------------------------------------------- telling */

void exit_answer(struct process *process, struct call *call) {
    Pb__WaitResponse response = PB__WAIT_RESPONSE__INIT;
    Pb__Timestamp exited_at;
    timestamp_set(&exited_at, &process->exited_at);
    response.exit_status = process->exit_status;
    response.exited_at = &exited_at;
    call_answer(call, &response.base);
}

void exit_wait(struct process *process, struct call *call) {
    if (process->status == PB__TASK_STATUS__STOPPED) {
        exit_answer(process, call);
        return;
    }
    call_wait(call, &process->waiters);
}

static void publish(struct process *process) {
    Pb__TaskExit event = PB__TASK_EXIT__INIT;
    Pb__Timestamp exited_at;
    timestamp_set(&exited_at, &process->exited_at);
    event.container_id = process->task->id;
    event.id = process_is_init(process) ? process->task->id : process->exec_id;
    event.pid = process->pid;
    event.exit_status = process->exit_status;
    event.exited_at = &exited_at;
    event_publish(process->task->server, "/tasks/exit", "TaskExit", &event.base);
}

/* Execs that have begun and whose end has not been told. */
static bool execs_live(const struct task *task) {
    for (const struct process *exec = task->execs; exec; exec = exec->next)
        if (exec->starting || (exec->pid != 0 && exec->status != PB__TASK_STATUS__STOPPED))
            return true;
    return false;
}

static void announce(struct process *process) {
    process->status = PB__TASK_STATUS__STOPPED;
    publish(process);
    while (process->waiters)
        exit_answer(process, process->waiters);
}

static void end_init(struct task *task) {
    task->ending = false;
    loop_timer_stop(&task->server->loop, &task->patience);
    oom_check(task);
    announce(&task->init);
}

static void patience_over(struct timer *timer) {
    end_init((struct task *)((char *)timer - offsetof(struct task, patience)));
}

static void killed(void *user, const Pb__HelperResponse *response) {
    (void)user;
    (void)response; /* it may have been over before */
}

/* The first process is over. Without a pid namespace of its own nobody else has been told. */
static void await_execs(struct task *task) {
    task->ending = true;
    task->patience.due = patience_over;
    loop_timer(&task->server->loop, &task->patience, PATIENCE);
    for (struct process *exec = task->execs; task->shared_pids && exec; exec = exec->next) {
        if (exec->pid == 0 || exec->over)
            continue;
        Pb__HelperRequest request = helper_request(exec, PB__VERB__VERB_SIGNAL);
        request.signal = SIGKILL;
        helper_call(task->server, &request, killed, NULL);
    }
}

void exit_tell(struct process *process) {
    struct task *task = process->task;
    if (!process->over || process->starting || process->status == PB__TASK_STATUS__STOPPED)
        return;
    if (!process_is_init(process)) {
        announce(process);
        if (task->ending && !execs_live(task))
            end_init(task);
    } else if (!execs_live(task)) {
        end_init(task);
    } else if (!task->ending) {
        await_execs(task);
    }
}

void exit_release(struct process *process) {
    process->starting = false;
    exit_tell(process);
}

/* ---------------------------------------------------------------------------- finding out */

int process_directory(const struct process *process) {
    const char *id = process->exec_id;
    struct text path AUTO_TEXT = TEXT_EMPTY;
    if (!process->task->state)
        return -ENOENT;
    if (text_appendf(&path, "%s/%s%s", process->task->state, *id ? id : "init", exec_suffix(id)) <
        0)
        return -ENOMEM;
    int fd = open(path.data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void end_process(struct process *process, uint32_t exit_status,
                        const struct timespec *when) {
    loop_drop(&process->task->server->loop, &process->watch);
    process->over = true;
    process->exit_status = exit_status;
    process->exited_at = *when;
    exit_tell(process);
}

static void end_unknown(struct process *process, const char *why) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    log_write(SHIM_LOG_ERROR, &(struct log_fields){.container = process->task->id},
              "the exit status is not known: %s", why);
    end_process(process, UNKNOWN_STATUS, &now);
}

static void again_due(struct timer *timer) {
    exit_watch((struct process *)((char *)timer - offsetof(struct process, again)));
}

/* `code` has kept us from learning how a process is. A shortage, of which nothing tells when it is
 * over, says nothing about the process; anything else is taken for its end. */
static void not_known(struct process *process, int code, const char *why) {
    struct loop *loop = &process->task->server->loop;
    if (!is_shortage(code)) {
        end_unknown(process, why);
        return;
    }
    log_write(SHIM_LOG_ERROR, &(struct log_fields){.container = process->task->id},
              "cannot find out yet whether process %d is over: %s", (int)process->pid,
              strerror(-code));
    loop_drop(loop, &process->watch);
    process->again.due = again_due;
    loop_timer(loop, &process->again, AGAIN);
}

/* 1: it is over, or that is not known, and that has been dealt with. */
static int read_end(struct process *process, int directory_fd) {
    int32_t exit_status;
    struct stat status;
    struct shim_error error = ERROR_NONE;
    int r = status_exit_read(directory_fd, &exit_status, &error);
    if (r == -ENOENT)
        return 0;
    if (r < 0) {
        not_known(process, r, error.message);
        return 1;
    }
    if (fstatat(directory_fd, "exitStatus", &status, AT_SYMLINK_NOFOLLOW) < 0)
        clock_gettime(CLOCK_REALTIME, &status.st_mtim);
    end_process(process, (uint32_t)exit_status, &status.st_mtim);
    return 1;
}

/* ---------------------------------------------------------------------------- a lost monitor */

/* Whoever waits for a helper names the process; it may be gone when the answer comes. */
struct recovery {
    struct server *server;
    char *id;
    char *exec_id;
};

static void recovery_free(struct recovery *recovery) {
    free(recovery->id);
    free(recovery->exec_id);
    free(recovery);
}

/* The process is over that nobody but the kernel has watched. */
static void alone_ready(struct source *source, uint32_t events) {
    struct process *process = (struct process *)source;
    (void)events;
    loop_drop(&process->task->server->loop, source);
    int directory_fd AUTO_CLOSE = process_directory(process);
    if (directory_fd < 0 || read_end(process, directory_fd) == 0)
        not_known(process, directory_fd, "it ended without a monitor");
}

static int watch_alone(struct process *process) {
    struct shim_identity identity = {.size = sizeof(identity)};
    struct shim_error error = ERROR_NONE;
    int directory_fd AUTO_CLOSE = process_directory(process), fd AUTO_CLOSE = -1, r = directory_fd;
    if (r < 0 || (r = identity_read_process(directory_fd, &identity, &error)) < 0 ||
        (r = identity_open(&identity, &fd, &error)) < 0)
        return r;
    if (identity_alive(&identity, &error) == 0)
        return -ESRCH;
    process->watch = (struct source){.fd = fd_steal(&fd), .ready = alone_ready};
    return loop_add(&process->task->server->loop, &process->watch, EPOLLIN, &error);
}

/* Whatever is the matter with its directory or its runtime: an end is told when it has come. */
static void not_recovered(struct process *process, const char *why) {
    int r = watch_alone(process);
    if (r < 0)
        not_known(process, r, why);
    else
        log_write(SHIM_LOG_ERROR, &(struct log_fields){.container = process->task->id},
                  "its monitor is lost, and its exit status will not be known: %s", why);
}

static void recovered(void *user, const Pb__HelperResponse *response) {
    struct recovery *recovery = user;
    struct task *task = task_find(recovery->server, recovery->id);
    struct process *process = task ? process_find(task, recovery->exec_id) : NULL;
    if (process && !process->over) {
        struct timespec when = {0};
        if (response->code == RPC_OK && response->exited) {
            if (response->exited_at)
                when = (struct timespec){.tv_sec = response->exited_at->seconds,
                                         .tv_nsec = response->exited_at->nanos};
            end_process(process, response->exit_status, &when);
        } else if (response->code == RPC_OK) {
            exit_watch(process); /* another monitor has taken over */
        } else if (response->code == RPC_RESOURCE_EXHAUSTED) {
            not_known(process, -EAGAIN, response->message); /* nobody has been asked */
        } else {
            not_recovered(process, response->message);
        }
    }
    recovery_free(recovery);
}

/* The monitor has died without a word: the runtime's policy says what becomes of the process. */
static void recover(struct process *process) {
    struct recovery *recovery = calloc(1, sizeof(*recovery));
    if (recovery) {
        recovery->server = process->task->server;
        recovery->id = strdup(process->task->id);
        recovery->exec_id = strdup(process->exec_id);
    }
    if (!recovery || !recovery->id || !recovery->exec_id) {
        if (recovery)
            recovery_free(recovery);
        not_known(process, -ENOMEM, "out of memory");
        return;
    }
    Pb__HelperRequest request = helper_request(process, PB__VERB__VERB_RECOVER);
    helper_call(process->task->server, &request, recovered, recovery);
}

/* ---------------------------------------------------------------------------- watching */

static void exit_ready(struct source *source, uint32_t events) {
    struct process *process = (struct process *)source;
    (void)events;
    loop_drop(&process->task->server->loop, source);
    int directory_fd AUTO_CLOSE = process_directory(process);
    if (directory_fd < 0)
        not_known(process, directory_fd, "its state directory is gone");
    else if (read_end(process, directory_fd) == 0)
        recover(process);
}

/* Opens what tells the end: the exit FIFO, or, where nobody has that open for writing, the
 * monitor's own end. */
static int open_watch(int directory_fd, int *ret_fd, struct shim_error *error) {
    struct shim_identity monitor = {.size = sizeof(monitor)};
    int fd AUTO_CLOSE = -1;
    int r = fifo_open(directory_fd, "exit", O_RDONLY, &fd, error);
    if (r == 0 && fifo_has_writer(fd)) {
        *ret_fd = fd_steal(&fd);
        return 0;
    }
    r = identity_read_monitor(directory_fd, &monitor, error);
    return r < 0 ? r : identity_open(&monitor, ret_fd, error);
}

/* A FIFO that is opened after its writer has gone never reports the end, so after the opening it is
 * made sure that the end had not come. */
void exit_watch(struct process *process) {
    struct shim_error error = ERROR_NONE;
    int directory_fd AUTO_CLOSE = process_directory(process);
    if (directory_fd < 0) {
        not_known(process, directory_fd, "its state directory is gone");
        return;
    }
    int r = open_watch(directory_fd, &process->watch.fd, &error);
    if (r == 0) {
        process->watch.ready = exit_ready;
        r = loop_add(&process->task->server->loop, &process->watch, EPOLLIN, &error);
    }
    bool lives = r == 0 && status_monitor_alive(directory_fd, NULL, &error) != 0;
    if (read_end(process, directory_fd) == 1 || lives)
        return;
    loop_drop(&process->task->server->loop, &process->watch);
    if (is_shortage(r))
        not_known(process, r, error.message);
    else
        recover(process);
}
