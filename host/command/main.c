/* SPDX-License-Identifier: Apache-2.0 */
/* The `shimhost` program: global options, then one of a table of commands. */
#include <config.h>

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "command/command.h"
#include "config/nearest.h"

#define GROUPS_MAX 16 /* commands of two words */

const struct command *const commands[] = {
    &command_run_container,
    &command_create,
    &command_start,
    &command_exec,
    &command_attach,
    &command_logs,
    &command_kill,
    &command_wait,
    &command_pause,
    &command_resume,
    &command_delete,
    &command_list,
    &command_state,
    &command_ps,
    &command_events,
    &command_resize,
    &command_close_stdin,
    &command_update,
    &command_checkpoint,
    &command_restore,
    &command_check,
    &command_runtimes,
    &command_plugin_list,
    &command_plugin_info,
    &command_plugin_check,
    &command_config_check,
    &command_config_show,
    &command_upgrade,
    NULL,
};

static const struct option_spec global_specs[] = {
    {OPTION_TEXT, 0, "config", "FILE",
     "the configuration, instead of $SHIMHOST_CONFIG and " CONFIG_FILE,
     offsetof(struct global_options, config), NULL},
    {OPTION_TEXT, 0, "state-dir", "DIR", "where the containers are kept",
     offsetof(struct global_options, state_dir), NULL},
    {OPTION_TEXT, 0, "log-level", "LEVEL", "error, warning, info or debug",
     offsetof(struct global_options, log_level), NULL},
    {OPTION_TEXT, 0, "log-format", "FORMAT", "text or json",
     offsetof(struct global_options, log_format), NULL},
    {OPTION_FLAG, 'v', "verbose", NULL, "log everything, and the time of each call into a plugin",
     offsetof(struct global_options, verbose), NULL},
    {OPTION_FLAG, 0, "version", NULL, "print the version and exit",
     offsetof(struct global_options, version), NULL},
    OPTIONS_DONE,
};

static void print_help(FILE *stream) {
    fputs("Usage: shimhost [OPTION…] COMMAND [ARGUMENT…]\n"
          "Runs OCI containers through pluggable runtimes, and stays beside them.\n\nCommands:\n",
          stream);
    for (size_t i = 0; commands[i]; i++)
        fprintf(stream, "  %-14s%s\n", commands[i]->name, commands[i]->summary);
    fputs("\nOptions:\n", stream);
    options_help(global_specs, stream);
    fputs("\n'shimhost COMMAND --help' explains a command; shimhost(1) explains everything.\n",
          stream);
}

static void print_command_help(const struct command *command) {
    printf("Usage: shimhost %s [OPTION…]%s%s\n%c%s.\n", command->name,
           *command->operands ? " " : "", command->operands, command->summary[0] - ('a' - 'A'),
           command->summary + 1);
    if (command->details)
        printf("\n%s\n", command->details);
    printf("\nOptions:\n");
    options_help(command->options, stdout);
}

/* A descriptor 0, 1 or 2 that is closed would be given to the next file opened, which the container
 * or a message would then write to. What is an answer must not be lost without a word: writing to
 * standard output still fails then. */
static void open_standard_descriptors(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR) < 0)
            _exit(EXIT_HOST_FAILED);
}

/* ------------------------------------------------------------------------------ finding the
 * command */

/* Does `command` begin with this word, or consist of it? *ret_rest is what has to follow. */
static bool name_begins(const struct command *command, const char *word, const char **ret_rest) {
    size_t length = strlen(word);
    if (strncmp(command->name, word, length) != 0)
        return false;
    if (command->name[length] != '\0' && command->name[length] != ' ')
        return false;
    *ret_rest = command->name + length + (command->name[length] == ' ');
    return true;
}

/* For what is said before there is a command. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    char sentence[1024], shown[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    fprintf(stderr, "shimhost: %s\n", text_show(shown, sizeof(shown), sentence, strlen(sentence)));
}

/* Complains of a second word that does not follow the name of a group: "plugin lsit". */
static void complain_of_group(const char *group, const char *word) {
    struct nearest nearest = {.wanted = word};
    const char *rest;
    for (size_t i = 0; commands[i] && word; i++)
        if (name_begins(commands[i], group, &rest))
            nearest_offer(&nearest, rest);
    if (nearest.found) {
        say("'%s %s' is not a command; did you mean '%s %s'?", group, word, group, nearest.found);
        return;
    }
    fprintf(stderr, "shimhost: %s: expected one of these after it:", group);
    for (size_t i = 0; commands[i]; i++)
        if (name_begins(commands[i], group, &rest))
            fprintf(stderr, " %s", rest);
    fputs("\n", stderr);
}

static void complain_of_word(const char *word) {
    char groups[GROUPS_MAX][16];
    struct nearest nearest = {.wanted = word};
    for (size_t i = 0, n = 0; commands[i]; i++) {
        const char *name = commands[i]->name, *space = strchr(name, ' ');
        nearest_offer(&nearest, name);
        if (!space || n == GROUPS_MAX)
            continue;
        snprintf(groups[n], sizeof(groups[n]), "%.*s", (int)(space - name), name);
        nearest_offer(&nearest, groups[n++]);
    }
    if (nearest.found)
        say("'%s' is not a command; did you mean '%s'?", word, nearest.found);
    else
        say("'%s' is not a command; 'shimhost --help' lists them", word);
}

