/* SPDX-License-Identifier: Apache-2.0 */
/* What run, create, restore and exec have in common: streams, and staying with the process. */
#ifndef SHIMHOST_COMMAND_SPAWNING_H
#define SHIMHOST_COMMAND_SPAWNING_H

#include "command/command.h"
#include "command/signals.h"

/* The options about streams; a part of the structure of each command that spawns. */
struct stream_arguments {
    const char *targets[3];
    const char *when_gone;
    const char *log;
    struct option_list log_options;
    const char *detach_keys;
    bool terminal;
    bool interactive;
};

/* The options that fill it, for an OPTION_GROUP. */
extern const struct option_spec stream_specs[];

/* The option of the commands that stay with the process. `structure` has a struct stream_arguments
 * named streams. */
#define DETACH_KEYS_OPTION(structure)                                                              \
    {                                                                                              \
        OPTION_TEXT, 0, "detach-keys", "KEYS",                                                     \
            "leave when these are typed, and let it run on; ctrl-p,ctrl-q if not given",           \
            offsetof(structure, streams.detach_keys), NULL                                         \
    }

/* What becomes of them: what the engine wants, and the texts that this points to. */
struct stream_request {
    struct spawn_streams streams;
    char *targets[3]; /* private: with absolute paths */
};

/* `detached`: the streams are null by default, and not this program's own. A path is meant from
 * where the user stands. Returns 0, or the exit status after a complaint. The caller ends with
 * stream_request_clear(), also on failure. */
int stream_request_fill(const struct invocation *invocation,
                        const struct stream_arguments *arguments, bool detached,
                        struct stream_request *request);
void stream_request_clear(struct stream_request *request);

/* A file of the user's for the pid of a process. The place is found before there is a process. */
struct pid_file {
    const char *path;
    char *copy; /* private: `name` is its end */
    const char *name;
    int folder_fd;
};

#define PID_FILE_NONE                                                                              \
    { .folder_fd = -1 }

/* `path` stays the caller's; NULL: none is wanted. Fails where nothing can be written. The caller
 * ends with pid_file_clear(). */
int pid_file_open(const char *path, struct pid_file *ret_file, struct shim_error *error);

/* Writes the pid of a process (NULL: init) that was spawned, atomically; nothing if none is
 * wanted. */
int pid_file_fill(const struct pid_file *file, struct engine *engine, const char *container,
                  const char *process, struct shim_error *error);
void pid_file_clear(struct pid_file *file);

#define AUTO_PID_FILE __attribute__((cleanup(pid_file_clear)))

#endif
