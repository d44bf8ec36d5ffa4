/* SPDX-License-Identifier: Apache-2.0 */
#include "containerd/helper_process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

#define RESPONSE_MAX (4u << 20)

static int write_request(int fd, const Pb__HelperRequest *request, struct shim_error *error) {
    size_t length = pb__helper_request__get_packed_size(request);
    uint8_t *bytes AUTO_FREE = malloc(length + 1);
    if (!bytes)
        return error_set(error, -ENOMEM, "out of memory");
    pb__helper_request__pack(request, bytes);
    if (pwrite(fd, bytes, length, 0) != (ssize_t)length)
        return error_set(error, -ENOMEM, "cannot write a request");
    return 0;
}

/* In the child, in the memory of the parent, which stands still until we execute (vfork(2)). The
 * parent has no signal handlers. */
static void execute(const int fds[3], bool waits) __attribute__((noreturn));
static void execute(const int fds[3], bool waits) {
    static char path[] = HELPER_PATH, word[] = HELPER_WAITS;
    char *argv[] = {path, waits ? word : NULL, NULL};
    sigset_t none;
    sigemptyset(&none);
    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(fds[0], STDIN_FILENO) >= 0 && dup2(fds[1], STDOUT_FILENO) >= 0 &&
        (fds[2] < 0 || dup2(fds[2], HELPER_LINE) >= 0))
        execv(path, argv);
    _exit(127);
}

/* Out of the way of the numbers that they get in the child. */
static int move_up(int *fd) {
    if (*fd < 0 || *fd > HELPER_LINE)
        return 0;
    int moved = fcntl(*fd, F_DUPFD_CLOEXEC, HELPER_LINE + 1);
    if (moved < 0)
        return -errno;
    fd_close(*fd);
    *fd = moved;
    return 0;
}

static int spawn(int fds[3], bool waits, pid_t *ret_pid, struct shim_error *error) {
    sigset_t all, before;
    for (int i = 0; i < 3; i++)
        if (move_up(&fds[i]) < 0)
            return error_set(error, -errno, "cannot make room for descriptors: %s",
                             strerror(errno));
    if (access(HELPER_PATH, X_OK) < 0)
        return error_set(error, -errno, "cannot run %s: %s", HELPER_PATH, strerror(errno));
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = vfork();
    if (pid == 0)
        execute(fds, waits);
    int r = pid < 0 ? -errno : 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (r < 0)
        return error_set(error, r, "cannot make a process: %s", strerror(-r));
    *ret_pid = pid;
    return 0;
}

int helper_process_start(const Pb__HelperRequest *request, bool line, struct helper_process *ret,
                         struct shim_error *error) {
    int request_fd AUTO_CLOSE = memfd_create("request", MFD_CLOEXEC);
    int response_fd AUTO_CLOSE = memfd_create("response", MFD_CLOEXEC);
    if (request_fd < 0 || response_fd < 0)
        return error_set(error, -errno, "cannot make a file for a helper: %s", strerror(errno));
    int ends[2] = {-1, -1};
    if (line && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return error_set(error, -errno, "cannot make a line to the helper: %s", strerror(errno));
    int line_fd AUTO_CLOSE = ends[0], other_end AUTO_CLOSE = ends[1];
    int r = request ? write_request(request_fd, request, error) : 0;
    if (r < 0)
        return r;
    pid_t pid;
    int fds[3] = {request_fd, response_fd, other_end};
    r = spawn(fds, !request, &pid, error);
    request_fd = fds[0];
    response_fd = fds[1];
    other_end = fds[2];
    if (r < 0)
        return r;
    *ret = (struct helper_process){.pid = pid,
                                   .request_fd = fd_steal(&request_fd),
                                   .response_fd = fd_steal(&response_fd),
                                   .line_fd = fd_steal(&line_fd)};
    return 0;
}

int helper_process_ask(const struct helper_process *helper, const Pb__HelperRequest *request,
                       struct shim_error *error) {
    int r = write_request(helper->request_fd, request, error);
    if (r == 0 && send(helper->line_fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
        r = error_set(error, -errno, "the helper is gone");
    return r;
}

Pb__HelperResponse *helper_process_response(const struct helper_process *helper, int status) {
    struct stat file;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || fstat(helper->response_fd, &file) < 0 ||
        file.st_size <= 0 || file.st_size > (off_t)RESPONSE_MAX)
        return NULL;
    size_t length = (size_t)file.st_size;
    uint8_t *bytes AUTO_FREE = malloc(length);
    if (!bytes || pread(helper->response_fd, bytes, length, 0) != (ssize_t)length ||
        bytes[0] != HELPER_MARK_RESPONSE)
        return NULL;
    return pb__helper_response__unpack(NULL, length - 1, bytes + 1);
}

void helper_process_note(const struct helper_process *helper, char *buffer, size_t size) {
    ssize_t n = pread(helper->response_fd, buffer, size - 1, 0);
    bool note = n > 0 && buffer[0] == HELPER_MARK_NOTE;
    buffer[note ? n : 0] = '\0';
    if (note)
        memmove(buffer, buffer + 1, (size_t)n);
}
