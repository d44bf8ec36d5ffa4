/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "binary:///path/to/logger?key=value": a program that reads what the container writes, on its
 * descriptors 3 and 4, and says on 5 that it is ready. It reads FIFOs in the bundle, which the
 * monitor keeps open as it keeps any FIFO; so no byte goes through us, and the logger sees the end
 * when the process and its monitor have ended.
 */
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "containerd/helper/helper.h"
#include "process/identity.h"

#define WORDS_MAX 256
#define READY_TIMEOUT 10000 /* milliseconds */
#define END_TIMEOUT 10000
#define TERM_TIMEOUT 2000

/* The place of a logger: its FIFOs, and its identity in the form of a process directory. */
static int directory_name(const char *exec_id, char name[128]) {
    return snprintf(name, 128, "shimhost-logger%s%s", exec_id[0] ? "-" : "", exec_id) < 128
               ? 0
               : -ENAMETOOLONG;
}

/* ---------------------------------------------------------------------------- the command */

static int hex(char c) {
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static void decode(char *text) {
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from == '%' && isxdigit((unsigned char)from[1]) && isxdigit((unsigned char)from[2])) {
            *to++ = (char)(hex(from[1]) << 4 | hex(from[2]));
            from += 2;
        } else {
            *to++ = *from == '+' ? ' ' : *from;
        }
    }
    *to = '\0';
}

/* Splits "PATH?key=value&key" in place. */
static int split(char *path, char *words[WORDS_MAX], struct shim_error *error) {
    size_t count = 0;
    char *rest = strchr(path, '?'), *item;
    if (rest)
        *rest++ = '\0';
    words[count++] = path;
    while ((item = strsep(&rest, "&"))) {
        char *value = strchr(item, '=');
        if (count + 3 > WORDS_MAX)
            return error_set(error, -E2BIG, "too many arguments for the logger %s", path);
        if (!*item)
            continue;
        if (value)
            *value++ = '\0';
        decode(item);
        words[count++] = item;
        if (value && *value) {
            decode(value);
            words[count++] = value;
        }
    }
    words[count] = NULL;
    return 0;
}

/* ---------------------------------------------------------------------------- starting */

/* A FIFO with its reading end, and one that keeps it from ending before the monitor has it. */
static int make_fifo(const char *path, int *ret_reader, int *ret_keeper, struct shim_error *error) {
    if (mkfifo(path, 0600) < 0 && errno != EEXIST)
        return error_set(error, -errno, "cannot make %s: %s", path, strerror(errno));
    int keeper AUTO_CLOSE = open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    int reader AUTO_CLOSE = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (keeper < 0 || reader < 0)
        return error_set(error, -errno, "cannot open %s: %s", path, strerror(errno));
    *ret_reader = fd_steal(&reader);
    *ret_keeper = fd_steal(&keeper);
    return 0;
}

/* Out of the way of 3, 4 and 5, so that moving one there does not close another. */
static int move_up(int fd) {
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    fd_close(fd);
    return moved;
}

static int spawn(char **words, char **environment, const int fds[3], pid_t *ret_pid) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
    for (int i = 0; i < 3; i++)
        posix_spawn_file_actions_adddup2(&actions, fds[i], 3 + i);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    int r = posix_spawn(ret_pid, words[0], &actions, &attributes, words, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

/* Until the logger closes its descriptor 5 or writes a byte to it. */
static int await_ready(int fd, bool byte_needed, const char *path, struct shim_error *error) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int64_t deadline = deadline_after(READY_TIMEOUT);
    char byte;
    int r;
    while ((r = poll(&wait, 1, deadline_poll(deadline))) <= 0)
        if ((r < 0 && errno != EINTR) || deadline_left(deadline) == 0)
            return error_set(error, -ETIMEDOUT, "the logger %s did not say that it is ready", path);
    if (read(fd, &byte, 1) != 1 && byte_needed)
        return error_set(error, -EPIPE, "the logger %s ended before it was ready", path);
    return 0;
}

static int note_identity(const char *directory, pid_t pid, struct shim_error *error) {
    struct shim_identity identity = {.size = sizeof(identity)};
    int fd AUTO_CLOSE = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, -errno, "cannot open %s: %s", directory, strerror(errno));
    int r = identity_of(pid, &identity, error);
    return r < 0 ? r : identity_write_process(fd, &identity, error);
}

