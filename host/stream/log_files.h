/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log and what rotation has left of it: PATH is the newest file, PATH.1 the one before it, and so
 * on. Rotation may happen at any moment; a file that is open is known by its inode, wherever it has
 * been renamed to.
 */
#ifndef SHIMHOST_STREAM_LOG_FILES_H
#define SHIMHOST_STREAM_LOG_FILES_H

#include <shimhost/plugin.h>

struct log_files {
    const char *path; /* for messages; the caller's */
    const char *name; /* its last part */
    int directory_fd;
};

/* Opens the directory of `path`, which stays the caller's. Ends with log_files_close(). */
int log_files_open(const char *path, struct log_files *ret_files, struct shim_error *error);
void log_files_close(struct log_files *files);

/* Each opens one file for reading, for the caller to close. It is a regular file, and no symbolic
 * link is followed. -ENOENT: there is none, the newest included; otherwise what open(2) says. */
int log_files_newest(const struct log_files *files, int *ret_fd, struct shim_error *error);
/* The one before, or behind, the open file `fd`. -ESTALE: rotation has removed `fd` itself. Behind
 * one that somebody has given a name of his own comes the newest. */
int log_files_older(const struct log_files *files, int fd, int *ret_fd, struct shim_error *error);
int log_files_newer(const struct log_files *files, int fd, int *ret_fd, struct shim_error *error);
/* The first of all. */
int log_files_oldest(const struct log_files *files, int *ret_fd, struct shim_error *error);

#endif
