/* SPDX-License-Identifier: Apache-2.0 */
/* What is there beside the containers: monitors, mounts, the runtimes' own states, strange files.
 */
#include "engine/check_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "process/identity.h"

#define MONITOR_NAME "shimhost-monito" /* the kernel keeps 15 letters of a program's name */

/* ---- monitors ---- */

static bool is_monitor(int proc, const char *pid) {
    char path[40];
    char *name AUTO_FREE = NULL;
    size_t length;
    int directory AUTO_CLOSE = -1;
    snprintf(path, sizeof(path), "%.20s", pid);
    directory = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return directory >= 0 && file_read_at(directory, "comm", 64, &name, &length, NULL) == 0 &&
           strcmp(name, MONITOR_NAME "\n") == 0;
}

/* Splits "CONTAINER/PROCESS", as it comes below the state directory. */
static bool split(char *path, const char **ret_container, const char **ret_process) {
    char *slash = strchr(path, '/');
    if (!slash)
        return false;
    *slash = '\0';
    *ret_container = path;
    *ret_process = slash + 1;
    return id_valid(*ret_container) && id_valid(*ret_process);
}

/* 1: it is the one that its directory names, or that one's child, which has its name until it
 * becomes what it is made for, or a host is at work there; 0: it is not. */
static int belongs(struct check *check, pid_t pid, const char *container, const char *process) {
    int container_fd AUTO_CLOSE = -1, directory_fd AUTO_CLOSE = -1, lock AUTO_CLOSE = -1;
    struct shim_identity monitor = {.size = sizeof(monitor)};
    if (store_container_open(check->engine->store, container, &container_fd, NULL) < 0 ||
        store_process_open(container_fd, container, process, &directory_fd, NULL) < 0)
        return 0;
    if (store_try_lock(check->engine->store, container, container_fd, false, &lock, NULL) == 0)
        return 1;
    int r = identity_read_monitor(directory_fd, &monitor, NULL);
    return r < 0 ? r != -ENOENT : identity_is_or_child_of(pid, monitor.pid);
}

static void look_at_monitor(struct check *check, int proc, const char *pid) {
    static const char deleted[] = " (deleted)";
    const char *state = store_path(check->engine->store), *container, *process;
    char link[40], cwd[PATH_MAX];
    struct shim_identity identity = {.size = sizeof(identity)};
    snprintf(link, sizeof(link), "%.20s/cwd", pid);
    uint64_t number = 0;
    parse_decimal(pid, strlen(pid), INT32_MAX, &number);
    if (identity_of((pid_t)number, &identity, NULL) < 0)
        return;
    ssize_t length = readlinkat(proc, link, cwd, sizeof(cwd) - 1);
    if (length < 0)
        return; /* over, or somebody else's */
    cwd[length] = '\0';
    size_t above = strlen(state), tail = strlen(deleted);
    if (strncmp(cwd, state, above) != 0 || cwd[above] != '/')
        return; /* another state directory's */
    bool gone = (size_t)length > tail && strcmp(cwd + length - tail, deleted) == 0;
    if (gone)
        cwd[(size_t)length - tail] = '\0';
    if (!split(cwd + above + 1, &container, &process) ||
        (!gone && belongs(check, identity.pid, container, process)) ||
        identity_alive(&identity, NULL) != 1)
        return;
    struct check_finding finding = check_finding(
        container, process, "stray-monitor", "process %d is a monitor %s", identity.pid,
        gone ? "whose directory is gone" : "which the directory does not name");
    check_advise(&finding, "it ends with its process; who that is, its children tell: ps --ppid %d",
                 identity.pid);
    check_report(check, &finding);
}

struct machine {
    struct check *check;
    int proc;
};

static int each_process(const char *name, unsigned char type, void *user) {
    struct machine *machine = user;
    (void)type;
    if (name[0] >= '1' && name[0] <= '9' && is_monitor(machine->proc, name))
        look_at_monitor(machine->check, machine->proc, name);
    return 0;
}

static int check_monitors(struct check *check, struct shim_error *error) {
    int proc AUTO_CLOSE = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0)
        return error_set(error, -errno, "cannot open /proc: %s", strerror(errno));
    return directory_list(proc, each_process, &(struct machine){check, proc}, error);
}

/* ---- mounts ---- */

static int check_mounts(struct check *check, struct shim_error *error) {
    const char *state = store_path(check->engine->store);
    size_t above = strlen(state);
    char *line AUTO_FREE = NULL;
    size_t room = 0;
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    if (!mounts)
        return error_set(error, -errno, "cannot open /proc/self/mountinfo: %s", strerror(errno));
    while (getline(&line, &room, mounts) > 0) {
        char point[PATH_MAX], shown[256];
        if (sscanf(line, "%*d %*d %*s %*s %4095s", point) != 1 ||
            strncmp(point, state, above) != 0 || point[above] != '/')
            continue;
        struct check_finding finding =
            check_finding(NULL, NULL, "mount", "something is mounted on %s",
                          text_show(shown, sizeof(shown), point, strlen(point)));
        check_advise(&finding, "unmount it; a directory below which something is mounted is not "
                               "removed");
        check_report(check, &finding);
    }
    fclose(mounts);
    return 0;
}

