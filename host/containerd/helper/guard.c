/* SPDX-License-Identifier: Apache-2.0 */
/* For a plugin that does not come back: what it was at is in the response file, and an alarm ends
 * the helper, first by a signal that tells why, then by one that cannot be blocked. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "containerd/helper/helper.h"
#include "containerd/helper_process.h"

#define GRACE 2000 /* milliseconds */

struct guard {
    struct engine_guard engine; /* first */
    timer_t alarm, last_resort;
    int depth;
    bool answered; /* the response file holds the response */
    bool line;     /* somebody is on HELPER_LINE */
};

static struct guard guard;

static void note(const char *plugin, const char *entry) {
    char text[256];
    int length = snprintf(text, sizeof(text), "%cplugin %s in its entry %s", HELPER_MARK_NOTE,
                          plugin, entry);
    size_t size = length < (int)sizeof(text) ? (size_t)length + 1 : sizeof(text);
    if (pwrite(STDOUT_FILENO, text, size, 0) < 0)
        return; /* then the message will be less precise */
}

static void set(timer_t timer, int64_t delay) {
    struct itimerspec when = {.it_value = {delay / 1000, delay % 1000 * 1000000}};
    timer_settime(timer, 0, &when, NULL);
}

/* Whoever waits for us is to wait longer than usual. */
static void ask_for_time(int64_t limit) {
    if (limit < 0 || limit > HELPER_LIMIT)
        send(HELPER_LINE, &limit, sizeof(limit), MSG_NOSIGNAL);
}

/* Calls within calls count for the outer one. */
static void enter(struct engine_guard *engine, const char *plugin, const char *entry,
                  int64_t limit) {
    struct guard *self = (struct guard *)engine;
    if (self->depth++ > 0)
        return;
    if (!self->answered)
        note(plugin, entry);
    if (self->line)
        ask_for_time(limit);
    set(self->alarm, limit < 0 ? 0 : limit);
    set(self->last_resort, limit < 0 ? 0 : limit + GRACE);
}

static void leave(struct engine_guard *engine) {
    struct guard *self = (struct guard *)engine;
    if (--self->depth > 0)
        return;
    set(self->alarm, 0);
    set(self->last_resort, 0);
    if (!self->answered && ftruncate(STDOUT_FILENO, 0) < 0)
        return;
}

static int make(int number, timer_t *ret) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = number};
    return timer_create(CLOCK_MONOTONIC, &event, ret);
}

struct engine_guard *guard_open(bool line) {
    if (make(SIGALRM, &guard.alarm) < 0 || make(SIGKILL, &guard.last_resort) < 0)
        return NULL;
    guard.line = line;
    guard.engine = (struct engine_guard){.enter = enter, .leave = leave};
    return &guard.engine;
}

void guard_answered(void) {
    guard.answered = true;
}

void guard_again(void) {
    guard.answered = false;
}
