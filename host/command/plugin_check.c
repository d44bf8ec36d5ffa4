/* SPDX-License-Identifier: Apache-2.0 */
/* plugin check: the conformance kit, with a private state directory. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "check/check.h"
#include "command/command.h"
#include "command/signals.h"

#define OWN_RUNTIME "check" /* the name of the runtime, if no file is given */
#define DEPTH_MAX 64        /* of what is removed in the end */

struct check_arguments {
    const char *runtime_config;
    const char *bundle;
    const char *cycles;
};

static const struct option_spec check_specs[] = {
    {OPTION_TEXT, 0, "runtime-config", "YAML", "the runtime's file, as in runtimes.d",
     offsetof(struct check_arguments, runtime_config), NULL},
    {OPTION_TEXT, 0, "bundle", "DIR",
     "a bundle whose root has /bin/sh and sleep; else one is made with a static busybox",
     offsetof(struct check_arguments, bundle), NULL},
    {OPTION_TEXT, 0, "cycles", "N", "look for leaks in N lives instead of 50",
     offsetof(struct check_arguments, cycles), NULL},
    OPTIONS_DONE,
};

/* Where the kit works: DIRECTORY/state, /plugins, /runtimes.d, /root, /bundle, /work. */
struct workplace {
    char path[PATH_MAX];
    char file[PATH_MAX];   /* the plugin */
    char bundle[PATH_MAX]; /* absolute */
    char state_dir[PATH_MAX + 16], plugin_dir[PATH_MAX + 16], runtimes_dir[PATH_MAX + 16],
        work_dir[PATH_MAX + 16];
    char runtime[256];
};

static int make_directory(const struct workplace *place, const char *name, char *path, size_t size,
                          struct shim_error *error) {
    snprintf(path, size, "%s/%s", place->path, name);
    if (mkdir(path, 0700) < 0)
        return error_set(error, -errno, "cannot make %s: %s", path, strerror(errno));
    return 0;
}

static int make_workplace(struct workplace *place, struct shim_error *error) {
    const char *parent = getenv("TMPDIR");
    snprintf(place->path, sizeof(place->path), "%s/shimhost-check.XXXXXX",
             parent && parent[0] == '/' ? parent : "/tmp");
    if (!mkdtemp(place->path)) {
        int r = error_set(error, -errno, "cannot make %s: %s", place->path, strerror(errno));
        place->path[0] = '\0';
        return r;
    }
    int r = make_directory(place, "state", place->state_dir, sizeof(place->state_dir), error);
    if (r == 0)
        r = make_directory(place, "plugins", place->plugin_dir, sizeof(place->plugin_dir), error);
    if (r == 0)
        r = make_directory(place, "work", place->work_dir, sizeof(place->work_dir), error);
    return r;
}

