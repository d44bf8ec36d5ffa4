/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delete: containerd calls it whenever its connection to a server has ended, after a clean end as
 * well as when the server was killed. Whatever is left goes; how the container ended is told
 * truthfully where its monitor has recorded it.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "containerd/actions.h"
#include "containerd/address.h"
#include "containerd/bundle.h"
#include "containerd/client.h"
#include "process/identity.h"
#include "process/pidfile.h"
#include "state/status.h"
#include "task.pb-c.h"

#define HELPER_TIMEOUT 4000 /* milliseconds: containerd gives up after five seconds */
#define SERVER_TIMEOUT 200
#define KILLED (128 + SIGKILL)
#define MOUNTS_MAX 64

struct end {
    uint32_t pid;
    uint32_t exit_status;
    struct timespec exited_at;
};

static void set_end(struct end *end, const Pb__HelperResponse *response) {
    if (response->pid)
        end->pid = response->pid;
    if (!response->exited)
        return;
    end->exit_status = response->exit_status;
    if (response->exited_at)
        end->exited_at = (struct timespec){.tv_sec = response->exited_at->seconds,
                                           .tv_nsec = response->exited_at->nanos};
}

/* Everything mounted on the root file system, without a helper. */
static void unmount(const char *bundle) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/rootfs", bundle) >= (int)sizeof(path))
        return;
    for (int i = 0; i < MOUNTS_MAX && umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0; i++)
        ;
}

/* The helper could not do it, because a plugin crashed or hung: at least nothing goes on running,
 * and what was recorded is told. */
static void end_without_helper(const char *state, struct end *end) {
    char path[PATH_MAX];
    struct shim_identity identity = {.size = sizeof(identity)};
    struct shim_error error = ERROR_NONE;
    struct stat status;
    int32_t exit_status;
    if (snprintf(path, sizeof(path), "%s/init", state) >= (int)sizeof(path))
        return;
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    if (status_exit_read(fd, &exit_status, &error) == 0) {
        end->exit_status = (uint32_t)exit_status;
        if (fstatat(fd, "exitStatus", &status, AT_SYMLINK_NOFOLLOW) == 0)
            end->exited_at = status.st_mtim;
    } else if (identity_read_process(fd, &identity, &error) == 0) {
        identity_signal(&identity, SIGKILL, &error);
    }
}

static void clean_up(const struct arguments *arguments, char *bundle, struct end *end) {
    char *state AUTO_FREE = bundle_state(bundle);
    if (state && access(state, F_OK) == 0) {
        Pb__HelperRequest request = PB__HELPER_REQUEST__INIT;
        request.verb = PB__VERB__VERB_CLEANUP;
        request.namespace_ = (char *)(uintptr_t)arguments->namespace;
        request.container = (char *)(uintptr_t)arguments->id;
        request.bundle = bundle;
        request.debug = arguments->debug;
        Pb__HelperResponse *response = action_helper(&request, HELPER_TIMEOUT);
        if (response)
            set_end(end, response);
        if (!response || response->code != 0)
            end_without_helper(state, end);
        if (response)
            pb__helper_response__free_unpacked(response, NULL);
    }
    unmount(bundle);
}

/* A server that was killed leaves its socket. */
static void remove_stale_socket(int bundle_fd) {
    char path[ADDRESS_PATH_SIZE];
    if (address_read(bundle_fd, path) == 0)
        address_clear(path);
}

/* A server that lives, which containerd has lost, is not to keep what is removed. */
static int tell_server(const struct arguments *arguments, int bundle_fd) {
    char path[ADDRESS_PATH_SIZE];
    struct shim_error ignored = ERROR_NONE;
    Pb__ProcessRequest request = PB__PROCESS_REQUEST__INIT;
    request.id = (char *)(uintptr_t)arguments->id;
    return address_read(bundle_fd, path) < 0 ? -1
                                             : client_ask(path, "Forget", &request.base, &ignored);
}

/* Not for long: one that is stopped hears of it when it goes on. */
static void await_server(int fd) {
    struct shim_error ignored = ERROR_NONE;
    Pb__Response *response;
    if (fd >= 0 && client_hear(fd, deadline_after(SERVER_TIMEOUT), &response, &ignored) == 0)
        pb__response__free_unpacked(response, NULL);
}

/* Where the directory that we were started in is no more, another container may have its path. */
static char *find_bundle(const struct arguments *arguments) {
    char *here AUTO_FREE = getcwd(NULL, 0);
    if (!here && errno == ENOENT)
        return NULL;
    return arguments->bundle[0] ? realpath(arguments->bundle, NULL) : pointer_steal(&here);
}

int action_delete(const struct arguments *arguments, struct shim_error *error) {
    struct end end = {.exit_status = KILLED};
    struct shim_error ignored = ERROR_NONE;
    char *bundle AUTO_FREE = find_bundle(arguments);
    clock_gettime(CLOCK_REALTIME, &end.exited_at);
    int bundle_fd AUTO_CLOSE = bundle ? open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (bundle_fd >= 0) {
        pid_t pid;
        if (pidfile_read(bundle_fd, BUNDLE_PID, &pid, &ignored) == 0)
            end.pid = (uint32_t)pid;
        int server_fd AUTO_CLOSE = tell_server(arguments, bundle_fd);
        clean_up(arguments, bundle, &end);
        await_server(server_fd);
        remove_stale_socket(bundle_fd);
    }
    Pb__Timestamp exited_at = PB__TIMESTAMP__INIT;
    Pb__DeleteResponse answer = PB__DELETE_RESPONSE__INIT;
    exited_at.seconds = end.exited_at.tv_sec;
    exited_at.nanos = (int32_t)end.exited_at.tv_nsec;
    answer.pid = end.pid;
    answer.exit_status = end.exit_status;
    answer.exited_at = &exited_at;
    return action_output(&answer.base, error);
}
