/* SPDX-License-Identifier: Apache-2.0 */
#include "process/identity.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

#define STAT_MAX 2048    /* numbers of at most 20 digits, and a name of at most 64 bytes */
#define STATUS_MAX 16384 /* some 1,500 bytes, and the supplementary groups */
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LENGTH 36
#define RECORD_MAX 256 /* bytes of a file in a process's directory */
#define SHOWN_MAX 100

/* ---- /proc ---- */

/* Takes the next field off the front of *text. It must end in a space: none that is asked for here
 * is the last of its line, and a number that is cut short would be another number. */
static int next_field(const char **text, const char *end, uint64_t max, uint64_t *ret) {
    const char *start = *text;
    const char *space = memchr(start, ' ', (size_t)(end - start));
    if (!space)
        return -EBADMSG;
    *text = space + 1;
    return parse_decimal(start, (size_t)(space - start), max, ret);
}

/* A group or session, which is -1 once the kernel has begun to forget the process. */
static int next_group(const char **text, const char *end, uint64_t *ret) {
    if (end - *text < 3 || memcmp(*text, "-1 ", 3) != 0)
        return next_field(text, end, INT32_MAX, ret);
    *text += 3;
    *ret = 0;
    return 0;
}

int identity_parse_stat(const char *text, size_t length, struct process_stat *ret) {
    /* The program's name stands in parentheses and may hold anything, these too. Only numbers come
     * after it, so the last one is its end. */
    const char *end = text + length;
    const char *close = length > 0 ? memrchr(text, ')', length) : NULL;
    const char *open = length > 0 ? memchr(text, '(', length) : NULL;
    uint64_t pid, parent, group, session, start_time;
    if (!close || !open || open > close || open == text || open[-1] != ' ' || end - close < 4 ||
        close[1] != ' ' || close[3] != ' ' ||
        parse_decimal(text, (size_t)(open - text) - 1, INT32_MAX, &pid) < 0)
        return -EBADMSG;
    const char *at = close + 4;
    if (next_field(&at, end, INT32_MAX, &parent) < 0 || next_group(&at, end, &group) < 0 ||
        next_group(&at, end, &session) < 0)
        return -EBADMSG;
    /* Fields 7 to 21 are passed over; some are negative. */
    for (int field = 7; field < 22; field++) {
        at = memchr(at, ' ', (size_t)(end - at));
        if (!at)
            return -EBADMSG;
        at++;
    }
    if (next_field(&at, end, UINT64_MAX, &start_time) < 0)
        return -EBADMSG;
    *ret = (struct process_stat){
        .pid = (pid_t)pid,
        .state = close[2],
        .parent = (pid_t)parent,
        .group = (pid_t)group,
        .session = (pid_t)session,
        .start_time = start_time,
    };
    return 0;
}

/* Reads a file of /proc, which gives all that fits at the first read. */
static ssize_t read_proc(const char *path, char *buffer, size_t size) {
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t length = read(fd, buffer, size);
    return length < 0 ? -errno : length;
}

int identity_stat(pid_t pid, struct process_stat *ret, struct shim_error *error) {
    char path[32], text[STAT_MAX];
    if (pid <= 0)
        return error_set(error, -ESRCH, "there is no process %d", (int)pid);
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    ssize_t length = read_proc(path, text, sizeof(text));
    if (length == -ENOENT || length == -ESRCH) {
        /* A /proc that is mounted with hidepid, or not at all, says the same of the living. */
        if (kill(pid, 0) < 0 && errno == ESRCH)
            return error_set(error, -ESRCH, "there is no process %d", (int)pid);
        return error_set(error, -EACCES, "process %d exists, but /proc does not show it", (int)pid);
    }
    if (length < 0)
        return error_set(error, (int)length, "cannot read %s: %s", path, strerror((int)-length));
    int r = identity_parse_stat(text, (size_t)length, ret);
    if (r < 0) {
        char shown[SHOWN_MAX];
        return error_set(error, r, "%s: cannot make sense of `%s`", path,
                         text_show(shown, sizeof(shown), text, (size_t)length));
    }
    return 0;
}