static int launch(const struct helper *helper, char **words, bool byte_needed,
                  const char *directory, const int readers[2], struct shim_error *error) {
    char *id AUTO_FREE = NULL, *namespace AUTO_FREE = NULL;
    int ready[2];
    pid_t pid;
    if (asprintf(&id, "CONTAINER_ID=%s", helper->request->container) < 0 ||
        asprintf(&namespace, "CONTAINER_NAMESPACE=%s", helper->request->namespace_) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    if (pipe2(ready, O_CLOEXEC) < 0)
        return error_set(error, -errno, "cannot make a pipe: %s", strerror(errno));
    int reader AUTO_CLOSE = ready[0], writer AUTO_CLOSE = move_up(ready[1]);
    char *environment[] = {id, namespace, NULL};
    int r = spawn(words, environment, (const int[3]){readers[0], readers[1], writer}, &pid);
    if (r < 0)
        return error_set(error, r, "cannot run the logger %s: %s", words[0], strerror(-r));
    writer = fd_close(writer);
    r = note_identity(directory, pid, error);
    if (r == 0)
        r = await_ready(reader, byte_needed, words[0], error);
    if (r < 0)
        kill(pid, SIGKILL);
    return r;
}

int logger_start(const struct helper *helper, const char *uri, struct stdio *stdio,
                 struct shim_error *error) {
    bool byte_needed = strncmp(uri, "binary-v2://", 12) == 0;
    char *words[WORDS_MAX], *path AUTO_FREE = strdup(uri + (byte_needed ? 12 : 9));
    char name[128], directory[PATH_MAX];
    if (!path)
        return error_set(error, -ENOMEM, "out of memory");
    int r = split(path, words, error);
    if (r < 0)
        return r;
    if (path[0] != '/' || directory_name(helper->request->exec_id, name) < 0)
        return error_set(error, -EINVAL, "%s: expected an absolute path of a logger", uri);
    snprintf(directory, sizeof(directory), "%s/%s", helper->request->bundle, name);
    if (mkdir(directory, 0700) < 0 && errno != EEXIST)
        return error_set(error, -errno, "cannot make %s: %s", directory, strerror(errno));
    int readers[2] = {-1, -1};
    for (int i = 0; r == 0 && i < 2; i++) {
        char *fifo AUTO_FREE = NULL;
        if (asprintf(&fifo, "%s/%s", directory, i == 0 ? "stdout" : "stderr") < 0 ||
            asprintf(&stdio->targets[1 + i], "fifo:%s", fifo) < 0)
            return error_set(error, -ENOMEM, "out of memory");
        r = make_fifo(fifo, &readers[i], &stdio->fifos[i], error);
        if (r == 0)
            readers[i] = move_up(readers[i]);
    }
    if (r == 0)
        r = launch(helper, words, byte_needed, directory, readers, error);
    fd_close(readers[0]);
    fd_close(readers[1]);
    if (helper->request->terminal) { /* one output */
        free(stdio->targets[2]);
        stdio->targets[2] = NULL;
    }
    return r;
}

/* ---------------------------------------------------------------------------- ending */

static bool await_end(int pidfd, int64_t timeout) {
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    int64_t deadline = deadline_after(timeout);
    while (poll(&wait, 1, deadline_poll(deadline)) <= 0)
        if (deadline_left(deadline) == 0)
            return false;
    return true;
}

static void end(const struct shim_identity *identity) {
    struct shim_error ignored = ERROR_NONE;
    int pidfd AUTO_CLOSE = -1;
    if (identity_open(identity, &pidfd, &ignored) < 0 || await_end(pidfd, END_TIMEOUT))
        return;
    identity_signal(identity, SIGTERM, &ignored);
    if (!await_end(pidfd, TERM_TIMEOUT))
        identity_signal(identity, SIGKILL, &ignored);
}

void logger_end(const char *bundle, const char *exec_id) {
    struct shim_identity identity = {.size = sizeof(identity)};
    struct shim_error ignored = ERROR_NONE;
    char name[128];
    int bundle_fd AUTO_CLOSE = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd AUTO_CLOSE = -1;
    if (bundle_fd < 0 || directory_name(exec_id, name) < 0 ||
        directory_open_at(bundle_fd, name, &fd, &ignored) < 0)
        return;
    if (identity_read_process(fd, &identity, &ignored) == 0)
        end(&identity);
    tree_remove_at(bundle_fd, name, 1, &ignored);
}
