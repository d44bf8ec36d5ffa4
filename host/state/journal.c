/* SPDX-License-Identifier: Apache-2.0 */
#include "state/journal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"

#define LINE_SIZE 512

/* Makes room: the journal becomes the old one, unless somebody else sees to that. Whoever has the
 * lock of the file that has grown is alone with it, and looks whether it still has its name. */
static void rotate(int state_fd, int fd, const struct stat *grown) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat named;
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0 &&
        fstatat(state_fd, JOURNAL_FILE, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
        named.st_ino == grown->st_ino && named.st_dev == grown->st_dev)
        renameat(state_fd, JOURNAL_FILE, state_fd, JOURNAL_OLD_FILE);
}

static int open_to_append(int state_fd) {
    int fd = openat(state_fd, JOURNAL_FILE,
                    O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

static int open_journal(int state_fd) {
    struct stat status;
    int fd = open_to_append(state_fd);
    if (fd < 0 || fstat(fd, &status) < 0)
        return fd;
    if (!S_ISREG(status.st_mode)) {
        fd_close(fd);
        return -EINVAL;
    }
    if (status.st_size < JOURNAL_LIMIT)
        return fd;
    rotate(state_fd, fd, &status);
    fd_close(fd);
    return open_to_append(state_fd);
}

static void complain(const struct store *store, const char *container, int r) {
    log_write(SHIM_LOG_WARNING, &(struct log_fields){.container = container},
              "cannot write to the journal %s/" JOURNAL_FILE ": %s; `events` will not tell of this",
              store_path(store), strerror(-r));
}

void journal_prepare(const struct store *store) {
    int fd AUTO_CLOSE = open_journal(store_descriptor(store));
    if (fd < 0)
        complain(store, NULL, fd);
}

static size_t make_line(const struct journal_event *event, char line[LINE_SIZE]) {
    char now[CLOCK_RFC3339_SIZE], pid[24] = "", exit_status[24] = "";
    clock_rfc3339(now);
    if (event->pid > 0)
        snprintf(pid, sizeof(pid), ",\"pid\":%d", (int)event->pid);
    if (event->exit_status >= 0)
        snprintf(exit_status, sizeof(exit_status), ",\"status\":%d", (int)event->exit_status);
    /* Ids have no character that JSON would have to escape. */
    return (size_t)snprintf(
        line, LINE_SIZE,
        "{\"time\":\"%s\",\"type\":\"%s\",\"container\":\"%s\",\"process\":\"%s\"%s%s}\n",
        event->time ? event->time : now, event->type, event->container, event->process, pid,
        exit_status);
}

/* What a full disk has cut short is to spoil nothing that follows. */
static void end_last_line(int fd) {
    char last;
    if (lseek(fd, -1, SEEK_END) >= 0 && read(fd, &last, 1) == 1 && last != '\n')
        (void)!write(fd, "\n", 1);
}

void journal_write(const struct store *store, const struct journal_event *event) {
    char line[LINE_SIZE];
    size_t length = make_line(event, line);
    int fd AUTO_CLOSE = open_journal(store_descriptor(store));
    if (fd >= 0)
        end_last_line(fd);
    ssize_t written = fd < 0 ? fd : write(fd, line, length);
    if (written != (ssize_t)length)
        complain(store, event->container, fd < 0 ? fd : written < 0 ? -errno : -ENOSPC);
}
