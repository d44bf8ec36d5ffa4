/* SPDX-License-Identifier: Apache-2.0 */
/* containerd-shim-shimhost-v1: the runtime v2 shim of containerd. doc/containerd.md tells how it is
 * used. */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "containerd/actions.h"
#include "containerd/serve.h"
#include "containerd/server.h"

static int run(const struct arguments *arguments, const char *program, struct shim_error *error) {
    if (arguments->check >= 0)
        return upgrade_understands(arguments->check, error);
    if (arguments->info)
        return action_info(arguments, error);
    if (strcmp(arguments->action, "upgrade") == 0)
        return action_upgrade(arguments, error);
    if (!arguments->namespace[0])
        return error_set(error, -EINVAL, "-namespace: the namespace may not be empty");
    if (!arguments->id[0])
        return error_set(error, -EINVAL, "-id: the id may not be empty");
    if (strcmp(arguments->action, "start") == 0)
        return action_start(arguments, program, error);
    if (strcmp(arguments->action, "delete") == 0)
        return action_delete(arguments, error);
    if (arguments->action[0])
        return error_set(error, -EINVAL, "%s: expected start, delete, upgrade, or no action",
                         arguments->action);
    return serve(arguments, error);
}

int main(int argc, char **argv) {
    struct arguments arguments;
    struct shim_error error = ERROR_NONE;
    char runtime[80];
    umask(077);
    int r = arguments_read(argc, argv, &arguments, &error);
    if (r == 0 && arguments.version) {
        printf("%s %s\n", "containerd-shim-shimhost-v1", PACKAGE_VERSION);
        return 0;
    }
    if (r == 0) {
        if (!arguments.runtime[0] && arguments_runtime(argv[0], runtime, sizeof(runtime)))
            arguments.runtime = runtime;
        log_setup(arguments.debug ? SHIM_LOG_DEBUG : SHIM_LOG_WARNING, LOG_TEXT);
        r = run(&arguments, argv[0], &error);
    }
    if (r < 0)
        fprintf(stderr, "containerd-shim-shimhost-v1: %s\n", error.message);
    return r < 0 ? 1 : 0;
}
