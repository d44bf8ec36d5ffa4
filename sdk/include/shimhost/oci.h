/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins for runtimes that speak the OCI command line: create, start, exec, kill, delete, state …
 * Link with libshimhost-oci.a (pkg-config --static --libs shimhost-sdk). Such a plugin says in a
 * `struct shim_oci_runtime` what is peculiar to its runtime, and SHIM_OCI_PLUGIN() makes all the
 * entries of shimhost/plugin.h out of it:
 *
 *     static const char *const binaries[] = {"/usr/bin/example", NULL};
 *     static const struct shim_oci_word words[] = {{"--no-pivot", ""}, {NULL, NULL}};
 *     static const struct shim_oci_runtime example = {
 *         .size = sizeof(example), .name = "example", .binaries = binaries, .words = words,
 *     };
 *     SHIM_OCI_PLUGIN("example", "1.0", "the example runtime", example);
 *
 * An author who wants one entry to be different writes the descriptor by hand and puts shim_oci_*
 * functions where they fit; each may be called from an author's own entry, too.
 *
 * The conventions are those of shimhost/plugin.h. The helper keeps its own data in context->data
 * and nothing in static variables. Since ABI 1, edition 1, unless it says otherwise.
 */
#ifndef SHIMHOST_OCI_H
#define SHIMHOST_OCI_H

#include <shimhost/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a runtime spells a word of the usual command line, which is runc's. `usual` is a subcommand
 * ("create", "run", "exec", "restore", "start", "delete", "state", "pause", "resume", "update",
 * "ps", "checkpoint", "events") or an option as the helper writes it ("--root", "--log",
 * "--log-format", "--bundle", "--pid-file", "--console-socket", "--no-pivot", "--detach",
 * "--process", "--force", "--resources", "--format", "--stats", "--image-path", "--work-path",
 * "--leave-running", "--tcp-established", "--file-locks", "--version"): shim_oci_usual_word().
 * `here` is the runtime's word for it. One that ends in `=` has its value appended to the same
 * argument. An empty one says that the runtime has no such thing: an option is left out together
 * with its value, and a subcommand is reported as not supported; without "run", a process that is
 * to run at once is created and started. "events" is not supported unless it is listed. */
struct shim_oci_word {
    const char *usual; /* NULL ends a table */
    const char *here;
};

/* Usual word number `index`, counted from 0, or NULL past the last. */
const char *shim_oci_usual_word(size_t index);

/* What a runtime's error message means: it contains `first` and, somewhere after that, `then`. */
struct shim_oci_phrase {
    uint32_t reason;   /* SHIM_REASON_*; SHIM_REASON_NOT_RUNNING: it knows no such container */
    const char *first; /* NULL ends a table */
    const char *then;  /* or NULL */
};

/* A published hole: the versions from `first` (or NULL: all) up to, but without, `fixed`. Versions
 * are compared number by number; "1.0.0-rc95" comes before "1.0.0". One hole may have several
 * lines, for several branches. Newer holes come first: there is not room for many. */
struct shim_oci_hole {
    const char *id;    /* "CVE-2024-21626"; NULL ends a table */
    const char *first; /* the first version that has it */
    const char *fixed; /* the first version that does not, or NULL: none is known */
    const char *what;  /* in a few words: what can happen */
};

/* A command line that grows. Adding to it cannot fail: lack of memory is noticed when it is used.
 */
struct shim_oci_words;

/* Adds a copy of `word`. */
void shim_oci_add(struct shim_oci_words *words, const char *word);

/* Adds one word, made as by printf. */
void shim_oci_add_format(struct shim_oci_words *words, const char *format, ...) SHIM_PRINTF(2, 3);

/* What is peculiar to a runtime. Static and constant, or at least valid until `close`; everything
 * but `size` and `name` may be left out. */
struct shim_oci_runtime {
    uint32_t size;  /* sizeof(struct shim_oci_runtime) */
    uint32_t flags; /* none yet: 0 */

