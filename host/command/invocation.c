/* SPDX-License-Identifier: Apache-2.0 */
/* What every command starts from: the configuration, the engine, and how things are said to the
 * user. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "command/command.h"
#include "command/guard.h"

#define TEXT_MAX (4u << 20)

/* ------------------------------------------------------------------------------ exit statuses */

int exit_failed(const struct command *command) {
    return command->flags & COMMAND_PROCESS_STATUS ? EXIT_HOST_FAILED : EXIT_FAILED;
}

int exit_usage(const struct command *command) {
    return command->flags & COMMAND_PROCESS_STATUS ? EXIT_HOST_FAILED : EXIT_USAGE;
}

int exit_not_spawned(const struct command *command, const struct shim_error *error) {
    if (command->flags & COMMAND_PROCESS_STATUS) {
        if (error->reason == SHIM_REASON_NOT_FOUND)
            return EXIT_NOT_FOUND;
        if (error->reason == SHIM_REASON_NOT_EXECUTABLE)
            return EXIT_NOT_EXECUTABLE;
    }
    return exit_failed(command);
}

/* ------------------------------------------------------------------------------ messages */

/* Does the sentence say already which container it is about? */
static bool names(const char *sentence, const char *container) {
    static const char word[] = "container ";
    size_t length = strlen(container);
    for (const char *at = sentence; (at = strstr(at, word)); at++)
        if (strncmp(at + strlen(word), container, length) == 0 &&
            strchr(" ,:;", at[strlen(word) + length]))
            return true;
    return false;
}

/* Words of the user's, and of files, do not reach the terminal as they are. */
static void say(const struct invocation *invocation, const char *container, const char *sentence) {
    char whole[2048], shown[4096];
    if (container && names(sentence, container))
        container = NULL;
    snprintf(whole, sizeof(whole), "%s%s%s", container ? container : "", container ? ": " : "",
             sentence);
    fprintf(stderr, "shimhost: %s: %s\n", invocation->command->name,
            text_show(shown, sizeof(shown), whole, strlen(whole)));
}

int complain(const struct invocation *invocation, const char *container,
             const struct shim_error *error) {
    say(invocation, container, error->message);
    return exit_failed(invocation->command);
}

