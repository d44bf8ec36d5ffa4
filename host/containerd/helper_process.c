/* SPDX-License-Identifier: Apache-2.0 */
#include "containerd/helper_process.h"

#include <signal.h>
#include <spawn.h>
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

static int make_request(const Pb__HelperRequest *request, struct shim_error *error) {
    size_t length = pb__helper_request__get_packed_size(request);
    uint8_t *bytes AUTO_FREE = malloc(length + 1);
    int fd AUTO_CLOSE = memfd_create("request", MFD_CLOEXEC);
    if (!bytes || fd < 0)
        return error_set(error, bytes ? -errno : -ENOMEM, "cannot make a request: %s",
                         bytes ? strerror(errno) : "out of memory");
    pb__helper_request__pack(request, bytes);
    if (pwrite(fd, bytes, length, 0) != (ssize_t)length)
        return error_set(error, -ENOMEM, "cannot write a request");
    return fd_steal(&fd);
}

static int spawn(int request_fd, int response_fd, int line_fd, pid_t *ret_pid) {
    static char path[] = HELPER_PATH;
    char *argv[] = {path, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, request_fd, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, response_fd, STDOUT_FILENO);
    if (line_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, line_fd, HELPER_LINE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    int r = posix_spawn(ret_pid, path, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

int helper_process_start(const Pb__HelperRequest *request, struct helper_process *ret,
                         struct shim_error *error) {
    int request_fd AUTO_CLOSE = make_request(request, error);
    if (request_fd < 0)
        return request_fd;
    int response_fd AUTO_CLOSE = memfd_create("response", MFD_CLOEXEC);
    if (response_fd < 0)
        return error_set(error, -errno, "cannot make a file for the answer: %s", strerror(errno));
    int line[2] = {-1, -1};
    if (request->stay && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line) < 0)
        return error_set(error, -errno, "cannot make a line to the helper: %s", strerror(errno));
    int line_fd AUTO_CLOSE = line[0], other_end AUTO_CLOSE = line[1];
    pid_t pid;
    int r = spawn(request_fd, response_fd, other_end, &pid);
    if (r < 0)
        return error_set(error, r, "cannot run %s: %s", HELPER_PATH, strerror(-r));
    *ret = (struct helper_process){
        .pid = pid, .response_fd = fd_steal(&response_fd), .line_fd = fd_steal(&line_fd)};
    return 0;
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