    /* As it calls itself, for messages. */
    const char *name;

    /* Where to look for it if the YAML has no `binary`: absolute paths, NULL-terminated. */
    const char *const *binaries;

    /* Where it keeps its state if the YAML has no `root`: "/run/runc"; and what it has there of a
     * container: a name in which each @id@ stands for the id, or NULL for the id alone. With these,
     * the helper sees without asking whether the runtime knows a container. */
    const char *state_root;
    const char *state_name;

    /* How it spells things; ended by a `usual` of NULL. */
    const struct shim_oci_word *words;

    /* What its error messages mean. These come before the helper's own, which know the words of
     * runc, crun and runsc. Ended by a `first` of NULL. */
    const struct shim_oci_phrase *phrases;

    /* What is known against it, and when that was looked up (YYYY-MM-DD). Ended by an `id` of NULL.
     */
    const struct shim_oci_hole *holes;
    const char *holes_date;

    /* Adds options that stand before every subcommand, after the YAML's `args`. */
    void (*global_words)(const struct shim_context *context, struct shim_oci_words *words);

    /* Adds options to a subcommand (its usual name), before the id. There are none to "--version".
     */
    void (*command_words)(const struct shim_context *context, const struct shim_process *process,
                          const char *subcommand, struct shim_oci_words *words);

    /* Adds the words of one more command, to be run after `delete --force` when a container is over
     * or is removed. The first is an absolute path. To add none is fine. */
    void (*cleanup_words)(const struct shim_context *context, const struct shim_process *process,
                          struct shim_oci_words *words);

    /* Writes into `health` why the runtime, which is installed, cannot work here, and what to do:
     * one sentence. Or leaves it alone. Quick. */
    void (*check_health)(const struct shim_context *context, char *health, size_t size);
};

/* The entry `open`, but for the description, which is copied, not what it points to. -EINVAL: it is
 * too small, has an unknown flag, or spells a word that is none. That the runtime is not installed
 * is no error here: load, wait and signal work without it. */
int shim_oci_open(struct shim_context *context, const struct shim_oci_runtime *runtime,
                  struct shim_error *error);
void shim_oci_close(struct shim_context *context);

/* The description that `context` was opened with. */
const struct shim_oci_runtime *shim_oci_description(const struct shim_context *context);

/* The absolute path of the runtime's program, or NULL: it was found nowhere. */
const char *shim_oci_binary(const struct shim_context *context);

/* What a runtime's message means: SHIM_REASON_*. SHIM_REASON_NONE: nothing in particular. */
uint32_t shim_oci_reason(const struct shim_context *context, const char *message);

/* < 0, 0, > 0: version `a` is before, the same as, after `b`. Letters, as in "1.0.0-rc95", come
 * before the version without them; what follows a `+`, and a distribution's revision, as in
 * "1.3.3-0ubuntu1", do not count. */
int shim_oci_compare_versions(const char *a, const char *b);

/* Runs one subcommand (its usual name, or one that is the runtime's own) on a process's container,
 * with the options of command_words, then `options`, then the id, then `operands` (both
 * NULL-terminated, or NULL). -ENOTSUP: the runtime does not have it. If the runtime fails, -EIO
 * (-ESRCH: it knows no such container) with its own words in `error`. `ret_output` may be NULL;
 * else its size is set, and it becomes what the runtime printed, to be released with output_free.
 * Blocks up to `timeout` milliseconds. */
int shim_oci_run(const struct shim_context *context, const struct shim_process *process,
                 const char *subcommand, const char *const *options, const char *const *operands,
                 int64_t timeout, struct shim_output *ret_output, struct shim_error *error);

