/* SPDX-License-Identifier: Apache-2.0 */
/* Stream targets: from "file:PATH" to the descriptor that the container gets as its own. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "engine/internal.h"

static const char *const stream_names[3] = {"stdin", "stdout", "stderr"};

void streams_close(struct stream_set *streams) {
    for (int i = 0; i < 3; i++)
        streams->fds[i] = fd_close(streams->fds[i]);
}

static int open_null(int index, struct stream_set *streams, struct shim_error *error) {
    int fd = open("/dev/null", (index == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, -errno, "cannot open /dev/null: %s", strerror(errno));
    streams->fds[index] = fd;
    return 0;
}

static int open_inherited(int index, struct stream_set *streams, struct shim_error *error) {
    int fd = fcntl(index, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return error_set(error, -errno, "%s: cannot pass on descriptor %d: %s", stream_names[index],
                         index, strerror(errno));
    streams->fds[index] = fd;
    return 0;
}

/* The container's root, which need not be ours, may have to open /dev/stdout again. */
static int give_to_root(int fd, const struct process *process, int index,
                        struct shim_error *error) {
    uint32_t uid = process->record.root_uid, gid = process->record.root_gid;
    if ((uid != 0 || gid != 0) && fchown(fd, uid, gid) < 0)
        return error_set(error, -errno, "%s: cannot give it to uid %u, gid %u: %s",
                         stream_names[index], uid, gid, strerror(errno));
    return 0;
}

static int open_path(const char *path, int flags, int index, int *ret_fd,
                     struct shim_error *error) {
    if (path[0] != '/')
        return error_set(error, -EINVAL, "%s: `%s`: expected an absolute path", stream_names[index],
                         path);
    int fd = open(path, flags | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0640);
    if (fd < 0)
        return error_set(error, -errno, "%s: cannot open %s: %s", stream_names[index], path,
                         errno == ELOOP ? "it is a symbolic link" : strerror(errno));
    *ret_fd = fd;
    return 0;
}

static int open_file(const char *path, const struct process *process, int index,
                     struct stream_set *streams, struct shim_error *error) {
    int fd AUTO_CLOSE = -1;
    struct stat status;
    int flags = index == 0 ? O_RDONLY : O_WRONLY | O_APPEND | O_CREAT;
    int r = open_path(path, flags | O_NONBLOCK, index, &fd, error);
    if (r < 0)
        return r;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return error_set(error, -EINVAL, "%s: %s is not a regular file; for a FIFO say fifo:%s",
                         stream_names[index], path, path);
    if ((r = give_to_root(fd, process, index, error)) < 0)
        return r;
    streams->fds[index] = fd_steal(&fd);
    return 0;
}

/* Opened for both directions, a FIFO neither blocks the opening nor breaks when its other side
 * comes late or leaves. */
static int open_fifo(const char *path, const struct process *process, int index,
                     struct stream_set *streams, struct shim_error *error) {
    int fd AUTO_CLOSE = -1;
    struct stat status;
    int r = open_path(path, O_RDWR | O_NONBLOCK, index, &fd, error);
    if (r < 0)
        return r;
    if (fstat(fd, &status) < 0 || !S_ISFIFO(status.st_mode))
        return error_set(error, -EINVAL, "%s: %s is not a FIFO; for a file say file:%s",
                         stream_names[index], path, path);
    if ((r = give_to_root(fd, process, index, error)) < 0)
        return r;
    if (fcntl(fd, F_SETFL, 0) < 0)
        return error_set(error, -errno, "%s: %s: %s", stream_names[index], path, strerror(errno));
    streams->fds[index] = fd_steal(&fd);
    streams->keep |= 1u << index;
    return 0;
}

static int open_one(const struct process *process, int index, struct stream_set *streams,
                    struct shim_error *error) {
    const char *target = process->record.targets[index];
    if (!target || strcmp(target, "null") == 0)
        return open_null(index, streams, error);
    if (strcmp(target, "inherit") == 0)
        return open_inherited(index, streams, error);
    if (strncmp(target, "file:", 5) == 0)
        return open_file(target + 5, process, index, streams, error);
    if (strncmp(target, "fifo:", 5) == 0)
        return open_fifo(target + 5, process, index, streams, error);
    return error_set(error, -EINVAL, "%s: `%s`: expected inherit, null, file:PATH or fifo:PATH",
                     stream_names[index], target);
}

int streams_open(const struct process *process, struct stream_set *ret_streams,
                 struct shim_error *error) {
    struct stream_set streams = {.fds = {-1, -1, -1}};
    for (int i = 0; i < 3; i++) {
        int r = open_one(process, i, &streams, error);
        if (r < 0) {
            streams_close(&streams);
            return r;
        }
    }
    *ret_streams = streams;
    return 0;
}
