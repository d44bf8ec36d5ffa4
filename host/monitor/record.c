/* SPDX-License-Identifier: Apache-2.0 */
/* The small files that say what is true. Whoever reads one reads all of it, or finds none. */
#include "monitor.h"

#include <linux/falloc.h>

#define TEMPORARY ".monitor.tmp"
#define EXIT_TEMPORARY ".exitStatus"

static int write_all(int fd, const struct text *text) {
    for (size_t done = 0; done < text->length;) {
        long written = sys_write(fd, text->buffer + done, text->length - done);
        if (written < 0 && written != -EINTR)
            return (int)written;
        if (written > 0)
            done += (size_t)written;
    }
    return 0;
}

int record_write(const char *name, const struct text *text) {
    int fd = sys_open(TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        return fd;
    int result = write_all(fd, text);
    sys_close(fd);
    if (result == 0)
        result = sys_rename(TEMPORARY, name);
    if (result < 0)
        sys_unlink(TEMPORARY);
    return result;
}

int record_read(const char *path, struct text *text) {
    int fd = sys_open(path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    long got;
    do {
        got = sys_read(fd, text->buffer + text->length, text->size - text->length);
        if (got > 0)
            text->length += (size_t)got;
    } while ((got > 0 && text->length < text->size) || got == -EINTR);
    sys_close(fd);
    if (got < 0)
        return (int)got;
    if (text->length == text->size)
        return -EFBIG;
    text->buffer[text->length] = '\0';
    return 0;
}

int record_read_pid(const char *name, int *ret_pid) {
    char buffer[32];
    struct text text = TEXT_IN(buffer);
    int result = record_read(name, &text);
    if (result < 0)
        return result;
    const char *cursor = text.buffer;
    uint64_t pid;
    if (!text_number(&cursor, INT32_MAX, &pid) || pid == 0)
        return -EBADMSG;
    if (*cursor == '\n')
        cursor++;
    if (*cursor)
        return -EBADMSG;
    *ret_pid = (int)pid;
    return 0;
}

/* The start time, then the boot. Another boot's process is gone. */
static int read_start_time(const char *boot_id, const char *path, uint64_t *ret_start_time) {
    char buffer[BOOT_ID_SIZE + 32];
    struct text text = TEXT_IN(buffer);
    int result = record_read(path, &text);
    if (result < 0)
        return result;
    const char *cursor = text.buffer;
    if (!text_number(&cursor, UINT64_MAX, ret_start_time) || *cursor++ != '\n')
        return -EBADMSG;
    cursor = text_after(cursor, boot_id);
    return cursor && *cursor == '\n' ? 0 : -ESRCH;
}

int record_read_process(const struct monitor *monitor, const char *directory, int *ret_pid,
                        uint64_t *ret_start_time) {
    char pid_buffer[32], start_buffer[32];
    struct text pid = TEXT_IN(pid_buffer), start = TEXT_IN(start_buffer);
    text_print(&pid, "%spid", directory);
    text_print(&start, "%sstarttime", directory);
    int result = record_read_pid(pid.buffer, ret_pid);
    return result < 0 ? result : read_start_time(monitor->boot_id, start.buffer, ret_start_time);
}

static int read_boot_id(struct monitor *monitor) {
    struct text text = TEXT_IN(monitor->boot_id);
    int result = record_read("/proc/sys/kernel/random/boot_id", &text);
    if (result < 0)
        return result;
    if (text.length && text.buffer[text.length - 1] == '\n')
        text.buffer[--text.length] = '\0';
    return 0;
}

int record_identify(struct monitor *monitor) {
    struct child_stat stat;
    monitor->self = sys_getpid();
    int result = child_stat(monitor->self, &stat);
    if (result < 0)
        return result;
    monitor->self_start = stat.start_time;
    return read_boot_id(monitor);
}

int record_monitor(struct monitor *monitor) {
    char buffer[BOOT_ID_SIZE + 64];
    struct text text = TEXT_IN(buffer);
    text_print(&text, "%d\n%lu\n%s\n", monitor->self, (unsigned long)monitor->self_start,
               monitor->boot_id);
    return record_write("monitor", &text);
}

int record_status(const char *status) {
    char buffer[16];
    struct text text = TEXT_IN(buffer);
    text_print(&text, "%s\n", status);
    return record_write("status", &text);
}

int record_process(struct monitor *monitor) {
    char buffer[BOOT_ID_SIZE + 32];
    struct text pid = TEXT_IN(buffer);
    text_print(&pid, "%d\n", monitor->process);
    int result = record_write("pid", &pid);
    if (result < 0)
        return result;
    struct text start = TEXT_IN(buffer);
    text_print(&start, "%lu\n%s\n", (unsigned long)monitor->start_time, monitor->boot_id);
    result = record_write("starttime", &start);
    if (result < 0)
        return result;
    return record_status(monitor->plan->status);
}

int record_prepare_exit(struct monitor *monitor) {
    int fd = sys_open(EXIT_TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        return fd;
    /* Some file systems cannot do this. They get the status written when the time comes. */
    int result = sys_fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4);
    if (result == -ENOSPC || result == -EDQUOT) {
        sys_close(fd);
        sys_unlink(EXIT_TEMPORARY);
        return result;
    }
    monitor->status_fd = fd;
    return 0;
}

void record_cleaned(void) {
    int fd = sys_open(".cleaned", O_WRONLY | O_CREAT, 0600);
    if (fd >= 0)
        sys_close(fd); /* where it cannot be made, whoever deletes cleans again */
}

static int write_unknown(void) {
    char buffer[128];
    struct text text = TEXT_IN(buffer);
    text_add(&text,
             "the process was not the monitor's child, and the kernel did not tell how it ended\n");
    int result = record_write("exitUnknown", &text);
    if (result == 0)
        sys_unlink(EXIT_TEMPORARY); /* it will not be needed */
    return result;
}

/* One write and one rename are all that stands between the process's death and the news of it. */
static int write_status(struct monitor *monitor) {
    int result = monitor->status_fd < 0 ? record_prepare_exit(monitor) : 0;
    if (result < 0)
        return result;
    char buffer[8];
    struct text text = TEXT_IN(buffer);
    text_print(&text, "%d\n", monitor->exit_status);
    result = write_all(monitor->status_fd, &text);
    if (result == 0)
        result = sys_rename(EXIT_TEMPORARY, "exitStatus");
    if (result < 0) { /* the next try begins anew */
        sys_close(monitor->status_fd);
        monitor->status_fd = -1;
    }
    return result;
}

int record_exit(struct monitor *monitor) {
    if (monitor->exit_status < 0)
        return write_unknown();
    int result = write_status(monitor);
    /* Somebody has removed the prepared file; or the whole directory, and then it is the same
     * again. */
    return result == -ENOENT ? write_status(monitor) : result;
}
