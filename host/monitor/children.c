/* SPDX-License-Identifier: Apache-2.0 */
/* Executing commands, and finding out about processes from /proc. */
#include "monitor.h"

#include <asm/signal.h>
#include <linux/prctl.h>

#define COMMAND_UMASK 022 /* what runtimes expect; the monitor's own is for its own files */

/* The kernel lets a vfork child change its own score alone. */
static void restore_score(const char *score) {
    int fd = sys_open("/proc/self/oom_score_adj", O_WRONLY, 0);
    if (fd >= 0) {
        sys_write(fd, score, strlen(score));
        sys_close(fd);
    }
}

static int redirect(const struct command *command) {
    int null_fd = sys_open("/dev/null", O_RDONLY, 0);
    int result = null_fd < 0 ? null_fd : sys_dup3(null_fd, 0, 0);
    for (int fd = 1; fd <= 2 && result >= 0; fd++)
        result = sys_dup3(command->output, fd, 0);
    return result;
}

/* In the child, on the parent's memory: whatever it changes, it changes for both. */
static void execute(void *argument) {
    struct command *command = argument;
    const uint64_t no_signals = 0;
    sys_setpgid(0, 0);
    /* Nobody waits for a launch whose monitor was killed, perhaps just now. */
    if (command->mortal_for &&
        (sys_prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || sys_getppid() != command->mortal_for))
        sys_exit(127);
    if (command->score)
        restore_score(command->score);
    int result = command->output < 0 ? 0 : redirect(command);
    if (result >= 0) {
        if (command->output >= 0)
            privileges_raise();
        sys_close_range(3, ~0u);
        sys_umask(COMMAND_UMASK);
        sys_sigprocmask(SIG_SETMASK, &no_signals);
        result = sys_execve(command->argv[0], command->argv, command->environment);
    }
    command->error = result;
    sys_exit(127);
}

int child_execute(struct command *command) {
    command->error = 0;
    if (command->argv[0][0] != '/') /* the working directory is no place to take programs from */
        return command->error = -ENOENT;
    int pid = (int)system_vfork(execute, command);
    if (pid < 0 || command->error == 0)
        return pid;
    sys_wait(pid, NULL, 0);
    return command->error;
}

int child_exit_status(int wait_status) {
    int signal = wait_status & 0x7f;
    return signal ? 128 + signal : (wait_status >> 8) & 0xff;
}

/* Moves behind the next space. */
static const char *next_field(const char *at) {
    while (*at && *at != ' ')
        at++;
    return *at ? at + 1 : at;
}

/* `at` is at field 3. The name before it may hold spaces and parentheses, the fields after it hold
 * none. */
static int parse_fields(const char *at, struct child_stat *stat) {
    uint64_t number = 0;
    stat->state = *at;
    for (int field = 3; *at; at = next_field(at), field++) {
        const char *cursor = at;
        if (field != 4 && field != 22 && field != 52)
            continue;
        if (!text_number(&cursor, UINT64_MAX, &number))
            return -EBADMSG;
        if (field == 4)
            stat->parent = (int)number;
        else if (field == 22)
            stat->start_time = number;
        else {
            stat->exit_code = (int)number;
            return 0;
        }
    }
    return -EBADMSG;
}

int child_parse_stat(const struct text *text, struct child_stat *ret_stat) {
    const char *end = text->buffer + text->length;
    while (end > text->buffer && *end != ')')
        end--;
    struct child_stat stat = {0};
    int result = *end == ')' && end[1] == ' ' ? parse_fields(end + 2, &stat) : -EBADMSG;
    if (result == 0)
        *ret_stat = stat;
    return result;
}

int child_stat(int pid, struct child_stat *ret_stat) {
    char path_buffer[32];
    struct text path = TEXT_IN(path_buffer);
    text_print(&path, "/proc/%d/stat", pid);
    char buffer[1024];
    struct text text = TEXT_IN(buffer);
    int result = record_read(path.buffer, &text);
    if (result < 0)
        return result == -ENOENT ? -ESRCH : result;
    return child_parse_stat(&text, ret_stat);
}

int child_open(int pid, uint64_t start_time) {
    struct child_stat stat;
    int pidfd = sys_pidfd_open(pid);
    if (pidfd < 0)
        return pidfd;
    /* Through an open pidfd the pid cannot change hands unseen: a gone process has no stat of that
     * start time. */
    int result = child_stat(pid, &stat);
    if (result == 0 && stat.start_time == start_time)
        return pidfd;
    sys_close(pidfd);
    return result < 0 ? result : -ESRCH;
}

/* struct linux_dirent64, whose name has no fixed place in C. */
struct directory_entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

/* Signals the process that an entry of /proc stands for, if it is a child of `parent`. */
static bool signal_entry(const char *name, int parent, int signal) {
    struct child_stat stat;
    uint64_t pid;
    if (!text_number(&name, INT32_MAX, &pid) || *name)
        return false;
    if (child_stat((int)pid, &stat) < 0 || stat.parent != parent)
        return false;
    /* Nobody but us reaps it, so the pid is still its own. */
    sys_kill((int)pid, signal);
    return true;
}

int child_signal_all(int parent, int signal) {
    _Alignas(struct directory_entry) char buffer[2048];
    int fd = sys_open("/proc", O_RDONLY | O_DIRECTORY, 0);
    int count = 0;
    if (fd < 0)
        return fd;
    for (;;) {
        long got = sys_getdents(fd, buffer, sizeof(buffer));
        if (got <= 0) {
            sys_close(fd);
            return got < 0 ? (int)got : count;
        }
        for (long at = 0; at < got;) {
            const struct directory_entry *entry = (const void *)(buffer + at);
            count += signal_entry(entry->name, parent, signal);
            at += entry->length;
        }
    }
}
