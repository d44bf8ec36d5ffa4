/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's whole world: the system calls that it makes, without a C library, because every
 * page that one touches would be paid for once per container. Each function is one call; it returns
 * what the kernel returns: a result, or a negative errno. The manual page of the same name is the
 * contract.
 */
#ifndef SHIMHOST_MONITOR_SYSTEM_H
#define SHIMHOST_MONITOR_SYSTEM_H

#include <stddef.h>
#include <stdint.h>
#include <asm/poll.h>
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/time_types.h>

#if defined(MONITOR_FREESTANDING) && defined(__x86_64__)
#include "machine_x86_64.h"
#elif defined(MONITOR_FREESTANDING) && defined(__aarch64__)
#include "machine_aarch64.h"
#elif defined(MONITOR_FREESTANDING)
#error "There is no machine_*.h for this machine; configure chooses the hosted one."
#else
#include "machine_hosted.h"
#endif

#ifdef MONITOR_FREESTANDING
/* What the compiler itself calls, and a few more of the same family. In start.c and text.c. */
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *left, const void *right, size_t size);
size_t strlen(const char *text);
#endif

/* Runs `child(argument)`, which never returns, in a new child process that shares the memory: what
 * it writes to `argument` is there when this returns, once the child has executed a program or
 * exited. Returns its pid. */
long system_vfork(void (*child)(void *), void *argument);

/* The monitor proper, called by whatever begins the program. Returns its exit status. */
int monitor_main(int argc, char **argv, char **environment);

static inline long sys_read(int fd, void *buffer, size_t size) {
    return call3(__NR_read, fd, (long)buffer, (long)size);
}

static inline long sys_pread(int fd, void *buffer, size_t size, long offset) {
    return call4(__NR_pread64, fd, (long)buffer, (long)size, offset);
}

static inline long sys_write(int fd, const void *buffer, size_t size) {
    return call3(__NR_write, fd, (long)buffer, (long)size);
}

/* Every descriptor of the monitor is close-on-exec, and none follows a symbolic link that it finds
 * last. */
static inline int sys_openat(int directory, const char *path, int flags, unsigned mode) {
    return (int)call4(__NR_openat, directory, (long)path, flags | O_CLOEXEC | O_NOFOLLOW, mode);
}

static inline int sys_open(const char *path, int flags, unsigned mode) {
    return sys_openat(AT_FDCWD, path, flags, mode);
}

static inline int sys_close(int fd) {
    return (int)call1(__NR_close, fd);
}

static inline int sys_close_range(unsigned first, unsigned last) {
    return (int)call3(__NR_close_range, first, last, 0);
}

static inline int sys_dup3(int from, int to, int flags) {
    return (int)call3(__NR_dup3, from, to, flags);
}

static inline int sys_pipe2(int pair[2], int flags) {
    return (int)call2(__NR_pipe2, (long)pair, flags | O_CLOEXEC);
}

static inline int sys_set_flags(int fd, int flags) {
    return (int)call3(__NR_fcntl, fd, F_SETFL, flags);
}

/* What st_mode says a file is. */
#define TYPE_MASK 0170000
#define TYPE_FILE 0100000
#define TYPE_FIFO 0010000

struct stat;
static inline int sys_fstat(int fd, struct stat *status) {
    return (int)call2(__NR_fstat, fd, (long)status);
}

#define SEEK_END 2

static inline long sys_seek(int fd, long offset, int whence) {
    return call3(__NR_lseek, fd, offset, whence);
}

static inline int sys_ftruncate(int fd, long length) {
    return (int)call2(__NR_ftruncate, fd, length);
}

static inline int sys_fallocate(int fd, int mode, long offset, long length) {
    return (int)call4(__NR_fallocate, fd, mode, offset, length);
}

static inline int sys_rename(const char *from, const char *to) {
    return (int)call6(__NR_renameat2, AT_FDCWD, (long)from, AT_FDCWD, (long)to, 0, 0);
}

static inline int sys_unlink(const char *path) {
    return (int)call3(__NR_unlinkat, AT_FDCWD, (long)path, 0);
}

static inline long sys_readlink(const char *path, char *buffer, size_t size) {
    return call4(__NR_readlinkat, AT_FDCWD, (long)path, (long)buffer, (long)size);
}

static inline long sys_getdents(int fd, void *buffer, size_t size) {
    return call3(__NR_getdents64, fd, (long)buffer, (long)size);
}

static inline int sys_ioctl(int fd, unsigned long request, void *argument) {
    return (int)call3(__NR_ioctl, fd, (long)request, (long)argument);
}

/* Waits without a limit when `limit` is NULL. No signal mask is switched. */
static inline int sys_poll(struct pollfd *fds, unsigned count, struct __kernel_timespec *limit) {
    return (int)call6(__NR_ppoll, (long)fds, count, (long)limit, 0, 0, 0);
}