/* The command that argv begins with, or NULL after a complaint. *ret_words is how many words its
 * name has. */
static const struct command *find_command(char **argv, int *ret_words) {
    bool group = false;
    for (size_t i = 0; commands[i]; i++) {
        const char *rest;
        if (!name_begins(commands[i], argv[0], &rest))
            continue;
        if (*rest == '\0') {
            *ret_words = 1;
            return commands[i];
        }
        if (argv[1] && strcmp(argv[1], rest) == 0) {
            *ret_words = 2;
            return commands[i];
        }
        group = true;
    }
    if (group)
        complain_of_group(argv[0], argv[1]);
    else
        complain_of_word(argv[0]);
    return NULL;
}

/* ------------------------------------------------------------------------------ running it */

/* The exit status, after what was printed has really been written. */
static int finish(const struct command *command, int status) {
    const char *why = fflush(stdout) != 0 ? strerror(errno)
                      : ferror(stdout)    ? "something of it is lost" /* and so is errno */
                                          : NULL;
    if (!why)
        return status;
    say("cannot write to standard output: %s", why);
    return status != EXIT_DONE ? status : command ? exit_failed(command) : EXIT_FAILED;
}

static int check_operands(const struct invocation *invocation) {
    const struct command *command = invocation->command;
    if (invocation->n_operands < command->operands_min)
        return complain_of_usage(invocation, "expected: %s", command->operands);
    if (command->operands_max != OPERANDS_ANY && invocation->n_operands > command->operands_max)
        return complain_of_usage(invocation, "unexpected argument '%s'",
                                 invocation->operands[command->operands_max]);
    return 0;
}

/* Parses what follows the command's name and calls it. */
static int run_command(struct invocation *invocation, int argc, char **argv) {
    const struct command *command = invocation->command;
    void *arguments AUTO_FREE = calloc(1, command->arguments_size + 1);
    if (!arguments) {
        remark(invocation, NULL, "out of memory");
        return exit_failed(command);
    }
    struct options_input input = {.specs = command->options,
                                  .argc = argc,
                                  .argv = argv,
                                  .in_order = command->flags & COMMAND_IN_ORDER};
    struct shim_error error = ERROR_NONE;
    bool help;
    int first, status;
    if (options_parse(&input, arguments, &first, &help, &error) < 0) {
        status = complain_of_usage(invocation, "%s", error.message);
    } else if (help) {
        print_command_help(command);
        status = EXIT_DONE;
    } else {
        invocation->operands = argv + first;
        invocation->n_operands = argc - first;
        status = check_operands(invocation);
        if (status == 0)
            status = command->run(invocation, arguments);
        if (invocation->misused)
            status = exit_usage(command);
    }
    options_clear(command->options, arguments);
    status = finish(command, status); /* a plugin may end us while it is unloaded */
    invocation_clear(invocation);
    return status;
}

static int print_version(void) {
    printf("shimhost %s (plugin ABI %u.%u)\n", PACKAGE_VERSION, SHIM_ABI_VERSION, SHIM_ABI_EDITION);
    return EXIT_DONE;
}

/* `shimhost help` and `shimhost help COMMAND`; `words` is what follows. */
static int help_about(char **words) {
    int n;
    const struct command *command = words[0] ? find_command(words, &n) : NULL;
    if (words[0] && !command)
        return EXIT_USAGE;
    if (command)
        print_command_help(command);
    else
        print_help(stdout);
    return EXIT_DONE;
}

/* Runs the command that argv[first] begins. Returns the exit status. */
static int dispatch(const struct global_options *global, int argc, char **argv, int first) {
    int words;
    if (!argv[first]) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[first], "help") == 0)
        return finish(NULL, help_about(argv + first + 1));
    struct invocation invocation = {.global = global,
                                    .command = find_command(argv + first, &words)};
    if (!invocation.command)
        return EXIT_USAGE;
    first += words - 1; /* the last word of the name stands where a program's name does */
    return run_command(&invocation, argc - first, argv + first);
}

int main(int argc, char **argv) {
    open_standard_descriptors();
    /* A failed write is reported; the monitor's children get the default. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* ignored, as some parents leave it, it would lose exit statuses */
    umask(077);
    struct global_options global = {0};
    struct options_input input = {
        .specs = global_specs, .argc = argc, .argv = argv, .in_order = true};
    struct shim_error error = ERROR_NONE;
    bool help;
    int first;
    if (options_parse(&input, &global, &first, &help, &error) < 0) {
        say("%s; 'shimhost --help' explains", error.message);
        return EXIT_USAGE;
    }
    if (help)
        return finish(NULL, help_about((char *[]){NULL}));
    if (global.version)
        return finish(NULL, print_version());
    if (global.state_dir && !*global.state_dir) {
        say("--state-dir: it is empty; expected a directory; 'shimhost --help' explains");
        return EXIT_USAGE;
    }
    if (global.config && !*global.config) {
        say("--config: it is empty; expected a file; 'shimhost --help' explains");
        return EXIT_USAGE;
    }
    return dispatch(&global, argc, argv, first);
}
