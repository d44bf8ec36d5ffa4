/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and directories below an open directory. `name` is the name of an entry: not empty, no
 * slash, not "." or ".." (-EINVAL). Symbolic links are never followed. Errors name the entry, not
 * the directory, which the caller knows better.
 */
#ifndef SHIMHOST_BASE_FILE_H
#define SHIMHOST_BASE_FILE_H

#include <shimhost/plugin.h>
#include <stdbool.h>

/* Reads a whole regular file of at most `limit` bytes into *ret_text, NUL-terminated, for the
 * caller to free; its length goes to *ret_length. Never hangs, whatever lies there. -ENOENT;
 * -EFBIG: longer than `limit`; -ELOOP: a symbolic link; -EINVAL: not a regular file; -EACCES,
 * -ENOMEM ... */
int file_read_at(int directory_fd, const char *name, size_t limit, char **ret_text,
                 size_t *ret_length, struct shim_error *error);

/* The same for a small file that is always written at once: into `buffer` of `size` bytes, with as
 * few calls as can be. Fits: size - 1 bytes and the NUL. */
int file_read_small_at(int directory_fd, const char *name, char *buffer, size_t size,
                       size_t *ret_length, struct shim_error *error);

/* Writes a file of mode 0600 so that readers see the old content or the new one, never a part: a
 * hidden temporary file (".NAME.*.tmp", in the same directory), then a rename. Nothing is left on
 * failure. It does not reach for the disk: after a crash of the machine the state is another boot's
 * anyway. */
int file_write_at(int directory_fd, const char *name, const char *text, size_t length,
                  struct shim_error *error);

/* The same, unless there is something of that name already: -EEXIST, and that is untouched. */
int file_create_at_once(int directory_fd, const char *name, const char *text, size_t length,
                        struct shim_error *error);

/* Is there an entry of that name, of whatever kind? Also false if the directory cannot be
 * searched. */
bool file_exists_at(int directory_fd, const char *name);

/* Opens a directory for reading, close-on-exec. -ENOTDIR: something else, also a symbolic link. */
int directory_open_at(int directory_fd, const char *name, int *ret_fd, struct shim_error *error);

/* Makes the directories above an absolute path that are missing, with `mode` less the umask. */
int directory_make_above(const char *path, mode_t mode, struct shim_error *error);

/* Calls `each` for every entry but "." and "..", in no order; `type` is one of the DT_* of
 * <dirent.h>, perhaps DT_UNKNOWN. A non-zero return ends it and is returned. `directory_fd` is left
 * as it is, its position included. What comes or goes meanwhile may be seen or not. */
int directory_list(int directory_fd, int (*each)(const char *name, unsigned char type, void *user),
                   void *user, struct shim_error *error);

/* Removes a directory and all that is in it, directories before files at each level, so that what
 * was written first goes last. Stays within one mount: -EXDEV where something is mounted, and
 * -E2BIG where it is more than `depth` directories deep (1: a directory without subdirectories).
 * Neither removes that directory or any above it, but beside it things may be gone. -ENOENT: no
 * such directory; -ENOTDIR: not a directory. */
int tree_remove_at(int directory_fd, const char *name, unsigned int depth,
                   struct shim_error *error);

#endif
