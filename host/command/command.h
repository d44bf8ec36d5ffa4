/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `shimhost` program: what a command is, and what every command may use. A command says in its
 * struct command what it takes; main.c parses, calls it and exits with what it returns. Only what
 * the user is to read goes to standard output and error; everything else is the engine's work.
 */
#ifndef SHIMHOST_COMMAND_COMMAND_H
#define SHIMHOST_COMMAND_COMMAND_H

#include "base/error.h"
#include "base/fd.h"
#include "command/options.h"
#include "engine/engine.h"

/* How the program ends. `run` and `exec` end with the status of their process, and use the second
 * group. */
enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,

    EXIT_HOST_FAILED = 125,
    EXIT_NOT_EXECUTABLE = 126,
    EXIT_NOT_FOUND = 127,
};

struct invocation;

#define COMMAND_IN_ORDER                                                                           \
    0x1u /* the first operand ends the options: what follows is another command */
#define COMMAND_PROCESS_STATUS                                                                     \
    0x2u /* it ends with a process's status: EXIT_HOST_FAILED and so on */
#define OPERANDS_ANY (-1)

struct command {
    const char *name;     /* "run"; or two words, "plugin info" */
    const char *operands; /* for the usage line: "ID [SIGNAL]" */
    const char *summary;  /* one line, without a full stop */
    const char *details;  /* further lines for its --help, or NULL */
    const struct option_spec *options;
    size_t arguments_size; /* of the structure that `options` fills */
    int operands_min, operands_max;
    unsigned int flags; /* COMMAND_* */
    /* Does the work. `arguments` is that structure, zeroed before the options were stored. Returns
     * the exit status. */
    int (*run)(struct invocation *invocation, const void *arguments);
};

/* One use of a command. */
struct invocation {
    const struct command *command;
    const struct global_options *global;
    char **operands; /* NULL-terminated */
    int n_operands;
    struct config *config; /* NULL until invocation_config() */
    struct engine *engine; /* NULL until invocation_engine() */
    bool misused;          /* what stands before the command is wrong, and that was said */
};

/* What stands before the command. */
struct global_options {
    const char *config;
    const char *state_dir;
    const char *log_level;
    const char *log_format;
    bool verbose;
    bool version;
};

/* ------------------------------------------------------------------------------ invocation.c */

/* The configuration in force, read once; problems are printed. 0 or a negative errno. */
int invocation_config(struct invocation *invocation, struct config **ret_config);

/* The same without the command line's changes to it: what config_load() wants. Released with
 * config_location_clear(). */
struct config_location {
    const char *path; /* NULL: the default */
    struct config_defaults defaults;
    char *state_dir; /* private */
};
int config_location(const struct invocation *invocation, struct config_location *ret_location,
                    struct shim_error *error);
void config_location_clear(struct config_location *location);

/* The engine, opened once with the configuration in force; what goes wrong is printed. `cancel_fd`
 * as in struct engine_options. 0 or a negative errno. */
int invocation_engine(struct invocation *invocation, int cancel_fd, struct engine **ret_engine);

/* From now on only errors are logged. After invocation_config(). */
void invocation_quiet(const struct invocation *invocation);

/* Closes the engine and frees the configuration. */
void invocation_clear(struct invocation *invocation);

/* Prints "shimhost: COMMAND: container: sentence"; without the container if it is NULL or the
 * sentence names it. Returns the exit
 * status of a failure that is the host's. */
int complain(const struct invocation *invocation, const char *container,
             const struct shim_error *error);

/* complain() for what is no failure of the command. */
void remark(const struct invocation *invocation, const char *container, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void complain_of_config(const struct invocation *invocation,
                        const struct config_problems *problems);

/* Prints what is wrong with the command line and where help is. Returns the exit status of bad
 * usage. */
int complain_of_usage(const struct invocation *invocation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

int exit_failed(const struct command *command);
int exit_usage(const struct command *command);

/* The exit status of a process that could not be spawned, for a command with
 * COMMAND_PROCESS_STATUS. */
int exit_not_spawned(const struct command *command, const struct shim_error *error);

/* A path that the user named is meant from where the user stands. It need not exist. The caller
 * frees *ret_path. */
int absolute_path(const char *path, char **ret_path, struct shim_error *error);

/* Reads the whole of a file, or of standard input for "-", at most 4 MiB. The caller frees
 * *ret_text. */
int read_text(const char *path, char **ret_text, struct shim_error *error);

/* ------------------------------------------------------------------------------ the commands */

/* run.c */
extern const struct command command_run_container, command_create, command_restore;
/* exec.c */
extern const struct command command_exec;
/* life.c */
extern const struct command command_start, command_kill, command_pause, command_resume,
    command_delete, command_wait;
/* attach.c */
extern const struct command command_attach;
/* events.c */
extern const struct command command_events;
/* logs.c */
extern const struct command command_logs;
/* change.c */
extern const struct command command_update, command_checkpoint, command_resize, command_close_stdin;
/* list.c */
extern const struct command command_list, command_ps;
/* check.c */
extern const struct command command_check;
/* state.c */
extern const struct command command_state;
/* runtimes.c */
extern const struct command command_runtimes;
/* plugins.c */
extern const struct command command_plugin_list, command_plugin_info;
/* plugin_check.c */
extern const struct command command_plugin_check;
/* upgrade.c */
extern const struct command command_upgrade;
/* config_commands.c */
extern const struct command command_config_check, command_config_show;

/* All commands, in the order of the help; main.c. NULL-terminated. */
extern const struct command *const commands[];

#endif
