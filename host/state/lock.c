/* SPDX-License-Identifier: Apache-2.0 */
#include "state/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "process/identity.h"

#define LOCK_BYTE 0
#define TURNSTILE_BYTE 1

/* Open-file-description locks: they belong to the descriptor, not to the program, and unlike
 * flock(2)'s they can be asked for without being taken. Each is of one byte of the file. */
static struct flock lock_of(int mode, off_t byte) {
    return (struct flock){.l_type = (short)mode, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

static int set_lock(int fd, int command, int mode, off_t byte) {
    struct flock lock = lock_of(mode, byte);
    int r;
    while ((r = fcntl(fd, command, &lock)) < 0 && errno == EINTR) {
    }
    return r < 0 ? -errno : 0;
}

/* The kernel gives a shared lock to whoever asks, also when somebody waits for an exclusive one. So
 * all go through a turnstile, which stays closed as long as the first one waits for the lock. */
static int pass(int fd, int command, int mode) {
    int r = set_lock(fd, command, F_WRLCK, TURNSTILE_BYTE);
    if (r == 0)
        r = set_lock(fd, command, mode, LOCK_BYTE);
    return r < 0 ? r : set_lock(fd, command, F_UNLCK, TURNSTILE_BYTE);
}

/* Awaits the end of a child, which is killed if that does not come first. */
static int await_child(pid_t pid, int64_t deadline, int cancel_fd) {
    int pidfd AUTO_CLOSE = pidfd_open(pid, 0), status = SIGKILL;
    int r = pidfd < 0 ? -errno : pidfd_await(pidfd, deadline_left(deadline), cancel_fd);
    if (r < 0)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return r < 0 ? r : WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

/* Nothing tells poll(2) that a lock is free, and fcntl(2) looks at no other descriptor. So a child
 * waits, which can be killed; what it locks is ours, since it has the same open file description.
 * It keeps nothing else open: there may be locks among that. */
static int pass_in_child(int fd, int mode, int64_t deadline, int cancel_fd) {
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(fd, 0);
        close_range(1, ~0u, 0);
        _exit(-pass(0, F_OFD_SETLKW, mode));
    }
    return pid < 0 ? -errno : await_child(pid, deadline, cancel_fd);
}

/* What the first try has got it keeps: a place in the row. */
int lock_take(int fd, int mode, int64_t deadline, int cancel_fd) {
    bool patient = deadline < 0 && cancel_fd < 0;
    int r = pass(fd, patient ? F_OFD_SETLKW : F_OFD_SETLK, mode);
    return r == -EAGAIN ? pass_in_child(fd, mode, deadline, cancel_fd) : r;
}

int lock_try(int fd) {
    int r = set_lock(fd, F_OFD_SETLK, F_WRLCK, LOCK_BYTE);
    if (r < 0)
        return r == -EAGAIN ? 0 : r;
    return 1;
}

int lock_held(int fd) {
    /* Asking for a shared lock: only somebody's exclusive one is in the way. */
    struct flock lock = lock_of(F_RDLCK, LOCK_BYTE);
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
