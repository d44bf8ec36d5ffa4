/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small plugin that is right: its processes are plain ones of the host, out of the bundle's
 * process object. The plugins broken-*.c replace one entry and are wrong in that way only, so that
 * `shimhost plugin check` can be seen to find it. Each defines what it replaces, LIFE_WAIT and so
 * on, and ends with LIFE_PLUGIN(name).
 */
#ifndef LIFE_H
#define LIFE_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shimhost/plugin.h>

/* A script that is to become the shell of a container, "$@"; none. */
#ifndef LIFE_WRAPPER
#define LIFE_WRAPPER NULL
#endif

#define LIFE_WORDS_MAX 16
#define LIFE_TEXT_MAX 65536

/* What the runtime has of a container: an entry in its root, if it has a root. */
static inline int life_open_root(const struct shim_context *context) {
    const char *root = context->runtime->root;
    return root ? open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static inline void life_forget(const struct shim_context *context, const char *container) {
    int fd = life_open_root(context);
    if (fd >= 0) {
        unlinkat(fd, container, AT_REMOVEDIR);
        close(fd);
    }
}

static inline void life_remember(const struct shim_context *context, const char *container) {
    int fd = life_open_root(context);
    if (fd >= 0) {
        mkdirat(fd, container, 0700);
        close(fd);
    }
}

/* The arguments of the bundle's process, in `words`; the texts lie in `space`. */
static inline int life_arguments(const struct shim_services *services, const char *config,
                                 char *space, size_t size, const char **words,
                                 struct shim_error *error) {
    size_t n = 0;
    for (; n < LIFE_WORDS_MAX; n++) {
        char pointer[32];
        snprintf(pointer, sizeof(pointer), "/process/args/%u", (unsigned int)n);
        int length = services->json_value(config, pointer, space, size, NULL);
        if (length == -ENOENT)
            break;
        if (length < 0)
            return services->fail(error, length, SHIM_REASON_NONE, "config.json: process.args: %s",
                                  strerror(-length));
        words[n] = space;
        space += length + 1;
        size -= (size_t)length + 1;
    }
    words[n] = NULL;
    return n ? 0
             : services->fail(error, -EINVAL, SHIM_REASON_NONE,
                              "config.json: process.args is empty");
}

static inline int life_launch(const struct shim_context *context,
                              const struct shim_process *process, const char *config,
                              struct shim_error *error) {
    const struct shim_services *services = context->services;
    char space[4096];
    const char *words[LIFE_WORDS_MAX + 5] = {"/bin/sh", "-c", LIFE_WRAPPER, "sh"};
    const char **first = words[2] ? words + 4 : words;
    int r = life_arguments(services, config, space, sizeof(space), first, error);
    if (r < 0)
        return r;
    struct shim_launch launch;
    memset(&launch, 0, sizeof(launch));
    launch.size = sizeof(launch);
    launch.flags = SHIM_LAUNCH_DIRECT;
    launch.command = strcmp(*first, "/bin/sh") == 0 ? words : first;
    return services->monitor_launch(context, process, &launch, error);
}

static inline int life_spawn(const struct shim_context *context, const struct shim_process *process,
                             struct shim_error *error) {
    const struct shim_services *services = context->services;
    if (process->flags & SHIM_PROCESS_EXEC)
        return services->fail(error, -EOPNOTSUPP, SHIM_REASON_UNSUPPORTED,
                              "a further process is not supported");
    char *config;
    int fd = open(process->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return services->fail(error, -errno, SHIM_REASON_NONE, "bundle: %s", strerror(errno));
    int r = services->file_read(fd, "config.json", LIFE_TEXT_MAX, &config, error);
    close(fd);
    if (r < 0)
        return r;
    life_remember(context, process->container);
    r = life_launch(context, process, config, error);
    services->text_free(config);
    if (r < 0)
        life_forget(context, process->container);
    return r;
}

static inline int life_load(const struct shim_context *context, const struct shim_process *process,
                            struct shim_state *ret_state, struct shim_error *error) {
    return context->services->process_load(context, process, ret_state, error);
}

static inline int life_wait(const struct shim_context *context, const struct shim_process *process,
                            int64_t timeout, int32_t *ret_exit_status, struct shim_error *error) {
    return context->services->process_wait(context, process, timeout, ret_exit_status, error);
}

static inline int life_signal(const struct shim_context *context,
                              const struct shim_process *process, int32_t number,
                              struct shim_error *error) {
    return context->services->process_signal(context, process, number, error);
}

static inline int life_is_over(const struct shim_process *process) {
    return faccessat(process->directory_fd, "exitStatus", F_OK, 0) == 0;
}

static inline int life_remove(const struct shim_context *context,
                              const struct shim_process *process, struct shim_error *error) {
    (void)error;
    life_forget(context, process->container);
    return 0;
}

static inline int life_features(const struct shim_context *context,
                                struct shim_features *ret_features, struct shim_error *error) {
    (void)context, (void)error;
    snprintf(ret_features->version, sizeof(ret_features->version), "1.0");
    return 0;
}

#define LIFE_SPAWN life_spawn
#define LIFE_LOAD life_load
#define LIFE_WAIT life_wait
#define LIFE_SIGNAL life_signal
#define LIFE_REMOVE life_remove
#define LIFE_FEATURES life_features
#define LIFE_START NULL
#define LIFE_PAUSE NULL
#define LIFE_RESUME NULL
#define LIFE_PROCESSES NULL
#define LIFE_VERSION "1.0"
#ifndef LIFE_SIZE
#define LIFE_SIZE sizeof(life_descriptor)
#endif

#define LIFE_PLUGIN(plugin_name)                                                                   \
    static const struct shim_plugin life_descriptor = {                                            \
        .size = LIFE_SIZE,                                                                         \
        .abi_version = SHIM_ABI_VERSION,                                                           \
        .name = plugin_name,                                                                       \
        .version = LIFE_VERSION,                                                                   \
        .summary = "plain processes of the host, for tests",                                       \
        .spawn = LIFE_SPAWN,                                                                       \
        .load = LIFE_LOAD,                                                                         \
        .wait = LIFE_WAIT,                                                                         \
        .signal = LIFE_SIGNAL,                                                                     \
        .start = LIFE_START,                                                                       \
        .remove = LIFE_REMOVE,                                                                     \
        .pause = LIFE_PAUSE,                                                                       \
        .resume = LIFE_RESUME,                                                                     \
        .processes = LIFE_PROCESSES,                                                               \
        .features = LIFE_FEATURES,                                                                 \
    };                                                                                             \
    SHIM_PLUGIN(life_descriptor)

#endif
