/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server replaces itself in place. On SIGHUP, or when it is asked to, it begins nothing new but
 * answers questions, lets the helpers that are under way end and the event that is under way be
 * answered, writes all that it knows into a memory file, has the new program look whether it can
 * read that, and executes it. Same pid, same sockets: no client notices. If anything goes wrong
 * before the last step, the old program goes on.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "containerd/connection.h"
#include "containerd/helper_process.h"
#include "containerd/methods.h"
#include "containerd/snapshot.h"

#define SNAPSHOT_MAX (256u << 20)

/* ---------------------------------------------------------------------------- reading */

static int read_snapshot(int fd, Pb__Snapshot **ret_snapshot, struct shim_error *error) {
    struct stat status;
    if (fstat(fd, &status) < 0 || status.st_size <= 0 || status.st_size > (off_t)SNAPSHOT_MAX)
        return error_set(error, -EBADMSG, "the snapshot cannot be read");
    size_t length = (size_t)status.st_size;
    uint8_t *bytes AUTO_FREE = malloc(length);
    if (!bytes || pread(fd, bytes, length, 0) != (ssize_t)length)
        return error_set(error, -EIO, "the snapshot cannot be read");
    Pb__Snapshot *snapshot = pb__snapshot__unpack(NULL, length, bytes);
    if (!snapshot)
        return error_set(error, -EBADMSG, "the snapshot is damaged");
    if (snapshot->version < SNAPSHOT_VERSION_OLDEST || snapshot->version > SNAPSHOT_VERSION) {
        int r = error_set(error, -EBADMSG, "the snapshot is of version %u, expected %u to %u",
                          snapshot->version, SNAPSHOT_VERSION_OLDEST, SNAPSHOT_VERSION);
        snapshot_free(snapshot);
        return r;
    }
    *ret_snapshot = snapshot;
    return 0;
}

int upgrade_understands(int snapshot_fd, struct shim_error *error) {
    Pb__Snapshot *snapshot;
    int r = read_snapshot(snapshot_fd, &snapshot, error);
    if (r == 0)
        snapshot_free(snapshot);
    return r;
}

int upgrade_resume(struct server *server, int snapshot_fd, struct shim_error *error) {
    Pb__Snapshot *snapshot;
    int r = read_snapshot(snapshot_fd, &snapshot, error);
    if (r < 0)
        return r;
    r = snapshot_restore(server, snapshot, error);
    snapshot_free(snapshot);
    return r;
}

/* ---------------------------------------------------------------------------- writing */

static int write_snapshot(struct server *server, struct shim_error *error) {
    Pb__Snapshot *snapshot = snapshot_take(server);
    if (!snapshot)
        return error_set(error, -ENOMEM, "out of memory");
    size_t length = pb__snapshot__get_packed_size(snapshot);
    uint8_t *bytes AUTO_FREE = malloc(length);
    int fd AUTO_CLOSE = memfd_create("snapshot", 0);
    if (bytes)
        pb__snapshot__pack(snapshot, bytes);
    snapshot_free(snapshot);
    if (!bytes || fd < 0 || pwrite(fd, bytes, length, 0) != (ssize_t)length)
        return error_set(error, -ENOMEM, "cannot write the snapshot");
    return fd_steal(&fd);
}

/* A new program that crashes or does not understand us would take every container down. */
static int try_program(const struct server *server, char *number, struct shim_error *error) {
    static char check[] = "-check";
    char *argv[] = {server->program, check, number, NULL};
    pid_t pid;
    int status;
    int r = posix_spawn(&pid, server->program, NULL, NULL, argv, environ);
    if (r != 0)
        return error_set(error, -r, "cannot run %s: %s", server->program, strerror(r));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_set(error, -errno, "cannot wait for %s", server->program);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return error_set(error, -EBADMSG, "%s cannot go on from here (wait status 0x%x)",
                         server->program, (unsigned int)status);
    return 0;
}

static void keep_descriptors(struct server *server, bool keep) {
    int flags = keep ? 0 : FD_CLOEXEC;
    fcntl(server->listener.fd, F_SETFD, flags);
    for (struct connection *connection = server->connections; connection;
         connection = connection->next)
        fcntl(connection->source.fd, F_SETFD, flags);
}

/* Returns only if it could not be done. */
static void replace(struct server *server, struct shim_error *error) {
    static char namespace[] = "-namespace", id[] = "-id", address[] = "-address";
    static char runtime[] = "-runtime", resume[] = "-resume", debug[] = "-debug";
    const struct arguments *arguments = server->arguments;
    char number[16];
    int fd AUTO_CLOSE = write_snapshot(server, error);
    if (fd < 0)
        return;
    snprintf(number, sizeof(number), "%d", fd);
    if (try_program(server, number, error) < 0)
        return;
    char *argv[] = {server->program,
                    namespace,
                    (char *)(uintptr_t)arguments->namespace,
                    id,
                    (char *)(uintptr_t)arguments->id,
                    address,
                    (char *)(uintptr_t)arguments->address,
                    runtime,
                    (char *)(uintptr_t)arguments->runtime,
                    resume,
                    number,
                    arguments->debug ? debug : NULL,
                    NULL};
    log_write(SHIM_LOG_INFO, NULL, "going on as %s", server->program);
    keep_descriptors(server, true);
    execv(server->program, argv);
    error_set(error, -errno, "cannot execute %s: %s", server->program, strerror(errno));
    keep_descriptors(server, false);
}

static void go_on(struct server *server, const char *why) {
    log_write(SHIM_LOG_ERROR, NULL, "the server was not replaced and goes on: %s", why);
    server->upgrading = false;
    loop_timer_stop(&server->loop, &server->patience);
    while (server->upgrades)
        call_fail(server->upgrades, RPC_UNKNOWN, "%s", why);
    events_resume(server);
    service_resume(server);
    server_check_end(server);
}

void upgrade_check(struct server *server) {
    struct shim_error error = ERROR_NONE;
    /* What is under way would be done, or told, a second time. */
    if (!server->upgrading || server->helpers || events_under_way(server))
        return;
    if (server->shut_down)
        error_set(&error, -ESHUTDOWN, "it is about to end");
    else
        replace(server, &error);
    go_on(server, error.message);
}

/* A helper may have no limit of its own: what is held does not wait for that. */
static void patience_over(struct timer *timer) {
    struct server *server = (struct server *)((char *)timer - offsetof(struct server, patience));
    go_on(server, "a helper is still under way");
}

void upgrade_request(struct server *server) {
    server->patience.due = patience_over;
    if (!server->upgrading)
        loop_timer(&server->loop, &server->patience, HELPER_LIMIT);
    server->upgrading = true;
    helpers_release(server);
    upgrade_check(server);
}

/* By the signal, so that it happens when nobody is in the middle of anything. */
void method_upgrade(struct server *server, struct call *call, const ProtobufCMessage *message) {
    (void)message;
    call_wait(call, &server->upgrades);
    kill(getpid(), SIGHUP);
}
