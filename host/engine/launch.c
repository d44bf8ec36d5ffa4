/* SPDX-License-Identifier: Apache-2.0 */
/* From what a plugin wants launched to a monitor that does it; and a new monitor for a process that
 * has lost its own. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/sized.h"
#include "base/text.h"
#include "engine/internal.h"
#include "process/launch.h"

/* The cleanup commands, kept for a monitor that adopts: strings with a NUL behind each, an empty
 * one behind each command. */
#define CLEANUP_FILE ".cleanup"
#define CLEANUP_FILE_MAX (256u << 10)
#define CLEANUP_WORDS_MAX 4096

static int save_cleanup(const struct process *process, const char *const *const *cleanup,
                        struct shim_error *error) {
    struct text text AUTO_TEXT = TEXT_EMPTY;
    for (size_t i = 0; cleanup && cleanup[i]; i++) {
        for (size_t j = 0; cleanup[i][j]; j++)
            text_append_bytes(&text, cleanup[i][j], strlen(cleanup[i][j]) + 1);
        text_append_bytes(&text, "", 1);
    }
    if (text.failed)
        return error_set(error, -ENOMEM, "cannot keep the cleanup commands: out of memory");
    return file_write_at(process->directory_fd, CLEANUP_FILE, text.data ? text.data : "",
                         text.length, error);
}

/* Splits what save_cleanup() wrote into vectors that point into `bytes`. */
static int split_cleanup(const char *bytes, size_t length, const char **words,
                         const char *const **commands) {
    size_t n_words = 0, n_commands = 0;
    int begun = 0;
    for (size_t at = 0; at < length; at += strlen(bytes + at) + 1) {
        if (n_words == CLEANUP_WORDS_MAX || n_commands == LAUNCH_CLEANUPS_MAX)
            return -E2BIG;
        int ends = bytes[at] == '\0';
        if (!begun && !ends)
            commands[n_commands++] = words + n_words;
        words[n_words++] = ends ? NULL : bytes + at;
        begun = !ends;
    }
    commands[n_commands] = NULL;
    return begun ? -EBADMSG : 0;
}

static const char *action_of(const struct process *process) {
    if (process->record.exec)
        return "exec";
    if (process->record.checkpoint)
        return "restore";
    return process->view.flags & SHIM_PROCESS_START ? "run" : "create";
}

static struct launch_plan plan_for(const struct process *process) {
    const struct runtime_config *config = process->runtime->config;
    return (struct launch_plan){
        .monitor =
            process->engine->options.monitor ? process->engine->options.monitor : MONITOR_PATH,
        .directory = process->directory,
        .directory_fd = process->directory_fd,
        .container = process->container_id,
        .process = process->id,
        .environment = config->shim.environment,
        .streams = {-1, -1, -1},
        .spawn_timeout = config->timeouts.spawn,
        .cleanup_timeout = config->timeouts.delete,
        .cancel_fd = process->view.cancel_fd,
    };
}

static int check_launch(const struct shim_launch *launch, struct shim_error *error) {
    const uint32_t known = SHIM_LAUNCH_DIRECT | SHIM_LAUNCH_CREATED;
    const size_t least = SIZE_THROUGH(struct shim_launch, runtime_log);
    if (launch->size < least)
        return error_set(error, -EINVAL,
                         "monitor_launch: a launch of %u bytes; expected at least %zu",
                         launch->size, least);
    if (launch->flags & ~known)
        return error_set(error, -EINVAL, "monitor_launch: unknown flags 0x%x",
                         launch->flags & ~known);
    if (!launch->command || !launch->command[0])
        return error_set(error, -EINVAL, "monitor_launch: there is no command");
    if (!launch->pid_file != !!(launch->flags & SHIM_LAUNCH_DIRECT))
        return error_set(error, -EINVAL,
                         "monitor_launch: a pid file is needed, except with SHIM_LAUNCH_DIRECT");
    return 0;
}

int process_launch(const struct shim_context *context, const struct shim_process *view,
                   const struct shim_launch *launch, struct shim_error *error) {
    (void)context;
    const struct process *process = process_of(view);
    struct stream_set streams;
    int r = check_launch(launch, error);
    if (r == 0 && process->runtime->config->on_monitor_death == CONFIG_MONITOR_DEATH_ADOPT)
        r = save_cleanup(process, launch->cleanup, error);
    if (r < 0 || (r = streams_open(process, &streams, error)) < 0)
        return r;
    struct launch_plan plan = plan_for(process);
    plan.command = launch->command;
    plan.action = action_of(process);
    plan.cleanup = launch->cleanup;
    plan.pid_file = launch->pid_file;
    plan.runtime_log = launch->runtime_log;
    plan.created = (launch->flags & SHIM_LAUNCH_CREATED) != 0;
    if (launch->cleanup_timeout != 0)
        plan.cleanup_timeout = launch->cleanup_timeout;
    memcpy(plan.streams, streams.fds, sizeof(plan.streams));
    plan.words = (const char *const *)streams.words;
    plan.descriptors = streams.descriptors;
    plan.n_descriptors = streams.n_descriptors;
    r = launch_monitor(&plan, error);
    streams_close(&streams);
    return r < 0 ? r : 0;
}

/* The cleanup commands into *plan, which points into `bytes` and `words`. None were kept where
 * adoption was not yet the policy when the process was spawned: what they would have cleaned is
 * left to deletion. */
static int load_cleanup(const struct process *process, char **bytes, const char **words,
                        const char *const **commands, struct launch_plan *plan,
                        struct shim_error *error) {
    struct shim_error problem = ERROR_NONE;
    size_t length;
    int r = file_read_at(process->directory_fd, CLEANUP_FILE, CLEANUP_FILE_MAX, bytes, &length,
                         &problem);
    if (r == -ENOENT) {
        plan->unclean = true;
        return 0;
    }
    if (r == 0 && (r = split_cleanup(*bytes, length, words, commands)) < 0)
        error_set(&problem, r, "%s: not as a host writes it", CLEANUP_FILE);
    if (r < 0)
        return error_pass(error, r, &problem);
    plan->cleanup = commands;
    return 0;
}

static int adopt(struct process *process, struct shim_error *error) {
    char *bytes AUTO_FREE = NULL;
    const char **words AUTO_FREE = calloc(CLEANUP_WORDS_MAX, sizeof(*words));
    const char *const *commands[LAUNCH_CLEANUPS_MAX + 1];
    struct launch_plan plan = plan_for(process);
    struct stream_set streams;
    if (!words)
        return error_set(error, -ENOMEM, "out of memory");
    int r = load_cleanup(process, &bytes, words, commands, &plan, error);
    if (r < 0 || (r = streams_hold(process, &streams, error)) < 0)
        return r;
    plan.words = (const char *const *)streams.words;
    plan.descriptors = streams.descriptors;
    plan.n_descriptors = streams.n_descriptors;
    r = launch_monitor(&plan, error);
    streams_close(&streams);
    return r < 0 ? r : 0;
}

int process_adopt(struct process *process, struct shim_error *error) {
    int r = adopt(process, error);
    return r < 0 ? error_context(error, "container %s: cannot adopt it", process->container_id) : 0;
}
