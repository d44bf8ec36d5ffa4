/* SPDX-License-Identifier: Apache-2.0 */
#include "process/pidfile.h"

#include <stdio.h>
#include <string.h>

#include "base/await.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

#define PID_FILE_MAX 64
#define SHOWN_MAX 100

int pidfile_write(int directory_fd, const char *name, pid_t pid, struct shim_error *error) {
    char text[16];
    if (pid <= 0)
        return error_set(error, -EINVAL, "%s: %d is not a pid", name, (int)pid);
    int length = snprintf(text, sizeof(text), "%d\n", (int)pid);
    return file_write_at(directory_fd, name, text, (size_t)length, error);
}

/* pidfile_read(), which may find the file empty: then 0, and 1 with a pid. */
static int read_pid(int directory_fd, const char *name, pid_t *ret_pid, struct shim_error *error) {
    char *text AUTO_FREE = NULL;
    size_t length;
    int r = file_read_at(directory_fd, name, PID_FILE_MAX, &text, &length, error);
    if (r == -EFBIG)
        return error_set(error, -EBADMSG, "%s does not hold a pid: it is longer than %d bytes",
                         name, PID_FILE_MAX);
    if (r < 0)
        return r;
    if (length == 0)
        return 0;
    uint64_t pid;
    size_t digits = text[length - 1] == '\n' ? length - 1 : length;
    if (parse_decimal(text, digits, INT32_MAX, &pid) < 0 || pid == 0) {
        char shown[SHOWN_MAX];
        return error_set(error, -EBADMSG, "%s does not hold a pid but `%s`", name,
                         text_show(shown, sizeof(shown), text, length));
    }
    *ret_pid = (pid_t)pid;
    return 1;
}

int pidfile_read(int directory_fd, const char *name, pid_t *ret_pid, struct shim_error *error) {
    int r = read_pid(directory_fd, name, ret_pid, error);
    if (r == 0)
        return error_set(error, -EBADMSG, "%s does not hold a pid: it is empty", name);
    return r < 0 ? r : 0;
}

/* 1: there, 0: not yet. */
static int look(int directory_fd, const char *name, void *user, struct shim_error *error) {
    struct shim_error problem = ERROR_NONE;
    int r = read_pid(directory_fd, name, user, &problem);
    if (r == -ENOENT)
        return 0;
    return error_pass(error, r, &problem);
}

int pidfile_await(int directory_fd, const char *name, int64_t timeout, int cancel_fd,
                  pid_t *ret_pid, struct shim_error *error) {
    pid_t pid = 0;
    int r = await_file(directory_fd, name, timeout, cancel_fd, look, &pid, error);
    if (r == 0)
        *ret_pid = pid;
    return r;
}
