/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "containerd/connection.h"
#include "containerd/event.h"
#include "containerd/snapshot.h"
#include "containerd/task.h"

/* Everything is a copy, so that it is freed as any other message. A failed copy is noted in
 * `failed`; the snapshot is then thrown away as a whole. */
struct copying {
    bool failed;
};

static char *copy_text(struct copying *copying, const char *text) {
    char *copy = strdup(text ? text : "");
    copying->failed |= !copy;
    return copy;
}

static ProtobufCBinaryData copy_bytes(struct copying *copying, const void *bytes, size_t length) {
    ProtobufCBinaryData copy = {.len = length, .data = length ? malloc(length) : NULL};
    if (copy.data)
        memcpy(copy.data, bytes, length);
    else if (length > 0) {
        copy.len = 0;
        copying->failed = true;
    }
    return copy;
}

static void *copy_list(struct copying *copying, size_t count, size_t size) {
    void *list = count ? calloc(count, size) : NULL;
    copying->failed |= count > 0 && !list;
    return list;
}

static void *new_message(struct copying *copying, const ProtobufCMessageDescriptor *descriptor) {
    ProtobufCMessage *message = malloc(descriptor->sizeof_message);
    copying->failed |= !message;
    if (message)
        protobuf_c_message_init(descriptor, message);
    return message;
}

static void take_waits(struct copying *copying, const struct call *waiters, size_t *ret_count,
                       Pb__PendingWait ***ret_list) {
    size_t count = 0;
    for (const struct call *call = waiters; call; call = call->next_wait)
        count++;
    *ret_list = copy_list(copying, count, sizeof(**ret_list));
    for (const struct call *call = waiters; *ret_list && call; call = call->next_wait) {
        Pb__PendingWait *wait = new_message(copying, &pb__pending_wait__descriptor);
        if (!wait)
            return;
        wait->connection = call->connection->number;
        wait->stream = call->stream;
        wait->deadline = call->deadline;
        (*ret_list)[(*ret_count)++] = wait;
    }
}

static Pb__SavedProcess *take_process(struct copying *copying, const struct process *process) {
    Pb__SavedProcess *saved = new_message(copying, &pb__saved_process__descriptor);
    Pb__Timestamp *exited_at = new_message(copying, &pb__timestamp__descriptor);
    if (!saved || !exited_at) {
        free(exited_at);
        return saved;
    }
    exited_at->seconds = process->exited_at.tv_sec;
    exited_at->nanos = (int32_t)process->exited_at.tv_nsec;
    saved->exec_id = copy_text(copying, process->exec_id);
    saved->pid = process->pid;
    saved->status = (uint32_t)process->status;
    saved->over = process->over;
    saved->early = process->early;
    saved->close_input = process->close_input;
    saved->exit_status = process->exit_status;
    saved->exited_at = exited_at;
    saved->terminal = process->terminal;
    saved->input = copy_text(copying, process->stdio[0]);
    saved->output = copy_text(copying, process->stdio[1]);
    saved->errors = copy_text(copying, process->stdio[2]);
    saved->spec = copy_bytes(copying, process->spec, process->spec ? strlen(process->spec) : 0);
    saved->width = process->width;
    saved->height = process->height;
    take_waits(copying, process->waiters, &saved->n_waits, &saved->waits);
    return saved;
}

static Pb__SavedTask *take_task(struct copying *copying, const struct task *task) {
    Pb__SavedTask *saved = new_message(copying, &pb__saved_task__descriptor);
    if (!saved)
        return NULL;
    size_t count = 1;
    for (const struct process *exec = task->execs; exec; exec = exec->next)
        count++;
    saved->id = copy_text(copying, task->id);
    saved->bundle = copy_text(copying, task->bundle);
    saved->cgroup = copy_text(copying, task->cgroup);
    saved->paused = task->paused;
    saved->shared_pids = task->shared_pids;
    saved->oom_kills = task->oom_kills;
    saved->processes = copy_list(copying, count, sizeof(*saved->processes));
    if (!saved->processes)
        return saved;
    saved->processes[saved->n_processes++] = take_process(copying, &task->init);
    for (const struct process *exec = task->execs; exec; exec = exec->next)
        saved->processes[saved->n_processes++] = take_process(copying, exec);
    return saved;
}