static int read_boot(char ret_boot_id[40], struct shim_error *error) {
    char text[BOOT_ID_LENGTH + 2] = "";
    ssize_t length = read_proc(BOOT_ID_FILE, text, sizeof(text));
    if (length < 0)
        return error_set(error, (int)length, "cannot read the boot id out of %s: %s", BOOT_ID_FILE,
                         strerror((int)-length));
    if (length != BOOT_ID_LENGTH + 1 || text[BOOT_ID_LENGTH] != '\n')
        return error_set(error, -EBADMSG, "%s does not hold a boot id", BOOT_ID_FILE);
    text[BOOT_ID_LENGTH] = '\0';
    strcpy(ret_boot_id, text);
    return 0;
}

bool identity_is_or_child_of(pid_t pid, pid_t parent) {
    struct process_stat stat;
    return pid == parent || (identity_stat(pid, &stat, NULL) == 0 && stat.parent == parent);
}

/* No program outlives its boot, so once is enough; a list of a thousand containers asks for it a
 * thousand times. */
int identity_boot(char ret_boot_id[40], struct shim_error *error) {
    static struct {
        pthread_mutex_t lock;
        char id[40];
    } boot = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_mutex_lock(&boot.lock);
    int r = boot.id[0] ? 0 : read_boot(boot.id, error);
    if (r == 0)
        memcpy(ret_boot_id, boot.id, sizeof(boot.id));
    pthread_mutex_unlock(&boot.lock);
    return r;
}

/* ---- identities ---- */

static int check_size(const struct shim_identity *identity, struct shim_error *error) {
    if (identity->size >= sizeof(*identity))
        return 0;
    return error_set(error, -EINVAL, "an identity of %u bytes; this host's have %zu",
                     identity->size, sizeof(*identity));
}

int identity_of(pid_t pid, struct shim_identity *ret_identity, struct shim_error *error) {
    struct process_stat stat = {.pid = 0};
    char boot_id[sizeof(ret_identity->boot_id)] = "";
    int r = check_size(ret_identity, error);
    if (r < 0 || (r = identity_stat(pid, &stat, error)) < 0 ||
        (r = identity_boot(boot_id, error)) < 0)
        return r;
    ret_identity->pid = pid;
    ret_identity->start_time = stat.start_time;
    memcpy(ret_identity->boot_id, boot_id, sizeof(boot_id));
    return 0;
}

bool identity_same(const struct shim_identity *a, const struct shim_identity *b) {
    return a->pid == b->pid && a->start_time == b->start_time &&
           strncmp(a->boot_id, b->boot_id, sizeof(a->boot_id)) == 0;
}

int identity_of_other_boot(const struct shim_identity *identity, struct shim_error *error) {
    char boot_id[sizeof(identity->boot_id)];
    int r = identity_boot(boot_id, error);
    return r < 0 ? r : strncmp(boot_id, identity->boot_id, sizeof(boot_id)) != 0;
}

static int gone(const struct shim_identity *identity, const char *why, struct shim_error *error) {
    return error_set(error, -ESRCH, "process %d is gone%s", identity->pid, why);
}

/* Reads the process's stat if it is still this one. -ESRCH: it is not. */
static int find(const struct shim_identity *identity, struct process_stat *ret,
                struct shim_error *error) {
    int r = identity_of_other_boot(identity, error);
    if (r < 0)
        return r;
    if (r == 1)
        return gone(identity, ": it belonged to another boot of the machine", error);
    if ((r = identity_stat(identity->pid, ret, error)) < 0)
        return r;
    if (ret->start_time != identity->start_time)
        return gone(identity, ": its pid is another process's now", error);
    return 0;
}

static int open_pidfd(const struct shim_identity *identity, int *ret_pidfd,
                      struct shim_error *error) {
    if (identity->pid <= 0)
        return gone(identity, "", error);
    int pidfd = pidfd_open(identity->pid, 0);
    /* EINVAL, or ENOENT from some kernels: the number is that of a thread now. */
    if (pidfd < 0 && (errno == ESRCH || errno == EINVAL || errno == ENOENT))
        return gone(identity, "", error);
    if (pidfd < 0)
        return error_set(error, -errno, "cannot open a pidfd of process %d: %s", identity->pid,
                         strerror(errno));
    *ret_pidfd = pidfd;
    return 0;
}

