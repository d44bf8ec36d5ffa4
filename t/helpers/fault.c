/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault [OPTION…] -- COMMAND…: runs a command, and does something to it, or to a monitor that it
 * brings into being, at its Nth system call.
 *
 *   --monitor         not the command itself, but the first program named shimhost-monitor
 *   --after PREFIX    count from the first file on that is opened whose path begins so
 *   --at N            at the Nth call (from 1); without it, only count
 *   --error ERRNO     let that call fail with this number instead of killing it; only those are
 *                     counted that can fail so; of the calls by which malloc() gets memory, those
 *                     that follow at once fail, too: it tries another when one has failed. -N: let
 *                     it say N, as if it had happened
 *   --on              and all later ones that can fail so, until the program ends; of ENOSPC
 *                     those that take room, as on a disk that is full and stays so
 *   --meanwhile SHELL let it wait before that call until this shell command has ended, and go on
 *   --pipe            count only writes to a pipe
 *   --call NUMBER     count only that system call
 *   --report FILE     "COUNT NAME-OR-NUMBER-OF-CALL DONE" in the end; after a call that failed
 *                     or waited nothing is counted any more
 *
 * The call at which it is killed does not happen. Ends with the command's status, as a shell would.
 * What the chosen process brings forth is not touched.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 20 /* seconds for a chosen monitor to end after the command */

struct options {
    bool monitor, pipe, on;
    const char *after, *report, *meanwhile;
    long at, call; /* 0: not given */
    int error;
    char **command;
};

struct session {
    struct options options;
    pid_t command, chosen; /* 0: not found yet, or over */
    bool found;            /* the chosen one has been found */
    bool counting;
    bool failing; /* the call that is under way is one that has to fail */
    bool is_brk;  /* the call that is under way is brk */
    uint64_t end_of_heap;
    long count;
    uint64_t call; /* the number of the one that was hit */
    bool done;
    int status; /* of the command */
};

static volatile sig_atomic_t impatient;

static void lose_patience(int signal) {
    (void)signal;
    impatient = 1;
}

/* ---- calls ---- */

static const int out_of_room[] = {SYS_openat,
                                  SYS_write,
                                  SYS_mkdirat,
                                  SYS_mknodat,
                                  SYS_renameat2,
                                  SYS_linkat,
                                  SYS_symlinkat,
                                  SYS_fallocate,
                                  SYS_ftruncate,
                                  SYS_pwrite64,
                                  SYS_writev,
                                  SYS_bind,
                                  -1};
static const int out_of_descriptors[] = {
    SYS_openat,   SYS_pipe2,      SYS_socket,        SYS_socketpair,    SYS_signalfd4,
    SYS_eventfd2, SYS_pidfd_open, SYS_inotify_init1, SYS_accept4,       SYS_memfd_create,
    SYS_dup,      SYS_fcntl,      SYS_dup3,          SYS_epoll_create1, -1};
static const int out_of_memory[] = {SYS_brk,
                                    SYS_mmap,
                                    SYS_mremap,
                                    SYS_mprotect,
                                    SYS_clone,
                                    SYS_clone3,
                                    SYS_execve,
                                    SYS_openat,
                                    SYS_ppoll,
                                    SYS_pipe2,
                                    SYS_socket,
                                    SYS_bind,
                                    SYS_pidfd_open,
                                    SYS_inotify_add_watch,
                                    SYS_getdents64,
                                    SYS_signalfd4,
                                    -1};
static const int broken_disk[] = {
    SYS_openat,     SYS_read,       SYS_pread64,    SYS_write,   SYS_pwrite64,
    SYS_writev,     SYS_getdents64, SYS_newfstatat, SYS_fstat,   SYS_statx,
    SYS_renameat2,  SYS_unlinkat,   SYS_mkdirat,    SYS_mknodat, SYS_linkat,
    SYS_readlinkat, SYS_fallocate,  SYS_ftruncate,  SYS_fsync,   SYS_lseek,
    SYS_execve,     SYS_fchmod,     SYS_faccessat,  SYS_close,   -1};
static const int forbidden[] = {SYS_openat,
                                SYS_mkdirat,
                                SYS_mknodat,
                                SYS_renameat2,
                                SYS_linkat,
                                SYS_symlinkat,
                                SYS_unlinkat,
                                SYS_execve,
                                SYS_faccessat,
                                SYS_newfstatat,
                                SYS_statx,
                                SYS_readlinkat,
                                SYS_fchmod,
                                SYS_fchmodat,
                                SYS_fchown,
                                SYS_fchownat,
                                SYS_chdir,
                                SYS_fchdir,
                                SYS_connect,
                                SYS_bind,
                                SYS_kill,
                                SYS_prctl,
                                SYS_flock,
                                SYS_pidfd_send_signal,
                                SYS_inotify_add_watch,
                                -1};
