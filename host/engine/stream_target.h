/* SPDX-License-Identifier: Apache-2.0 */
/* Where a stream goes, from the text that says it, and the options of log drivers. Pure. */
#ifndef SHIMHOST_ENGINE_STREAM_TARGET_H
#define SHIMHOST_ENGINE_STREAM_TARGET_H

#include <shimhost/plugin.h>

#include "config/config.h"

enum target_kind {
    TARGET_NULL,
    TARGET_INHERIT,
    TARGET_FILE,
    TARGET_FIFO,
    TARGET_K8S_FILE,
    TARGET_JSON_FILE,
    TARGET_JOURNALD,
    TARGET_PIPE,
    TARGET_TERMINAL,
};

struct stream_target {
    enum target_kind kind;
    const char *text; /* the whole */
    const char *path; /* absolute, in `text`; or NULL */
};

/* Reads "fifo:/path" and its like. -EINVAL: an unknown kind, a path that is missing, relative or
 * too much; the sentence does not name the stream. */
int stream_target_parse(const char *text, struct stream_target *ret_target,
                        struct shim_error *error);

/* Checks that the three go together, with or without a terminal. -EINVAL. */
int stream_targets_check(const struct stream_target targets[3], bool terminal,
                         struct shim_error *error);

/* "stdin", "stdout", "stderr" */
extern const char *const stream_names[3];

/* Is it written by the monitor in a format of a log's? */
static inline bool target_is_log_file(const struct stream_target *target) {
    return target->kind == TARGET_K8S_FILE || target->kind == TARGET_JSON_FILE;
}

struct log_options {
    int64_t max_size;  /* bytes; 0: never rotated */
    int64_t max_files; /* the current one included */
    const char *tag;   /* journald's SYSLOG_IDENTIFIER, or NULL */
};

/* Fills it from a list of KEY=VALUE (NULL-terminated, or NULL) and, for what that does not say,
 * from the configuration. -EINVAL: an unknown key, one that the driver of `targets` does not know,
 * or a bad value. */
int log_options_parse(const char *const *list, const struct runtime_config *config,
                      const struct stream_target targets[3], struct log_options *ret_options,
                      struct shim_error *error);

#endif
