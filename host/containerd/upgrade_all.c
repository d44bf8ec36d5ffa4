/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upgrade: has every server replace itself by the program that is installed now. Servers are found
 * among the processes of this user, by the program that they execute and the words that it was
 * given; each is asked over the socket that it listens on, so that nobody else can be meant, and
 * answers when the new program has taken over. No signal is sent to a pid.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "containerd/actions.h"
#include "containerd/address.h"
#include "containerd/client.h"
#include "containerd/serve.h"
#include "containerd/ttrpc.h"
#include "server.pb-c.h"
#include "types.pb-c.h"

#define PROGRAM "containerd-shim-shimhost-v1"
#define CMDLINE_MAX (64u << 10)
#define SOCKETS_MAX (64u << 20)
#define WORDS_MAX 64
#define TIMEOUT 60 /* seconds */
#define TIMEOUT_MAX 86400

struct found {
    struct found *next;
    int pid;
    char *words; /* its command line, which `arguments` points into */
    struct arguments arguments;
    char path[ADDRESS_PATH_SIZE]; /* of its socket */
    int fd;                       /* connected to it; or -1 */
};

static void found_free(struct found *found) {
    while (found) {
        struct found *next = found->next;
        fd_close(found->fd);
        free(found->words);
        free(found);
        found = next;
    }
}

static void found_cleanup(struct found **found) {
    found_free(*found);
}

/* ---------------------------------------------------------------------------- finding */

/* Does it execute this program, or one that was replaced by it? */
static bool executes_us(int proc_fd) {
    char path[PATH_MAX];
    if (program_of(proc_fd, path, sizeof(path)) < 0)
        return false;
    const char *slash = strrchr(path, '/');
    return slash && strcmp(slash + 1, PROGRAM) == 0;
}

/* Its command line, if that is one of a server's. */
static bool read_words(int proc_fd, struct found *found) {
    char *argv[WORDS_MAX];
    int argc = 0;
    size_t length;
    struct shim_error ignored = ERROR_NONE;
    if (file_read_at(proc_fd, "cmdline", CMDLINE_MAX, &found->words, &length, NULL) < 0)
        return false;
    for (size_t at = 0; at < length; at += strlen(found->words + at) + 1) {
        if (argc == WORDS_MAX)
            return false;
        argv[argc++] = found->words + at;
    }
    const struct arguments *arguments = &found->arguments;
    return argc > 0 && arguments_read(argc, argv, &found->arguments, &ignored) == 0 &&
           arguments->namespace[0] && arguments->id[0] && !arguments->action[0] &&
           arguments->check < 0;
}

/* Finds a line "NUM: REFERENCES PROTOCOL FLAGS TYPE STATE INODE PATH" of /proc/net/unix. */
static bool find_socket(const char *text, uint64_t wanted, char ret_path[ADDRESS_PATH_SIZE]) {
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        uint64_t inode;
        int at = 0;
        line += *line == '\n';
        if (sscanf(line, "%*[^:]: %*x %*x %*x %*x %*x %" SCNu64 " %n", &inode, &at) != 1 ||
            inode != wanted || line[at] != '/')
            continue;
        size_t length = strcspn(line + at, "\n");
        if (length >= ADDRESS_PATH_SIZE)
            return false;
        memcpy(ret_path, line + at, length);
        ret_path[length] = '\0';
        return true;
    }
    return false;
}

