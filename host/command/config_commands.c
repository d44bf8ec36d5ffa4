/* SPDX-License-Identifier: Apache-2.0 */
/* config check, config show. */
#include <stdio.h>

#include "command/command.h"

static const struct option_spec no_specs[] = {OPTIONS_DONE};

/* Does not use the configuration in force: with problems in the files there is none. */
static int check(struct invocation *invocation, const void *arguments) {
    (void)arguments;
    struct shim_error error = ERROR_NONE;
    struct config_problems problems = CONFIG_PROBLEMS_NONE;
    struct config_location location;
    if (config_location(invocation, &location, &error) < 0)
        return complain(invocation, NULL, &error);
    int r = config_check(location.path, &location.defaults, &problems);
    complain_of_config(invocation, &problems);
    if (r == 0)
        printf("%s: no problems\n", location.path ? location.path : location.defaults.path);
    config_problems_clear(&problems);
    config_location_clear(&location);
    return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int show(struct invocation *invocation, const void *arguments) {
    (void)arguments;
    struct config_problems problems = CONFIG_PROBLEMS_NONE;
    struct config *config;
    if (invocation_config(invocation, &config) < 0)
        return EXIT_FAILED;
    int r = config_load_all(config, &problems);
    complain_of_config(invocation, &problems);
    config_problems_clear(&problems);
    int shown = config_show(config, stdout); /* main() says so if standard output fails */
    return r < 0 || shown < 0 ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_config_check = {
    .name = "config check",
    .operands = "",
    .summary = "say everything that is wrong with the configuration",
    .options = no_specs,
    .run = check,
};

const struct command command_config_show = {
    .name = "config show",
    .operands = "",
    .summary = "print the configuration in force, and where each value comes from",
    .options = no_specs,
    .run = show,
};