/* The entries. Their contracts are those of shimhost/plugin.h; what is said here comes on top.
 *
 * spawn: `run --detach` or `create`, for an exec `exec --detach --process DIRECTORY/process.json`,
 * so that user, directory, environment and terminal never appear in the command line. If it fails,
 * what a killed runtime leaves behind is removed, cgroups included; a cgroup that was there before
 * is never touched. -EEXIST: the runtime already has a container of that id, which stays as it is.
 * restore: `restore --detach`, and never `--no-pivot`, which crun has not there. start: `start`.
 * remove: `delete --force`, unless the runtime is seen to know nothing of it. state: `state`.
 * pause, resume. update: `update --resources FILE`. processes: `ps --format json`. checkpoint:
 * `checkpoint`. stats: `events --stats`. features: `--version`. load, wait, signal: the services
 * process_load, process_wait, process_signal. */
int shim_oci_spawn(const struct shim_context *context, const struct shim_process *process,
                   struct shim_error *error);
int shim_oci_load(const struct shim_context *context, const struct shim_process *process,
                  struct shim_state *ret_state, struct shim_error *error);
int shim_oci_wait(const struct shim_context *context, const struct shim_process *process,
                  int64_t timeout, int32_t *ret_exit_status, struct shim_error *error);
int shim_oci_signal(const struct shim_context *context, const struct shim_process *process,
                    int32_t signal, struct shim_error *error);
int shim_oci_start(const struct shim_context *context, const struct shim_process *process,
                   struct shim_error *error);
int shim_oci_remove(const struct shim_context *context, const struct shim_process *process,
                    struct shim_error *error);
int shim_oci_state(const struct shim_context *context, const struct shim_process *process,
                   uint32_t *ret_status, struct shim_error *error);
int shim_oci_pause(const struct shim_context *context, const struct shim_process *process,
                   struct shim_error *error);
int shim_oci_resume(const struct shim_context *context, const struct shim_process *process,
                    struct shim_error *error);
int shim_oci_update(const struct shim_context *context, const struct shim_process *process,
                    const char *resources, struct shim_error *error);
int shim_oci_processes(const struct shim_context *context, const struct shim_process *process,
                       struct shim_pid_list *list, struct shim_error *error);
int shim_oci_checkpoint(const struct shim_context *context, const struct shim_process *process,
                        const struct shim_checkpoint *checkpoint, struct shim_error *error);
int shim_oci_restore(const struct shim_context *context, const struct shim_process *process,
                     struct shim_error *error);
int shim_oci_stats(const struct shim_context *context, const struct shim_process *process,
                   struct shim_output *ret_output, struct shim_error *error);
int shim_oci_features(const struct shim_context *context, struct shim_features *ret_features,
                      struct shim_error *error);

/* A whole plugin: name, version and summary as in struct shim_plugin, and the description of the
 * runtime. Once in a plugin, at file scope, followed by a semicolon. */
#define SHIM_OCI_PLUGIN(plugin_name, plugin_version, plugin_summary, runtime)                      \
    static int shim_oci_plugin_open(struct shim_context *context, struct shim_error *error) {      \
        return shim_oci_open(context, &(runtime), error);                                          \
    }                                                                                              \
    static const struct shim_plugin shim_oci_plugin = {sizeof(struct shim_plugin),                 \
                                                       SHIM_ABI_VERSION,                           \
                                                       plugin_name,                                \
                                                       plugin_version,                             \
                                                       plugin_summary,                             \
                                                       shim_oci_spawn,                             \
                                                       shim_oci_load,                              \
                                                       shim_oci_wait,                              \
                                                       shim_oci_signal,                            \
                                                       shim_oci_plugin_open,                       \
                                                       shim_oci_close,                             \
                                                       shim_oci_start,                             \
                                                       shim_oci_remove,                            \
                                                       shim_oci_state,                             \
                                                       shim_oci_pause,                             \
                                                       shim_oci_resume,                            \
                                                       shim_oci_update,                            \
                                                       shim_oci_processes,                         \
                                                       shim_oci_checkpoint,                        \
                                                       shim_oci_restore,                           \
                                                       shim_oci_stats,                             \
                                                       shim_oci_features};                         \
    SHIM_PLUGIN(shim_oci_plugin)

#ifdef __cplusplus
}
#endif

#endif