static Pb__SavedConnection *take_connection(struct copying *copying,
                                            const struct connection *connection) {
    Pb__SavedConnection *saved = new_message(copying, &pb__saved_connection__descriptor);
    if (!saved)
        return NULL;
    const struct ttrpc_reader *reader = &connection->reader;
    saved->fd = connection->source.fd;
    saved->last_stream = connection->last_stream;
    saved->skip = reader->skip;
    saved->input = copy_bytes(copying, reader->buffer ? reader->buffer + reader->start : NULL,
                              reader->end - reader->start);
    saved->output =
        copy_bytes(copying, connection->output ? connection->output + connection->written : NULL,
                   connection->n_output - connection->written);
    return saved;
}

static void take_connections(struct copying *copying, struct server *server,
                             Pb__Snapshot *snapshot) {
    snapshot->connections =
        copy_list(copying, server->n_connections, sizeof(*snapshot->connections));
    for (struct connection *connection = server->connections; connection && snapshot->connections;
         connection = connection->next) {
        connection->number = (unsigned int)snapshot->n_connections;
        snapshot->connections[snapshot->n_connections++] = take_connection(copying, connection);
    }
}

static void take_tasks(struct copying *copying, const struct server *server,
                       Pb__Snapshot *snapshot) {
    size_t count = 0;
    for (const struct task *task = server->tasks; task; task = task->next)
        count++;
    snapshot->tasks = copy_list(copying, count, sizeof(*snapshot->tasks));
    for (const struct task *task = server->tasks; task && snapshot->tasks; task = task->next)
        snapshot->tasks[snapshot->n_tasks++] = take_task(copying, task);
}

static void take_events(struct copying *copying, const struct server *server,
                        Pb__Snapshot *snapshot) {
    snapshot->events = copy_list(copying, server->events.count, sizeof(*snapshot->events));
    snapshot->events_lost = server->events.lost;
    for (const struct event *event = server->events.first; event && snapshot->events;
         event = event->next)
        snapshot->events[snapshot->n_events++] = copy_bytes(
            copying, event->frame + TTRPC_HEADER_SIZE, event->length - TTRPC_HEADER_SIZE);
}

static void take_held(struct copying *copying, const struct server *server,
                      Pb__Snapshot *snapshot) {
    size_t count = 0;
    for (const struct held *held = server->held; held; held = held->next)
        count++;
    snapshot->held = copy_list(copying, count, sizeof(*snapshot->held));
    for (const struct held *held = server->held; held && snapshot->held; held = held->next) {
        Pb__HeldCall *saved = new_message(copying, &pb__held_call__descriptor);
        if (!saved)
            return;
        saved->gone = !held->call->connection;
        saved->connection = saved->gone ? 0 : held->call->connection->number;
        saved->stream = held->call->stream;
        saved->request = copy_bytes(copying, held->data, held->length);
        snapshot->held[snapshot->n_held++] = saved;
    }
}

/* What was in a failed snapshot may have holes, which freeing does not expect: it is leaked. That
 * happens when there is no memory at all, and then the server goes on without an upgrade. */
Pb__Snapshot *snapshot_take(struct server *server) {
    struct copying copying = {.failed = false};
    Pb__Snapshot *snapshot = new_message(&copying, &pb__snapshot__descriptor);
    if (!snapshot)
        return NULL;
    snapshot->version = server->held ? SNAPSHOT_VERSION : SNAPSHOT_VERSION_OLDEST;
    snapshot->listener = server->listener.fd;
    snapshot->descriptors = server->descriptors;
    take_connections(&copying, server, snapshot); /* first: it numbers them */
    take_tasks(&copying, server, snapshot);
    take_events(&copying, server, snapshot);
    take_held(&copying, server, snapshot);
    take_waits(&copying, server->upgrades, &snapshot->n_upgrades, &snapshot->upgrades);
    snapshot->program_version = copy_text(&copying, PACKAGE_VERSION);
    return copying.failed ? NULL : snapshot;
}

void snapshot_free(Pb__Snapshot *snapshot) {
    pb__snapshot__free_unpacked(snapshot, NULL);
}
