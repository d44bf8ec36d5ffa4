/* SPDX-License-Identifier: Apache-2.0 */
/* The state directory as directories and locks: STATE/<container>/<process>/. What is in the files
 * is the business of record.h and status.h. Everything is opened relative to a directory descriptor
 * and never through a symbolic link. */
#ifndef SHIMHOST_STATE_STORE_H
#define SHIMHOST_STATE_STORE_H

#include <shimhost/plugin.h>
#include <stdbool.h>

struct store;

/* STATE-containerd/NAMESPACE: where a namespace of containerd's has its containers, apart from the
 * command's and from other namespaces'. */
#define STORE_NAMESPACES "-containerd"

/* Opens the state directory `path` (absolute), making it and missing parents, mode 0700. -EPERM:
 * someone else owns it, or others may enter it; -EXDEV, -EBADMSG: those of namespace_check(). */
int store_open(const char *path, struct store **ret_store, struct shim_error *error);
struct store *store_close(struct store *store);
/* Its path without links. */
const char *store_path(const struct store *store);

/* The directory itself; the descriptor stays the store's. */
int store_descriptor(const struct store *store);

/* Opens a container's directory. -EINVAL: not an id; -ENOENT: no such container. */
int store_container_open(const struct store *store, const char *container, int *ret_fd,
                         struct shim_error *error);

/* Makes a container's directory, and takes its lock. -EEXIST: the id is taken. */
int store_container_make(const struct store *store, const char *container, int *ret_fd,
                         int *ret_lock, struct shim_error *error);

/* Removes a container's directory with all that is in it. The caller holds its lock. */
int store_container_remove(const struct store *store, const char *container,
                           struct shim_error *error);

/* The same for a process in a container. */
int store_process_open(int container_fd, const char *container, const char *process, int *ret_fd,
                       struct shim_error *error);
int store_process_make(int container_fd, const char *container, const char *process, int *ret_fd,
                       struct shim_error *error);

/* Removes the process's directory on which `directory_fd` is open, with all that is in it, and none
 * that has got its name since. Whoever else removes it is waited for. -ENOENT: he did. */
int store_process_remove(int container_fd, const char *process, int directory_fd,
                         struct shim_error *error);

#define STORE_LOCK_SHARED 0    /* many at once: spawning execs */
#define STORE_LOCK_EXCLUSIVE 1 /* one alone: every other change */

/* Takes a container's lock: closing *ret_lock gives it back, the end of the program too. As long as
 * it is held the container that `container_fd` is open on is the one of that name. Blocks as
 * long as hosts that came before make their changes (which their time-outs bound); who comes later
 * waits. -ETIMEDOUT: `deadline` (see base/clock.h) has passed; -ECANCELED: `cancel_fd` (or -1) is
 * readable or at its end; -ENOENT: it was removed meanwhile. */
int store_lock(const struct store *store, const char *container, int container_fd, int mode,
               int64_t deadline, int cancel_fd, int *ret_lock, struct shim_error *error);

/* The same, exclusive, without waiting: 1: taken; 0: another host has it, in either mode, or is
 * removing the container. With `make` unset nothing is made: where there is no lock yet, nobody has
 * it, and *ret_lock is -1. */
int store_try_lock(const struct store *store, const char *container, int container_fd, bool make,
                   int *ret_lock, struct shim_error *error);

/* 1: some host makes a change to the container at this moment; 0: none; never blocks. */
int store_locked(int container_fd);

/* Calls `each` with the id of every container (process), in the order of their names; hidden
 * entries and such that are no ids are passed over. A non-zero return ends it and is returned. */
int store_containers(const struct store *store, int (*each)(const char *id, void *user), void *user,
                     struct shim_error *error);
int store_processes(int container_fd, int (*each)(const char *id, void *user), void *user,
                    struct shim_error *error);

/* Whether a container's directory may have an entry of that name; `type` is one of the DT_* of
 * <dirent.h>. */
bool store_is_of_container(const char *name, unsigned char type);

/* Calls `each` with the name of every entry that is neither a container nor a host's own: a file,
 * or a name that is no id. */
int store_strangers(const struct store *store, int (*each)(const char *name, void *user),
                    void *user, struct shim_error *error);

#endif