static const int interrupted[] = {SYS_openat,  SYS_read,   SYS_write,   SYS_ppoll,   SYS_wait4,
                                  SYS_waitid,  SYS_flock,  SYS_fcntl,   SYS_recvmsg, SYS_recvfrom,
                                  SYS_sendmsg, SYS_sendto, SYS_accept4, SYS_connect, SYS_futex,
                                  SYS_close,   -1};

/* A file of a process that is over. */
static const int gone[] = {SYS_openat, SYS_read, -1};

static const struct {
    int error;
    const int *calls;
} kinds[] = {{ENOSPC, out_of_room}, {EMFILE, out_of_descriptors}, {ENOMEM, out_of_memory},
             {EIO, broken_disk},    {EACCES, forbidden},          {EINTR, interrupted},
             {ESRCH, gone}};

/* Older calls that the C library may use where there are both. */
static uint64_t modern(uint64_t call) {
    switch (call) {
#ifdef SYS_open
    case SYS_open:
        return SYS_openat;
    case SYS_mkdir:
        return SYS_mkdirat;
    case SYS_rename:
    case SYS_renameat:
        return SYS_renameat2;
    case SYS_unlink:
    case SYS_rmdir:
        return SYS_unlinkat;
    case SYS_access:
        return SYS_faccessat;
    case SYS_stat:
    case SYS_lstat:
        return SYS_newfstatat;
    case SYS_readlink:
        return SYS_readlinkat;
    case SYS_mknod:
        return SYS_mknodat;
    case SYS_link:
        return SYS_linkat;
    case SYS_symlink:
        return SYS_symlinkat;
    case SYS_chmod:
        return SYS_fchmodat;
    case SYS_chown:
    case SYS_lchown:
        return SYS_fchownat;
    case SYS_fork:
    case SYS_vfork:
        return SYS_clone;
    case SYS_pipe:
        return SYS_pipe2;
    case SYS_dup2:
        return SYS_dup3;
    case SYS_poll:
        return SYS_ppoll;
    case SYS_signalfd:
        return SYS_signalfd4;
    case SYS_inotify_init:
        return SYS_inotify_init1;
    case SYS_accept:
        return SYS_accept4;
    case SYS_getdents:
        return SYS_getdents64;
#endif
    case SYS_faccessat2:
        return SYS_faccessat;
    default:
        return call;
    }
}

/* fcntl() does many things. */
static bool fcntl_can_fail(uint64_t command, int error) {
    return error == EMFILE ? command == F_DUPFD || command == F_DUPFD_CLOEXEC
                           : command == F_SETLKW || command == F_OFD_SETLKW;
}

/* May this call fail in that way? */
static bool can_fail(const struct __ptrace_syscall_info *info, int error) {
    uint64_t call = modern(info->entry.nr);
    if (call == SYS_fcntl && !fcntl_can_fail(info->entry.args[1], error))
        return false;
    /* Who cannot write to standard error has nowhere to say so. */
    if ((call == SYS_write || call == SYS_writev) && info->entry.args[0] == STDERR_FILENO)
        return false;
    if (info->entry.nr == SYS_openat && error == ENOSPC && !(info->entry.args[2] & O_CREAT))
        return false;
    if (call == SYS_brk && !info->entry.args[0]) /* which only asks */
        return false;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        for (const int *known = kinds[i].calls; kinds[i].error == error && *known >= 0; known++)
            if (call == (uint64_t)*known)
                return true;
    return false;
}

/* ---- the machine ---- */

#if defined(__x86_64__)
static void set_call(pid_t pid, long call) {
    ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax), call);
}

static void set_result(pid_t pid, long result) {
    ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rax), result);
}
#elif defined(__aarch64__)
static void set_call(pid_t pid, long call) {
    int number = (int)call;
    struct iovec piece = {&number, sizeof(number)};
    ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &piece);
}

static void set_result(pid_t pid, long result) {
    struct user_regs_struct registers;
    struct iovec piece = {&registers, sizeof(registers)};
    ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &piece);
    registers.regs[0] = (unsigned long long)result;
    ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &piece);
}
#else
#error "how does this machine pass the number of a system call?"
#endif

