/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shimhost plugin that needs no container runtime: it runs the process of a bundle on the host,
 * with less priority. It is meant to be copied: everything that a plugin has to do is here, and
 * nothing else.
 *
 * Options in the runtime's YAML file:
 *   niceness: 0 to 19, 10 by default
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shimhost/plugin.h>

#define WORDS_MAX 512
#define TEXT_MAX (1u << 20)

/* What `open` finds out, and every entry can use: context->data. */
struct nice {
    char niceness[4];
};

/* A command line: its words lie one behind another in `text`. */
struct words {
    const char *list[WORDS_MAX + 1];
    size_t count, used;
    char text[TEXT_MAX];
};

static int nice_open(struct shim_context *context, struct shim_error *error) {
    const struct shim_services *services = context->services;
    const char *value = services->option(context, "niceness");
    char *end;
    long niceness = value ? strtol(value, &end, 10) : 10;
    if (value && (end == value || *end != '\0' || niceness < 0 || niceness > 19))
        return services->fail(error, -EINVAL, SHIM_REASON_NONE,
                              "options: niceness is `%s`, expected 0 to 19", value);
    struct nice *nice = malloc(sizeof(*nice));
    if (!nice)
        return services->fail(error, -ENOMEM, SHIM_REASON_NONE, "out of memory");
    snprintf(nice->niceness, sizeof(nice->niceness), "%ld", niceness);
    context->data = nice;
    return 0;
}

static void nice_close(struct shim_context *context) {
    free(context->data);
    context->data = NULL;
}

/* Adds one word. Returns 0 or -E2BIG. */
static int add(struct words *words, const char *word) {
    size_t length = strlen(word) + 1;
    if (words->count == WORDS_MAX || length > TEXT_MAX - words->used)
        return -E2BIG;
    words->list[words->count++] = memcpy(words->text + words->used, word, length);
    words->used += length;
    return 0;
}

/* Adds the strings of an array of the process object, such as "/args". */
static int add_array(const struct shim_services *services, struct words *words, const char *json,
                     const char *array) {
    for (unsigned int i = 0;; i++) {
        char pointer[32];
        snprintf(pointer, sizeof(pointer), "%s/%u", array, i);
        char *place = words->text + words->used;
        int length = services->json_value(json, pointer, place, TEXT_MAX - words->used, NULL);
        if (length == -ENOENT)
            return 0; /* past the last */
        if (length < 0)
            return length;
        if (words->count == WORDS_MAX)
            return -E2BIG;
        words->list[words->count++] = place;
        words->used += (size_t)length + 1;
    }
}

/* Nothing here can become another user. */
static int check_id(const struct shim_services *services, const char *json, const char *pointer,
                    unsigned long own) {
    char text[24], expected[24];
    int r = services->json_value(json, pointer, text, sizeof(text), NULL);
    snprintf(expected, sizeof(expected), "%lu", own);
    return r == -ENOENT || (r >= 0 && strcmp(text, expected) == 0) ? 0 : -EPERM;
}

/* env takes every word up to the first that is no assignment for one, and that for the command. */
static int is_assignment(const char *word) {
    const char *equals = strchr(word, '=');
    return equals && equals != word;
}

/* nice -n 10 env -i -C DIRECTORY -- NAME=VALUE… COMMAND ARGUMENT… */
static int make_command(const struct shim_context *context, struct words *words, const char *json) {
    const struct shim_services *services = context->services;
    const struct nice *nice = context->data;
    const char *binary = context->runtime->binary;
    char directory[4096];
    int r = services->json_value(json, "/cwd", directory, sizeof(directory), NULL);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r < 0)
        strcpy(directory, "/");
    if ((r = check_id(services, json, "/user/uid", geteuid())) < 0 ||
        (r = check_id(services, json, "/user/gid", getegid())) < 0)
        return r;
    const char *begin[] = {binary ? binary : "/usr/bin/nice",
                           "-n",
                           nice->niceness,
                           "/usr/bin/env",
                           "-i",
                           "-C",
                           directory,
                           "--"};
    for (size_t i = 0; i < sizeof(begin) / sizeof(*begin); i++)
        if ((r = add(words, begin[i])) < 0)
            return r;
    size_t environment = words->count;
    if ((r = add_array(services, words, json, "/env")) < 0)
        return r;
    size_t command = words->count;
    if ((r = add_array(services, words, json, "/args")) < 0)
        return r;
    for (size_t i = environment; i < command; i++)
        if (!is_assignment(words->list[i]))
            return -EINVAL;
    return words->count > command && !is_assignment(words->list[command]) ? 0 : -EINVAL;
}

/* process.json in the process's directory holds the OCI process object, of a container's first
 * process and of an exec alike. */
static int nice_spawn(const struct shim_context *context, const struct shim_process *process,
                      struct shim_error *error) {
    const struct shim_services *services = context->services;
    if (process->flags & SHIM_PROCESS_TERMINAL)
        return services->fail(error, -EOPNOTSUPP, SHIM_REASON_UNSUPPORTED,
                              "nice gives no terminals");
    char *json;
    int r = services->file_read(process->directory_fd, "process.json", TEXT_MAX, &json, error);
    if (r < 0)
        return r;
    struct words *words = calloc(1, sizeof(*words));
    r = words ? make_command(context, words, json) : -ENOMEM;
    services->text_free(json);
    if (r < 0) {
        free(words);
        return services->fail(error, r, SHIM_REASON_NONE, "cannot use the process object: %s",
                              strerror(-r));
    }
    /* The monitor executes it, stays beside it, and knows how it ends. */
    struct shim_launch launch;
    memset(&launch, 0, sizeof(launch));
    launch.size = sizeof(launch);
    launch.flags = SHIM_LAUNCH_DIRECT;
    launch.command = words->list;
    r = services->monitor_launch(context, process, &launch, error);
    free(words);
    return r;
}

/* The rest is what the host knows anyway. */
static int nice_load(const struct shim_context *context, const struct shim_process *process,
                     struct shim_state *ret_state, struct shim_error *error) {
    return context->services->process_load(context, process, ret_state, error);
}

static int nice_wait(const struct shim_context *context, const struct shim_process *process,
                     int64_t timeout, int32_t *ret_exit_status, struct shim_error *error) {
    return context->services->process_wait(context, process, timeout, ret_exit_status, error);
}

static int nice_signal(const struct shim_context *context, const struct shim_process *process,
                       int32_t number, struct shim_error *error) {
    return context->services->process_signal(context, process, number, error);
}

static int nice_features(const struct shim_context *context, struct shim_features *ret_features,
                         struct shim_error *error) {
    (void)error;
    const struct nice *nice = context->data;
    snprintf(ret_features->version, sizeof(ret_features->version), "niceness %s", nice->niceness);
    return 0;
}

/* No start: what is spawned runs. No pause, no checkpoints: those entries stay NULL, and
 * the host says that the runtime does not support it. */
static const struct shim_plugin nice_plugin = {
    .size = sizeof(nice_plugin),
    .abi_version = SHIM_ABI_VERSION,
    .name = "nice",
    .version = "1.0",
    .summary = "processes of the host with less priority, without isolation",
    .spawn = nice_spawn,
    .load = nice_load,
    .wait = nice_wait,
    .signal = nice_signal,
    .open = nice_open,
    .close = nice_close,
    .features = nice_features,
};

SHIM_PLUGIN(nice_plugin);
