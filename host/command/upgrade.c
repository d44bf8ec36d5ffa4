/* SPDX-License-Identifier: Apache-2.0 */
/* upgrade: the servers under containerd belong to another program, which is beside this one. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "command/command.h"

#define SHIM "containerd-shim-shimhost-v1"

struct upgrade_arguments {
    const char *namespace;
    struct option_duration timeout;
};

static const struct option_spec upgrade_specs[] = {
    {OPTION_TEXT, 0, "namespace", "NAME", "only those of this namespace of containerd",
     offsetof(struct upgrade_arguments, namespace), NULL},
    {OPTION_DURATION, 0, "timeout", "DURATION", "how long to wait for all of them (60s)",
     offsetof(struct upgrade_arguments, timeout), NULL},
    OPTIONS_DONE,
};

static int find_shim(char path[PATH_MAX], struct shim_error *error) {
    char own[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
    char *slash = n > 0 ? memrchr(own, '/', (size_t)n) : NULL;
    if (!slash)
        return error_set(error, -errno, "cannot find out where this program is");
    if (snprintf(path, PATH_MAX, "%.*s/" SHIM, (int)(slash - own), own) >= PATH_MAX)
        return error_set(error, -ENAMETOOLONG, "the path of " SHIM " is too long");
    return 0;
}

/* Whole seconds, and not none where there was some time. */
static void print_seconds(char *buffer, size_t size, int64_t milliseconds) {
    snprintf(buffer, size, "%lld", (long long)(milliseconds + 999) / 1000);
}

static int run(struct invocation *invocation, const void *data) {
    const struct upgrade_arguments *arguments = data;
    struct shim_error error = ERROR_NONE;
    char path[PATH_MAX], seconds[32];
    const char *argv[10] = {SHIM};
    size_t n = 1;
    if (arguments->namespace) {
        argv[n++] = "-namespace";
        argv[n++] = arguments->namespace;
    }
    if (invocation->n_operands > 0) {
        argv[n++] = "-id";
        argv[n++] = invocation->operands[0];
    }
    if (arguments->timeout.given) {
        print_seconds(seconds, sizeof(seconds), arguments->timeout.milliseconds);
        argv[n++] = "-timeout";
        argv[n++] = seconds;
    }
    argv[n++] = "upgrade";
    if (find_shim(path, &error) == 0) {
        execv(path, (char **)(uintptr_t)argv);
        error_set(&error, -errno, "cannot run %s: %s%s", path, strerror(errno),
                  errno == ENOENT ? "; was the shim for containerd built?" : "");
    }
    return complain(invocation, NULL, &error);
}

const struct command command_upgrade = {
    .name = "upgrade",
    .operands = "[ID]",
    .summary = "have the servers under containerd replace themselves by the installed program",
    .details =
        "ID is that of the container that a server was started for. Connections, calls that\n"
        "wait and events go on; prints the version of each server before and after.",
    .options = upgrade_specs,
    .arguments_size = sizeof(struct upgrade_arguments),
    .operands_max = 1,
    .run = run,
};