static bool opens(pid_t pid, const struct __ptrace_syscall_info *info, const char *prefix) {
    char path[PATH_MAX] = "";
    uint64_t number = modern(info->entry.nr);
    if (number != SYS_openat)
        return false;
    struct iovec here = {path, strlen(prefix)};
    struct iovec there = {(void *)(uintptr_t)info->entry.args[info->entry.nr == SYS_openat],
                          strlen(prefix)};
    return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)strlen(prefix) &&
           strcmp(path, prefix) == 0;
}

static bool writes_to_pipe(pid_t pid, const struct __ptrace_syscall_info *info) {
    char link[60], target[16] = "";
    snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, (int)info->entry.args[0]);
    return info->entry.nr == SYS_write && readlink(link, target, sizeof(target) - 1) > 0 &&
           strncmp(target, "pipe:", 5) == 0;
}

/* On a disk that is full there is still room for what has been set aside, and names can change;
 * pipes are not on it. */
static bool takes_room(pid_t pid, const struct __ptrace_syscall_info *info) {
    char link[60];
    struct stat status;
    uint64_t call = modern(info->entry.nr);
    if (call != SYS_write)
        return call != SYS_renameat2 && call != SYS_ftruncate;
    snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, (int)info->entry.args[0]);
    return stat(link, &status) == 0 && S_ISREG(status.st_mode) &&
           (uint64_t)status.st_blocks * 512 < (uint64_t)status.st_size + info->entry.args[2];
}

static bool is_counted(const struct options *options, pid_t pid,
                       const struct __ptrace_syscall_info *info) {
    if (options->pipe)
        return writes_to_pipe(pid, info);
    if (options->call)
        return modern(info->entry.nr) == (uint64_t)options->call;
    if (options->on && options->error == ENOSPC && !takes_room(pid, info))
        return false;
    return !options->error || can_fail(info, options->error);
}

/* The name of the program that a process executes. */
static void program_of(pid_t pid, char name[PATH_MAX]) {
    char link[40], path[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
    ssize_t length = readlink(link, path, sizeof(path) - 1);
    path[length < 0 ? 0 : length] = '\0';
    snprintf(name, PATH_MAX, "%s", basename(path));
}

/* ---- events ---- */

static void go_on(const struct session *session, pid_t pid, int signal) {
    ptrace(session->chosen == pid ? PTRACE_SYSCALL : PTRACE_CONT, pid, 0, signal);
}

static void choose(struct session *session, pid_t pid) {
    session->chosen = pid;
    session->found = true;
    ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC);
}

/* It has failed or waited; what comes of that is not ours to watch. */
static void let_go(struct session *session, pid_t pid) {
    ptrace(PTRACE_DETACH, pid, 0, 0);
    session->chosen = 0;
}

static bool gets_memory(uint64_t call) {
    return call == SYS_brk || call == SYS_mmap;
}

static void fail(struct session *session, pid_t pid, uint64_t call) {
    session->failing = true;
    if (call != SYS_close) /* which closes, whatever it says */
        set_call(pid, -1);
}

static void failed(struct session *session, pid_t pid) {
    session->failing = false;
    /* brk says only where the heap ends, which is where it did. */
    set_result(pid, session->is_brk ? (long)session->end_of_heap : -session->options.error);
    if (!session->options.on && !gets_memory(session->call))
        let_go(session, pid);
}

/* It has failed once. */
static void at_later_call(struct session *session, pid_t pid,
                          const struct __ptrace_syscall_info *info) {
    bool on = session->options.on;
    if (on ? is_counted(&session->options, pid, info) : gets_memory(info->entry.nr))
        fail(session, pid, info->entry.nr);
    else if (!on)
        let_go(session, pid);
}

static void hit(struct session *session, pid_t pid, uint64_t call) {
    const struct options *options = &session->options;
    session->call = call;
    session->done = true;
    if (options->meanwhile) {
        session->done = system(options->meanwhile) == 0;
        let_go(session, pid);
    } else if (!options->error) {
        kill(pid, SIGKILL);
    } else {
        fail(session, pid, call);
    }
}

static void at_call(struct session *session, pid_t pid) {
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        if (session->failing)
            failed(session, pid);
        else if (session->is_brk)
            session->end_of_heap = (uint64_t)info.exit.rval;
        return;
    }
    session->is_brk = info.entry.nr == SYS_brk;
    if (session->done) {
        at_later_call(session, pid, &info);
    } else {
        session->counting = session->counting ||
                            (session->options.after && opens(pid, &info, session->options.after));
        if (session->counting && is_counted(&session->options, pid, &info) &&
            ++session->count == session->options.at)
            hit(session, pid, info.entry.nr);
    }
}

