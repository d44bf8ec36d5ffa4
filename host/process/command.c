/* SPDX-License-Identifier: Apache-2.0 */
#include "process/command.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/sized.h"
#include "base/text.h"

#define CHUNK (16u << 10)
#define KILL_GRACE                                                                                 \
    5000            /* milliseconds that a killed process may take, were it stuck in the kernel */
#define REPORT_FD 3 /* the child's way to say why it could not be executed */
#define SHOWN_MAX 256

/* ---- the child ---- */

/* What the child needs; above descriptor 2, and all close-on-exec. */
struct child {
    const struct command *command;
    int null;
    int output;
    int errors;
    int report;
};

/* What the child says when it fails. */
struct report {
    const char *what;
    int code;
};

static int clear_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, data) < 0)
        return -1;
    if (!data[0].inheritable && !data[1].inheritable)
        return 0; /* and then none is ambient */
    data[0].inheritable = data[1].inheritable = 0;
    return syscall(SYS_capset, &header, data) < 0 ||
                   prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0
               ? -1
               : 0;
}

/* Moves to the descriptors that the program is to have; everything else goes. */
static int arrange_descriptors(const struct child *child, int *report) {
    if (dup2(child->null, 0) < 0 || dup2(child->output, 1) < 0 || dup2(child->errors, 2) < 0)
        return -1;
    if (*report != REPORT_FD) {
        if (dup3(*report, REPORT_FD, O_CLOEXEC) < 0)
            return -1;
        *report = REPORT_FD;
    }
    return close_range(REPORT_FD + 1, ~0u, 0);
}

