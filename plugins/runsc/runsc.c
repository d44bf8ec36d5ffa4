/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runsc, gVisor's runtime. A container is a sandbox process on the host, whose exit status is the
 * container's, and which passes on the signals that it gets. The processes within have pids of
 * their own: an exec is, on the host, a process that waits for one of those and ends as it ends,
 * but passes no signals on. What stands under `options` is given to runsc as it is: `platform: kvm`
 * as --platform=kvm.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <shimhost/oci.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where exec writes the pid that its process has within the sandbox. */
#define INNER_PID ".pid.inner"

#define CONFIG_LIMIT ((size_t)4 << 20)

static const char *const binaries[] = {"/usr/bin/runsc", "/usr/local/bin/runsc", NULL};

static const struct shim_oci_word words[] = {
    {"events", "events"},      {"update", ""},       {"--no-pivot", ""},
    {"--tcp-established", ""}, {"--file-locks", ""}, {NULL, NULL},
};

static const struct shim_oci_phrase phrases[] = {
    {SHIM_REASON_NOT_FOUND, "error finding executable", NULL},
    {SHIM_REASON_NOT_FOUND, "failed to load", "no such file or directory"},
    {SHIM_REASON_NOT_FOUND, "failed to load", "not a directory"},
    {SHIM_REASON_NOT_EXECUTABLE, "failed to load", "permission denied"},
    {SHIM_REASON_NOT_EXECUTABLE, "failed to load", "too many symbolic links"},
    {SHIM_REASON_NOT_EXECUTABLE, "failed to load", "file name too long"},
    {SHIM_REASON_NOT_EXECUTABLE, "failed to load", "exec format error"},
    {SHIM_REASON_NOT_RUNNING, "loading container: file does not exist", NULL},
    {SHIM_REASON_NOT_RUNNING, "sandbox is not running", NULL},
    {SHIM_REASON_NOT_RUNNING, "in state stopped", NULL},
    {0, NULL, NULL},
};

/* Its versions are dates. */
static const struct shim_oci_hole holes[] = {
    {"CVE-2025-2713", NULL, "20250319.0", "runsc may read files of root for an unprivileged user"},
    {NULL, NULL, NULL, NULL},
};

/* ------------------------------------------------------------------------------------ options */

/* These say what shimhost itself has to say. */
static int is_reserved(const char *key) {
    static const char *const reserved[] = {"root", "log", "log-format", "log-fd", "version"};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
        if (strcmp(reserved[i], key) == 0)
            return 1;
    return 0;
}

