/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a race, and what they work on. */
#ifndef SHIMHOST_BENCH_STEPS_H
#define SHIMHOST_BENCH_STEPS_H

#include <stdint.h>
#include <stdio.h>

#include "script.h"

#define CHILDREN_MAX 64

/* One lap: one round of one candidate. */
struct lap {
    const char *candidate;
    const char *id; /* what `{id}` stands for */
    int round;      /* below 0: warming up, nothing is noted */
    int64_t origin; /* nanoseconds on the monotonic clock: marks count from here */
    FILE *results;  /* "round TAB candidate TAB mark TAB value" */
    int children[CHILDREN_MAX];
    int n_children;
    int heard_fd;  /* the output of what `listen` started, or -1 */
    int opened_fd; /* what `open` opened, or -1 */
    int watch_fd;  /* inotify, or -1 */
};

/* Runs the steps of one candidate, then waits until none of its processes is left. A failing step
 * says its line, and ends the program. */
void lap_run(struct lap *lap, const struct candidate *candidate);

#endif