/* A program has been executed. What is neither chosen nor on the way to it is let go: the end of
 * what is traced is seen by its own parent only later. */
static void at_execution(struct session *session, pid_t pid) {
    char name[PATH_MAX];
    program_of(pid, name);
    bool monitor = strcmp(name, "shimhost-monitor") == 0;
    bool leads = !session->found && strcmp(name, "shimhost") == 0;
    if (session->options.monitor && !session->found && monitor)
        choose(session, pid);
    if (pid == session->chosen) /* its own execution is ours */
        session->counting = !session->options.after;
    else if (pid != session->command && !leads) {
        ptrace(PTRACE_DETACH, pid, 0, 0);
        return;
    }
    go_on(session, pid, 0);
}

static void stopped(struct session *session, pid_t pid, int status) {
    int signal = WSTOPSIG(status), event = status >> 16;
    if (signal == (SIGTRAP | 0x80) && pid == session->chosen) {
        at_call(session, pid);
        if (!session->chosen)
            return;
    } else if (event == PTRACE_EVENT_EXEC) {
        at_execution(session, pid);
        return;
    }
    /* What is traced from its birth begins with a SIGSTOP. */
    bool plain = !event && signal != (SIGTRAP | 0x80) && signal != SIGTRAP && signal != SIGSTOP;
    go_on(session, pid, plain ? signal : 0);
}

static void ended(struct session *session, pid_t pid, int status) {
    if (pid == session->chosen)
        session->chosen = 0;
    if (pid != session->command)
        return;
    session->command = 0;
    session->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    alarm(PATIENCE);
}

static void follow(struct session *session) {
    while ((session->command || session->chosen) && !impatient) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid < 0)
            return;
        if (WIFSTOPPED(status))
            stopped(session, pid, status);
        else
            ended(session, pid, status);
    }
}

static bool begin(struct session *session) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execvp(session->options.command[0], session->options.command);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
        return false;
    session->command = pid;
    int all = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
    ptrace(PTRACE_SETOPTIONS, pid, 0,
           PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | (session->options.monitor ? all : 0));
    if (!session->options.monitor)
        choose(session, pid);
    go_on(session, pid, 0);
    return true;
}

/* ---- command line ---- */

static bool read_options(struct options *options, char **words) {
    for (; *words && strcmp(*words, "--") != 0; words++) {
        bool *flag = strcmp(*words, "--monitor") == 0 ? &options->monitor
                     : strcmp(*words, "--pipe") == 0  ? &options->pipe
                     : strcmp(*words, "--on") == 0    ? &options->on
                                                      : NULL;
        if (flag) {
            *flag = true;
            continue;
        }
        const char *name = *words, *value = *++words;
        if (!value)
            return false;
        if (strcmp(name, "--after") == 0)
            options->after = value;
        else if (strcmp(name, "--report") == 0)
            options->report = value;
        else if (strcmp(name, "--meanwhile") == 0)
            options->meanwhile = value;
        else if (strcmp(name, "--at") == 0)
            options->at = atol(value);
        else if (strcmp(name, "--call") == 0)
            options->call = atol(value);
        else if (strcmp(name, "--error") == 0)
            options->error = atoi(value);
        else
            return false;
    }
    options->command = *words ? words + 1 : words;
    return *options->command != NULL;
}

static void write_report(const struct session *session) {
    FILE *report = session->options.report ? fopen(session->options.report, "we") : NULL;
    if (!report)
        return;
    fprintf(report, "%ld %lu %s\n", session->count, (unsigned long)session->call,
            session->done ? "done" : "not-done");
    fclose(report);
}

int main(int argc, char **argv) {
    struct session session = {.status = 125};
    struct sigaction action = {.sa_handler = lose_patience};
    if (argc < 2 || !read_options(&session.options, argv + 1)) {
        fputs("usage: fault [--monitor] [--pipe] [--call NUMBER] [--after PREFIX] [--at N] "
              "[--error ERRNO [--on] | --meanwhile SHELL] [--report FILE] -- COMMAND…\n",
              stderr);
        return 2;
    }
    sigaction(SIGALRM, &action, NULL);
    if (!begin(&session))
        return 125;
    follow(&session);
    write_report(&session);
    return session.status;
}
