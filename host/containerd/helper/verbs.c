/* SPDX-License-Identifier: Apache-2.0 */
/* What can be done to a container that is there. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "containerd/helper/helper.h"
#include "containerd/ttrpc.h"
#include "runtime.pb-c.h"

/* ---------------------------------------------------------------------------- signals */

/* No signal: only whether it lives. */
static int check_lives(struct helper *helper, struct shim_error *error) {
    int32_t exit_status;
    int r = engine_wait(helper->engine, helper->request->container, helper->process, 0,
                        &exit_status, error);
    if (r == -ETIMEDOUT)
        return 0;
    return r < 0 && r != -ENODATA
               ? r
               : error_set_reason(error, -ESRCH, SHIM_REASON_NOT_RUNNING, "not running");
}

static bool among(pid_t pid, const pid_t *pids, ssize_t count) {
    for (ssize_t i = 0; i < count; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

/* One look at the container, one signal to each process that is in it. A pid is opened first, and
 * then must be in the container still, so that no stranger is hit who got the number meanwhile.
 * Returns how many had not been signalled before. */
static int signal_pass(struct helper *helper, pid_t **done, ssize_t *n_done,
                       struct shim_error *error) {
    pid_t *pids AUTO_FREE = NULL, *again AUTO_FREE = NULL;
    const char *container = helper->request->container;
    ssize_t count = engine_processes(helper->engine, container, &pids, error);
    if (count <= 0)
        return (int)count;
    int *fds AUTO_FREE = malloc((size_t)count * sizeof(*fds));
    if (!fds)
        return error_set(error, -ENOMEM, "out of memory");
    for (ssize_t i = 0; i < count; i++)
        fds[i] = (int)syscall(SYS_pidfd_open, pids[i], 0);
    ssize_t n_again = engine_processes(helper->engine, container, &again, error);
    int fresh = 0;
    for (ssize_t i = 0; i < count; i++) {
        if (fds[i] >= 0 && among(pids[i], again, n_again) && !among(pids[i], *done, *n_done)) {
            syscall(SYS_pidfd_send_signal, fds[i], helper->request->signal, NULL, 0);
            fresh++;
        }
        fd_close(fds[i]);
    }
    free(*done);
    *done = pointer_steal(&pids);
    *n_done = count;
    return fresh;
}

/* With SIGKILL until nobody new is found: who is born meanwhile is killed, too. */
static int signal_all(struct helper *helper, struct shim_error *error) {
    pid_t *done AUTO_FREE = NULL;
    ssize_t n_done = 0;
    int r = signal_pass(helper, &done, &n_done, error);
    while (r > 0 && helper->request->signal == SIGKILL) {
        struct shim_error gone = ERROR_NONE;
        r = signal_pass(helper, &done, &n_done, &gone);
    }
    return r < 0 && n_done == 0 ? r : 0;
}

int verb_signal(struct helper *helper, struct shim_error *error) {
    const Pb__HelperRequest *request = helper->request;
    if (request->signal == 0)
        return check_lives(helper, error);
    if (request->all && !helper->process) {
        struct shim_error problem = ERROR_NONE;
        int r = signal_all(helper, &problem);
        if (problem.reason != SHIM_REASON_UNSUPPORTED)
            return error_pass(error, r, &problem);
    }
    return engine_signal(helper->engine, request->container, helper->process,
                         (int32_t)request->signal, error);
}

/* ---------------------------------------------------------------------------- looking */

int verb_processes(struct helper *helper, struct shim_error *error) {
    pid_t *pids AUTO_FREE = NULL;
    ssize_t count = engine_processes(helper->engine, helper->request->container, &pids, error);
    if (count < 0)
        return (int)count;
    helper->response.pids = calloc((size_t)count + 1, sizeof(*helper->response.pids));
    if (!helper->response.pids)
        return error_set(error, -ENOMEM, "out of memory");
    for (ssize_t i = 0; i < count; i++)
        helper->response.pids[i] = (uint32_t)pids[i];
    helper->response.n_pids = (size_t)count;
    return 0;
}

/* ---------------------------------------------------------------------------- checkpoint */

/* An option that is asked for and that no plugin can be told of, or NULL. */
static const char *unsupported(const Pb__CheckpointOptions *options) {
    return options->external_unix_sockets ? "external_unix_sockets"
           : options->terminal            ? "terminal"
           : options->n_empty_namespaces  ? "empty_namespaces"
           : options->cgroups_mode[0]     ? "cgroups_mode"
                                          : NULL;
}

/* `options` may be NULL. */
static int checkpoint_as(struct helper *helper, const Pb__CheckpointOptions *options,
                         struct shim_error *error) {
    const Pb__HelperRequest *request = helper->request;
    struct shim_checkpoint checkpoint = {
        .size = sizeof(checkpoint),
        .flags = SHIM_CHECKPOINT_LEAVE_RUNNING,
        .image_path = request->checkpoint,
    };
    const char *refused = options ? unsupported(options) : NULL;
    if (refused)
        return error_set_reason(error, -EOPNOTSUPP, SHIM_REASON_UNSUPPORTED,
                                "the option %s of a checkpoint is not supported", refused);
    if (options) {
        checkpoint.flags = (options->exit ? 0 : SHIM_CHECKPOINT_LEAVE_RUNNING) |
                           (options->open_tcp ? SHIM_CHECKPOINT_TCP_ESTABLISHED : 0) |
                           (options->file_locks ? SHIM_CHECKPOINT_FILE_LOCKS : 0);
        if (options->image_path[0])
            checkpoint.image_path = options->image_path;
        if (options->work_path[0])
            checkpoint.work_path = options->work_path;
    }
    if (mkdir(checkpoint.image_path, 0700) < 0 && errno != EEXIST)
        return error_set(error, -errno, "cannot make %s: %s", checkpoint.image_path,
                         strerror(errno));
    return engine_checkpoint(helper->engine, request->container, &checkpoint, error);
}

int verb_checkpoint(struct helper *helper, struct shim_error *error) {
    const Pb__Any *given = helper->request->options;
    Pb__CheckpointOptions *options =
        given ? pb__checkpoint_options__unpack(NULL, given->value.len, given->value.data) : NULL;
    int r = checkpoint_as(helper, options, error);
    if (options)
        pb__checkpoint_options__free_unpacked(options, NULL);
    return r;
}
