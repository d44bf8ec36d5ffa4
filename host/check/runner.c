/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the checks, each in a process of its own, tells TAP how they went, and removes what is left
 * of each. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "check/kit.h"

#define CLEANUP_SECONDS 120
#define REAP_ROUNDS 1000

/* How a check, or the cleaning after it, went. */
struct outcome {
    char letter; /* 'p' passed, 's' skipped, 'f' failed */
    char why[2304];
};

/* ------------------------------------------------------------------------------ the forked process
 */

static _Noreturn void run_check(struct kit *kit, const struct check *check) {
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    /* TAP is the only thing that standard output is for. */
    if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0)
        kit_fail(kit, "the kit cannot open /dev/null: %s", strerror(errno));
    check->run(kit);
    if (write(kit->result_fd, "p", 1) != 1)
        _exit(99);
    _exit(0);
}

static int remove_one(const struct container_info *info, void *user) {
    struct shim_error ignored = ERROR_NONE; /* what does not go this way is killed afterwards */
    engine_delete(user, info->id, NULL, true, &ignored);
    return 0;
}

/* Deletes the containers that a check has left. */
static void remove_containers(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    engine_list(engine, remove_one, engine, &error);
    engine_close(engine);
}

static const struct check cleaning = {"cleaning", CLEANUP_SECONDS, remove_containers};

/* ------------------------------------------------------------------------------ the kit's process
 */

/* Appends what a check says about itself until it has ended (1), its time is up (0), or it is given
 * up (-ECANCELED). */
static int listen(int fd, int pidfd, int cancel_fd, int64_t deadline, char *text, size_t size) {
    size_t length = 0;
    for (;;) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                               {.fd = pidfd, .events = POLLIN},
                               {.fd = cancel_fd, .events = POLLIN}};
        int r = poll(fds, 3, deadline_poll(deadline));
        if (r == 0 && deadline_left(deadline) == 0)
            return 0;
        if (r > 0 && fds[2].revents)
            return -ECANCELED;
        ssize_t n = 0;
        if (fds[0].revents && length + 1 < size)
            n = read(fd, text + length, size - 1 - length);
        if (n > 0)
            length += (size_t)n;
        text[length] = '\0';
        if (n <= 0 && r > 0 && fds[1].revents)
            return 1;
        if (n <= 0 && fds[0].revents)
            fd = -1; /* the end of the pipe; what is left is the end of the process */
    }
}

/* What is to be said of a process that has not told its result. */
static void describe_death(const struct kit *kit, int status, struct outcome *outcome) {
    char where[96];
    const char *entry = kit->note->entry;
    snprintf(where, sizeof(where), "%s%s", *entry ? " in the entry " : "", entry);
    outcome->letter = 'f';
    if (WIFSIGNALED(status))
        snprintf(outcome->why, sizeof(outcome->why), "crashed%s: %s", where,
                 strsignal(WTERMSIG(status)));
    else
        snprintf(outcome->why, sizeof(outcome->why), "exited%s, with status %d", where,
                 WEXITSTATUS(status));
}

static void judge(const struct kit *kit, int status, const char *text, struct outcome *outcome) {
    if (text[0] == 'p' || text[0] == 's' || text[0] == 'f') {
        outcome->letter = text[0];
        snprintf(outcome->why, sizeof(outcome->why), "%s", text + 1);
    } else {
        describe_death(kit, status, outcome);
    }
}

/* `cancel_fd`: -1 if it must not be given up, nor be ended by the signals for that. */
static int run_one(struct kit *kit, const struct check *check, int cancel_fd,
                   struct outcome *outcome, struct shim_error *error) {
    int pipe_fds[2], status;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return error_set(error, -errno, "cannot make a pipe: %s", strerror(errno));
    int from AUTO_CLOSE = pipe_fds[0];
    kit->result_fd = pipe_fds[1];
    kit->note->entry[0] = '\0';
    pid_t pid = fork();
    if (pid == 0) {
        if (cancel_fd >= 0)
            sigprocmask(SIG_SETMASK, kit->request->mask, NULL);
        run_check(kit, check);
    }
    fd_close(pipe_fds[1]);
    if (pid < 0)
        return error_set(error, -errno, "cannot fork: %s", strerror(errno));
    int pidfd AUTO_CLOSE = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return error_set(error, -errno, "cannot watch a process: %s", strerror(errno));
    }
    char text[2200] = "";
    int ended =
        listen(from, pidfd, cancel_fd, deadline_after(check->seconds * 1000), text, sizeof(text));
    if (ended <= 0)
        kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    if (ended < 0)
        return error_set(error, ended, "given up; what the check had made is removed");
    if (ended || text[0] == 'f') {
        judge(kit, status, text, outcome);
    } else {
        outcome->letter = 'f';
        snprintf(outcome->why, sizeof(outcome->why), "not finished after %u seconds%s%s",
                 check->seconds, kit->note->entry[0] ? ": it is still in the entry " : "",
                 kit->note->entry);
    }
    return 0;
}

/* Kills and reaps every child; what these leave becomes our child in turn. */
static void kill_children(void) {
    pid_t pids[64];
    size_t n;
    for (int round = 0; round < REAP_ROUNDS && (n = kit_children(getpid(), pids, 64)) > 0; round++)
        for (size_t i = 0; i < n; i++) {
            kill(pids[i], SIGKILL);
            waitpid(pids[i], NULL, 0);
        }
}

static int clean(struct kit *kit, struct shim_error *error) {
    struct outcome ignored;
    int r = run_one(kit, &cleaning, -1, &ignored, error);
    kill_children();
    return r;
}

static void tell(FILE *stream, const struct kit *kit, const struct check *check,
                 const struct outcome *outcome) {
    char shown[2400];
    text_show(shown, sizeof(shown), outcome->why, strlen(outcome->why));
    fprintf(stream, "%sok %u - %s", outcome->letter == 'f' ? "not " : "", kit->number, check->name);
    if (outcome->letter == 's')
        fprintf(stream, " # SKIP %s\n", shown);
    else if (outcome->letter == 'f')
        fprintf(stream, "\n# %s\n", shown);
    else
        fputs("\n", stream);
    fflush(stream);
}

static int run_all(struct kit *kit, FILE *stream, struct shim_error *error) {
    unsigned int n = 0;
    int failed = 0;
    while (checks[n].run)
        n++;
    fprintf(stream, "TAP version 13\n1..%u\n", n);
    fflush(stream);
    for (unsigned int i = 0; i < n; i++) {
        struct outcome outcome = {0};
        struct shim_error ignored = ERROR_NONE;
        kit->number = i + 1;
        int r = run_one(kit, &checks[i], kit->request->cancel_fd, &outcome, error);
        if (r == 0)
            tell(stream, kit, &checks[i], &outcome);
        failed += outcome.letter == 'f';
        int cleaned = clean(kit, r < 0 ? &ignored : error);
        if (r < 0 || (r = cleaned) < 0)
            return r;
    }
    return failed;
}

int check_plugin(const struct check_request *request, FILE *stream, struct shim_error *error) {
    struct kit kit = {.request = request, .result_fd = -1};
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return error_set(error, -errno, "cannot become a subreaper: %s", strerror(errno));
    kit.note =
        mmap(NULL, sizeof(*kit.note), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (kit.note == MAP_FAILED)
        return error_set(error, -errno, "cannot share memory: %s", strerror(errno));
    int r = run_all(&kit, stream, error);
    munmap(kit.note, sizeof(*kit.note));
    return r;
}