/* The pidfd comes first: were the pid to change hands later, the start time would not be the
 * same. */
static int open_found(const struct shim_identity *identity, int *ret_pidfd,
                      struct process_stat *ret_stat, struct shim_error *error) {
    int pidfd AUTO_CLOSE = -1;
    int r = check_size(identity, error);
    if (r < 0 || (r = open_pidfd(identity, &pidfd, error)) < 0 ||
        (r = find(identity, ret_stat, error)) < 0)
        return r;
    *ret_pidfd = fd_steal(&pidfd);
    return 0;
}

int identity_open(const struct shim_identity *identity, int *ret_pidfd, struct shim_error *error) {
    struct process_stat stat = {.pid = 0};
    return open_found(identity, ret_pidfd, &stat, error);
}

int pidfd_await(int pidfd, int64_t timeout, int cancel_fd) {
    int64_t deadline = deadline_after(timeout);
    for (;;) {
        struct pollfd fds[] = {{.fd = pidfd, .events = POLLIN},
                               {.fd = cancel_fd, .events = POLLIN}};
        int r = poll(fds, 2, deadline_poll(deadline));
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r > 0)
            return fds[0].revents ? 0 : -ECANCELED;
        if (r == 0 && deadline_left(deadline) == 0)
            return -ETIMEDOUT;
    }
}

/* Only the pidfd knows whether a whole process is over: /proc calls it a zombie, too, when its
 * first thread alone has ended. */
static bool is_over(const struct process_stat *stat, int pidfd) {
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    return (stat->state == 'Z' || stat->state == 'X') && poll(&end, 1, 0) == 1;
}

int identity_signal(const struct shim_identity *identity, int signal, struct shim_error *error) {
    int pidfd AUTO_CLOSE = -1;
    struct process_stat stat = {.pid = 0};
    int r = open_found(identity, &pidfd, &stat, error);
    if (r < 0)
        return r;
    if (is_over(&stat, pidfd))
        return gone(identity, "", error);
    if (pidfd_send_signal(pidfd, signal, NULL, 0) == 0)
        return 0;
    if (errno == ESRCH)
        return gone(identity, "", error);
    return error_set(error, -errno, "cannot send signal %d to process %d: %s", signal,
                     identity->pid, strerror(errno));
}

/* Is it in the set that the line gives in hexadecimal? */
static bool in_set(const char *status, const char *line, int signal) {
    const char *set = strstr(status, line);
    return set && (strtoull(set + strlen(line), NULL, 16) >> (signal - 1)) & 1;
}

bool identity_pending(const struct shim_identity *identity, int signal) {
    struct process_stat stat;
    char path[32], status[STATUS_MAX];
    snprintf(path, sizeof(path), "/proc/%d/status", identity->pid);
    ssize_t length = read_proc(path, status, sizeof(status) - 1);
    if (length < 0 || find(identity, &stat, NULL) < 0)
        return false;
    status[length] = '\0';
    /* One that ends a process is given to each of its threads. */
    return in_set(status, "\nSigPnd:", signal) || in_set(status, "\nShdPnd:", signal);
}

int identity_alive(const struct shim_identity *identity, struct shim_error *error) {
    struct shim_error problem = ERROR_NONE;
    struct process_stat stat = {.pid = 0};
    int pidfd AUTO_CLOSE = -1;
    int r = check_size(identity, &problem);
    if (r == 0)
        r = find(identity, &stat, &problem);
    if (r == 0 && stat.state != 'Z' && stat.state != 'X')
        return 1;
    if (r == 0)
        r = open_found(identity, &pidfd, &stat, &problem);
    if (r == 0)
        return !is_over(&stat, pidfd);
    if (r == -ESRCH)
        return 0;
    return error_pass(error, r, &problem);
}

/* ---- the files of a process's directory ---- */

/* A file that is being read line by line. */
struct record {
    const char *name;
    char text[RECORD_MAX + 1];
    size_t length;
    size_t at;
};