static void reset_signals(void) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int signal = 1; signal <= SIGRTMAX; signal++)
        sigaction(signal, &action, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Runs in the memory of the parent, which stands still meanwhile (vfork(2)): so it changes nothing
 * but its own variables, and calls nothing but the kernel. */
static _Noreturn void become(const struct child *child) {
    const struct command *command = child->command;
    const char *what = "execute";
    int report = child->report;
    setpgid(0, 0);
    umask(022);
    if ((command->directory_fd >= 0 ? fchdir(command->directory_fd) : chdir("/")) < 0)
        what = "enter the working directory of";
    else if (arrange_descriptors(child, &report) < 0)
        what = "set up the descriptors of";
    else if (clear_capabilities() < 0)
        what = "clear the capabilities of";
    else {
        static const char *const nothing[] = {NULL};
        const char *const *environment = command->environment ? command->environment : nothing;
        reset_signals();
        execve(command->argv[0], (char *const *)(uintptr_t)command->argv,
               (char *const *)(uintptr_t)environment);
    }
    struct report failure = {.what = what, .code = errno};
    ssize_t written = write(report, &failure, sizeof(failure));
    (void)written; /* there is nobody else to tell */
    _exit(127);
}

/* Returns the child's pid, or a negative errno. */
static pid_t start_child(const struct child *child) {
    sigset_t all, saved;
    sigfillset(&all);
    /* No handler of the caller may run in the child, on the caller's memory. */
    pthread_sigmask(SIG_SETMASK, &all, &saved);
    pid_t pid = vfork();
    if (pid == 0)
        become(child);
    int code = errno;
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    return pid < 0 ? -code : pid;
}

/* ---- what it says ---- */

/* One of its streams. */
struct capture {
    int fd; /* -1 after its end */
    struct text text;
    size_t max;
    bool last;      /* what came last is kept, not what came first */
    bool truncated; /* not all was kept */
};

static void capture_add(struct capture *capture, const char *bytes, size_t length) {
    struct text *text = &capture->text;
    if (!capture->last) {
        size_t room = capture->max - text->length;
        capture->truncated |= length > room;
        text_append_bytes(text, bytes, length < room ? length : room);
        return;
    }
    if (text->length + length > 2 * capture->max) {
        size_t excess = text->length - capture->max;
        memmove(text->data, text->data + excess, capture->max + 1);
        text->length = capture->max;
        capture->truncated = true;
    }
    text_append_bytes(text, bytes, length);
}

/* Reads once, at most `limit` bytes. Returns how many. */
static size_t capture_read(struct capture *capture, size_t limit) {
    char chunk[CHUNK];
    ssize_t n = read(capture->fd, chunk, limit < sizeof(chunk) ? limit : sizeof(chunk));
    if (n > 0)
        capture_add(capture, chunk, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        capture->fd = fd_close(capture->fd);
    return n > 0 ? (size_t)n : 0;
}

/* Reads what is there at this moment and no more: whoever still holds the stream may go on
 * writing. */
static void capture_finish(struct capture *capture) {
    int there = 0;
    if (capture->fd >= 0 && ioctl(capture->fd, FIONREAD, &there) < 0)
        there = 0;
    for (size_t left = (size_t)there, n; left > 0; left -= n) {
        n = capture_read(capture, left);
        if (n == 0)
            break;
    }
    capture->fd = fd_close(capture->fd);
}

/* Gives the errors to the caller. */
static int hand_over_errors(struct capture *errors, char **ret_errors) {
    struct text *text = &errors->text;
    if (text->length > errors->max) {
        memmove(text->data, text->data + text->length - errors->max, errors->max + 1);
        text->length = errors->max;
    }
    return text_steal(text, ret_errors);
}

/* ---- a run ---- */

struct run {
    const struct command *command;
    pid_t pid;
    int pidfd;
    struct capture output, errors;
};

static void run_cleanup(struct run *run) {
    fd_close(run->pidfd);
    fd_close(run->output.fd);
    fd_close(run->errors.fd);
    text_clear(&run->output.text);
    text_clear(&run->errors.text);
}

/* The command line for a message. */
static char *show_command(const struct command *command, char shown[SHOWN_MAX]) {
    struct text text AUTO_TEXT = TEXT_EMPTY;
    bool complete = text_join_argv(&text, command->argv) == 0;
    const char *line = complete ? text.data : command->argv[0];
    return text_show(shown, SHOWN_MAX, line, strlen(line));
}

static int run_failed(const struct run *run, int code, struct shim_error *error) {
    char shown[SHOWN_MAX];
    show_command(run->command, shown);
    switch (code) {
    case -ETIMEDOUT:
        return error_set_reason(error, code, SHIM_REASON_TIMED_OUT,
                                "timed out after %.3gs: %s; it was killed",
                                (double)run->command->timeout / 1000, shown);
    case -ECANCELED:
        return error_set_reason(error, code, SHIM_REASON_CANCELLED, "cancelled: %s; it was killed",
                                shown);
    case -ECHILD:
        return error_set(error, code,
                         "the exit status of %s is lost: SIGCHLD is ignored, or it was reaped by "
                         "somebody else",
                         shown);
    default:
        return error_set(error, code, "cannot follow %s: %s", shown, strerror(-code));
    }
}

/* A host may run with its standard descriptors closed: what the child is to move there must not lie
 * there already. Takes `fd`. */
static int above_standard(int fd) {
    if (fd < 0 || fd > 2)
        return fd;
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    fd_close(fd);
    return higher;
}

/* A pipe: *ret_read for us, which does not block if `drained`, *ret_write for the child. */
static int make_pipe(int *ret_read, int *ret_write, bool drained) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    int reader AUTO_CLOSE = above_standard(fds[0]), writer AUTO_CLOSE = above_standard(fds[1]);
    if (reader < 0 || writer < 0 || (drained && fcntl(reader, F_SETFL, O_NONBLOCK) < 0))
        return -errno;
    *ret_read = fd_steal(&reader);
    *ret_write = fd_steal(&writer);
    return 0;
}

static void reap(pid_t pid) {
    siginfo_t info;
    while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR) {
        /* again */
    }
}

/* Starts the program and finds out whether that worked. */
static int run_start(struct run *run, struct shim_error *error) {
    const struct command *command = run->command;
    char shown[SHOWN_MAX];
    int null AUTO_CLOSE = above_standard(open("/dev/null", O_RDWR | O_CLOEXEC));
    int output AUTO_CLOSE = -1, errors AUTO_CLOSE = -1, report AUTO_CLOSE = -1,
               said AUTO_CLOSE = -1;
    int r = null < 0 ? -errno : make_pipe(&run->output.fd, &output, true);
    if (r == 0 && command->ret_errors && !command->merge_errors)
        r = make_pipe(&run->errors.fd, &errors, true);
    if (r == 0)
        r = make_pipe(&said, &report, false);
    struct child child = {
        .command = command,
        .null = null,
        .output = output,
        .errors = command->merge_errors ? output
                  : errors >= 0         ? errors
                                        : null,
        .report = report,
    };
    if (r == 0)
        run->pid = start_child(&child);
    if (r < 0 || run->pid < 0)
        return error_set(error, r < 0 ? r : run->pid, "cannot run %s: %s",
                         show_command(command, shown), strerror(r < 0 ? -r : -run->pid));
    report = fd_close(report);
    struct report failure;
    ssize_t n;
    do /* ends with the execution, which closes the other end */
        n = read(said, &failure, sizeof(failure));
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof(failure)) {
        reap(run->pid);
        const char *program = command->argv[0];
        return error_set(error, -failure.code, "cannot %s %s: %s", failure.what,
                         text_show(shown, sizeof(shown), program, strlen(program)),
                         strerror(failure.code));
    }
    run->pidfd = pidfd_open(run->pid, 0);
    if (run->pidfd < 0 && errno == ESRCH) /* over already, and not a zombie */
        return run_failed(run, -ECHILD, error);
    if (run->pidfd < 0) {
        r = -errno;
        kill(-run->pid, SIGKILL);
        reap(run->pid);
        return run_failed(run, r, error);
    }
    return 0;
}