/* ---- the runtimes' own states ---- */

struct root {
    struct check *check;
    const struct runtime_config *config;
    char path[PATH_MAX];
};

/* A namespace of containerd's has a directory of its own in the root, and its containers there. */
static int find_root(struct root *root, struct shim_error *error) {
    static const char above[] = STORE_NAMESPACES;
    const char *state = store_path(root->check->engine->store);
    const char *name = strrchr(state, '/');
    size_t before = (size_t)(name - state), length = strlen(above);
    bool namespace = before > length && strncmp(name - length, above, length) == 0;
    int n =
        snprintf(root->path, sizeof(root->path), "%s%s", root->config->root, namespace ? name : "");
    return n >= 0 && (size_t)n < sizeof(root->path)
               ? 0
               : error_set(error, -ENAMETOOLONG, "the root %s is too long", root->config->root);
}

static bool is_namespace(const struct root *root, const char *name) {
    char path[PATH_MAX];
    struct stat status;
    int n = snprintf(path, sizeof(path), "%s" STORE_NAMESPACES "/%s",
                     store_path(root->check->engine->store), name);
    return n >= 0 && (size_t)n < sizeof(path) && lstat(path, &status) == 0;
}

/* Where a runtime has a root of its own, of which the configuration says so, its containers are
 * ours. */
static int each_state(const char *name, unsigned char type, void *user) {
    const struct root *root = user;
    int fd AUTO_CLOSE = -1;
    if (type != DT_DIR || !id_valid(name) || is_namespace(root, name) ||
        store_container_open(root->check->engine->store, name, &fd, NULL) != -ENOENT)
        return 0;
    struct check_finding finding =
        check_finding(name, NULL, "runtime-state",
                      "runtime %s has a container of that id in %.300s, and no directory here has",
                      root->config->name, root->path);
    check_advise(&finding, "if nobody else uses that root, run: %.200s --root %.200s delete %s",
                 root->config->binary ? root->config->binary : root->config->plugin, root->path,
                 name);
    check_report(root->check, &finding);
    return 0;
}

/* Calls `each` with every runtime whose file can be read, until it returns something else than 0;
 * what is wrong with others, shimhost runtimes says. */
static int each_runtime(struct check *check,
                        int (*each)(const struct runtime_config *runtime, void *user), void *user,
                        struct shim_error *error) {
    struct config_problems problems = CONFIG_PROBLEMS_NONE;
    const struct config *config = check->engine->options.config;
    const struct runtime_config *runtime;
    const char *const *names;
    size_t n;
    int r = config_runtime_names(config, &names, &n, &problems);
    if (r < 0)
        config_problems_error(&problems, error);
    for (size_t i = 0; r == 0 && i < n; i++)
        if (config_runtime(config, names[i], &runtime, &problems) >= 0)
            r = each(runtime, user);
    config_problems_clear(&problems);
    return r;
}

struct roots {
    struct check *check;
    struct shim_error *error;
};

static int check_root(const struct runtime_config *runtime, void *user) {
    const struct roots *roots = user;
    struct root root = {.check = roots->check, .config = runtime};
    if (!runtime->root)
        return 0;
    int r = find_root(&root, roots->error);
    int fd AUTO_CLOSE =
        r < 0 ? -1 : open(root.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? r : directory_list(fd, each_state, &root, roots->error);
}

/* ---- the state directory ---- */

struct stranger {
    const char *name;
    const char *state;
};

/* A root may be hidden there: a configured one, or one of containerd's for a runtime that has
 * none. */
static int is_root(const struct runtime_config *runtime, void *user) {
    const struct stranger *stranger = user;
    size_t state = strlen(stranger->state), name = strlen(stranger->name);
    const char *root = runtime->root;
    if (!root)
        return strcmp(stranger->name + 1, runtime->name) == 0;
    return strncmp(root, stranger->state, state) == 0 && root[state] == '/' &&
           strncmp(root + state + 1, stranger->name, name) == 0 &&
           (root[state + 1 + name] == '/' || !root[state + 1 + name]);
}

static int each_stranger(const char *name, void *user) {
    struct check *check = user;
    struct stranger stranger = {name, store_path(check->engine->store)};
    char shown[128];
    if (name[0] == '.' && each_runtime(check, is_root, &stranger, NULL) == 1)
        return 0;
    struct check_finding finding =
        check_finding(NULL, NULL, "stranger", "%s, in the state directory, is no container",
                      text_show(shown, sizeof(shown), name, strlen(name)));
    check_advise(&finding, "find out who put it there, and remove it");
    check_report(check, &finding);
    return 0;
}

int check_machine(struct check *check, struct shim_error *error) {
    int r = store_strangers(check->engine->store, each_stranger, check, error);
    if (r < 0 || (r = check_monitors(check, error)) < 0 || (r = check_mounts(check, error)) < 0)
        return r;
    return each_runtime(check, check_root, &(struct roots){check, error}, error);
}
