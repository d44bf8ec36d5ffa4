/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: shimhost.yaml and one file per runtime in runtimes.d beside it, read into
 * typed, constant structures. Files are read when they are needed: shimhost.yaml by config_load(),
 * the file of a runtime by the first config_runtime() that names it, so that twenty configured
 * runtimes cost a command nothing.
 *
 * What is wrong with the files comes as a list of problems, all of them, each with its file, line
 * and column. The module reads only; it prints nothing but what config_show() writes to the
 * caller's stream. It blocks on the file system only, and never on a FIFO or a device in a file's
 * place.
 *
 * Threads: one thread at a time for one configuration, as long as runtimes are still being read;
 * after config_load_all() any number of threads may look. Different configurations are independent.
 */
#ifndef SHIMHOST_CONFIG_CONFIG_H
#define SHIMHOST_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <shimhost/plugin.h>

/* ---------------------------------------------------------------------------------- problems */

#define CONFIG_PROBLEMS_MAX 100 /* kept; more are only counted */

/* One thing that is wrong in a file. */
struct config_problem {
    int code; /* negative errno: -EINVAL for what a file says; -ENOENT, -EACCES, -EPERM … else */
    const char *file;
    unsigned int line; /* from 1; 0: it is about the file as a whole */
    unsigned int column;
    const char *key;     /* dotted, may be NULL */
    const char *message; /* the whole, "FILE:LINE:COLUMN: KEY: what is wrong; expected …" */
};

/* Owned by the caller, who starts with CONFIG_PROBLEMS_NONE and ends with config_problems_clear().
 * Calls add. */
struct config_problems {
    size_t count; /* in `list`, at most CONFIG_PROBLEMS_MAX, in the order they were found */
    size_t more;  /* found beyond that */
    struct config_problem *list;
};

#define CONFIG_PROBLEMS_NONE                                                                       \
    { .count = 0 }

/* Frees the list and makes it empty again. NULL is fine. */
void config_problems_clear(struct config_problems *problems);

/* Fills `error` with the first problem and how many more there are, for callers that have room for
 * one sentence. Returns its code, or -EIO if there is none. */
int config_problems_error(const struct config_problems *problems, struct shim_error *error);

/* ---------------------------------------------------------------------------------- values */

/* Where a value comes from. */
struct config_origin {
    const char *file;  /* NULL: the default. With line 0: a command line's option, "--state-dir" */
    unsigned int line; /* of the key; from 1 */
    unsigned int column;
};

/* One entry of `env` or, flattened, of `options`. */
struct config_entry {
    const char *key; /* options: path with dots, "network.mode", "args.0" */
    const char *value;
    struct config_origin origin;
};

enum config_log_format { CONFIG_LOG_TEXT, CONFIG_LOG_JSON };

enum config_monitor_death { CONFIG_MONITOR_DEATH_KILL, CONFIG_MONITOR_DEATH_ADOPT };

/* What happens to a stream whose reader is gone. */
enum config_when_gone { CONFIG_WHEN_GONE_BLOCK, CONFIG_WHEN_GONE_DROP };

/* One runtime: what its file says, and the defaults for what it does not say. */
struct runtime_config {
    const char *name;        /* of the file, without .yaml */
    const char *file;        /* absolute path */
    const char *plugin;      /* name in the plugin directory, or absolute path */
    const char *binary;      /* absolute path, or NULL */
    const char *const *args; /* before the subcommand; NULL-terminated, never NULL */
    const char *root;        /* absolute path, or NULL: the runtime's own default */
    bool no_pivot_root;
    enum config_monitor_death on_monitor_death;
    struct {
        int64_t spawn, signal, delete, drain; /* milliseconds */
    } timeouts;
    struct {
        enum config_when_gone stdout_gone, stderr_gone;
        int64_t max_size;  /* bytes a log file may have before it is rotated; 0: never rotated */
        int64_t max_files; /* kept of one log, the current one included */
    } streams;
    const struct config_entry *env; /* in the order of the file */
    size_t n_env;
    const struct config_entry *options; /* flattened, in the order of the file */
    size_t n_options;
    struct shim_runtime shim; /* the same as a plugin sees it; environment = PATH, then `env` */
    const struct config_origin *origins; /* private; see runtime_config_origin() */
};

