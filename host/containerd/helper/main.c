/* SPDX-License-Identifier: Apache-2.0 */
/* shimhost-task: the helper of containerd's shim. One request on standard input, one response on
 * standard output, both regular (memory) files. It is where plugins run. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "containerd/bundle.h"
#include "containerd/helper/helper.h"
#include "containerd/helper_process.h"
#include "containerd/ttrpc.h"

#define REQUEST_MAX (16u << 20)

static int code_of(const struct helper *helper, const struct shim_error *error) {
    switch (error->reason) {
    case SHIM_REASON_NOT_RUNNING:
        return RPC_NOT_FOUND;
    case SHIM_REASON_UNSUPPORTED:
        return RPC_UNIMPLEMENTED;
    case SHIM_REASON_TIMED_OUT:
        return RPC_DEADLINE_EXCEEDED;
    case SHIM_REASON_WRONG_STATE:
        return RPC_FAILED_PRECONDITION;
    default:
        break;
    }
    if (error->code == -EEXIST)
        return RPC_ALREADY_EXISTS;
    if (error->code == -ENOENT && helper->request->verb != PB__VERB__VERB_CREATE &&
        helper->engine && !helper_container_exists(helper))
        return RPC_NOT_FOUND;
    return RPC_UNKNOWN;
}

/* ---------------------------------------------------------------------------- the call */

static int with_engine(struct helper *helper, struct shim_error *error) {
    const Pb__HelperRequest *request = helper->request;
    const char *container = request->container;
    int r = helper_open(helper, NULL, error);
    if (r < 0)
        return r;
    switch (request->verb) {
    case PB__VERB__VERB_START:
        return engine_start(helper->engine, container, error);
    case PB__VERB__VERB_SIGNAL:
        return verb_signal(helper, error);
    case PB__VERB__VERB_PAUSE:
        return engine_pause(helper->engine, container, error);
    case PB__VERB__VERB_RESUME:
        return engine_resume(helper->engine, container, error);
    case PB__VERB__VERB_UPDATE: {
        char *text AUTO_FREE = strndup((const char *)request->text.data, request->text.len);
        return text ? engine_update(helper->engine, container, text, error)
                    : error_set(error, -ENOMEM, "out of memory");
    }
    case PB__VERB__VERB_CHECKPOINT:
        return verb_checkpoint(helper, error);
    case PB__VERB__VERB_PROCESSES:
        return verb_processes(helper, error);
    case PB__VERB__VERB_DELETE:
        return verb_delete(helper, error);
    case PB__VERB__VERB_RECOVER:
        return verb_recover(helper, error);
    default:
        return error_set(error, -EINVAL, "the helper was asked for something unknown");
    }
}

static int call(struct helper *helper, struct shim_error *error) {
    switch (helper->request->verb) {
    case PB__VERB__VERB_CREATE:
        return verb_create(helper, error);
    case PB__VERB__VERB_EXEC:
        return verb_exec(helper, error);
    case PB__VERB__VERB_FEATURES:
        return verb_features(helper, error);
    case PB__VERB__VERB_CLEANUP:
        return cleanup_container(helper, error);
    default:
        return with_engine(helper, error);
    }
}

/* ---------------------------------------------------------------------------- in and out */

static Pb__HelperRequest *read_request(void) {
    struct stat status;
    if (fstat(STDIN_FILENO, &status) < 0 || status.st_size <= 0 ||
        status.st_size > (off_t)REQUEST_MAX)
        return NULL;
    size_t length = (size_t)status.st_size;
    uint8_t *bytes AUTO_FREE = malloc(length);
    if (!bytes || pread(STDIN_FILENO, bytes, length, 0) != (ssize_t)length)
        return NULL;
    return pb__helper_request__unpack(NULL, length, bytes);
}

static int write_response(const Pb__HelperResponse *response) {
    size_t length = pb__helper_response__get_packed_size(response);
    uint8_t *bytes AUTO_FREE = malloc(length + 1);
    const char mark = HELPER_MARK_RESPONSE;
    if (!bytes || ftruncate(STDOUT_FILENO, 0) < 0)
        return 1;
    pb__helper_response__pack(response, bytes);
    if (pwrite(STDOUT_FILENO, bytes, length, 1) != (ssize_t)length ||
        pwrite(STDOUT_FILENO, &mark, 1, 0) != 1)
        return 1;
    return 0;
}

/* Writes what the call has come to, and tells who waits on the line, who then need not wait for the
 * end. Not while there is more to be cleaned up. */
static int respond(struct helper *helper, int r, struct shim_error *error) {
    if (r < 0) {
        helper->response.code = code_of(helper, error);
        helper->response.message = error->message;
    }
    int status = write_response(&helper->response);
    guard_answered();
    if (status == 0 && helper->request->line && helper->request->verb != PB__VERB__VERB_CLEANUP)
        send(HELPER_LINE, "", 1, MSG_NOSIGNAL);
    return status;
}

/* The container is created; whoever wants it started soon will say so. */
static int stay(struct helper *helper) {
    struct shim_error error = ERROR_NONE;
    char byte;
    if (recv(HELPER_LINE, &byte, 1, 0) != 1)
        return 0;
    guard_again();
    helper->response = (Pb__HelperResponse)PB__HELPER_RESPONSE__INIT;
    return respond(helper, engine_start(helper->engine, helper->request->container, &error),
                   &error);
}

static int answer(const Pb__HelperRequest *request) {
    struct shim_error error = ERROR_NONE;
    struct helper helper = {.request = request, .response = PB__HELPER_RESPONSE__INIT};
    char *exec AUTO_FREE = NULL;
    if (request->exec_id[0]) {
        if (asprintf(&exec, "%s%s", request->exec_id, exec_suffix(request->exec_id)) < 0)
            return 1;
        helper.process = exec;
    }
    int r = call(&helper, &error);
    int status = respond(&helper, r, &error);
    if (r == 0 && status == 0 && request->stay && !helper.response.running)
        status = stay(&helper);
    helper_close(&helper); /* a plugin that crashes only now has done what it was asked for */
    return status;
}

/* Unmounting needs no plugin, so it happens whatever becomes of the rest. */
static int clean_up(const Pb__HelperRequest *request) {
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(answer(request));
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    logger_end(request->bundle, "");
    mounts_undo(request->bundle);
    if (pid < 0)
        return 1;
    if (WIFSIGNALED(status)) { /* the server is to see it as ours */
        signal(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
    }
    return WEXITSTATUS(status);
}

/* A server's own limit is not for containers. */
static void set_limit(uint64_t descriptors) {
    struct rlimit limit;
    if (descriptors == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = descriptors;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv) {
    umask(077);
    fcntl(HELPER_LINE, F_SETFD, FD_CLOEXEC); /* of no interest to whoever we start */
    if (chdir("/") < 0)
        return 1;
    /* Each byte on the line is an order of its own: this one would otherwise start what is created.
     */
    char byte;
    if (argc > 1 && strcmp(argv[1], HELPER_WAITS) == 0 && recv(HELPER_LINE, &byte, 1, 0) != 1)
        return 0;
    Pb__HelperRequest *request = read_request();
    if (!request)
        return 1;
    set_limit(request->descriptors);
    int status = request->verb == PB__VERB__VERB_CLEANUP ? clean_up(request) : answer(request);
    pb__helper_request__free_unpacked(request, NULL);
    return status;
}
