/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that need a plugin are made by helpers: a plugin that crashes or hangs takes down one call.
 */
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "containerd/helper_process.h"
#include "containerd/server.h"

#define HELPER_GRACE 5000 /* between SIGTERM and SIGKILL, and after its own deadline */

#define HELPER_STAY 10000 /* milliseconds between a creation and its start */

struct helper {
    struct timer timer; /* first */
    struct source line; /* it says there that its answer is there */
    char *container;    /* of one that may stay after its answer; or NULL */
    struct server *server;
    struct helper *next;
    struct helper_process process;
    bool waits; /* for its first request */
    bool late;
    helper_done done; /* NULL: it has answered, or was not asked */
    void *user;
};

static void helper_late(struct timer *timer);

bool is_shortage(int code) {
    return code == -EMFILE || code == -ENFILE || code == -ENOMEM || code == -EAGAIN;
}

/* ---------------------------------------------------------------------------- answering */

static void answer_failure(helper_done done, void *user, bool lost, int code, const char *format,
                           ...) __attribute__((format(printf, 5, 6)));
static void answer_failure(helper_done done, void *user, bool lost, int code, const char *format,
                           ...) {
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    Pb__HelperResponse response = PB__HELPER_RESPONSE__INIT;
    response.code = code;
    response.message = message;
    response.lost = lost;
    done(user, &response);
}

