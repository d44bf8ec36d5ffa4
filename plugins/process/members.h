/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes belong to a container that is nothing but processes of the host: those that the
 * recorded first process and execs have brought forth. Found in /proc from what the state directory
 * holds. */
#ifndef SHIMHOST_PROCESS_MEMBERS_H
#define SHIMHOST_PROCESS_MEMBERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A process, as /proc/PID/stat has it. */
struct member {
    pid_t pid, parent, session;
    uint64_t start_time;
    char state;
    char belongs;
};

/* All processes at one moment. */
struct census {
    struct member *all;
    size_t count, room;
};

void census_clear(struct census *census);

/* Takes a new one. 0 or a negative errno. */
int census_take(struct census *census);

/* Marks what belongs to one process of a container, whose directory is open: what descends from it
 * or from its monitor (without the monitor itself), and its session, as far as these are proven to
 * be those that were recorded. */
void census_mark_process(struct census *census, int directory_fd);

/* The same for all processes of the container: `directory_fd` is that of init. */
void census_mark_container(struct census *census, int directory_fd);

/* Who a process is, as MADE_FILE and the host's records have it. 0 or a negative errno. */
int member_describe(pid_t pid, char *text, size_t size);

/* Sends `signal` to every marked process but the caller, each through a pidfd and only if it still
 * is the one that was found. Returns how many got it. If `wait_ms` is not 0, waits up to that long
 * for each to end. */
int census_signal(const struct census *census, int signal, int wait_ms);

#endif