static int check_options(const struct shim_context *context, struct shim_error *error) {
    const char *key, *value;
    for (size_t i = 0; context->services->option_at(context, i, &key, &value) == 0; i++) {
        if (is_reserved(key))
            return context->services->fail(error, -EINVAL, SHIM_REASON_NONE,
                                           "%s: options.%s: this one is shimhost's to give",
                                           context->runtime->source, key);
        if (!*key || key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-_")])
            return context->services->fail(
                error, -EINVAL, SHIM_REASON_NONE,
                "%s: options.%s: expected the name of one of runsc's flags with a plain value",
                context->runtime->source, key);
    }
    return 0;
}

static void add_options(const struct shim_context *context, struct shim_oci_words *line) {
    const char *key, *value;
    for (size_t i = 0; context->services->option_at(context, i, &key, &value) == 0; i++)
        shim_oci_add_format(line, "--%s=%s", key, value);
}

static void add_inner_pid(const struct shim_context *context, const struct shim_process *process,
                          const char *subcommand, struct shim_oci_words *line) {
    (void)context;
    if (strcmp(subcommand, "exec") != 0)
        return;
    shim_oci_add(line, "--internal-pid-file");
    shim_oci_add_format(line, "%s/" INNER_PID, process->directory);
}

static const struct shim_oci_runtime runsc = {
    .size = sizeof(runsc),
    .name = "runsc",
    .binaries = binaries,
    .state_root = "/run/runsc",
    .state_name = "@id@_sandbox:@id@.state",
    .words = words,
    .phrases = phrases,
    .holes = holes,
    .holes_date = "2026-09-11",
    .global_words = add_options,
    .command_words = add_inner_pid,
};

/* ------------------------------------------------------------------------------------ entries */

static int open_runtime(struct shim_context *context, struct shim_error *error) {
    int r = check_options(context, error);
    return r < 0 ? r : shim_oci_open(context, &runsc, error);
}

/* A container without a network namespace of its own would get the host's network, which runsc
 * gives only on request. */
static int explain(const struct shim_context *context, struct shim_error *error) {
    struct shim_error copy = *error;
    if (!strstr(copy.message, "root network namespace"))
        return copy.code;
    return context->services->fail(
        error, copy.code, copy.reason,
        "%s; give the bundle a network namespace, or set `options: { network: none }` (or host) "
        "in %s",
        copy.message, context->runtime->source);
}

/* The bundle's config.json, or NULL: what is wrong with it, the helper tells. */
static char *read_config(const struct shim_context *context, const struct shim_process *process) {
    char *config = NULL;
    int bundle = open(process->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (bundle >= 0) {
        context->services->file_read(bundle, "config.json", CONFIG_LIMIT, &config, NULL);
        close(bundle);
    }
    return config;
}

/* Refuses what runsc would put into the sandbox of another container: the process that it names is
 * then that sandbox, which another monitor watches. */
static int check_alone(const struct shim_context *context, const struct shim_process *process,
                       struct shim_error *error) {
    /* Of these, runsc takes the first that is there. */
    static const char *const pointers[] = {"/annotations/io.kubernetes.cri.container-type",
                                           "/annotations/io.kubernetes.cri-o.ContainerType"};
    const struct shim_services *services = context->services;
    char *config = read_config(context, process), type[16];
    const char *pointer = NULL;
    int r = -ENOENT;
    for (size_t i = 0; config && r == -ENOENT && i < sizeof(pointers) / sizeof(*pointers); i++) {
        pointer = pointers[i];
        r = services->json_value(config, pointer, type, sizeof(type), NULL);
    }
    services->text_free(config);
    if (r < 0 || strcmp(type, "container") != 0)
        return 0;
    return services->fail(error, -EOPNOTSUPP, SHIM_REASON_UNSUPPORTED,
                          "runtime %s cannot run a container within the sandbox of another one, "
                          "which the bundle's annotation %s asks for; use another runtime for pods",
                          context->runtime->name, pointer + strlen("/annotations/"));
}

static int spawn(const struct shim_context *context, const struct shim_process *process,
                 struct shim_error *error) {
    int r = process->flags & SHIM_PROCESS_EXEC ? 0 : check_alone(context, process, error);
    if (r < 0)
        return r;
    r = shim_oci_spawn(context, process, error);
    return r < 0 && error ? explain(context, error) : r;
}

static int restore(const struct shim_context *context, const struct shim_process *process,
                   struct shim_error *error) {
    int r = check_alone(context, process, error);
    return r < 0 ? r : shim_oci_restore(context, process, error);
}

static int start(const struct shim_context *context, const struct shim_process *process,
                 struct shim_error *error) {
    int r = shim_oci_start(context, process, error);
    return r < 0 && error ? explain(context, error) : r;
}

/* As long as the process on the host has not ended, the pid within is not given to another one. */
static int signal_exec(const struct shim_context *context, const struct shim_process *process,
                       int32_t signal, struct shim_error *error) {
    const struct shim_services *services = context->services;
    struct shim_state state = {.size = sizeof(state)};
    char pid_text[16], signal_text[16];
    pid_t pid;
    int r = services->process_load(context, process, &state, error);
    if (r < 0)
        return r;
    if (state.status == SHIM_STATUS_STOPPED || state.status == SHIM_STATUS_UNKNOWN)
        return services->fail(error, -ESRCH, SHIM_REASON_NOT_RUNNING, "not running");
    r = services->pid_file_read(process->directory_fd, INNER_PID, &pid, error);
    if (r < 0)
        return r;
    snprintf(pid_text, sizeof(pid_text), "%d", (int)pid);
    snprintf(signal_text, sizeof(signal_text), "%d", (int)signal);
    const char *const options[] = {"--pid", pid_text, NULL};
    const char *const operands[] = {signal_text, NULL};
    return shim_oci_run(context, process, "kill", options, operands,
                        context->runtime->signal_timeout, NULL, error);
}

static int signal_process(const struct shim_context *context, const struct shim_process *process,
                          int32_t signal, struct shim_error *error) {
    return process->flags & SHIM_PROCESS_EXEC ? signal_exec(context, process, signal, error)
                                              : shim_oci_signal(context, process, signal, error);
}

/* ------------------------------------------------------------------------------------ processes */

struct family {
    pid_t *pids;
    size_t count, room;
};

static int family_add(struct family *family, pid_t pid) {
    if (family->count == family->room) {
        size_t room = family->room ? 2 * family->room : 32;
        pid_t *pids = (pid_t *)realloc(family->pids, room * sizeof(*pids));
        if (!pids)
            return -ENOMEM;
        family->pids = pids;
        family->room = room;
    }
    family->pids[family->count++] = pid;
    return 0;
}

static int family_has(const struct family *family, pid_t pid) {
    for (size_t i = 0; i < family->count; i++)
        if (family->pids[i] == pid)
            return 1;
    return 0;
}

/* The parent of a process, or 0. The name before it may hold anything, but no ") ". */
static pid_t parent_of(const char *pid) {
    char path[64], line[512];
    snprintf(path, sizeof(path), "/proc/%.16s/stat", pid);
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(line, 1, sizeof(line) - 1, file) : 0;
    if (file)
        fclose(file);
    line[length] = '\0';
    const char *rest = strrchr(line, ')');
    int parent = 0;
    return rest && sscanf(rest, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* Adds the children of those that are in the family. Returns how many, or a negative errno. */
static int family_grow(struct family *family) {
    DIR *proc = opendir("/proc");
    int found = 0;
    if (!proc)
        return -errno;
    for (struct dirent *entry; found >= 0 && (entry = readdir(proc));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || family_has(family, pid) || !family_has(family, parent_of(entry->d_name)))
            continue;
        int r = family_add(family, pid);
        found = r < 0 ? r : found + 1;
    }
    closedir(proc);
    return found;
}

/* What the host sees is the sandbox with its descendants; `runsc ps` tells the pids within. */
static int processes(const struct shim_context *context, const struct shim_process *process,
                     struct shim_pid_list *list, struct shim_error *error) {
    struct shim_state state = {.size = sizeof(state)};
    struct family family = {NULL, 0, 0};
    int r = context->services->process_load(context, process, &state, error);
    if (r < 0 || state.status == SHIM_STATUS_STOPPED || state.identity.pid <= 0)
        return r;
    r = family_add(&family, state.identity.pid);
    while (r == 0 && (r = family_grow(&family)) > 0)
        r = 0;
    for (size_t i = 0; r == 0 && i < family.count; i++)
        r = list->add(list, family.pids[i]);
    free(family.pids);
    return r < 0 ? context->services->fail(error, r, SHIM_REASON_NONE,
                                           "cannot list the processes of the sandbox: %s",
                                           strerror(-r))
                 : 0;
}

static const struct shim_plugin plugin = {
    .size = sizeof(plugin),
    .abi_version = SHIM_ABI_VERSION,
    .name = "runsc",
    .version = PLUGIN_VERSION,
    .summary = "gVisor's runsc: a kernel of its own for each container",
    .spawn = spawn,
    .load = shim_oci_load,
    .wait = shim_oci_wait,
    .signal = signal_process,
    .open = open_runtime,
    .close = shim_oci_close,
    .start = start,
    .remove = shim_oci_remove,
    .state = shim_oci_state,
    .pause = shim_oci_pause,
    .resume = shim_oci_resume,
    .processes = processes,
    .checkpoint = shim_oci_checkpoint,
    .restore = restore,
    .stats = shim_oci_stats,
    .features = shim_oci_features,
};

SHIM_PLUGIN(plugin);
