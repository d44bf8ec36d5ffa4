/* SPDX-License-Identifier: Apache-2.0 */
/* From a plan to a process that is what the plan says: all that is done between fork and exec. */
#ifndef SHIMHOST_PROCESS_SETUP_H
#define SHIMHOST_PROCESS_SETUP_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "plan.h"

#define PLAN_LIMITS 16 /* as many as the kernel has: see getrlimit(2) */

struct plan {
    char *text;       /* everything points into it */
    char **arguments; /* NULL-terminated */
    char **environment;
    const char *directory;
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t n_groups;
    int umask;         /* -1: as it is */
    const char *score; /* or NULL */
    struct {
        int resource;
        struct rlimit limit;
    } limits[PLAN_LIMITS];
    size_t n_limits;
    int no_new_privileges, wait;
    unsigned short rows, columns; /* of the terminal */
    int has_capabilities;
    uint64_t bounding, effective, permitted, inheritable, ambient;
};

/* Why something failed: what was being done, and the errno. */
struct problem {
    int code; /* positive errno */
    char what[512];
};

/* Reads the plan of the working directory, and removes the file. 0 or -1 with the problem; in both
 * cases to be given to plan_clear(). */
int plan_read(struct plan *plan, struct problem *problem);
void plan_clear(struct plan *plan);

/* Opens a terminal, sends its master to the socket, and makes the slave the controlling terminal
 * and descriptors 0 to 2 of the caller, who leads a session. */
int setup_terminal(const struct plan *plan, const char *socket_path, struct problem *problem);

/* Makes the caller what the plan says: limits, user, capabilities, directory. */
int setup_process(const struct plan *plan, struct problem *problem);

/* Finds the command as execvp would with the plan's PATH. *ret_path is the plan's or allocated. */
int setup_find_command(const struct plan *plan, const char **ret_path, struct problem *problem);

/* Fills the problem with errno; returns -1. */
int problem_set(struct problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
