/* SPDX-License-Identifier: Apache-2.0 */
/* The argument words that tell a monitor its plan. host/monitor/plan.h says what each means. */
#ifndef SHIMHOST_PROCESS_LAUNCH_WORDS_H
#define SHIMHOST_PROCESS_LAUNCH_WORDS_H

#include "process/launch.h"

struct launch_words {
    const char **argv; /* NULL-terminated; points into `text` and into the plan */
    size_t count;
    size_t used;     /* of `text` */
    char text[2048]; /* the words that had to be put together */
};

/* Puts the words together. `ready_fd` is where the monitor is to say how it went. Release with
 * launch_words_clear(). -E2BIG: too many cleanup commands, or too long a name; -ENOMEM. */
int launch_words_make(struct launch_words *words, const struct launch_plan *plan, int ready_fd,
                      struct shim_error *error);

void launch_words_clear(struct launch_words *words);

#endif
