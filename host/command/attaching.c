/* SPDX-License-Identifier: Apache-2.0 */
#include "command/attaching.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "process/fifo.h"

/* How long a process may take to end after a signal that this program leaves for. */
#define LEAVING 5000 /* milliseconds */

int check_detach_keys(const struct invocation *invocation, const char *keys) {
    struct shim_error error = ERROR_NONE;
    struct detach_keys parsed;
    if (!keys || detach_keys_parse(keys, &parsed, &error) == 0)
        return 0;
    return complain_of_usage(invocation, "--detach-keys: %s", error.message);
}

/* What the handling of signals needs to know. */
struct signals {
    const struct attaching *attaching;
    bool at_terminal;
    int left_for; /* the signal, or 0 */
};

static bool leaves(int number) {
    return number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT;
}

static bool signalled(int number, void *user) {
    struct signals *signals = user;
    const struct attaching *attaching = signals->attaching;
    if (attaching->pass_signals) {
        struct log_fields about = {.container = attaching->container,
                                   .process = attaching->process};
        struct shim_error error = ERROR_NONE;
        if (engine_signal(attaching->invocation->engine, attaching->container, attaching->process,
                          number, &error) < 0)
            log_write(SHIM_LOG_WARNING, &about, "signal %d was not passed on: %s", number,
                      error.message);
    }
    if (!leaves(number) || (attaching->pass_signals && !signals->at_terminal))
        return false;
    signals->left_for = number;
    return true;
}

static int connect_to(const struct attaching *attaching, int *ret_socket,
                      struct shim_error *error) {
    char *directory AUTO_FREE = NULL;
    int r = engine_process_directory(attaching->invocation->engine, attaching->container,
                                     attaching->process, &directory, error);
    if (r < 0)
        return r;
    int directory_fd AUTO_CLOSE = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory_fd < 0)
        return error_set(error, -errno, "cannot open %s: %s", directory, strerror(errno));
    r = attach_connect(directory_fd, ret_socket, error);
    return r < 0 ? error_context(error, "container %s, process %s", attaching->container,
                                 attaching->process ? attaching->process : PROCESS_INIT)
                 : 0;
}

static int has_terminal(const struct attaching *attaching, struct shim_error *error) {
    struct process_streams streams;
    int r = engine_process_streams(attaching->invocation->engine, attaching->container,
                                   attaching->process, &streams, error);
    if (r < 0)
        return r;
    int terminal = streams.terminal;
    process_streams_clear(&streams);
    return terminal;
}

int attach_user(const struct attaching *attaching, enum attach_outcome *ret_outcome,
                int *ret_signal, struct shim_error *error) {
    struct detach_keys keys;
    const char *sequence = attaching->detach_keys ? attaching->detach_keys : DETACH_KEYS_DEFAULT;
    int socket AUTO_CLOSE = -1;
    int r = detach_keys_parse(sequence, &keys, error);
    if (r < 0)
        return r;
    int terminal = has_terminal(attaching, error);
    if (terminal < 0)
        return terminal;
    r = connect_to(attaching, &socket, error);
    if (r == -ESRCH) {
        *ret_outcome = ATTACH_ENDED;
        return 0;
    }
    if (r < 0)
        return r;
    bool at_terminal = isatty(STDIN_FILENO) && !attaching->no_stdin;
    struct signals signals = {attaching, terminal && at_terminal, 0};
    struct attach_options options = {
        .socket = socket,
        .input = attaching->no_stdin ? -1 : STDIN_FILENO,
        .output = STDOUT_FILENO,
        .errors = STDERR_FILENO,
        .terminal = terminal && at_terminal ? STDIN_FILENO : -1,
        .keys = at_terminal ? &keys : NULL, /* data is not typed */
        .signal_fd = attaching->foreground->signal_fd,
        .signalled = signalled,
        .user = &signals,
    };
    r = attach_run(&options, ret_outcome, error);
    *ret_signal = signals.left_for;
    return r;
}

/* The user has left because of a signal, which the process has got, too. */
static int after_signal(const struct attaching *attaching, int number, int32_t *ret_exit_status,
                        struct shim_error *error) {
    int r = engine_wait(attaching->invocation->engine, attaching->container, attaching->process,
                        LEAVING, ret_exit_status, error);
    if (r != -ETIMEDOUT)
        return r;
    remark(attaching->invocation, attaching->container,
           "it runs on after signal %d; shimhost attach goes back to it", number);
    *ret_exit_status = 128 + number;
    return 1;
}

/* Nobody feeds the process any more: one that reads to the end of its input would wait for ever. */
static void end_input(const struct attaching *attaching) {
    struct shim_error ignored = ERROR_NONE; /* it may be over */
    engine_control(attaching->invocation->engine, attaching->container, attaching->process,
                   CONTROL_CLOSE_STDIN, 0, 0, &ignored);
}

int stay_with(const struct attaching *attaching, bool attached, int32_t *ret_exit_status,
              struct shim_error *error) {
    struct shim_error problem = ERROR_NONE;
    enum attach_outcome outcome = ATTACH_ENDED;
    int number = 0;
    int r = attached ? attach_user(attaching, &outcome, &number, &problem) : 0;
    /* That the output cannot be shown ends neither the process nor the waiting for it. */
    if (r < 0) {
        complain(attaching->invocation, attaching->container, &problem);
        end_input(attaching);
    }
    if (r == 0 && outcome == ATTACH_LEFT)
        return after_signal(attaching, number, ret_exit_status, error);
    if (r == 0 && outcome == ATTACH_DETACHED) {
        remark(attaching->invocation, attaching->container,
               "detached; it runs on, and shimhost attach goes back to it");
        *ret_exit_status = EXIT_DONE;
        return 1;
    }
    return foreground_wait(attaching->foreground, attaching->invocation->engine,
                           attaching->container, attaching->process, ret_exit_status, error);
}