/* Reads its output until it has ended. -ETIMEDOUT, -ECANCELED, or what poll(2) says. */
static int run_follow(struct run *run) {
    int64_t deadline = deadline_after(run->command->timeout);
    for (;;) {
        struct pollfd fds[] = {
            {.fd = run->output.fd, .events = POLLIN},
            {.fd = run->errors.fd, .events = POLLIN},
            {.fd = run->pidfd, .events = POLLIN},
            {.fd = run->command->cancel_fd, .events = POLLIN},
        };
        int r = poll(fds, 4, deadline_poll(deadline));
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r > 0 && fds[2].revents)
            return 0;
        if (r > 0 && fds[3].revents)
            return -ECANCELED;
        if (r > 0 && fds[0].revents)
            capture_read(&run->output, CHUNK);
        if (r > 0 && fds[1].revents)
            capture_read(&run->errors, CHUNK);
        if (deadline_left(deadline) == 0)
            return -ETIMEDOUT;
    }
}

/* Reaps the program, which has ended. Returns its exit status or -ECHILD. */
static int run_reap(const struct run *run) {
    siginfo_t info = {.si_pid = 0};
    while (waitid(P_PIDFD, (id_t)run->pidfd, &info, WEXITED | WNOHANG) < 0)
        if (errno != EINTR)
            return -errno;
    if (info.si_pid == 0)
        return -EBUSY; /* not ended, after all */
    return info.si_code == CLD_EXITED ? info.si_status & 0xFF : 128 + info.si_status;
}

/* The group's id cannot have been given to another one as long as its leader is not reaped. */
static void run_kill(const struct run *run) {
    kill(-run->pid, SIGKILL);
    pidfd_send_signal(run->pidfd, SIGKILL, NULL, 0); /* it may have left its group */
    int64_t deadline = deadline_after(KILL_GRACE);
    struct pollfd end = {.fd = run->pidfd, .events = POLLIN};
    while (poll(&end, 1, deadline_poll(deadline)) < 0 && errno == EINTR) {
        /* again */
    }
    run_reap(run);
}

static int check_command(const struct command *command, const struct shim_output *output,
                         struct shim_error *error) {
    if (!command->argv[0] || command->argv[0][0] != '/')
        return error_set(error, -EINVAL, "cannot run %s: expected an absolute path",
                         command->argv[0] ? command->argv[0] : "an empty command");
    const size_t least = SIZE_THROUGH(struct shim_output, flags);
    if (output->size < least)
        return error_set(error, -EINVAL, "an output of %u bytes; expected at least %zu",
                         output->size, least);
    return 0;
}

int command_run(const struct command *command, struct shim_output *ret_output,
                struct shim_error *error) {
    struct run run __attribute__((cleanup(run_cleanup))) = {
        .command = command,
        .pidfd = -1,
        .output = {.fd = -1, .max = COMMAND_OUTPUT_MAX},
        .errors = {.fd = -1, .max = COMMAND_ERRORS_MAX, .last = true},
    };
    int r = check_command(command, ret_output, error);
    if (r < 0 || (r = run_start(&run, error)) < 0)
        return r;
    r = run_follow(&run);
    if (r < 0)
        run_kill(&run);
    else
        r = run_reap(&run);
    capture_finish(&run.output);
    capture_finish(&run.errors);
    char *text = NULL;
    size_t length = run.output.text.length;
    if (command->ret_errors && !command->merge_errors &&
        hand_over_errors(&run.errors, command->ret_errors) < 0 && r >= 0)
        r = -ENOMEM;
    if (r >= 0 && text_steal(&run.output.text, &text) < 0)
        r = -ENOMEM;
    if (r < 0)
        return run_failed(&run, r, error);
    ret_output->exit_status = r;
    ret_output->text = text;
    ret_output->length = length;
    ret_output->flags = run.output.truncated ? SHIM_OUTPUT_TRUNCATED : 0;
    return 0;
}
