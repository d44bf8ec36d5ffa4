/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that need a plugin are made by helpers: a plugin that crashes or hangs takes down one call.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "containerd/helper_process.h"
#include "containerd/server.h"

/* The helper has a deadline of its own, out of the runtime's configuration, which is the one that
 * counts; this is for one that does not even manage that. */
#define HELPER_TIMEOUT (10 * 60 * 1000)
#define HELPER_GRACE 5000 /* between SIGTERM and SIGKILL */

struct helper {
    struct timer timer; /* first */
    struct server *server;
    struct helper *next;
    struct helper_process process;
    bool late;
    helper_done done;
    void *user;
};

/* ---------------------------------------------------------------------------- answering */

static void answer_failure(helper_done done, void *user, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void answer_failure(helper_done done, void *user, int code, const char *format, ...) {
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    Pb__HelperResponse response = PB__HELPER_RESPONSE__INIT;
    response.code = code;
    response.message = message;
    done(user, &response);
}

/* The sentence says which entry of which plugin it was, if it was one. */
static void answer_none(struct helper *helper, int status) {
    char note[256];
    helper_process_note(&helper->process, note, sizeof(note));
    const char *what = note[0] ? note : "the helper";
    bool late = helper->late || (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
    if (late)
        answer_failure(helper->done, helper->user, RPC_DEADLINE_EXCEEDED,
                       "%s did not return in time and was ended", what);
    else if (WIFSIGNALED(status))
        answer_failure(helper->done, helper->user, RPC_UNKNOWN,
                       "%s crashed: killed by signal %d (%s)", what, WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    else
        answer_failure(helper->done, helper->user, RPC_UNKNOWN,
                       "%s ended the program with exit status %d", what, WEXITSTATUS(status));
}

static void answer(struct helper *helper, int status) {
    Pb__HelperResponse *response = helper_process_response(&helper->process, status);
    if (response) {
        helper->done(helper->user, response);
        pb__helper_response__free_unpacked(response, NULL);
    } else {
        answer_none(helper, status);
    }
}

static void finish(struct helper *helper, int status) {
    struct server *server = helper->server;
    for (struct helper **at = &server->helpers; *at; at = &(*at)->next)
        if (*at == helper) {
            *at = helper->next;
            break;
        }
    loop_timer_stop(&server->loop, &helper->timer);
    answer(helper, status);
    fd_close(helper->process.response_fd);
    free(helper);
    upgrade_check(server);
    server_check_end(server);
}

void helpers_reap(struct server *server) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct helper *helper = server->helpers;
        while (helper && helper->process.pid != pid)
            helper = helper->next;
        if (helper)
            finish(helper, status);
    }
}

/* ---------------------------------------------------------------------------- starting */

static void helper_late(struct timer *timer) {
    struct helper *helper = (struct helper *)timer;
    kill(helper->late ? -helper->process.pid : helper->process.pid,
         helper->late ? SIGKILL : SIGTERM);
    helper->late = true;
    loop_timer(&helper->server->loop, timer, HELPER_GRACE);
}

void helper_call(struct server *server, const Pb__HelperRequest *request, helper_done done,
                 void *user) {
    struct shim_error error = ERROR_NONE;
    struct helper *helper = calloc(1, sizeof(*helper));
    if (!helper) {
        answer_failure(done, user, RPC_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    *helper = (struct helper){
        .timer.due = helper_late,
        .server = server,
        .next = server->helpers,
        .done = done,
        .user = user,
    };
    if (helper_process_start(request, &helper->process, &error) < 0) {
        answer_failure(done, user, RPC_UNKNOWN, "%s", error.message);
        free(helper);
        return;
    }
    server->helpers = helper;
    loop_timer(&server->loop, &helper->timer, HELPER_TIMEOUT);
}

void helpers_abandon(struct server *server) {
    while (server->helpers) {
        struct helper *helper = server->helpers;
        server->helpers = helper->next;
        kill(-helper->process.pid, SIGKILL);
        fd_close(helper->process.response_fd);
        free(helper);
    }
}
