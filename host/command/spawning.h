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
    bool terminal;
    bool interactive;
};

/* The options that fill it, for an OPTION_GROUP. */
extern const struct option_spec stream_specs[];

/* Turns the options into what the engine wants. `detached`: the streams are null by default, and
 * not this program's own. Returns 0, or the exit status after a complaint. */
int streams_of(const struct invocation *invocation, const struct stream_arguments *arguments,
               bool detached, struct spawn_streams *ret_streams);

/* Writes the process's pid to a file of the user's, atomically. */
int write_pid_file(struct engine *engine, const char *container, const char *process,
                   const char *path, struct shim_error *error);

#endif
