/* SPDX-License-Identifier: Apache-2.0 */
/* Create and the start of an exec. */
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
#include "containerd/bundle.h"
#include "containerd/helper/helper.h"
#include "containerd/ttrpc.h"
#include "process/pidfile.h"
#include "state/record.h"

/* ---------------------------------------------------------------------------- the runtime */

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* An absolute path for a program, as a shell would find it. */
static int find_program(const char *name, char **ret_path, struct shim_error *error) {
    const char *search = getenv("PATH");
    if (name[0] == '/') {
        *ret_path = strdup(name);
        return *ret_path ? 0 : error_set(error, -ENOMEM, "out of memory");
    }
    for (const char *at = search ? search : ""; *at && !strchr(name, '/');) {
        size_t length = strcspn(at, ":");
        char *path AUTO_FREE = NULL;
        if (asprintf(&path, "%.*s/%s", (int)length, at, name) < 0)
            return error_set(error, -ENOMEM, "out of memory");
        if (path[0] == '/' && access(path, X_OK) == 0) {
            *ret_path = pointer_steal(&path);
            return 0;
        }
        at += length + (at[length] == ':');
    }
    return error_set(error, -ENOENT, "the runtime's binary `%s` is not in the PATH", name);
}

/* A binary without the name of a runtime: which one is it? The runtime of the binary's name, or
 * else the default one with another binary. */
static int match_binary(const struct helper *helper, struct choice *choice,
                        struct shim_error *error) {
    if (!choice->binary)
        return 0;
    struct config_problems problems = CONFIG_PROBLEMS_NONE;
    const struct runtime_config *config;
    char *path AUTO_FREE = NULL;
    if (!choice->runtime &&
        config_runtime(helper->config, last_part(choice->binary), &config, &problems) == 0)
        choice->runtime = strdup(last_part(choice->binary));
    config_problems_clear(&problems);
    int r = find_program(choice->binary, &path, error);
    if (r < 0)
        return r;
    free(choice->binary);
    choice->binary = pointer_steal(&path);
    return 0;
}

