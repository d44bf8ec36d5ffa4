/* SPDX-License-Identifier: Apache-2.0 */
/* Where a server listens: the path that containerd's own shim would choose, so that tools find it.
 */
#ifndef SHIMHOST_CONTAINERD_ADDRESS_H
#define SHIMHOST_CONTAINERD_ADDRESS_H

#include <shimhost/plugin.h>

#define ADDRESS_SCHEME "unix://"
#define ADDRESS_DIRECTORY "/run/containerd/s"
#define ADDRESS_PATH_SIZE 107 /* of a unix socket, with the NUL */

/* Puts the path of the socket of `group` into `ret_path`; `directory` is NULL for the usual one.
 * -ENAMETOOLONG. */
int address_path(const char *directory, const char *containerd, const char *namespace,
                 const char *group, char ret_path[ADDRESS_PATH_SIZE], struct shim_error *error);

/* Binds and listens on `path`: mode 0600, the directory made with mode 0700. Returns the listening
 * descriptor, close-on-exec; -EEXIST: a server listens there already. A stale socket is replaced.
 */
int address_listen(const char *path, struct shim_error *error);

/* Removes a socket that nobody listens on any more. */
void address_clear(const char *path);

/* Connects without waiting: a close-on-exec, non-blocking descriptor. -ECONNREFUSED, -ENOENT:
 * nobody listens; -EAGAIN: its queue is full. */
int address_connect(const char *path);

/* The path in the file `address` of a bundle. -ENOENT: there is none, or no unix path in it. */
int address_read(int bundle_fd, char ret_path[ADDRESS_PATH_SIZE]);

/* Writes "unix://PATH" to the file `address` of a bundle. */
int address_write(int bundle_fd, const char *path, struct shim_error *error);

#endif
