/* SPDX-License-Identifier: Apache-2.0 */
/* The control groups of a container, found by its first process, and the numbers in their files. */
#ifndef SHIMHOST_CONTAINERD_CGROUP_H
#define SHIMHOST_CONTAINERD_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The text of /proc/PID/cgroup, for the caller to free, or NULL. */
char *cgroup_of(pid_t pid);

/* The same, but NULL for a container without groups of its own: one that is in those of this very
 * process, whose figures and events are not the container's. */
char *cgroup_of_container(pid_t pid);

/* Opens the directory of a version 1 controller ("memory"), or with NULL that of version 2. `text`
 * is what cgroup_of() gave. -ENOENT: there is no such hierarchy, or the group is gone. */
int cgroup_open(const char *text, const char *controller);

/* Is version 2 the only one there (the process is in no controller of version 1)? */
bool cgroup_unified(const char *text);

/* The number in a file, or 0 if there is none; "max" is UINT64_MAX. */
uint64_t cgroup_number(int directory_fd, const char *file);

/* The text of a file, for the caller to free, or NULL. */
char *cgroup_text(int directory_fd, const char *file);

/* A name in a text of lines "NAME NUMBER", and where its number goes. */
struct cgroup_field {
    const char *name;
    size_t offset; /* of an uint64_t in what is filled */
};

/* Fills the fields of a structure from a file of lines "NAME NUMBER". */
void cgroup_fields(int directory_fd, const char *file, const struct cgroup_field *fields,
                   size_t n_fields, void *structure);

#endif