static inline int sys_signalfd(int fd, const uint64_t *mask, int flags) {
    return (int)call4(__NR_signalfd4, fd, (long)mask, sizeof(*mask), flags);
}

static inline int sys_sigprocmask(int how, const uint64_t *mask) {
    return (int)call4(__NR_rt_sigprocmask, how, (long)mask, 0, sizeof(*mask));
}

static inline int sys_sigaction(int signal, const void *action) {
    return (int)call4(__NR_rt_sigaction, signal, (long)action, 0, sizeof(uint64_t));
}

static inline int sys_wait(int pid, int *status, int options) {
    return (int)call4(__NR_wait4, pid, (long)status, options, 0);
}

static inline int sys_kill(int pid, int signal) {
    return (int)call2(__NR_kill, pid, signal);
}

static inline int sys_pidfd_open(int pid) {
    return (int)call2(__NR_pidfd_open, pid, 0);
}

static inline int sys_pidfd_signal(int pidfd, int signal) {
    return (int)call4(__NR_pidfd_send_signal, pidfd, signal, 0, 0);
}

static inline int sys_getpid(void) {
    return (int)call0(__NR_getpid);
}

static inline int sys_getppid(void) {
    return (int)call0(__NR_getppid);
}

static inline int sys_setsid(void) {
    return (int)call0(__NR_setsid);
}

static inline int sys_setpgid(int pid, int group) {
    return (int)call2(__NR_setpgid, pid, group);
}

static inline int sys_umask(int mask) {
    return (int)call1(__NR_umask, mask);
}

static inline int sys_prctl(int option, unsigned long value) {
    return (int)call6(__NR_prctl, option, (long)value, 0, 0, 0, 0);
}

static inline int sys_capget(void *header, void *data) {
    return (int)call2(__NR_capget, (long)header, (long)data);
}

static inline int sys_capset(void *header, const void *data) {
    return (int)call2(__NR_capset, (long)header, (long)data);
}

static inline int sys_clock_gettime(int clock, struct __kernel_timespec *time) {
    return (int)call2(__NR_clock_gettime, clock, (long)time);
}

static inline int sys_madvise(uintptr_t address, size_t size, int advice) {
    return (int)call3(__NR_madvise, (long)address, (long)size, advice);
}

/* Memory of our own, zeroed, or NULL. */
static inline void *sys_map(size_t size) {
    const int read_write = 3, private_anonymous = 0x22; /* the values of all machines we know */
    long address = call6(__NR_mmap, 0, (long)size, read_write, private_anonymous, -1, 0);
    return address < 0 && address > -4096 ? NULL : (void *)address;
}

static inline long sys_splice(int from, int to, size_t size) {
    const int move_nonblock = 3;
    return call6(__NR_splice, from, 0, to, 0, (long)size, move_nonblock);
}

static inline int sys_fchown(int fd, unsigned uid, unsigned gid) {
    return (int)call3(__NR_fchown, fd, (long)uid, (long)gid);
}

static inline int sys_fchmod(int fd, unsigned mode) {
    return (int)call2(__NR_fchmod, fd, mode);
}

static inline int sys_chmod(const char *path, unsigned mode) {
    return (int)call3(__NR_fchmodat, AT_FDCWD, (long)path, mode);
}

static inline unsigned sys_geteuid(void) {
    return (unsigned)call0(__NR_geteuid);
}

static inline int sys_socket(int family, int type) {
    return (int)call3(__NR_socket, family, type, 0);
}

static inline int sys_bind(int fd, const void *address, size_t size) {
    return (int)call3(__NR_bind, fd, (long)address, (long)size);
}

static inline int sys_listen(int fd, int backlog) {
    return (int)call2(__NR_listen, fd, backlog);
}

static inline int sys_accept(int fd, int flags) {
    return (int)call4(__NR_accept4, fd, 0, 0, flags);
}

static inline int sys_shutdown(int fd, int how) {
    return (int)call2(__NR_shutdown, fd, how);
}

static inline int sys_getsockopt(int fd, int level, int option, void *value, unsigned *size) {
    return (int)call6(__NR_getsockopt, fd, level, option, (long)value, (long)size, 0);
}

static inline int sys_setsockopt(int fd, int level, int option, const void *value, unsigned size) {
    return (int)call6(__NR_setsockopt, fd, level, option, (long)value, size, 0);
}

static inline long sys_sendmsg(int fd, const void *message, int flags) {
    return call3(__NR_sendmsg, fd, (long)message, flags);
}

static inline long sys_recvmsg(int fd, void *message, int flags) {
    return call3(__NR_recvmsg, fd, (long)message, flags);
}

static inline int sys_execve(const char *path, char *const *argv, char *const *environment) {
    return (int)call3(__NR_execve, (long)path, (long)argv, (long)environment);
}

static inline _Noreturn void sys_exit(int status) {
    for (;;)
        call1(__NR_exit_group, status);
}

#endif
