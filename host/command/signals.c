/* SPDX-License-Identifier: Apache-2.0 */
#include "command/signals.h"

#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"

/* ------------------------------------------------------------------------------ names */

/* Other names that people use for signals of Linux. */
static const struct {
    const char *name;
    int number;
} aliases[] = {{"CLD", SIGCHLD}, {"IO", SIGIO}, {"IOT", SIGABRT}};

static int named(const char *name) {
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (strcasecmp(name, aliases[i].name) == 0)
            return aliases[i].number;
    for (int number = 1; number < SIGRTMIN; number++) {
        const char *abbreviation = sigabbrev_np(number);
        if (abbreviation && strcasecmp(name, abbreviation) == 0)
            return number;
    }
    return -EINVAL;
}

/* A decimal number of at most two digits, all of `text`; else -1. */
static int small_number(const char *text) {
    if (!isdigit((unsigned char)text[0]) || (text[1] && !isdigit((unsigned char)text[1])) ||
        (text[1] && text[2]))
        return -1;
    return atoi(text);
}

/* "RTMIN", "RTMIN+3", "RTMAX-2". */
static int real_time(const char *name) {
    bool from_first = strncasecmp(name, "RTMIN", 5) == 0;
    if (!from_first && strncasecmp(name, "RTMAX", 5) != 0)
        return -EINVAL;
    int base = from_first ? SIGRTMIN : SIGRTMAX;
    if (name[5] == '\0')
        return base;
    int distance = small_number(name + 6);
    if (name[5] != (from_first ? '+' : '-') || distance < 0 || distance > SIGRTMAX - SIGRTMIN)
        return -EINVAL;
    return from_first ? base + distance : base - distance;
}

int signal_parse(const char *text, struct shim_error *error) {
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    int number = small_number(text);
    if (number < 0)
        number = named(name);
    if (number < 0)
        number = real_time(name);
    if (number < 1 || number > SIGRTMAX)
        return error_set(error, -EINVAL,
                         "'%s' is not a signal; expected a name such as TERM or SIGRTMIN+3, or a "
                         "number from 1 to %d",
                         text, SIGRTMAX);
    return number;
}

/* ------------------------------------------------------------------------------ passing on */

/* What cancels a spawn, and what is passed on besides. Signals from the kernel about this program
 * itself (SIGSEGV, SIGPIPE, SIGCHLD) and those of job control stay what they are. */
static const int cancelling[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
static const int passed_on[] = {SIGUSR1, SIGUSR2, SIGALRM, SIGCONT};

/* A blocked signal is queued even when it is ignored (signal(7)), so what is ignored must not be
 * blocked. */
static void add_unless_ignored(sigset_t *set, int number) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
        sigaddset(set, number);
}

int foreground_open(struct foreground *ret_foreground, struct shim_error *error) {
    sigset_t cancel, all;
    sigemptyset(&cancel);
    for (size_t i = 0; i < sizeof(cancelling) / sizeof(cancelling[0]); i++)
        add_unless_ignored(&cancel, cancelling[i]);
    all = cancel;
    for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
        add_unless_ignored(&all, passed_on[i]);
    for (int number = SIGRTMIN; number < SIGRTMAX; number++) /* the last is the alarm of guard.h */
        add_unless_ignored(&all, number);
    struct foreground foreground = FOREGROUND_NONE;
    if (sigprocmask(SIG_BLOCK, &all, NULL) == 0)
        foreground.cancel_fd = signalfd(-1, &cancel, SFD_CLOEXEC | SFD_NONBLOCK);
    if (foreground.cancel_fd >= 0)
        foreground.signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (foreground.signal_fd < 0) {
        int r = error_set(error, -errno, "cannot watch for signals: %s", strerror(errno));
        foreground_close(&foreground);
        return r;
    }
    *ret_foreground = foreground;
    return 0;
}

void foreground_close(struct foreground *foreground) {
    foreground->cancel_fd = fd_close(foreground->cancel_fd);
    foreground->signal_fd = fd_close(foreground->signal_fd);
}

int foreground_cancelled(const struct foreground *foreground) {
    struct signalfd_siginfo received;
    ssize_t n = read(foreground->cancel_fd, &received, sizeof(received));
    return n == (ssize_t)sizeof(received) ? (int)received.ssi_signo : 0;
}

int foreground_spawned(struct foreground *foreground, struct shim_error *error) {
    sigset_t none;
    sigemptyset(&none);
    if (signalfd(foreground->cancel_fd, &none, 0) < 0)
        return error_set(error, -errno, "cannot stop watching for signals: %s", strerror(errno));
    return 0;
}

/* Passes on everything that has come. That the process is over, or may not be signalled, changes
 * nothing about waiting for it, so a failure is not one of waiting. */
static void pass_on(const struct foreground *foreground, struct engine *engine,
                    const char *container, const char *process) {
    struct log_fields about = {.container = container, .process = process};
    struct signalfd_siginfo received;
    while (read(foreground->signal_fd, &received, sizeof(received)) == (ssize_t)sizeof(received)) {
        struct shim_error error = ERROR_NONE;
        if (engine_signal(engine, container, process, (int32_t)received.ssi_signo, &error) < 0)
            log_write(SHIM_LOG_WARNING, &about, "signal %u was not passed on: %s",
                      received.ssi_signo, error.message);
    }
}

/* Sleeps until the process is over, or its monitor is dead, passing on signals. */
static int await_end(const struct foreground *foreground, struct engine *engine,
                     const char *container, const char *process, struct shim_error *error) {
    int end_fd AUTO_CLOSE = -1;
    int r = engine_wait_descriptor(engine, container, process, &end_fd, error);
    if (r < 0)
        return r;
    struct pollfd watched[] = {{.fd = end_fd, .events = POLLIN},
                               {.fd = foreground->signal_fd, .events = POLLIN}};
    while (watched[0].revents == 0) {
        if (poll(watched, 2, -1) < 0 && errno != EINTR)
            return error_set(error, -errno, "cannot wait: %s", strerror(errno));
        if (watched[1].revents)
            pass_on(foreground, engine, container, process);
    }
    return 0;
}

int foreground_wait(const struct foreground *foreground, struct engine *engine,
                    const char *container, const char *process, int32_t *ret_exit_status,
                    struct shim_error *error) {
    int r;
    do {
        r = await_end(foreground, engine, container, process, error);
        if (r == 0)
            r = engine_wait(engine, container, process, 0, ret_exit_status, error);
    } while (r == -ETIMEDOUT); /* its monitor died and another one has taken over */
    return r;
}
