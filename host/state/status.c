/* SPDX-License-Identifier: Apache-2.0 */
#include "state/status.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/await.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/sized.h"
#include "base/text.h"
#include "process/fifo.h"
#include "process/identity.h"

#define STATUS_FILE "status"
#define EXIT_STATUS_FILE "exitStatus"
#define EXIT_UNKNOWN_FILE "exitUnknown"
#define EXIT_ROOM_FILE ".exitStatus"
#define OOM_FILE "oomKilled"
#define CHANGING_FILE ".changing"
#define CLEANED_FILE ".cleaned"
#define SMALL_FILE_MAX 256

static const char *const status_names[] = {
    [SHIM_STATUS_UNKNOWN] = "incomplete", [SHIM_STATUS_CREATED] = "created",
    [SHIM_STATUS_RUNNING] = "running",    [SHIM_STATUS_PAUSED] = "paused",
    [SHIM_STATUS_STOPPED] = "stopped",
};

const char *status_name(uint32_t status) {
    return status <= SHIM_STATUS_STOPPED ? status_names[status] : "incomplete";
}

/* Reads a file of one line into `line`, without its newline. `whole`: it must have that, because
 * without it the file may have been cut short. -ENOENT comes without an error. */
static int read_line(int directory_fd, const char *name, bool whole, char *line, size_t size,
                     struct shim_error *error) {
    char text[SMALL_FILE_MAX + 1];
    size_t length;
    struct shim_error problem = ERROR_NONE;
    int r = file_read_small_at(directory_fd, name, text, sizeof(text), &length, &problem);
    if (r < 0)
        return r == -ENOENT ? r : error_pass(error, r, &problem);
    bool ended = length > 0 && text[length - 1] == '\n';
    if (whole && length > 0 && !ended)
        return error_set(error, -EBADMSG, "%s: malformed: its line has no end", name);
    if (ended)
        text[--length] = '\0';
    if (length >= size || strlen(text) != length)
        return error_set(error, -EBADMSG, "%s: holds %zu bytes of something else than expected",
                         name, length);
    memcpy(line, text, length + 1);
    return (int)length;
}

int status_read(int directory_fd, uint32_t *ret_status, struct shim_error *error) {
    char line[32];
    int r = read_line(directory_fd, STATUS_FILE, false, line, sizeof(line), error);
    if (r == -ENOENT) {
        *ret_status = SHIM_STATUS_UNKNOWN;
        return 0;
    }
    if (r < 0)
        return r;
    for (uint32_t status = SHIM_STATUS_CREATED; status <= SHIM_STATUS_STOPPED; status++)
        if (strcmp(line, status_names[status]) == 0) {
            *ret_status = status;
            return 0;
        }
    return error_set(error, -EBADMSG,
                     "status: `%.*s`; expected created, running, paused or stopped",
                     (int)strspn(line, "abcdefghijklmnopqrstuvwxyz"), line);
}

int status_write(int directory_fd, uint32_t status, struct shim_error *error) {
    char line[32];
    int length = snprintf(line, sizeof(line), "%s\n", status_name(status));
    return file_write_at(directory_fd, STATUS_FILE, line, (size_t)length, error);
}

static int look(int directory_fd, const char *name, void *user, struct shim_error *error) {
    (void)user;
    (void)error;
    return file_exists_at(directory_fd, name);
}

int status_await(int directory_fd, int64_t timeout, int cancel_fd, struct shim_error *error) {
    return await_file(directory_fd, STATUS_FILE, timeout, cancel_fd, look, NULL, error);
}

int status_exit_read(int directory_fd, int32_t *ret_exit_status, struct shim_error *error) {
    char line[32];
    int r = read_line(directory_fd, EXIT_STATUS_FILE, true, line, sizeof(line), error);
    if (r < 0)
        return r;
    uint64_t value;
    if (parse_decimal(line, (size_t)r, 255, &value) < 0)
        return error_set(error, -EBADMSG, "exitStatus: %s; expected a number from 0 to 255",
                         r == 0 ? "it is empty" : "it is malformed");
    *ret_exit_status = (int32_t)value;
    return 0;
}

/* The room that a monitor had set aside for the exit status, and that nobody needs any more. */
static void give_room_back(int directory_fd) {
    unlinkat(directory_fd, EXIT_ROOM_FILE, 0);
}