/* The sentence says which entry of which plugin it was, if it was one. */
static void answer_none(struct helper *helper, int status) {
    char note[256];
    helper_process_note(&helper->process, note, sizeof(note));
    const char *what = note[0] ? note : "the helper";
    bool late = helper->late || (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
    if (late)
        answer_failure(helper->done, helper->user, true, RPC_DEADLINE_EXCEEDED,
                       "%s did not return in time and was ended", what);
    else if (WIFSIGNALED(status))
        answer_failure(helper->done, helper->user, true, RPC_UNKNOWN,
                       "%s crashed: killed by signal %d (%s)", what, WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    else
        answer_failure(helper->done, helper->user, true, RPC_UNKNOWN,
                       "%s ended the program with exit status %d", what, WEXITSTATUS(status));
}

static void answer(struct helper *helper, int status) {
    if (!helper->done)
        return;
    Pb__HelperResponse *response = helper_process_response(&helper->process, status);
    if (response) {
        helper->done(helper->user, response);
        pb__helper_response__free_unpacked(response, NULL);
    } else {
        answer_none(helper, status);
    }
}

static void helper_free(struct helper *helper) {
    fd_close(helper->process.request_fd);
    fd_close(helper->process.response_fd);
    free(helper->container);
    free(helper);
}

static void finish(struct helper *helper, int status) {
    struct server *server = helper->server;
    for (struct helper **at = &server->helpers; *at; at = &(*at)->next)
        if (*at == helper) {
            *at = helper->next;
            break;
        }
    loop_timer_stop(&server->loop, &helper->timer);
    loop_drop(&server->loop, &helper->line);
    answer(helper, status);
    helper_free(helper);
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

/* ---------------------------------------------------------------------------- staying */

/* It is not needed any more, and ends when it notices that nobody is on the line. */
static void release(struct helper *helper) {
    helper->waits = false;
    loop_timer(&helper->server->loop, &helper->timer, HELPER_GRACE);
    helper->timer.due = helper_late;
    loop_drop(&helper->server->loop, &helper->line);
    free(helper->container);
    helper->container = NULL;
}

static void stayed_too_long(struct timer *timer) {
    release((struct helper *)timer);
}

/* It has said how long it may take. */
static void set_limit(struct helper *helper, int64_t limit) {
    if (limit < 0)
        loop_timer_stop(&helper->server->loop, &helper->timer);
    else
        loop_timer(&helper->server->loop, &helper->timer, limit + HELPER_GRACE);
}

/* Its answer is there, and it stays, or ends. Or it has gone, which SIGCHLD tells, too. */
static void line_ready(struct source *source, uint32_t events) {
    struct helper *helper = (struct helper *)((char *)source - offsetof(struct helper, line));
    int64_t limit;
    (void)events;
    Pb__HelperResponse *response = NULL;
    ssize_t n = helper->done ? recv(source->fd, &limit, sizeof(limit), MSG_DONTWAIT) : 0;
    if (n == sizeof(limit) && !helper->late) {
        set_limit(helper, limit);
        return;
    }
    if (n == 1)
        response = helper_process_response(&helper->process, 0);
    if (!response) {
        helper->waits = false;
        loop_drop(&helper->server->loop, source);
        return;
    }
    helper_done done = helper->done;
    helper->done = NULL;
    bool stays = helper->container && response->code == RPC_OK && !response->running &&
                 !helper->server->upgrading;
    if (stays) {
        helper->timer.due = stayed_too_long;
        loop_timer(&helper->server->loop, &helper->timer, HELPER_STAY);
    } else {
        release(helper);
    }
    done(helper->user, response);
    pb__helper_response__free_unpacked(response, NULL);
}

static struct helper *find_staying(const struct server *server, const char *container) {
    struct helper *helper = server->helpers;
    while (helper &&
           (helper->done || !helper->container || strcmp(helper->container, container) != 0))
        helper = helper->next;
    return helper;
}

bool helper_go_on(struct server *server, const char *container, helper_done done, void *user) {
    struct helper *helper = find_staying(server, container);
    /* What it has answered must not be taken for the next answer. */
    if (!helper || ftruncate(helper->process.response_fd, 0) < 0)
        return false;
    if (send(helper->line.fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) {
        release(helper);
        return false;
    }
    helper->done = done;
    helper->user = user;
    free(helper->container);
    helper->container = NULL;
    helper->timer.due = helper_late;
    loop_timer(&server->loop, &helper->timer, HELPER_LIMIT);
    return true;
}

void helper_release(struct server *server, const char *container) {
    struct helper *helper = find_staying(server, container);
    if (helper)
        release(helper);
}

void helpers_release(struct server *server) {
    for (struct helper *helper = server->helpers; helper; helper = helper->next)
        if (helper->waits || (!helper->done && helper->container))
            release(helper);
}

/* ---------------------------------------------------------------------------- starting */

static void helper_late(struct timer *timer) {
    struct helper *helper = (struct helper *)timer;
    kill(helper->late ? -helper->process.pid : helper->process.pid,
         helper->late ? SIGKILL : SIGTERM);
    helper->late = true;
    loop_timer(&helper->server->loop, timer, HELPER_GRACE);
}

static struct helper *start(struct server *server, const Pb__HelperRequest *request,
                            struct shim_error *error) {
    struct helper *helper = calloc(1, sizeof(*helper));
    if (!helper) {
        error_set(error, -ENOMEM, "out of memory");
        return NULL;
    }
    if (helper_process_start(request, true, &helper->process, error) < 0) {
        free(helper);
        return NULL;
    }
    helper->server = server;
    helper->next = server->helpers;
    helper->line = (struct source){.fd = helper->process.line_fd, .ready = line_ready};
    server->helpers = helper;
    if (loop_add(&server->loop, &helper->line, EPOLLIN, error) < 0)
        helper->line.fd = fd_close(helper->line.fd); /* its end tells the rest */
    return helper;
}

void helpers_prepare(struct server *server) {
    struct shim_error ignored = ERROR_NONE;
    struct helper *helper = start(server, NULL, &ignored);
    if (!helper) /* whoever needs one will hear why there is none */
        return;
    helper->waits = true;
    helper->timer.due = stayed_too_long;
    loop_timer(&server->loop, &helper->timer, HELPER_STAY);
}

/* One that has been prepared, with the request, or NULL. */
static struct helper *take_prepared(struct server *server, const Pb__HelperRequest *request) {
    struct shim_error ignored = ERROR_NONE;
    struct helper *helper = server->helpers;
    while (helper && !helper->waits)
        helper = helper->next;
    if (!helper)
        return NULL;
    helper->waits = false;
    if (helper_process_ask(&helper->process, request, &ignored) == 0)
        return helper;
    release(helper);
    return NULL;
}

void helper_call(struct server *server, const Pb__HelperRequest *request, helper_done done,
                 void *user) {
    struct shim_error error = ERROR_NONE;
    Pb__HelperRequest with_line = *request;
    with_line.line = true;
    with_line.descriptors = server->descriptors;
    struct helper *helper = take_prepared(server, &with_line);
    if (!helper)
        helper = start(server, &with_line, &error);
    if (!helper) {
        answer_failure(done, user, false,
                       is_shortage(error.code) ? RPC_RESOURCE_EXHAUSTED : RPC_UNKNOWN, "%s",
                       error.message);
        return;
    }
    helper->done = done;
    helper->user = user;
    helper->container = request->stay ? strdup(request->container) : NULL;
    helper->timer.due = helper_late;
    loop_timer(&server->loop, &helper->timer, HELPER_LIMIT);
}

void helpers_abandon(struct server *server) {
    while (server->helpers) {
        struct helper *helper = server->helpers;
        server->helpers = helper->next;
        kill(-helper->process.pid, SIGKILL);
        loop_drop(&server->loop, &helper->line);
        helper_free(helper);
    }
}
