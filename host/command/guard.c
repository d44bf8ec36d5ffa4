/* SPDX-License-Identifier: Apache-2.0 */
#include "command/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "stream/terminal.h"

#define DEPTH_MAX 8        /* calls within calls: a wait that recovers calls remove */
#define STACK_SIZE 65536   /* of the handlers: a plugin may have used up the other one */
#define BLOCKED_GRACE 5000 /* milliseconds until SIGKILL, for a plugin that blocks all signals */
#define ALARM SIGRTMAX

/* A call that has not returned. */
struct call {
    const char *plugin, *entry;
    int64_t deadline; /* on the monotonic clock; SHIM_FOREVER: it may wait */
};

/* Handlers have no arguments of ours, so this is the program's own. */
static struct guard {
    struct engine_guard engine; /* first: what the engine has */
    const char *command;
    int exit_status;
    char *text; /* for what is to be said, or NULL: that is standard error */
    size_t text_size;
    pid_t owner;
    timer_t alarm, last_resort;
    int64_t set; /* what the timers are set for, or SHIM_FOREVER */
    bool many;   /* they may stay set between calls */
    volatile sig_atomic_t depth;
    struct call calls[DEPTH_MAX];
} guard;

static const struct {
    int signal;
    const char *name;
} crashes[] = {
    {SIGSEGV, "segmentation fault"},     {SIGBUS, "bus error"},
    {SIGILL, "illegal instruction"},     {SIGFPE, "arithmetic error"},
    {SIGABRT, "it aborted the program"},
};
#define N_CRASHES (sizeof(crashes) / sizeof(*crashes))

/* The innermost call, or NULL. */
static const struct call *current(void) {
    int depth = guard.depth;
    if (depth <= 0 || getpid() != guard.owner)
        return NULL;
    return &guard.calls[(depth <= DEPTH_MAX ? depth : DEPTH_MAX) - 1];
}

static void keep(const char *const *parts, size_t n) {
    size_t used = 0;
    for (size_t i = 0; i < n; i++)
        for (const char *p = parts[i]; *p && used + 1 < guard.text_size; p++)
            guard.text[used++] = *p;
    guard.text[used] = '\0';
}

static void tell(const char *const *parts, size_t n) {
    struct iovec line[16];
    for (size_t i = 0; i < n; i++)
        line[i] = (struct iovec){(void *)(uintptr_t)parts[i], strlen(parts[i])};
    if (writev(STDERR_FILENO, line, (int)n) < 0) {
        /* The exit status still tells that it failed. */
    }
}

/* "shimhost: run: plugin FILE WHAT in its entry spawn WHY; no container and no state is harmed".
 * Only what a handler may call. */
static _Noreturn void end(const struct call *call, const char *what, const char *why) {
    const char *const parts[] = {
        "shimhost: ", guard.command, ": ", "plugin ",
        call->plugin, " ",           what, " its entry ",
        call->entry,  why,           "; ", "containers and their state are unharmed\n",
    };
    const size_t n = sizeof(parts) / sizeof(*parts), before = 3, after = 2;
    terminal_restore();
    if (guard.text)
        keep(parts + before, n - before - after);
    else
        tell(parts, n);
    _exit(guard.exit_status);
}

static void on_crash(int number) {
    const struct call *call = current();
    const char *why = "";
    for (size_t i = 0; i < N_CRASHES; i++)
        if (crashes[i].signal == number)
            why = crashes[i].name;
    char text[64] = " (";
    strcat(strcat(text, why), ")");
    if (call)
        end(call, "crashed in", text);
    /* Our own fault: SA_RESETHAND has put back what the kernel does with it. */
    raise(number);
}

static void on_exit_called(void) {
    const struct call *call = current();
    if (call)
        end(call, "called exit() in", "");
}

/* The earliest deadline of all calls, or SHIM_FOREVER. */
static int64_t earliest_deadline(void) {
    int64_t earliest = SHIM_FOREVER;
    for (int i = 0; i < guard.depth && i < DEPTH_MAX; i++) {
        int64_t deadline = guard.calls[i].deadline;
        if (deadline >= 0 && (earliest < 0 || deadline < earliest))
            earliest = deadline;
    }
    return earliest;
}

static void set_timer(timer_t timer, int64_t deadline) {
    struct itimerspec when = {.it_value = {deadline / 1000, deadline % 1000 * 1000000}};
    timer_settime(timer, TIMER_ABSTIME, &when, NULL);
}

/* SHIM_FOREVER: the timers are stopped. */
static void set_timers(int64_t deadline) {
    guard.set = deadline;
    set_timer(guard.alarm, deadline < 0 ? 0 : deadline);
    set_timer(guard.last_resort, deadline < 0 ? 0 : deadline + BLOCKED_GRACE);
}

/* Among many calls the timers may go off too early, for a call that is over: on_alarm() sees that.
 */
static void set_alarm(void) {
    int64_t earliest = earliest_deadline();
    if (!guard.many || guard.set < 0 || (earliest >= 0 && earliest < guard.set))
        set_timers(earliest);
}

static void on_alarm(int number) {
    (void)number;
    const struct call *call = current();
    int64_t earliest = earliest_deadline();
    if (call && earliest >= 0 && clock_milliseconds() >= earliest)
        end(call, "did not return in time from", "");
    set_timers(earliest);
}

static void enter(struct engine_guard *engine, const char *plugin, const char *entry,
                  int64_t limit) {
    (void)engine;
    if (guard.depth < DEPTH_MAX)
        guard.calls[guard.depth] = (struct call){plugin, entry, deadline_after(limit)};
    guard.depth++;
    set_alarm();
}

static void leave(struct engine_guard *engine) {
    (void)engine;
    guard.depth--;
    set_alarm();
}

static void many(struct engine_guard *engine, bool begin) {
    (void)engine;
    guard.many = begin;
    set_alarm();
}

static int make_timer(int number, timer_t *ret) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = number};
    return timer_create(CLOCK_MONOTONIC, &event, ret);
}

static int set_handlers(void) {
    static char stack[STACK_SIZE];
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof(stack)};
    if (sigaltstack(&alternative, NULL) < 0)
        return -1;
    struct sigaction action = {.sa_handler = on_crash,
                               .sa_flags = SA_ONSTACK | SA_RESETHAND | SA_NODEFER};
    for (size_t i = 0; i < N_CRASHES; i++)
        if (sigaction(crashes[i].signal, &action, NULL) < 0)
            return -1;
    action = (struct sigaction){.sa_handler = on_alarm, .sa_flags = SA_ONSTACK | SA_RESTART};
    return sigaction(ALARM, &action, NULL);
}

void guard_tell(char *text, size_t size) {
    guard.text_size = size;
    guard.text = text;
}

struct engine_guard *guard_set_up(const char *command, int exit_status) {
    guard.command = command;
    guard.exit_status = exit_status;
    if (guard.owner == getpid())
        return &guard.engine;
    /* A forked child has neither the timers nor the calls of its parent, but its exit hook. */
    bool forked = guard.owner != 0;
    guard.depth = 0;
    guard.set = SHIM_FOREVER;
    if (make_timer(ALARM, &guard.alarm) < 0 || make_timer(SIGKILL, &guard.last_resort) < 0 ||
        set_handlers() < 0 || (!forked && atexit(on_exit_called) != 0))
        return NULL;
    guard.owner = getpid();
    guard.engine = (struct engine_guard){.enter = enter, .leave = leave, .many = many};
    return &guard.engine;
}