static int malformed(const struct record *record, struct shim_error *error) {
    char shown[SHOWN_MAX];
    if (record->length == 0)
        return error_set(error, -EBADMSG, "%s is empty", record->name);
    return error_set(error, -EBADMSG, "%s is malformed; it holds `%s`", record->name,
                     text_show(shown, sizeof(shown), record->text, record->length));
}

static int record_open(int directory_fd, const char *name, struct record *record,
                       struct shim_error *error) {
    record->name = name;
    record->at = 0;
    return file_read_small_at(directory_fd, name, record->text, sizeof(record->text),
                              &record->length, error);
}

/* The next line, which must have its newline. */
static int record_line(struct record *record, const char **ret_line, size_t *ret_length) {
    const char *line = record->text + record->at;
    const char *newline = memchr(line, '\n', record->length - record->at);
    if (!newline)
        return -EBADMSG;
    *ret_line = line;
    *ret_length = (size_t)(newline - line);
    record->at += *ret_length + 1;
    return 0;
}

static int record_number(struct record *record, uint64_t max, uint64_t *ret) {
    const char *line;
    size_t length;
    if (record_line(record, &line, &length) < 0 || parse_decimal(line, length, max, ret) < 0)
        return -EBADMSG;
    return 0;
}

static int record_pid(struct record *record, int32_t *ret) {
    uint64_t pid;
    if (record_number(record, INT32_MAX, &pid) < 0 || pid == 0)
        return -EBADMSG;
    *ret = (int32_t)pid;
    return 0;
}

/* The start time and the boot id, which end every record that has them. */
static int record_start(struct record *record, struct shim_identity *identity) {
    const char *line;
    size_t length;
    if (record_number(record, UINT64_MAX, &identity->start_time) < 0 ||
        record_line(record, &line, &length) < 0 || length != BOOT_ID_LENGTH ||
        strspn(line, "0123456789abcdef-") != length || record->at != record->length)
        return -EBADMSG;
    memcpy(identity->boot_id, line, length);
    return 0;
}

int identity_read_process(int directory_fd, struct shim_identity *ret_identity,
                          struct shim_error *error) {
    struct shim_identity identity = {.size = sizeof(identity)};
    struct record record;
    int r = record_open(directory_fd, "pid", &record, error);
    if (r < 0)
        return r;
    if (record_pid(&record, &identity.pid) < 0 || record.at != record.length)
        return malformed(&record, error);
    if ((r = record_open(directory_fd, "starttime", &record, error)) < 0)
        return r;
    if (record_start(&record, &identity) < 0)
        return malformed(&record, error);
    *ret_identity = identity;
    return 0;
}

int identity_read_monitor(int directory_fd, struct shim_identity *ret_identity,
                          struct shim_error *error) {
    struct shim_identity identity = {.size = sizeof(identity)};
    struct record record;
    int r = record_open(directory_fd, "monitor", &record, error);
    if (r < 0)
        return r;
    if (record_pid(&record, &identity.pid) < 0 || record_start(&record, &identity) < 0)
        return malformed(&record, error);
    *ret_identity = identity;
    return 0;
}

static int write_record(int directory_fd, const char *name, struct shim_error *error,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

static int write_record(int directory_fd, const char *name, struct shim_error *error,
                        const char *format, ...) {
    char text[RECORD_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return file_write_at(directory_fd, name, text, (size_t)length, error);
}

int identity_write_process(int directory_fd, const struct shim_identity *identity,
                           struct shim_error *error) {
    int r = check_size(identity, error);
    if (r < 0 || (r = write_record(directory_fd, "pid", error, "%d\n", identity->pid)) < 0)
        return r;
    return write_record(directory_fd, "starttime", error, "%" PRIu64 "\n%.39s\n",
                        identity->start_time, identity->boot_id);
}

int identity_write_monitor(int directory_fd, const struct shim_identity *identity,
                           struct shim_error *error) {
    int r = check_size(identity, error);
    return r < 0 ? r
                 : write_record(directory_fd, "monitor", error, "%d\n%" PRIu64 "\n%.39s\n",
                                identity->pid, identity->start_time, identity->boot_id);
}