void remark(const struct invocation *invocation, const char *container, const char *format, ...) {
    char sentence[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    say(invocation, container, sentence);
}

int complain_of_usage(const struct invocation *invocation, const char *format, ...) {
    char sentence[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    remark(invocation, NULL, "%s; 'shimhost %s --help' explains", sentence,
           invocation->command->name);
    return exit_usage(invocation->command);
}

void complain_of_config(const struct invocation *invocation,
                        const struct config_problems *problems) {
    for (size_t i = 0; i < problems->count; i++)
        say(invocation, NULL, problems->list[i].message);
    if (problems->more && problems->count)
        remark(invocation, NULL, "and %zu more", problems->more);
    else if (problems->more)
        remark(invocation, NULL, "the configuration cannot be read: out of memory");
}

/* ------------------------------------------------------------------------------ configuration */

/* Where containers are kept unless something says otherwise: root's, or the user's own. */
static int default_state_dir(char **ret_path, struct shim_error *error) {
    const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
    int r;
    if (geteuid() == 0)
        r = asprintf(ret_path, "/run/shimhost");
    else if (runtime_dir && runtime_dir[0] == '/')
        r = asprintf(ret_path, "%s/shimhost", runtime_dir);
    else
        r = asprintf(ret_path, "/run/user/%u/shimhost", (unsigned int)geteuid());
    return r < 0 ? error_set(error, -ENOMEM, "out of memory") : 0;
}

int config_location(const struct invocation *invocation, struct config_location *ret_location,
                    struct shim_error *error) {
    const char *path = invocation->global->config;
    if (!path)
        path = getenv("SHIMHOST_CONFIG");
    char *state_dir;
    int r = default_state_dir(&state_dir, error);
    if (r < 0)
        return r;
    *ret_location = (struct config_location){
        .path = path && *path ? path : NULL,
        .defaults = {.path = CONFIG_FILE, .state_dir = state_dir, .plugin_dir = PLUGIN_DIR},
        .state_dir = state_dir,
    };
    return 0;
}

void config_location_clear(struct config_location *location) {
    free(location->state_dir);
    *location = (struct config_location){.path = NULL};
}

/* Lets the command line's options replace what the files say. */
static int override(struct config *config, const struct global_options *global,
                    struct config_problems *problems, struct shim_error *error) {
    char *state_dir AUTO_FREE = NULL;
    if (global->state_dir) {
        int r = absolute_path(global->state_dir, &state_dir, error);
        if (r < 0)
            return r;
    }
    const struct {
        const char *key, *value, *origin;
    } changes[] = {
        {"state-dir", state_dir, "--state-dir"},
        {"log.level", global->verbose ? "debug" : NULL, "--verbose"},
        {"log.level", global->log_level, "--log-level"},
        {"log.format", global->log_format, "--log-format"},
    };
    int result = 0;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        if (!changes[i].value)
            continue;
        int r =
            config_override(config, changes[i].key, changes[i].value, changes[i].origin, problems);
        if (r < 0 && result == 0)
            result = r;
    }
    return result;
}

static enum log_format log_format_of(const struct config *config) {
    return config->log_format == CONFIG_LOG_JSON ? LOG_JSON : LOG_TEXT;
}

int invocation_config(struct invocation *invocation, struct config **ret_config) {
    struct shim_error error = ERROR_NONE;
    struct config_problems problems = CONFIG_PROBLEMS_NONE;
    struct config_location location = {.path = NULL};
    int r = 0;
    if (!invocation->config) {
        r = config_location(invocation, &location, &error);
        if (r == 0)
            r = config_load(location.path, &location.defaults, &invocation->config, &problems);
        if (r == 0) {
            r = override(invocation->config, invocation->global, &problems, &error);
            invocation->misused = r == -EINVAL;
        }
        if (r == 0)
            log_setup(invocation->config->log_level, log_format_of(invocation->config));
    }
    if (r < 0) {
        complain_of_config(invocation, &problems);
        if (problems.count == 0 && problems.more == 0)
            complain(invocation, NULL, &error);
        invocation->config = config_free(invocation->config);
    } else {
        *ret_config = invocation->config;
    }
    config_problems_clear(&problems);
    config_location_clear(&location);
    return r;
}

int invocation_engine(struct invocation *invocation, int cancel_fd, struct engine **ret_engine) {
    struct config *config;
    int r = invocation_config(invocation, &config);
    if (r < 0)
        return r;
    struct engine_options options = {
        .config = config,
        .cancel_fd = cancel_fd,
        .guard = guard_set_up(invocation->command->name, exit_failed(invocation->command)),
        .trace = invocation->global->verbose,
    };
    struct shim_error error = ERROR_NONE;
    r = engine_open(&options, &invocation->engine, &error);
    if (r < 0) {
        complain(invocation, NULL, &error);
        return r;
    }
    *ret_engine = invocation->engine;
    return 0;
}

void invocation_quiet(const struct invocation *invocation) {
    log_setup(SHIM_LOG_ERROR, log_format_of(invocation->config));
}

void invocation_clear(struct invocation *invocation) {
    invocation->engine = engine_close(invocation->engine);
    invocation->config = config_free(invocation->config);
}

/* ------------------------------------------------------------------------------ files */

int absolute_path(const char *path, char **ret_path, struct shim_error *error) {
    char *here AUTO_FREE = NULL;
    if (path[0] != '/' && !(here = getcwd(NULL, 0)))
        return error_set(error, -errno, "cannot find out the working directory: %s",
                         strerror(errno));
    if (asprintf(ret_path, "%s%s%s", here ? here : "", here ? "/" : "", path) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    return 0;
}

int read_text(const char *path, char **ret_text, struct shim_error *error) {
    int fd AUTO_CLOSE = -1;
    bool from_input = strcmp(path, "-") == 0;
    const char *name = from_input ? "standard input" : path;
    fd = from_input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, -errno, "cannot open %s: %s", name, strerror(errno));
    char *text AUTO_FREE = malloc(TEXT_MAX + 1);
    if (!text)
        return error_set(error, -ENOMEM, "out of memory");
    size_t length = 0;
    for (;;) {
        ssize_t n = read(fd, text + length, TEXT_MAX + 1 - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(error, -errno, "cannot read %s: %s", name, strerror(errno));
        if (n == 0)
            break;
        length += (size_t)n;
        if (length > TEXT_MAX)
            return error_set(error, -EFBIG, "%s is larger than %u MiB", name, TEXT_MAX >> 20);
    }
    if (memchr(text, '\0', length))
        return error_set(error, -EINVAL, "%s is not a text: it has a NUL in it", name);
    text[length] = '\0';
    *ret_text = pointer_steal(&text);
    return 0;
}