/* The configuration in force. */
struct config {
    const char *path;         /* absolute path of shimhost.yaml */
    bool present;             /* false: there is no such file, and all values are defaults */
    const char *runtimes_dir; /* absolute path of runtimes.d; need not exist */
    const char *state_dir;
    const char *plugin_dir;
    const char *default_runtime;
    int log_level; /* SHIM_LOG_* */
    enum config_log_format log_format;
    const struct config_origin *origins; /* private; see config_origin() */
    struct config_cache *cache;          /* private: the runtimes that have been read */
};

/* ---------------------------------------------------------------------------------- reading */

/* What is in force where no file says otherwise. All are needed; they are copied. */
struct config_defaults {
    const char *path; /* of shimhost.yaml where the caller names none; this one may be missing */
    const char *state_dir;  /* absolute */
    const char *plugin_dir; /* absolute */
};

/* Reads shimhost.yaml, and no runtime yet. `path` names the file, which must exist then, or is
 * NULL: defaults->path. *ret_config is the caller's, to be given to config_free(). Returns 0, or
 * the code of the first problem of those that it added: -EINVAL the contents; -ENOENT there is
 * none; -EPERM owned or writable by someone else; -EACCES; -ENOMEM; or another errno of reading. */
int config_load(const char *path, const struct config_defaults *defaults,
                struct config **ret_config, struct config_problems *problems);

/* Frees the configuration and every runtime in it. Returns NULL; NULL is fine. */
struct config *config_free(struct config *config);

/* The runtime `name` (NULL: the default runtime), read from its file when first asked for. It stays
 * the configuration's and valid until config_free(). Returns 0, or as config_load(); -ENOENT: there
 * is no such runtime, and the problem names the nearest and all that there are. A failure is not
 * kept: the next call reads again. */
int config_runtime(const struct config *config, const char *name,
                   const struct runtime_config **ret_runtime, struct config_problems *problems);

/* Reads every runtime that has not been read yet. Returns 0, or the code of the first problem;
 * those without problems are there all the same. */
int config_load_all(const struct config *config, struct config_problems *problems);

/* Reads everything and collects every problem, also of the runtimes when shimhost.yaml has some,
 * and a default runtime that is not there. Returns 0, or the code of the first. */
int config_check(const char *path, const struct config_defaults *defaults,
                 struct config_problems *problems);

/* Replaces one value of shimhost.yaml by what the command line says: `key` as in the file
 * ("state-dir", "log.level"), `value` as it would be written there, `origin` the option's name,
 * which a problem begins with and config_show() shows. Returns 0, or -EINVAL with a problem;
 * -ENOMEM. */
int config_override(struct config *config, const char *key, const char *value, const char *origin,
                    struct config_problems *problems);

/* ---------------------------------------------------------------------------------- looking */

/* The runtimes that have been read, sorted by name; *ret_count tells how many. The array is good
 * until the next call that may read one; what it points to, until config_free(). */
const struct runtime_config *const *config_runtimes(const struct config *config, size_t *ret_count);

/* The names of all runtimes that have a file, sorted, without reading any of the files. The list
 * stays the configuration's. Returns 0, or a negative errno with a problem. A missing runtimes.d is
 * an empty one. */
int config_runtime_names(const struct config *config, const char *const **ret_names,
                         size_t *ret_count, struct config_problems *problems);

/* The configured name that is nearest to `name`, if one is near enough to be meant, or NULL. */
const char *config_nearest_runtime(const struct config *config, const char *name);

/* The value of the option with this dotted key, or NULL. */
const char *config_option(const struct runtime_config *runtime, const char *key);

/* Where the value of a key of the schema ("log.level"; "timeouts.spawn") comes from. An unknown
 * key: the default. */
struct config_origin config_origin(const struct config *config, const char *key);
struct config_origin runtime_config_origin(const struct runtime_config *runtime, const char *key);

/* Writes what is in force, shimhost.yaml's values and under `runtimes:` those of the runtimes that
 * have been read, as one YAML document in which a comment gives the origin of each value:
 * "# from FILE:LINE", "# from --OPTION" or "# default". Returns 0, or -EIO if the stream failed. */
int config_show(const struct config *config, FILE *stream);

/* ---------------------------------------------------------------------------------- schema */

/* One key that a file may have, for documents and their tests. */
struct config_key {
    const char *path;     /* dotted */
    const char *expected; /* what it takes */
    const char *standard; /* the default as it would be written, or NULL: there is none */
    const char *about;    /* one sentence */
    bool required;
};

/* Key number `index` of shimhost.yaml, or of a runtime's file. 0, or -ENOENT past the last. */
int config_key_at(bool of_runtime, size_t index, struct config_key *ret_key);

#endif
