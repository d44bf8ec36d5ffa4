/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the check share. */
#ifndef SHIMHOST_ENGINE_CHECK_INTERNAL_H
#define SHIMHOST_ENGINE_CHECK_INTERNAL_H

#include "engine/check.h"
#include "engine/internal.h"

/* One run of it. */
struct check {
    struct engine *engine;
    bool repair;
    void (*each)(const struct check_finding *finding, void *user);
    void *user;
    struct check_counts counts;
};

/* A container that is being looked at, and whose lock is ours. */
struct check_container {
    struct check *check;
    const char *id;
    int fd;
    int lock; /* -1: nobody has ever locked it */
    /* Processes whose spawn never finished. They are deleted when the lock is given back. */
    char (*unfinished)[77];
    size_t n_unfinished;
};

/* Notes that a process's spawn never finished; of the first one's, the whole container's. */
int check_unfinished(struct check_container *container, const char *id, struct shim_error *error);

/* Reports a finding. `mended`: `advice` is what was done. */
void check_report(struct check *check, const struct check_finding *finding);

/* A finding about a process (NULL: the whole container; container NULL: the machine). */
struct check_finding check_finding(const char *container, const char *process, const char *kind,
                                   const char *format, ...) __attribute__((format(printf, 4, 5)));
void check_advise(struct check_finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What was done: 0, or the failure, whose sentence becomes the advice. */
void check_mended(struct check_finding *finding, int result, const struct shim_error *problem,
                  const char *done);

/* check_process.c: one process. */
int check_process(struct check_container *container, const char *id, struct shim_error *error);

/* check_files.c: what lies about in a container's directory. */
int check_container_files(struct check_container *container, struct shim_error *error);
int check_process_files(struct check_container *container, const char *id, int directory_fd,
                        bool finished, struct shim_error *error);

/* check_machine.c: what belongs to no container. */
int check_machine(struct check *check, struct shim_error *error);

#endif