/* Removes it all, unless something is still mounted in it. */
static void remove_workplace(const struct workplace *place) {
    if (!place->path[0])
        return;
    char *slash = strrchr(place->path, '/');
    char parent[PATH_MAX];
    snprintf(parent, sizeof(parent), "%.*s", (int)(slash - place->path), place->path);
    int fd AUTO_CLOSE = open(parent[0] ? parent : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct shim_error error = ERROR_NONE;
    if (fd < 0 || tree_remove_at(fd, slash + 1, DEPTH_MAX, &error) < 0)
        fprintf(stderr, "shimhost: plugin check: %s is left behind: %s\n", place->path,
                error.message);
}

/* ------------------------------------------------------------------------------ configuration */

/* A file that says nothing but the plugin, and where the runtime's state is to be. */
static int write_runtime(struct workplace *place, struct shim_error *error) {
    char text[PATH_MAX + 128], root[PATH_MAX + 16];
    int r = make_directory(place, "runtimes.d", place->runtimes_dir, sizeof(place->runtimes_dir),
                           error);
    if (r < 0 || (r = make_directory(place, "root", root, sizeof(root), error)) < 0)
        return r;
    int fd AUTO_CLOSE = open(place->runtimes_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(text, sizeof(text), "version: 1\nplugin: " OWN_RUNTIME "\nroot: %s\n", root);
    snprintf(place->runtime, sizeof(place->runtime), OWN_RUNTIME);
    return file_write_at(fd, OWN_RUNTIME ".yaml", text, strlen(text), error);
}

/* The directory and the name of the file that the user has given. */
static int find_runtime(struct workplace *place, const char *path, struct shim_error *error) {
    char real[PATH_MAX];
    if (!realpath(path, real))
        return error_set(error, -errno, "cannot find %s: %s", path, strerror(errno));
    char *slash = strrchr(real, '/');
    size_t length = strlen(slash + 1);
    if (length < 6 || strcmp(slash + 1 + length - 5, ".yaml") != 0 ||
        length - 5 >= sizeof(place->runtime))
        return error_set(error, -EINVAL, "%s: expected a file whose name ends in .yaml", path);
    snprintf(place->runtime, sizeof(place->runtime), "%.*s", (int)length - 5, slash + 1);
    snprintf(place->runtimes_dir, sizeof(place->runtimes_dir), "%.*s",
             slash == real ? 1 : (int)(slash - real), real);
    return 0;
}

/* Puts the plugin where the runtime's file looks for it. */
static int link_plugin(const struct workplace *place, const struct runtime_config *runtime,
                       struct shim_error *error) {
    char path[PATH_MAX + 272], real[PATH_MAX];
    if (runtime->plugin[0] == '/') {
        if (realpath(runtime->plugin, real) && strcmp(real, place->file) == 0)
            return 0;
        return error_set(error, -EINVAL, "%s says `plugin: %s`, and that is not %s", runtime->file,
                         runtime->plugin, place->file);
    }
    snprintf(path, sizeof(path), "%s/%s.so", place->plugin_dir, runtime->plugin);
    if (symlink(place->file, path) < 0)
        return error_set(error, -errno, "cannot make %s: %s", path, strerror(errno));
    return 0;
}

/* Lets the configuration in force be that of the workplace. */
static int configure(struct config *config, const struct workplace *place,
                     struct shim_error *error) {
    config->state_dir = place->state_dir;
    config->plugin_dir = place->plugin_dir;
    config->runtimes_dir = place->runtimes_dir;
    config->default_runtime = place->runtime;
    struct config_problems problems = CONFIG_PROBLEMS_NONE;
    const struct runtime_config *runtime;
    int r = config_runtime(config, place->runtime, &runtime, &problems);
    if (r < 0)
        config_problems_error(&problems, error);
    else
        r = link_plugin(place, runtime, error);
    config_problems_clear(&problems);
    return r;
}

/* ------------------------------------------------------------------------------ the command */

static int prepare(struct config *config, struct workplace *place, const char *file,
                   const struct check_arguments *arguments, struct shim_error *error) {
    char path[PATH_MAX];
    bool is_name = !strchr(file, '/');
    snprintf(path, sizeof(path), is_name ? "%s/%s.so" : "%s%s", is_name ? config->plugin_dir : "",
             file);
    if (!realpath(path, place->file))
        return error_set(error, -errno, "cannot find %s: %s", path, strerror(errno));
    int r = make_workplace(place, error);
    if (r < 0)
        return r;
    if (!arguments->bundle) {
        r = make_directory(place, "bundle", place->bundle, sizeof(place->bundle), error);
        if (r == 0)
            r = check_make_bundle(place->bundle, error);
    } else if (!realpath(arguments->bundle, place->bundle)) {
        r = error_set(error, -errno, "cannot find the bundle %s: %s", arguments->bundle,
                      strerror(errno));
    }
    if (r == 0)
        r = arguments->runtime_config ? find_runtime(place, arguments->runtime_config, error)
                                      : write_runtime(place, error);
    return r < 0 ? r : configure(config, place, error);
}

/* A signal that gives the checks up ends neither the cleaning after them nor that of the workplace.
 */
static int check_in(struct workplace *place, struct invocation *invocation, struct config *config,
                    const struct check_arguments *arguments, unsigned int cycles) {
    struct shim_error error = ERROR_NONE;
    struct foreground foreground = FOREGROUND_NONE;
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    int r = foreground_open(&foreground, &error);
    if (r == 0)
        r = prepare(config, place, invocation->operands[0], arguments, &error);
    if (r == 0) {
        struct check_request request = {.config = config,
                                        .cancel_fd = foreground.cancel_fd,
                                        .mask = &mask,
                                        .file = place->file,
                                        .directory = place->work_dir,
                                        .bundle = place->bundle,
                                        .cycles = cycles};
        r = check_plugin(&request, stdout, &error);
    }
    remove_workplace(place);
    int status = r > 0 ? EXIT_FAILED : EXIT_DONE;
    if (r < 0)
        status = complain(invocation, NULL, &error);
    if (r == -ECANCELED)
        status = 128 + foreground_cancelled(&foreground);
    foreground_close(&foreground);
    return status;
}

static int check(struct invocation *invocation, const void *data) {
    const struct check_arguments *arguments = data;
    struct workplace place = {.path = ""};
    struct config *config;
    uint64_t cycles = CHECK_CYCLES;
    if (arguments->cycles && (parse_decimal(arguments->cycles, strlen(arguments->cycles),
                                            CHECK_CYCLES_MAX, &cycles) < 0 ||
                              cycles == 0))
        return complain_of_usage(invocation, "--cycles: '%s' is not a number from 1 to %d",
                                 arguments->cycles, CHECK_CYCLES_MAX);
    if (invocation_config(invocation, &config) < 0)
        return EXIT_FAILED;
    return check_in(&place, invocation, config, arguments, (unsigned int)cycles);
}

const struct command command_plugin_check = {
    .name = "plugin check",
    .operands = "FILE|NAME",
    .summary = "lead real processes through their lives with a plugin, and judge it",
    .details = "Prints TAP. A plugin that crashes, exits or hangs fails the check that it does it "
               "in. What the checks\nleave is removed.",
    .options = check_specs,
    .arguments_size = sizeof(struct check_arguments),
    .operands_min = 1,
    .operands_max = 1,
    .run = check,
};
