/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that does, in the entry that the option `entry` of its runtime's file names, what the
 * option `fault` says: crash, abort, exit, block or deaf (block with all signals blocked). Before
 * that it makes the file that the option `mark` names. */
#include <signal.h>
#include <stdlib.h>

#include "life.h"

static void maybe(const struct shim_context *context, const char *entry) {
    const char *where = context->services->option(context, "entry");
    const char *fault = context->services->option(context, "fault");
    if (!where || !fault || strcmp(where, entry) != 0)
        return;
    const char *mark = context->services->option(context, "mark");
    if (mark)
        close(open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (strcmp(fault, "crash") == 0)
        raise(SIGSEGV);
    if (strcmp(fault, "abort") == 0)
        abort();
    if (strcmp(fault, "exit") == 0)
        exit(0);
    sigset_t all;
    sigfillset(&all);
    if (strcmp(fault, "deaf") == 0)
        sigprocmask(SIG_SETMASK, &all, NULL);
    for (;;)
        pause();
}

static int spawn(const struct shim_context *context, const struct shim_process *process,
                 struct shim_error *error) {
    maybe(context, "spawn");
    int r = life_spawn(context, process, error);
    maybe(context, "spawn-late");
    return r;
}
#undef LIFE_SPAWN
#define LIFE_SPAWN spawn

static int load(const struct shim_context *context, const struct shim_process *process,
                struct shim_state *ret_state, struct shim_error *error) {
    maybe(context, "load");
    return life_load(context, process, ret_state, error);
}
#undef LIFE_LOAD
#define LIFE_LOAD load

static int wait_for(const struct shim_context *context, const struct shim_process *process,
                    int64_t timeout, int32_t *ret_exit_status, struct shim_error *error) {
    maybe(context, "wait");
    return life_wait(context, process, timeout, ret_exit_status, error);
}
#undef LIFE_WAIT
#define LIFE_WAIT wait_for

static int send_signal(const struct shim_context *context, const struct shim_process *process,
                       int32_t number, struct shim_error *error) {
    maybe(context, "signal");
    return life_signal(context, process, number, error);
}
#undef LIFE_SIGNAL
#define LIFE_SIGNAL send_signal

static int features(const struct shim_context *context, struct shim_features *ret_features,
                    struct shim_error *error) {
    maybe(context, "features");
    return life_features(context, ret_features, error);
}
#undef LIFE_FEATURES
#define LIFE_FEATURES features

LIFE_PLUGIN("faulty");
