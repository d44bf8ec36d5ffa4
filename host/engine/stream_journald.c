/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stream_journald.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/fd.h"

#ifndef JOURNALD_PATH

int journald_start(const struct process *process, unsigned int wanted, const char *tag,
                   int ret_fds[3], struct shim_error *error) {
    (void)process;
    (void)wanted;
    (void)tag;
    (void)ret_fds;
    return error_set(error, -EOPNOTSUPP,
                     "this shimhost was built without journald; configure --with-journald, which "
                     "takes libsystemd's header files");
}

#else

/* Above the descriptors that the program gets the pipes as. */
#define FIRST_DESCRIPTOR 10
/* A burst of output that the journal cannot take at once is not lost. */
#define PIPE_ROOM (1 << 20)

static int make_pipe(int *ret_read, int *ret_write) {
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return -errno;
    int r = 0;
    *ret_read = fcntl(pair[0], F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR);
    if (*ret_read < 0 || fcntl(pair[1], F_SETFL, O_NONBLOCK) < 0)
        r = -errno;
    fd_close(pair[0]);
    if (r < 0) {
        fd_close(pair[1]);
        *ret_read = fd_close(*ret_read);
        return r;
    }
    fcntl(pair[1], F_SETPIPE_SZ, PIPE_ROOM); /* as much as the user's limit allows */
    *ret_write = pair[1];
    return 0;
}

/* Runs the program, whose first process ends as soon as the one that stays has begun. */
static int run(char *const *argv, const int reads[3], struct shim_error *error) {
    static char *const nothing[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    pid_t pid;
    int status;
    sigemptyset(&none);
    sigfillset(&all);
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return error_set(error, -r, "cannot start %s: %s", JOURNALD_PATH, strerror(r));
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    for (int fd = 1; fd <= 2 && r == 0; fd++)
        r = reads[fd] >= 0 ? posix_spawn_file_actions_adddup2(&actions, reads[fd], fd + 2)
                           : posix_spawn_file_actions_addclose(&actions, fd + 2);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(&actions, 5);
    if (r == 0)
        r = posix_spawn(&pid, JOURNALD_PATH, &actions, &attributes, argv, nothing);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (r != 0)
        return error_set(error, -r, "cannot start %s: %s", JOURNALD_PATH, strerror(r));
    while ((r = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
        ;
    return r == pid && status == 0 ? 0
                                   : error_set(error, -EIO, "%s could not begin", JOURNALD_PATH);
}

int journald_start(const struct process *process, unsigned int wanted, const char *tag,
                   int ret_fds[3], struct shim_error *error) {
    static char *const words[3] = {NULL, (char *)"stdout=3", (char *)"stderr=4"};
    char *argv[7] = {(char *)"shimhost-journald", process->container_id, process->id,
                     (char *)(uintptr_t)(tag ? tag : process->container_id)};
    int reads[3] = {-1, -1, -1}, writes[3] = {-1, -1, -1}, used = 4, r = 0;
    for (int fd = 1; fd <= 2 && r == 0; fd++)
        if (wanted & (1u << fd)) {
            r = make_pipe(&reads[fd], &writes[fd]);
            argv[used++] = words[fd];
        }
    r = r < 0 ? error_set(error, r, "cannot make a pipe to the journal: %s", strerror(-r))
              : run(argv, reads, error);
    for (int fd = 1; fd <= 2; fd++) {
        fd_close(reads[fd]);
        if (r < 0)
            fd_close(writes[fd]);
        else if (wanted & (1u << fd))
            ret_fds[fd] = writes[fd];
    }
    return r;
}

#endif
