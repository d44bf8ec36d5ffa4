/* SPDX-License-Identifier: Apache-2.0 */
/* What has happened to the containers of a state directory, one JSON object a line, in
 * STATE/.events. Whoever makes something happen, or sees it, appends a line in one write: hosts
 * here, monitors for themselves. It is news, not state: what is true is in the containers'
 * directories. When it has grown to JOURNAL_LIMIT it becomes .events.1, in place of the one before.
 */
#ifndef SHIMHOST_STATE_JOURNAL_H
#define SHIMHOST_STATE_JOURNAL_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "state/store.h"

#define JOURNAL_FILE ".events"
#define JOURNAL_OLD_FILE ".events.1"
#define JOURNAL_LIMIT (1 << 20) /* bytes */

struct journal_event {
    const char *type; /* "started" … */
    const char *container, *process;
    pid_t pid;           /* 0: not known */
    int32_t exit_status; /* -1: none, or not known */
    const char *time;    /* RFC 3339; NULL: now */
};

/* Sees to it that there is a journal for monitors to write to. Where that cannot be done nothing is
 * told; that is logged, and nothing else fails. */
void journal_prepare(const struct store *store);

/* Appends a line. One that cannot be written is logged. */
void journal_write(const struct store *store, const struct journal_event *event);

/* Prints the lines that there are, oldest first; with `follow`, what is written from then on, too,
 * until `cancel_fd` (or -1) is readable (-ECANCELED) or nobody reads `output` any more (-EPIPE). */
int journal_print(const struct store *store, bool follow, int cancel_fd, FILE *output,
                  struct shim_error *error);

#endif
