/* SPDX-License-Identifier: Apache-2.0 */
/* containerd's words for streams, in the engine's: a FIFO, a file, a logger, or nothing. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "containerd/helper/helper.h"

#define NULL_DEVICE makedev(1, 3)

/* `path` may be NULL. */
static int set_target(char **target, const char *kind, const char *path, struct shim_error *error) {
    if (asprintf(target, "%s%s%s", kind, path ? ":" : "", path ? path : "") < 0) {
        *target = NULL;
        return error_set(error, -ENOMEM, "out of memory");
    }
    return 0;
}

/* Others may read what a container wrote to a file, so it is made before the engine opens it. */
static int make_file(const char *path, struct shim_error *error) {
    mode_t mask = umask(022);
    int r = directory_make_above(path, 0755, error);
    int fd AUTO_CLOSE =
        r < 0 ? -1 : open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    umask(mask);
    if (r == 0 && fd < 0)
        return error_set(error, -errno, "cannot open %s: %s", path, strerror(errno));
    return r;
}

static int set_path(char **target, const char *path, struct shim_error *error) {
    struct stat status;
    if (stat(path, &status) < 0)
        return error_set(error, -errno, "cannot use %s as a stream: %s", path, strerror(errno));
    if (S_ISCHR(status.st_mode) && status.st_rdev == NULL_DEVICE)
        return set_target(target, "null", NULL, error);
    return set_target(target, S_ISFIFO(status.st_mode) ? "fifo" : "file", path, error);
}

static int set_stream(char **target, const char *uri, struct shim_error *error) {
    if (!uri[0])
        return 0;
    if (uri[0] == '/')
        return set_path(target, uri, error);
    if (strncmp(uri, "fifo:///", 8) == 0)
        return set_path(target, uri + 7, error);
    if (strncmp(uri, "file:///", 8) == 0) {
        int r = make_file(uri + 7, error);
        return r < 0 ? r : set_target(target, "file", uri + 7, error);
    }
    return error_set(error, -EINVAL, "unknown STDIO scheme: %.*s", (int)strcspn(uri, ":"), uri);
}

/* The scheme of standard output rules standard error, too. */
static int open_streams(const struct helper *helper, struct stdio *stdio,
                        struct shim_error *error) {
    const Pb__HelperRequest *request = helper->request;
    const char *output = request->output, *errors = request->errors;
    int r = set_stream(&stdio->targets[0], request->input, error);
    if (r < 0)
        return r;
    if (strncmp(output, "binary://", 9) == 0 || strncmp(output, "binary-v2://", 12) == 0)
        return logger_start(helper, output, stdio, error);
    if (strncmp(output, "file://", 7) == 0)
        errors = output;
    r = set_stream(&stdio->targets[1], output, error);
    if (r < 0 || request->terminal) /* a terminal has one output */
        return r;
    return set_stream(&stdio->targets[2], errors, error);
}

int stdio_open(const struct helper *helper, struct stdio *ret, struct shim_error *error) {
    struct stdio stdio = {.fifos = {-1, -1}};
    int r = open_streams(helper, &stdio, error);
    if (r < 0) {
        stdio_close(&stdio);
        return r;
    }
    *ret = stdio;
    return 0;
}

void stdio_close(struct stdio *stdio) {
    for (int i = 0; i < 3; i++)
        free(stdio->targets[i]);
    fd_close(stdio->fifos[0]);
    fd_close(stdio->fifos[1]);
}