/* Where there is no more room: into what the monitor had set aside, which then is the exit status.
 */
static int use_room(int directory_fd, const char *line, size_t length) {
    int fd AUTO_CLOSE =
        openat(directory_fd, EXIT_ROOM_FILE, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || pwrite(fd, line, length, 0) != (ssize_t)length ||
        ftruncate(fd, (off_t)length) < 0)
        return -ENOSPC;
    return renameat2(directory_fd, EXIT_ROOM_FILE, directory_fd, EXIT_STATUS_FILE,
                     RENAME_NOREPLACE) < 0
               ? -errno
               : 0;
}

int status_exit_write(int directory_fd, int32_t exit_status, struct shim_error *error) {
    char line[32];
    int length = snprintf(line, sizeof(line), "%d\n", exit_status);
    int r = file_create_at_once(directory_fd, EXIT_STATUS_FILE, line, (size_t)length, error);
    if ((r == -ENOSPC || r == -EDQUOT) && use_room(directory_fd, line, (size_t)length) == 0)
        return 0;
    if (r == 0)
        give_room_back(directory_fd);
    return r;
}

int status_unknown_read(int directory_fd, char *buffer, size_t size, struct shim_error *error) {
    return read_line(directory_fd, EXIT_UNKNOWN_FILE, false, buffer, size, error);
}

int status_unknown_write(int directory_fd, const char *why, struct shim_error *error) {
    char line[SMALL_FILE_MAX];
    int length = snprintf(line, sizeof(line), "%.200s\n", why);
    int r = file_write_at(directory_fd, EXIT_UNKNOWN_FILE, line, (size_t)length, error);
    if (r == 0)
        give_room_back(directory_fd);
    return r;
}

int status_ended(int directory_fd, int32_t *ret_exit_status, struct shim_error *error) {
    char why[SMALL_FILE_MAX];
    int r = status_exit_read(directory_fd, ret_exit_status, error);
    if (r == -ENOENT)
        r = status_unknown_read(directory_fd, why, sizeof(why), error);
    if (r == -ENOENT)
        return 0;
    return r < 0 ? r : 1;
}

int status_change(int directory_fd, uint32_t status, struct shim_error *error) {
    int32_t ignored;
    int r = status_write(directory_fd, status, error);
    return r == 0 && status_ended(directory_fd, &ignored, NULL) == 1
               ? status_write(directory_fd, SHIM_STATUS_STOPPED, error)
               : r;
}

int status_oom_read(int directory_fd, uint64_t *ret_kills, struct shim_error *error) {
    char line[32];
    int r = read_line(directory_fd, OOM_FILE, false, line, sizeof(line), error);
    if (r < 0)
        return r;
    uint64_t kills;
    if (parse_decimal(line, (size_t)r, UINT64_MAX, &kills) < 0 || kills == 0)
        return error_set(error, -EBADMSG, "oomKilled: %s; expected a number from 1 on",
                         r == 0 ? "it is empty" : "it is malformed");
    *ret_kills = kills;
    return 0;
}

int status_changing_set(int directory_fd, int *ret_fd, struct shim_error *error) {
    struct shim_error problem = ERROR_NONE;
    int r = fifo_create(directory_fd, CHANGING_FILE, &problem);
    /* A mark has no contents to lose. */
    if (r == -EEXIST && unlinkat(directory_fd, CHANGING_FILE, 0) == 0)
        r = fifo_create(directory_fd, CHANGING_FILE, &problem);
    if (r == 0)
        r = fifo_open(directory_fd, CHANGING_FILE, O_RDONLY, ret_fd, &problem);
    return r < 0 ? error_set(error, r, "cannot mark the process as being changed: %s",
                             problem.message)
                 : 0;
}

void status_changing_clear(int directory_fd) {
    unlinkat(directory_fd, CHANGING_FILE, 0);
}

