/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks share. All of these run in the forked process of a check: what goes wrong is told
 * with kit_fail(), which ends that process; a check that returns has passed. What a check holds is
 * freed by its end. */
#ifndef SHIMHOST_CHECK_KIT_H
#define SHIMHOST_CHECK_KIT_H

#include <stdbool.h>

#include "base/text.h"
#include "check/check.h"
#include "engine/call.h"

/* What has to be the same after each call of an entry; nothing if `what` is NULL. */
struct kit_kept {
    const char *what;
    const char *before;
    void (*text_of)(struct text *text);
};

struct kit {
    const struct check_request *request;
    struct engine_guard guard; /* remembers in `note` which entry is being called */
    struct kit_note *note;     /* shared with the process that runs the kit */
    struct kit_kept kept;
    int result_fd;       /* where the check tells how it went */
    unsigned int number; /* of the check */
    unsigned int count;  /* of the ids and bundles that it has made */
};

/* What a check leaves for the case that it dies. */
struct kit_note {
    char entry[64]; /* that is being called, or "" */
};

struct check {
    const char *name;
    unsigned int seconds; /* that it may take */
    void (*run)(struct kit *kit);
};

/* In the order in which they run; `run` of the last is NULL. */
extern const struct check checks[];

/* ------------------------------------------------------------------------------ results */

_Noreturn void kit_fail(struct kit *kit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
_Noreturn void kit_skip(struct kit *kit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Fails with what `error` says unless `r` is good. `what` was being done. */
void kit_must(struct kit *kit, int r, const char *what, const struct shim_error *error);

/* Fails unless `r` is `code` and the error was filled as the ABI wants it. */
void kit_must_fail(struct kit *kit, int r, int code, uint32_t reason, const char *what,
                   const struct shim_error *error);

/* ------------------------------------------------------------------------------ engines */

struct engine *kit_engine(struct kit *kit);
struct engine *kit_engine_with(struct kit *kit, int cancel_fd);

/* The plugin's descriptor, by way of an engine that has opened its runtime. */
struct runtime *kit_runtime(struct kit *kit, struct engine *engine);

/* A container or process as the engine sees it, for calling the plugin's entries directly. */
struct process *kit_open(struct kit *kit, struct engine *engine, const char *id);

/* ------------------------------------------------------------------------------ containers */

#define KIT_SLEEP "exec sleep 1000" /* one process, which ends by a signal */

/* A new container id, of at most 40 bytes. Never freed. */
const char *kit_new_id(struct kit *kit);

/* The path of a bundle whose process is the shell with this script, or with `argv`. */
const char *kit_bundle(struct kit *kit, const char *script);
const char *kit_bundle_of(struct kit *kit, const char *const *argv);

/* Spawns a running container, and returns its new id. Its streams are null. */
const char *kit_run(struct kit *kit, struct engine *engine, const char *script);

/* Waits without a limit and returns the exit status. */
int32_t kit_wait(struct kit *kit, struct engine *engine, const char *id);
void kit_expect_status(struct kit *kit, struct engine *engine, const char *id, uint32_t status);
void kit_expect_exit(struct kit *kit, struct engine *engine, const char *id, int32_t expected);
void kit_signal(struct kit *kit, struct engine *engine, const char *id, int number);
void kit_delete(struct kit *kit, struct engine *engine, const char *id);

/* kit_signal() with SIGKILL, the wait for the end, and kit_delete(). */
void kit_finish(struct kit *kit, struct engine *engine, const char *id);

/* ------------------------------------------------------------------------------ processes */

/* Forks another host: runs `body` in it. Its end is awaited by kit_join(), which fails if it did
 * not end with exit status 0; a kit_fail() in it is a failure of the check. */
pid_t kit_fork(struct kit *kit, void (*body)(struct kit *kit, void *user), void *user);
void kit_join(struct kit *kit, pid_t pid);

/* Waits until the calling process has no living children, for at most `timeout` milliseconds, and
 * reaps them. Returns how many live on; *ret_pid is one of them. */
int kit_await_children(int64_t timeout, pid_t *ret_pid);

/* The children of `parent`, at most `max`; returns how many. */
size_t kit_children(pid_t parent, pid_t *pids, size_t max);

/* ------------------------------------------------------------------------------ the checks */

void check_loads(struct kit *kit), check_descriptor(struct kit *kit),
    check_exports(struct kit *kit), check_symbols(struct kit *kit), check_features(struct kit *kit);
void check_create(struct kit *kit), check_run(struct kit *kit),
    check_exit_statuses(struct kit *kit), check_signals(struct kit *kit),
    check_signal_after_end(struct kit *kit), check_delete(struct kit *kit),
    check_pause(struct kit *kit), check_exec(struct kit *kit), check_processes(struct kit *kit),
    check_load_changes_nothing(struct kit *kit), check_input(struct kit *kit),
    check_default_signals(struct kit *kit);
void check_wait_twice(struct kit *kit), check_wait_concurrently(struct kit *kit),
    check_fresh_host(struct kit *kit), check_stranger(struct kit *kit);
void check_failed_command(struct kit *kit), check_failed_runtime(struct kit *kit),
    check_wait_deadline(struct kit *kit), check_wait_cancelled(struct kit *kit),
    check_spawn_deadline(struct kit *kit), check_results_untouched(struct kit *kit);
void check_directory_kept(struct kit *kit), check_umask_kept(struct kit *kit),
    check_mask_kept(struct kit *kit), check_handlers_kept(struct kit *kit),
    check_environment_kept(struct kit *kit), check_output_kept(struct kit *kit),
    check_no_strays(struct kit *kit), check_no_leaked_descriptors(struct kit *kit),
    check_no_leaked_memory(struct kit *kit);

#endif
