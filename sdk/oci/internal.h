/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the helper share. */
#ifndef SHIMHOST_OCI_INTERNAL_H
#define SHIMHOST_OCI_INTERNAL_H

#include <shimhost/oci.h>
#include <string.h>

/* The runtime's JSON log in a process's directory. */
#define OCI_LOG "log.json"
/* Where create, run, exec and restore write the pid. */
#define OCI_PID_FILE ".pid.runtime"

/* What context->data points to. */
struct oci {
    struct shim_oci_runtime runtime; /* a copy; what the author did not know of is zero */
    const char *binary;              /* or NULL */
    const char *root;                /* where its state is, if known and to be looked at, or NULL */
};

static inline const struct oci *oci_of(const struct shim_context *context) {
    return (const struct oci *)context->data;
}

static inline struct shim_error oci_error(void) {
    struct shim_error error;
    memset(&error, 0, sizeof(error));
    error.size = sizeof(error);
    return error;
}

static inline struct shim_output oci_output(void) {
    struct shim_output output;
    memset(&output, 0, sizeof(output));
    output.size = sizeof(output);
    return output;
}

/* Calls the service `fail`, which see. */
#define oci_fail(context, ...) (context)->services->fail(__VA_ARGS__)

/* ------------------------------------------------------------------------------------ words.c */

struct shim_oci_words {
    char **argv; /* NULL-terminated once there is a word */
    size_t count, room;
    int failed; /* memory was short: a word is missing */
};

#define OCI_WORDS_NONE                                                                             \
    { NULL, 0, 0, 0 }

void oci_words_free(struct shim_oci_words *words);

/* The words, or NULL if memory was short at any time, or if there are none. */
const char *const *oci_words_argv(const struct shim_oci_words *words);

/* How the runtime spells a usual word: a text, perhaps an empty one. */
const char *oci_spelling(const struct shim_context *context, const char *usual);
int oci_has(const struct shim_context *context, const char *usual);

/* Adds an option as the runtime spells it, with `value` (or NULL) behind it, or nothing. */
void oci_add_option(const struct shim_context *context, struct shim_oci_words *words,
                    const char *option, const char *value);

/* oci_add_option() whose value is a file of the process's directory. */
void oci_add_file(const struct shim_context *context, const struct shim_process *process,
                  struct shim_oci_words *words, const char *option, const char *name);

/* Can the runtime be executed? -ENOENT, -EACCES. */
int oci_check_binary(const struct shim_context *context, struct shim_error *error);

/* Begins a command line: binary, YAML's args, the author's global words, root, log, subcommand.
 * `process` may be NULL: no log. -ENOENT, -EACCES: there is no binary, or it cannot be executed;
 * -ENOTSUP: the runtime has no such subcommand. */
int oci_begin(const struct shim_context *context, const struct shim_process *process,
              const char *subcommand, struct shim_oci_words *words, struct shim_error *error);

/* Ends it: the author's words for the subcommand, then the id and what comes after it (or NULL). */
void oci_finish(const struct shim_context *context, const struct shim_process *process,
                const char *subcommand, const char *const *operands, struct shim_oci_words *words);

/* ------------------------------------------------------------------------------------ command.c */

/* Runs a command line, which must not fail: shim_oci_run() without the words. `cleaning`: not even
 * the caller's cancelling ends it. */
int oci_execute(const struct shim_context *context, const struct shim_process *process,
                const char *subcommand, const struct shim_oci_words *words, int64_t timeout,
                int cleaning, struct shim_output *ret_output, struct shim_error *error);

/* What comes after oci_begin() has returned `r`: if that was 0, finishes the command line and runs
 * it. Frees the words. */
int oci_end(const struct shim_context *context, const struct shim_process *process,
            const char *subcommand, struct shim_oci_words *words, int r, int64_t timeout,
            struct shim_output *ret_output, struct shim_error *error);

/* ------------------------------------------------------------------------------------ remove.c */

/* Whether the runtime has a container of that id: 1, 0, or a negative errno: it could not be asked.
 */
int oci_knows(const struct shim_context *context, const struct shim_process *process,
              struct shim_error *error);

/* ------------------------------------------------------------------------------------ checkpoint.c
 */

/* Appends what CRIU's log, `name` in `directory`, has for a cause to the sentence in `error`. */
void oci_explain_criu(const struct shim_context *context, const char *directory, const char *name,
                      struct shim_error *error);

/* ------------------------------------------------------------------------------------ cgroups.c */

/* Writes down, in the process's directory, which cgroups a container may come to have that do not
 * exist yet. Only those are ever removed. */
int oci_cgroups_foresee(const struct shim_context *context, const struct shim_process *process,
                        struct shim_error *error);

/* Removes what has come into being of them: kills what is left in them, then takes the empty ones
 * away. To be called when the runtime knows nothing of the container any more. */
int oci_cgroups_remove(const struct shim_context *context, const struct shim_process *process,
                       struct shim_error *error);

/* ------------------------------------------------------------------------------------ cgroup.c */

/* Removes the cgroup of an absolute path, with those below it, after killing what is in them. One
 * that is not there, or not in a cgroup file system, is fine. */
int oci_cgroup_remove(const struct shim_context *context, const char *path,
                      struct shim_error *error);

#endif