int status_changing(int directory_fd) {
    return faccessat(directory_fd, CHANGING_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void status_cleaned_set(int directory_fd) {
    /* Where it cannot be made, whoever deletes cleans again. */
    fd_close(openat(directory_fd, CLEANED_FILE, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
}

int status_cleaned(int directory_fd) {
    return file_exists_at(directory_fd, CLEANED_FILE);
}

/* Is there an answer already? 1: yes, in *state. */
static int load_end(int directory_fd, struct shim_state *state, struct shim_error *error) {
    int ended = status_ended(directory_fd, &state->exit_status, error);
    if (ended > 0)
        state->status = SHIM_STATUS_STOPPED;
    return ended;
}

/* An end is recorded, but does the process live? Whoever believed the one could leave the other
 * behind. */
static int contradicted(const struct shim_state *state, struct shim_error *error) {
    int alive = identity_alive(&state->identity, error);
    return alive <= 0 ? alive
                      : error_set(error, -EBADMSG,
                                  "its end is recorded, but process %d lives; run: shimhost check",
                                  state->identity.pid);
}

int status_load(int directory_fd, struct shim_state *ret_state, struct shim_error *error) {
    struct shim_state state = {.size = sizeof(state), .exit_status = -1};
    struct shim_error problem = ERROR_NONE, untold = ERROR_NONE;
    const size_t least = SIZE_THROUGH(struct shim_state, flags);
    if (ret_state->size < least)
        return error_set(error, -EINVAL, "a state of %u bytes; expected at least %zu",
                         ret_state->size, least);
    /* It is written last, so it is read first: what stands before it is there then. */
    int told = status_read(directory_fd, &state.status, &untold);
    int r = identity_read_process(directory_fd, &state.identity, &problem);
    if (r == -ENOENT) /* not there yet: that is an answer */
        state.identity = (struct shim_identity){.size = sizeof(state.identity)};
    else if (r < 0)
        return error_pass(error, r, &problem);
    int ended = load_end(directory_fd, &state, error);
    if (ended < 0)
        return ended;
    if (ended && state.identity.pid && (r = contradicted(&state, error)) < 0)
        return r;
    if (!ended && told < 0)
        return error_pass(error, told, &untold);
    if (!ended && state.status != SHIM_STATUS_UNKNOWN && !state.identity.pid)
        return error_set(error, -EBADMSG, "status says %s, but %s is missing",
                         status_name(state.status),
                         file_exists_at(directory_fd, "pid") ? "starttime" : "pid");
    if (!ended && state.status != SHIM_STATUS_UNKNOWN) {
        int alive = identity_alive(&state.identity, error);
        if (alive < 0)
            return alive;
        /* Between the two looks its monitor may have told the end. */
        if (!alive && (ended = load_end(directory_fd, &state, error)) < 0)
            return ended;
        if (!alive)
            state.status = SHIM_STATUS_STOPPED;
        else if (state.status == SHIM_STATUS_STOPPED)
            return error_set(error, -EBADMSG,
                             "status says stopped, but process %d lives; run: shimhost check",
                             state.identity.pid);
    } else if (!ended) {
        state.status = SHIM_STATUS_UNKNOWN;
    }
    sized_copy(ret_state, &state);
    return 0;
}

int status_monitor_alive(int directory_fd, struct shim_identity *ret_identity,
                         struct shim_error *error) {
    struct shim_identity identity = {.size = sizeof(identity)};
    int r = identity_read_monitor(directory_fd, &identity, error);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    r = identity_alive(&identity, error);
    if (r == 1 && ret_identity)
        *ret_identity = identity;
    return r;
}

int status_monitor_named(int directory_fd, const struct shim_identity *process,
                         struct shim_error *error) {
    if (file_exists_at(directory_fd, "monitor"))
        return 0;
    int r = identity_of_other_boot(process, error);
    if (r != 0)
        return r < 0 ? r : 0;
    return error_set(error, -EBADMSG, "monitor is missing: nobody knows whether its monitor lives");
}

/* What there is only of a process that was launched. In this order each step of its removal is told
 * truly: an end stays known as long as the process. */
static const char *const traces[] = {STATUS_FILE, "pid", EXIT_STATUS_FILE, EXIT_UNKNOWN_FILE,
                                     "monitor"};

int status_launched(int directory_fd) {
    for (size_t i = 0; i < sizeof(traces) / sizeof(*traces); i++)
        if (file_exists_at(directory_fd, traces[i]))
            return 1;
    return 0;
}

int status_retract(int directory_fd, const char *process, struct shim_error *error) {
    for (size_t i = 0; i < sizeof(traces) / sizeof(*traces); i++)
        if (unlinkat(directory_fd, traces[i], 0) < 0 && errno != ENOENT && errno != EISDIR)
            return error_set(error, -errno, "cannot remove %s of process %s: %s", traces[i],
                             process, strerror(errno));
    return 0;
}
