/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "containerd/bundle.h"
#include "containerd/connection.h"
#include "containerd/event.h"
#include "containerd/snapshot.h"
#include "containerd/task.h"
#include "server.pb-c.h"

static int out_of_memory(struct shim_error *error) {
    return error_set(error, -ENOMEM, "cannot take over: out of memory");
}

/* The connections that there were, in the snapshot's order. */
struct clients {
    struct server *server;
    struct connection **connections;
    size_t count;
};

/* `gone`: nobody is to be answered. */
static int restore_call(const struct clients *clients, uint32_t connection, uint32_t stream,
                        bool gone, struct call **ret_call, struct shim_error *error) {
    if (!gone && connection >= clients->count)
        return error_set(error, -EBADMSG, "the snapshot is damaged");
    *ret_call = call_new(clients->server, gone ? NULL : clients->connections[connection], stream);
    return *ret_call ? 0 : out_of_memory(error);
}

static void close_on_exec(int fd) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* ---------------------------------------------------------------------------- connections */

static int restore_connection(struct server *server, const Pb__SavedConnection *saved,
                              struct connection **ret_connection, struct shim_error *error) {
    close_on_exec(saved->fd);
    struct connection *connection = connection_open(server, saved->fd);
    if (!connection)
        return out_of_memory(error);
    connection->last_stream = saved->last_stream;
    if (ttrpc_feed(&connection->reader, saved->input.data, saved->input.len) < 0)
        return out_of_memory(error);
    connection->reader.skip = saved->skip;
    if (saved->output.len > 0) {
        connection->output = malloc(saved->output.len);
        if (!connection->output)
            return out_of_memory(error);
        memcpy(connection->output, saved->output.data, saved->output.len);
        connection->n_output = connection->room = saved->output.len;
    }
    *ret_connection = connection;
    return 0;
}

/* ---------------------------------------------------------------------------- tasks */

static int restore_waits(const struct clients *clients, struct process *process,
                         const Pb__SavedProcess *saved, struct shim_error *error) {
    for (size_t i = 0; i < saved->n_waits; i++) {
        const Pb__PendingWait *wait = saved->waits[i];
        struct call *call;
        int r = restore_call(clients, wait->connection, wait->stream, false, &call, error);
        if (r < 0)
            return r;
        call->deadline = wait->deadline;
        exit_wait(process, call);
    }
    return 0;
}

static int restore_process(struct process *process, const Pb__SavedProcess *saved,
                           struct shim_error *error) {
    if (process_set_stdio(process, saved->terminal, saved->input, saved->output, saved->errors) < 0)
        return out_of_memory(error);
    if (saved->spec.len > 0) {
        process->spec = strndup((const char *)saved->spec.data, saved->spec.len);
        if (!process->spec)
            return out_of_memory(error);
    }
    process->pid = saved->pid;
    process->status = (Pb__TaskStatus)saved->status;
    process->over = saved->over;
    process->early = process->starting = saved->early;
    process->close_input = saved->close_input;
    process->exit_status = saved->exit_status;
    process->width = (uint16_t)saved->width;
    process->height = (uint16_t)saved->height;
    if (saved->exited_at)
        process->exited_at = (struct timespec){.tv_sec = saved->exited_at->seconds,
                                               .tv_nsec = saved->exited_at->nanos};
    return 0;
}

static int restore_task(const struct clients *clients, const Pb__SavedTask *saved,
                        struct shim_error *error) {
    struct task *task = task_new(clients->server, saved->id, saved->bundle);
    if (!task)
        return out_of_memory(error);
    task->state = bundle_state(saved->bundle);
    task->paused = saved->paused;
    task->shared_pids = saved->shared_pids;
    task->oom_kills = saved->oom_kills;
    if (saved->cgroup[0] && !(task->cgroup = strdup(saved->cgroup)))
        return out_of_memory(error);
    for (size_t i = 0; i < saved->n_processes; i++) {
        const Pb__SavedProcess *part = saved->processes[i];
        struct process *process = i == 0 ? &task->init : process_new(task, part->exec_id);
        int r = process ? restore_process(process, part, error) : out_of_memory(error);
        if (r < 0 || (r = restore_waits(clients, process, part, error)) < 0)
            return r;
    }
    return 0;
}

/* Now that everything is there: who has ended meanwhile? */
static void watch(struct task *task) {
    oom_watch(task);
    for (struct process *exec = task->execs; exec; exec = exec->next)
        if (exec->pid != 0 && !exec->over)
            exit_watch(exec);
    if (!task->init.over)
        exit_watch(&task->init);
    else
        exit_tell(&task->init);
}

/* Tells those who asked for it that it is done. */
static int answer_upgrades(const struct clients *clients, const Pb__Snapshot *snapshot,
                           struct shim_error *error) {
    static char version[] = PACKAGE_VERSION;
    Pb__UpgradeResponse answer = PB__UPGRADE_RESPONSE__INIT;
    answer.pid = (uint32_t)getpid();
    answer.version_before = snapshot->program_version;
    answer.version_after = version;
    for (size_t i = 0; i < snapshot->n_upgrades; i++) {
        const Pb__PendingWait *upgrade = snapshot->upgrades[i];
        struct call *call;
        int r = restore_call(clients, upgrade->connection, upgrade->stream, false, &call, error);
        if (r < 0)
            return r;
        call_answer(call, &answer.base);
    }
    return 0;
}

/* What came while the program before waited to be replaced is begun now. */
static int begin_held(const struct clients *clients, const Pb__Snapshot *snapshot,
                      struct shim_error *error) {
    for (size_t i = 0; i < snapshot->n_held; i++) {
        const Pb__HeldCall *held = snapshot->held[i];
        struct call *call;
        int r = restore_call(clients, held->connection, held->stream, held->gone, &call, error);
        if (r < 0)
            return r;
        service_request(call, held->request.data, held->request.len);
    }
    return 0;
}

int snapshot_restore(struct server *server, const Pb__Snapshot *snapshot,
                     struct shim_error *error) {
    size_t count = snapshot->n_connections;
    struct connection **connections AUTO_FREE = calloc(count + 1, sizeof(*connections));
    const struct clients clients = {server, connections, count};
    int r = connections ? 0 : out_of_memory(error);
    server->listener.fd = snapshot->listener;
    if (snapshot->descriptors > 0) /* the limit that we were executed with is a server's */
        server->descriptors = snapshot->descriptors;
    close_on_exec(snapshot->listener);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = restore_connection(server, snapshot->connections[i], &connections[i], error);
    for (size_t i = snapshot->n_tasks; r == 0 && i-- > 0;)
        r = restore_task(&clients, snapshot->tasks[i], error);
    if (r == 0)
        r = answer_upgrades(&clients, snapshot, error);
    if (r < 0)
        return r;
    server->events.lost = snapshot->events_lost;
    for (size_t i = 0; i < snapshot->n_events; i++)
        event_append(server, snapshot->events[i].data, snapshot->events[i].len);
    for (struct task *task = server->tasks; task; task = task->next)
        watch(task);
    r = begin_held(&clients, snapshot, error);
    connections_resume(server);
    return r;
}
