/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the process fit for the job: alone, deaf, without privileges to pass on. Then watches. */
#include "monitor.h"

#include <asm/signal.h>
#include <linux/prctl.h>

#define FIRST_SIGNAL 1
#define LAST_SIGNAL 64

/* The lowest descriptor from `from` on that the plan names, or -1. */
static int next_kept(const struct plan *plan, int from) {
    const int single[] = {plan->ready_fd,        plan->held_input,      plan->input_fifo,
                          plan->outputs[1].fifo, plan->outputs[2].fifo, plan->log_fd};
    int next = -1;
    for (unsigned i = 0; i < sizeof(single) / sizeof(*single); i++)
        if (single[i] >= from && (next < 0 || single[i] < next))
            next = single[i];
    for (unsigned i = 0; i < plan->held_count; i++)
        if (plan->held[i] >= from && (next < 0 || plan->held[i] < next))
            next = plan->held[i];
    return next;
}

/* All descriptors above 2 that the plan does not name. */
static void close_others(const struct plan *plan) {
    int from = 3, kept;
    while ((kept = next_kept(plan, from)) >= 0) {
        if (kept > from)
            sys_close_range((unsigned)from, (unsigned)kept - 1);
        from = kept + 1;
    }
    sys_close_range((unsigned)from, ~0u);
}

static bool hexadecimal(char character, uint64_t *ret_digit) {
    if (character >= '0' && character <= '9')
        *ret_digit = (uint64_t)(character - '0');
    else if (character >= 'a' && character <= 'f')
        *ret_digit = 10 + (uint64_t)(character - 'a');
    else
        return false;
    return true;
}

/* The signals that are ignored, the lowest bit for the first; all, if that cannot be found out. One
 * small file instead of a call for each. Not inlined, so that its buffer lies where the watching
 * gives the stack back. */
static __attribute__((noinline)) uint64_t ignored_signals(void) {
    char buffer[4096];
    struct text status = TEXT_IN(buffer);
    if (record_read("/proc/self/status", &status) < 0)
        return ~0ull;
    for (const char *line = status.buffer; *line; line++) {
        const char *value = text_after(line, "\nSigIgn:\t");
        uint64_t signals = 0, digit;
        if (!value)
            continue;
        for (; hexadecimal(*value, &digit); value++)
            signals = signals << 4 | digit;
        return *value == '\n' ? signals : ~0ull;
    }
    return ~0ull;
}

/* Blocks every signal, and undoes what the host ignored: it would be inherited by whatever we
 * execute, and an ignored SIGCHLD would lose exit statuses. Handlers did not survive the execution.
 */
static void silence_signals(void) {
    const uint64_t all = ~0ull;
    const uint64_t default_action[4] = {0};
    sys_sigprocmask(SIG_SETMASK, &all);
    uint64_t ignored = ignored_signals();
    for (int signal = FIRST_SIGNAL; signal <= LAST_SIGNAL; signal++)
        if (ignored & 1ull << (signal - 1))
            sys_sigaction(signal, default_action);
}

static int open_fifos(struct monitor *monitor) {
    const int flags = O_RDWR | O_NONBLOCK;
    monitor->exit_fd = sys_open("exit", flags, 0);
    if (monitor->exit_fd < 0)
        return monitor->exit_fd;
    monitor->control_fd = sys_open("control", flags, 0);
    return monitor->control_fd < 0 ? monitor->control_fd : 0;
}

static int open_signals(struct monitor *monitor) {
    const uint64_t signals = 1ull << (SIGCHLD - 1) | 1ull << (SIGTERM - 1);
    monitor->signal_fd = sys_signalfd(-1, &signals, O_CLOEXEC | O_NONBLOCK);
    return monitor->signal_fd < 0 ? monitor->signal_fd : 0;
}

static int prepare(struct monitor *monitor) {
    close_others(monitor->plan);
    silence_signals();
    sys_umask(077);
    sys_setsid(); /* fails if it leads a group already, which serves as well */
    int result = privileges_begin();
    if (result == 0)
        result = sys_prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (result == 0)
        result = open_signals(monitor);
    if (result == 0)
        result = record_identify(monitor);
    if (result == 0 && !monitor->plan->adopt)
        result = record_monitor(monitor);
    if (result == 0)
        result = open_fifos(monitor);
    return result;
}

void monitor_init(struct monitor *monitor, const struct plan *plan) {
    *monitor = (struct monitor){
        .plan = plan,
        .exit_status = -1,
        .ready_fd = plan->ready_fd,
        .signal_fd = -1,
        .exit_fd = -1,
        .control_fd = -1,
        .status_fd = -1,
        .pidfd = -1,
        .change_fd = -1,
        .capture_fd = -1,
        .oom_fd = -1,
    };
    streams_init(monitor);
}

static int run(const struct plan *plan) {
    struct monitor monitor;
    monitor_init(&monitor, plan);
    int result = prepare(&monitor);
    if (result < 0) {
        monitor.failure = FAILED_SYSTEM;
        monitor.failure_number = -result;
        launch_tell(&monitor);
        return 1;
    }
    if (plan->adopt)
        adopt_begin(&monitor);
    else
        launch_begin(&monitor);
    return watch_run(&monitor);
}

static int complain(const char *problem) {
    char buffer[256];
    struct text text = TEXT_IN(buffer);
    text_print(&text, "shimhost-monitor: not understood or missing: %s\n", problem);
    sys_write(2, text.buffer, text.length);
    return 2;
}

int monitor_main(int argc, char **argv, char **environment) {
    struct plan plan;
    const char *problem = plan_read(&plan, argc, argv, environment);
    return problem ? complain(problem) : run(&plan);
}
