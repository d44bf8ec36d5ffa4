/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance kit for plugins: reads a file's headers, loads it, and leads real processes
 * through their lives with it. Every check runs in a forked process of its own, so a plugin that
 * crashes, exits or hangs fails that check and no other.
 */
#ifndef SHIMHOST_CHECK_CHECK_H
#define SHIMHOST_CHECK_CHECK_H

#include <signal.h>
#include <stdio.h>

#include "config/config.h"

#define CHECK_CYCLES 50
#define CHECK_CYCLES_MAX 1000

struct check_request {
    /* In force while the kit runs: its `plugin_dir` has the plugin under the name that the default
     * runtime's file gives, its `state_dir` is private. The kit opens engines with it in the
     * processes that it forks. */
    const struct config *config;
    int cancel_fd;         /* once it is readable, the checks are given up */
    const sigset_t *mask;  /* of the signals that a check has blocked */
    const char *file;      /* absolute path of the plugin */
    const char *directory; /* absolute path of a private directory to work in, empty */
    const char *bundle;    /* absolute path of a bundle whose root has /bin/sh and sleep */
    unsigned int cycles;   /* lives in which leaks are looked for; at most
                            * CHECK_CYCLES_MAX, and less than three tell nothing of memory */
};

/* Runs all checks and writes TAP to `stream`. Returns how many failed, or a negative errno if the
 * kit itself could not go on, -ECANCELED if it was given up. What is left of the containers and
 * processes of a check is removed after it. Makes the calling process a child subreaper, kills
 * every child that comes to it, and expects that it has none. May take minutes. */
int check_plugin(const struct check_request *request, FILE *stream, struct shim_error *error);

/* Makes a bundle in the empty directory `path` around a static busybox. -ENOENT: there is none
 * here. */
int check_make_bundle(const char *path, struct shim_error *error);

#endif