/* Two namespaces may have containers of one id, so a runtime keeps them apart. */
static int choose_root(const struct helper *helper, const struct choice *choice, char **ret_root,
                       struct shim_error *error) {
    struct config_problems problems = CONFIG_PROBLEMS_NONE;
    const struct runtime_config *config;
    int r = config_runtime(helper->config, choice->runtime, &config, &problems);
    if (r < 0)
        config_problems_error(&problems, error);
    config_problems_clear(&problems);
    if (r < 0)
        return r;
    const char *above = choice->root ? choice->root : config->root;
    char *own AUTO_FREE = NULL;
    if (!above && asprintf(&own, "%s/.%s", helper->state_dir, config->name) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    const char *directory = above ? above : own;
    if (asprintf(ret_root, above ? "%s/%s" : "%s", directory, helper->request->namespace_) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    if ((r = directory_make_above(*ret_root, 0755, error)) < 0)
        return r;
    if (mkdir(*ret_root, 0700) < 0 && errno != EEXIST)
        return error_set(error, -errno, "cannot make %s: %s", *ret_root, strerror(errno));
    return 0;
}

/* ---------------------------------------------------------------------------- spawning */

static void set_streams(struct spawn_request *spawn, const struct helper *helper,
                        const struct stdio *stdio) {
    for (int i = 0; i < 3; i++)
        spawn->streams.targets[i] = stdio->targets[i];
    spawn->streams.columns = (uint16_t)helper->request->width;
    spawn->streams.rows = (uint16_t)helper->request->height;
    if (helper->request->terminal)
        spawn->flags |= SHIM_PROCESS_TERMINAL;
}

/* Out of the state directory, where the monitor has put it before the spawn was over. */
static int note_pid(struct helper *helper, struct shim_error *error) {
    char *path AUTO_FREE = NULL;
    pid_t pid;
    if (asprintf(&path, "%s/%s/%s", helper->state_dir, helper->request->container,
                 helper->process ? helper->process : PROCESS_INIT) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, -errno, "cannot open %s: %s", path, strerror(errno));
    int r = pidfile_read(fd, "pid", &pid, error);
    if (r == 0)
        helper->response.pid = (uint32_t)pid;
    return r;
}

/* The first process of a pid namespace has the number 1 in it; then its end ends all others. */
static bool shares_pids(uint32_t pid) {
    char path[64], line[256];
    bool shared = true;
    snprintf(path, sizeof(path), "/proc/%u/status", pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "NSpid:", 6) == 0) {
            size_t length = strcspn(line, "\n");
            shared = !(length > 2 && line[length - 1] == '1' && line[length - 2] == '\t' &&
                       strchr(line + 7, '\t'));
        }
    if (file)
        fclose(file);
    return shared;
}

/* What `delete` will want to know when the server is dead. */
static int note_in_bundle(const struct helper *helper, const char *config,
                          struct shim_error *error) {
    const Pb__HelperRequest *request = helper->request;
    char *state AUTO_FREE = NULL;
    int fd AUTO_CLOSE = open(request->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, -errno, "cannot open %s: %s", request->bundle, strerror(errno));
    if (asprintf(&state, "%s/%s", helper->state_dir, request->container) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    if (unlinkat(fd, BUNDLE_STATE, 0) < 0 && errno != ENOENT)
        return error_set(error, -errno, "cannot replace %s: %s", BUNDLE_STATE, strerror(errno));
    if (symlinkat(state, fd, BUNDLE_STATE) < 0)
        return error_set(error, -errno, "cannot make %s: %s", BUNDLE_STATE, strerror(errno));
    return config ? file_write_at(fd, BUNDLE_CONFIG, config, strlen(config), error) : 0;
}

/* What was left by a creation of that id which nobody has finished is removed; what runs is not. */
static int spawn_anew(struct helper *helper, const struct spawn_request *spawn,
                      struct shim_error *error) {
    int r = engine_spawn(helper->engine, spawn, error);
    if (r != -EEXIST)
        return r;
    struct shim_error problem = ERROR_NONE;
    if (engine_delete(helper->engine, spawn->container, NULL, false, &problem) < 0)
        return r;
    *error = (struct shim_error)ERROR_NONE;
    return engine_spawn(helper->engine, spawn, error);
}

static int create_in(struct helper *helper, const struct choice *choice, const char *root,
                     struct shim_error *error) {
    static const char *const systemd[] = {"--systemd-cgroup", NULL};
    static const char *const no_keyring[] = {"--no-new-keyring", NULL};
    struct stdio stdio;
    int r = stdio_open(helper, &stdio, error);
    if (r < 0)
        return r;
    struct spawn_request spawn = {
        .container = helper->request->container,
        .runtime = choice->runtime,
        .bundle = helper->request->bundle,
        .flags = choice->no_pivot_root ? SHIM_PROCESS_NO_PIVOT_ROOT : 0,
        .override = {.binary = choice->binary,
                     .root = root,
                     .args = choice->systemd_cgroup ? systemd : NULL},
        .owner = choice->has_owner ? &choice->owner : NULL,
        .runtime_args = choice->no_new_keyring ? no_keyring : NULL,
    };
    if (helper->request->checkpoint[0]) { /* what is restored runs already */
        spawn.checkpoint = helper->request->checkpoint;
        spawn.flags |= SHIM_PROCESS_START;
        helper->response.running = true;
    }
    set_streams(&spawn, helper, &stdio);
    r = spawn_anew(helper, &spawn, error);
    if (r < 0 && error->reason == SHIM_REASON_UNSUPPORTED && !spawn.checkpoint) {
        /* A runtime without `start` can only spawn what runs. */
        *error = (struct shim_error)ERROR_NONE;
        spawn.flags |= SHIM_PROCESS_START;
        helper->response.running = true;
        r = spawn_anew(helper, &spawn, error);
    }
    stdio_close(&stdio);
    if (r < 0)
        return error_context(error, "OCI runtime %s failed",
                             spawn.checkpoint ? "restore" : "create");
    return note_pid(helper, error);
}

static int note_pid_in_bundle(const struct helper *helper, struct shim_error *error) {
    int fd AUTO_CLOSE = open(helper->request->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? error_set(error, -errno, "cannot open the bundle: %s", strerror(errno))
                  : pidfile_write(fd, BUNDLE_PID, (pid_t)helper->response.pid, error);
}

static int create(struct helper *helper, struct choice *choice, struct shim_error *error) {
    const Pb__HelperRequest *request = helper->request;
    char *root AUTO_FREE = NULL;
    int r = choice_read(request->options, request->bundle, choice, error);
    if (r < 0 || (r = helper_open(helper, choice->config, error)) < 0 ||
        (r = match_binary(helper, choice, error)) < 0 ||
        (r = choose_root(helper, choice, &root, error)) < 0 ||
        (r = note_in_bundle(helper, choice->config, error)) < 0 ||
        (r = mounts_make(request->bundle, request->rootfs, request->n_rootfs, error)) < 0)
        return r;
    r = create_in(helper, choice, root, error);
    if (r == 0)
        r = note_pid_in_bundle(helper, error);
    if (r < 0) {
        mounts_undo(request->bundle);
        return r;
    }
    helper->response.shared_pids = shares_pids(helper->response.pid);
    return 0;
}

int verb_create(struct helper *helper, struct shim_error *error) {
    struct choice choice = {NULL};
    int r = create(helper, &choice, error);
    choice_clear(&choice);
    return r;
}

int verb_exec(struct helper *helper, struct shim_error *error) {
    const Pb__HelperRequest *request = helper->request;
    char *given AUTO_FREE = strndup((const char *)request->text.data, request->text.len);
    char *process AUTO_FREE = NULL;
    struct stdio stdio;
    if (!given)
        return error_set(error, -ENOMEM, "out of memory");
    int r = record_set_terminal(given, request->terminal, &process, error);
    if (r < 0 || (r = helper_open(helper, NULL, error)) < 0 ||
        (r = stdio_open(helper, &stdio, error)) < 0)
        return r;
    struct spawn_request spawn = {
        .container = request->container,
        .process = helper->process,
        .process_json = process,
        .flags = SHIM_PROCESS_START,
    };
    set_streams(&spawn, helper, &stdio);
    r = engine_spawn(helper->engine, &spawn, error);
    stdio_close(&stdio);
    return r < 0 ? error_context(error, "OCI runtime exec failed") : note_pid(helper, error);
}
