/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program to its end and captures what it says. */
#ifndef SHIMHOST_PROCESS_COMMAND_H
#define SHIMHOST_PROCESS_COMMAND_H

#include <shimhost/plugin.h>
#include <stdbool.h>

#define COMMAND_OUTPUT_MAX (1u << 20)
#define COMMAND_ERRORS_MAX (64u << 10)

struct command {
    const char *const *argv;        /* argv[0] is an absolute path; NULL-terminated */
    const char *const *environment; /* NAME=VALUE, all that it gets; NULL-terminated; NULL: none */
    int directory_fd;               /* its working directory, or -1 for the root directory */
    int64_t timeout;                /* milliseconds, or SHIM_FOREVER */
    int cancel_fd;                  /* ends it when readable or at its end, or -1 */
    bool merge_errors;              /* standard error goes where standard output goes */
    /* NULL: standard error is dropped, unless it is merged. Else the last COMMAND_ERRORS_MAX bytes
     * of it go here, NUL-terminated, for the caller to free. It is set if the program ran, also
     * when that ended in -ETIMEDOUT or -ECANCELED; let it be NULL before. */
    char **ret_errors;
};

/* Runs the program and waits for its end. It gets a process group of its own, standard input from
 * /dev/null, no other descriptors than 0, 1 and 2, no signal blocked or ignored, umask 022, and
 * empty inheritable and ambient capability sets. *ret_output (its size set by the caller) gets the
 * exit status, 128 + N for death by signal N, and the text, which the caller frees; a program that
 * fails is no error of this call.
 *
 * Returns when the program itself has ended, although a child of it may still hold its output open.
 * After `timeout`, or when cancelled, its process group is killed and the program reaped:
 * -ETIMEDOUT, -ECANCELED. -ENOENT, -EACCES, -ENOEXEC ...: it could not be executed. -EINVAL:
 * argv[0] is not absolute. -ECHILD: somebody else reaped it, or SIGCHLD is ignored, so its exit
 * status is lost.
 *
 * Any thread may call it. It leaves the caller's signal handling, mask, directory, umask and other
 * children alone; that a SIGCHLD arrives cannot be helped. */
int command_run(const struct command *command, struct shim_output *ret_output,
                struct shim_error *error);

#endif