/* The path of the socket that it listens on, as its own network namespace has it. */
static bool read_path(int proc_fd, struct found *found) {
    char name[16], link[64], *text AUTO_FREE = NULL;
    uint64_t inode;
    size_t length;
    snprintf(name, sizeof(name), "fd/%d", SERVE_LISTENER);
    ssize_t n = readlinkat(proc_fd, name, link, sizeof(link) - 1);
    if (n <= 0)
        return false;
    link[n] = '\0';
    int net_fd AUTO_CLOSE = openat(proc_fd, "net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return sscanf(link, "socket:[%" SCNu64 "]", &inode) == 1 && net_fd >= 0 &&
           file_read_at(net_fd, "unix", SOCKETS_MAX, &text, &length, NULL) == 0 &&
           find_socket(text, inode, found->path);
}

static bool is_wanted(const struct arguments *wanted, const struct arguments *server) {
    return (!wanted->namespace[0] || strcmp(wanted->namespace, server->namespace) == 0) &&
           (!wanted->id[0] || strcmp(wanted->id, server->id) == 0);
}

/* A server of ours, or NULL. */
static struct found *look_at(int all_fd, const char *name, const struct arguments *wanted) {
    struct stat status;
    int proc_fd AUTO_CLOSE = openat(all_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc_fd < 0 || fstat(proc_fd, &status) < 0 || status.st_uid != geteuid() ||
        !executes_us(proc_fd))
        return NULL;
    struct found *found = calloc(1, sizeof(*found));
    if (!found)
        return NULL;
    found->fd = -1;
    found->pid = atoi(name);
    if (!read_words(proc_fd, found) || !is_wanted(wanted, &found->arguments) ||
        !read_path(proc_fd, found)) {
        found_free(found);
        return NULL;
    }
    return found;
}

static int find_servers(const struct arguments *wanted, struct found **ret,
                        struct shim_error *error) {
    struct found *first = NULL;
    DIR *all = opendir("/proc");
    if (!all)
        return error_set(error, -errno, "cannot open /proc: %s", strerror(errno));
    for (struct dirent *entry; (entry = readdir(all));) {
        struct found *found = isdigit((unsigned char)entry->d_name[0])
                                  ? look_at(dirfd(all), entry->d_name, wanted)
                                  : NULL;
        if (found) {
            found->next = first;
            first = found;
        }
    }
    closedir(all);
    *ret = first;
    return 0;
}

/* ---------------------------------------------------------------------------- asking */

static int ask(struct found *found, struct shim_error *error) {
    const Pb__Empty nothing = PB__EMPTY__INIT;
    int fd = client_ask(found->path, "Upgrade", &nothing.base, error);
    if (fd >= 0)
        found->fd = fd;
    return fd;
}

static int take_response(const struct found *found, const Pb__Response *response,
                         struct shim_error *error) {
    char shown[512];
    if (response->status && response->status->code == RPC_UNIMPLEMENTED)
        return error_set(error, -EOPNOTSUPP, "it is of a version that cannot be asked");
    if (response->status && response->status->code != RPC_OK)
        return error_set(error, -EIO, "%s",
                         text_show(shown, sizeof(shown), response->status->message,
                                   strlen(response->status->message)));
    Pb__UpgradeResponse *answer =
        pb__upgrade_response__unpack(NULL, response->payload.len, response->payload.data);
    int r = answer ? 0 : error_set(error, -EBADMSG, "its answer is malformed");
    if (r == 0 && answer->pid != (uint32_t)found->pid)
        r = error_set(error, -EBADMSG, "the process %u has answered instead of it", answer->pid);
    if (r == 0)
        printf("%d\t%s\t%s\t%s\t%s\n", found->pid, found->arguments.namespace, found->arguments.id,
               answer->version_before[0] ? answer->version_before : "unknown",
               answer->version_after);
    if (answer)
        pb__upgrade_response__free_unpacked(answer, NULL);
    return r;
}

/* Waits for the answer and prints what it says. */
static int hear(const struct found *found, int64_t deadline, struct shim_error *error) {
    Pb__Response *response;
    int r = client_hear(found->fd, deadline, &response, error);
    if (r == 0) {
        r = take_response(found, response, error);
        pb__response__free_unpacked(response, NULL);
    }
    return r;
}

/* ---------------------------------------------------------------------------- the action */

static void complain(const struct found *found, const struct shim_error *error) {
    fprintf(stderr, PROGRAM ": server %d (%s/%s) was not replaced: %s\n", found->pid,
            found->arguments.namespace, found->arguments.id, error->message);
}

static int read_timeout(const char *text, int64_t *ret, struct shim_error *error) {
    uint64_t seconds = TIMEOUT;
    if (text[0] && parse_decimal(text, strlen(text), TIMEOUT_MAX, &seconds) < 0)
        return error_set(error, -EINVAL, "-timeout: expected seconds, at most %d", TIMEOUT_MAX);
    *ret = (int64_t)seconds * 1000;
    return 0;
}

/* All are asked before the first answer is waited for, so the slow ones do not add up. */
int action_upgrade(const struct arguments *arguments, struct shim_error *error) {
    struct found *servers __attribute__((cleanup(found_cleanup))) = NULL;
    int64_t timeout = 0;
    int r = read_timeout(arguments->timeout, &timeout, error);
    if (r < 0 || (r = find_servers(arguments, &servers, error)) < 0)
        return r;
    int failed = 0, all = 0;
    for (struct found *found = servers; found; found = found->next, all++) {
        struct shim_error problem = ERROR_NONE;
        if (ask(found, &problem) < 0) {
            complain(found, &problem);
            failed++;
        }
    }
    int64_t deadline = deadline_after(timeout);
    if (servers)
        printf("PID\tNAMESPACE\tID\tBEFORE\tAFTER\n");
    for (struct found *found = servers; found; found = found->next) {
        struct shim_error problem = ERROR_NONE;
        if (found->fd >= 0 && hear(found, deadline, &problem) < 0) {
            complain(found, &problem);
            failed++;
        }
    }
    if (fflush(stdout) != 0)
        return error_set(error, -errno, "cannot write to standard output: %s", strerror(errno));
    return failed == 0 ? 0
                       : error_set(error, -EIO, "%d of %d servers were not replaced", failed, all);
}
