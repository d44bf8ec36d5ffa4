/* SPDX-License-Identifier: Apache-2.0 */
/* Is everything as it has to be? Looks at a state directory and at the machine: every live process
 * has a monitor, every ended one an exit status or a reason why there is none, and nothing lies
 * about that belongs to nobody. */
#ifndef SHIMHOST_ENGINE_CHECK_H
#define SHIMHOST_ENGINE_CHECK_H

#include "engine/engine.h"

/* One thing that is not as it has to be. */
struct check_finding {
    char container[77]; /* empty: it is the state directory's, or the machine's */
    char process[77];   /* empty: it is the whole container's */
    const char *kind;   /* one word, as shimhost(1) lists them */
    char message[512];  /* what is wrong */
    char advice[512];   /* what to do; of what has been mended: what was done */
    bool mended;
};

/* What was looked at. */
struct check_counts {
    size_t containers, processes;
    size_t busy; /* containers that another host was changing, and that were passed over */
    size_t found, mended;
};

/* Looks at everything, and calls `each` for what it finds, in the order of the containers' names,
 * the machine last. With `repair` mends what is provably safe to mend: adopts (where the runtime's
 * on-monitor-death says so), announces an end that nobody has, cleans up behind what is over. Never
 * kills a process, and never removes what somebody may still use. A container is locked while it is
 * looked at; nothing is waited for but, for a second, the reaping of a zombie. A negative errno:
 * the state directory cannot be read. */
int engine_check(struct engine *engine, bool repair,
                 void (*each)(const struct check_finding *finding, void *user), void *user,
                 struct check_counts *ret_counts, struct shim_error *error);

#endif
