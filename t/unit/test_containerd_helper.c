/* SPDX-License-Identifier: Apache-2.0 */
/* How long a helper may take: what it says about that, and what the server makes of it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "containerd/helper/helper.h"
#include "containerd/helper_process.h"
#include "containerd/snapshot.h"

#define SLACK 10000 /* milliseconds, for a busy machine */

/* ------------------------------------------------------------------ what helper_call.c calls */

static int helpers_end; /* of the line */

int helper_process_start(const Pb__HelperRequest *request, bool line, struct helper_process *ret,
                         struct shim_error *error) {
    int ends[2];
    (void)request;
    (void)error;
    assert_true(line);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    helpers_end = ends[1];
    *ret = (struct helper_process){
        .pid = getpid(), .request_fd = -1, .response_fd = -1, .line_fd = ends[0]};
    return 0;
}

int helper_process_ask(const struct helper_process *helper, const Pb__HelperRequest *request,
                       struct shim_error *error) {
    (void)helper;
    (void)request;
    return error_set(error, -EPIPE, "there is none");
}

Pb__HelperResponse *helper_process_response(const struct helper_process *helper, int status) {
    (void)helper;
    (void)status;
    return NULL;
}

void helper_process_note(const struct helper_process *helper, char *buffer, size_t size) {
    (void)helper;
    (void)size;
    buffer[0] = '\0';
}

bool events_under_way(const struct server *server) {
    (void)server;
    return false;
}

void events_resume(struct server *server) {
    (void)server;
}

void server_check_end(struct server *server) {
    (void)server;
}

/* ------------------------------------------------------------------ what upgrade.c calls */

void service_resume(struct server *server) {
    assert_false(server->upgrading);
    function_called();
}

void call_fail(struct call *call, int code, const char *format, ...) {
    (void)code;
    (void)format;
    call->server->upgrades = NULL;
    function_called();
}

void call_wait(struct call *call, struct call **waiters) {
    (void)call;
    (void)waiters;
    fail_msg("nobody asks by a call");
}

Pb__Snapshot *snapshot_take(struct server *server) {
    (void)server;
    fail_msg("a helper is under way");
    return NULL;
}

void snapshot_free(Pb__Snapshot *snapshot) {
    (void)snapshot;
}

int snapshot_restore(struct server *server, const Pb__Snapshot *snapshot,
                     struct shim_error *error) {
    (void)server;
    (void)snapshot;
    return error_set(error, -EBADMSG, "there is none");
}

/* ------------------------------------------------------------------ the server */

static struct server *stopped;

static void stop(struct timer *timer) {
    (void)timer;
    stopped->loop.ended = true;
}

/* Hears what the helper has said. */
static void listen_for_a_while(struct server *server) {
    struct timer timer = {.due = stop};
    stopped = server;
    server->loop.ended = false;
    loop_timer(&server->loop, &timer, 20);
    assert_int_equal(loop_run(&server->loop, NULL), 0);
}

static void never(void *user, const Pb__HelperResponse *response) {
    (void)user;
    (void)response;
    fail_msg("it has not answered");
}

static void assert_ends_after(const struct server *server, int64_t milliseconds) {
    assert_non_null(server->loop.timers);
    int64_t left = deadline_left(server->loop.timers->when);
    assert_true(left > milliseconds - SLACK && left < milliseconds + SLACK);
}

static void a_helper_may_take_as_long_as_it_has_said(void **state) {
    struct server server = {.helpers = NULL};
    Pb__HelperRequest request = PB__HELPER_REQUEST__INIT;
    const int64_t longer = 5 * (int64_t)HELPER_LIMIT, for_ever = -1;
    (void)state;
    assert_int_equal(loop_open(&server.loop, NULL), 0);
    helper_call(&server, &request, never, NULL);
    assert_ends_after(&server, HELPER_LIMIT);
    assert_int_equal(send(helpers_end, &longer, sizeof(longer), 0), sizeof(longer));
    listen_for_a_while(&server);
    assert_ends_after(&server, longer);
    assert_int_equal(send(helpers_end, &for_ever, sizeof(for_ever), 0), sizeof(for_ever));
    listen_for_a_while(&server);
    assert_null(server.loop.timers);
    fd_close(helpers_end);
    listen_for_a_while(&server); /* its end is told by SIGCHLD */
    loop_close(&server.loop);
    free(server.helpers);
}

static void a_server_is_not_kept_for_ever_from_what_it_holds(void **state) {
    struct server server = {.helpers = NULL};
    struct call upgrade = {.server = &server};
    Pb__HelperRequest request = PB__HELPER_REQUEST__INIT;
    const int64_t for_ever = -1;
    (void)state;
    assert_int_equal(loop_open(&server.loop, NULL), 0);
    helper_call(&server, &request, never, NULL);
    assert_int_equal(send(helpers_end, &for_ever, sizeof(for_ever), 0), sizeof(for_ever));
    listen_for_a_while(&server);
    server.upgrades = &upgrade;
    upgrade_request(&server);
    assert_ends_after(&server, HELPER_LIMIT);
    assert_true(server.upgrading);
    /* Who asks again gets no more time. */
    server.loop.timers->when = 1;
    upgrade_request(&server);
    expect_function_call(call_fail);
    expect_function_call(service_resume);
    listen_for_a_while(&server);
    assert_null(server.loop.timers);
    fd_close(helpers_end);
    listen_for_a_while(&server);
    loop_close(&server.loop);
    free(server.helpers);
}

/* ------------------------------------------------------------------ the helper */

static void expect(int fd, int64_t limit) {
    int64_t heard = 0;
    assert_int_equal(recv(fd, &heard, sizeof(heard), MSG_DONTWAIT), sizeof(heard));
    assert_int_equal(heard, limit);
}

static void a_helper_says_what_takes_longer_than_usual(void **state) {
    int ends[2];
    char byte;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    int server_end = fcntl(ends[0], F_DUPFD_CLOEXEC, HELPER_LINE + 1);
    assert_int_equal(dup2(ends[1], HELPER_LINE), HELPER_LINE);
    struct engine_guard *guard = guard_open(true);
    assert_non_null(guard);
    guard_answered(); /* nothing is written to standard output, which is not ours here */
    guard->enter(guard, "plugin", "spawn", HELPER_LIMIT);
    assert_int_equal(recv(server_end, &byte, 1, MSG_DONTWAIT), -1);
    guard->enter(guard, "plugin", "inner", -1); /* the outer one counts */
    assert_int_equal(recv(server_end, &byte, 1, MSG_DONTWAIT), -1);
    guard->leave(guard);
    guard->leave(guard);
    guard->enter(guard, "plugin", "spawn", HELPER_LIMIT + 1);
    expect(server_end, HELPER_LIMIT + 1);
    guard->leave(guard);
    guard->enter(guard, "plugin", "checkpoint", -1);
    expect(server_end, -1);
    guard->leave(guard);
    guard_open(false);
    guard->enter(guard, "plugin", "checkpoint", -1);
    assert_int_equal(recv(server_end, &byte, 1, MSG_DONTWAIT), -1);
    guard->leave(guard);
    fd_close(server_end);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_helper_may_take_as_long_as_it_has_said),
        cmocka_unit_test(a_server_is_not_kept_for_ever_from_what_it_holds),
        cmocka_unit_test(a_helper_says_what_takes_longer_than_usual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
