/* SPDX-License-Identifier: Apache-2.0 */
/* Making the runtime forget a container, and clearing away what it leaves when it was killed. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* By its directory, which is there from before the first change to after the last. */
static int directory_exists(const struct shim_context *context, const struct shim_process *process,
                            struct shim_error *error) {
    const char *root = oci_of(context)->root;
    char path[4096];
    struct stat status;
    int length = snprintf(path, sizeof(path), "%s/%s", root, process->container);
    if (length < 0 || (size_t)length >= sizeof(path))
        return oci_fail(context, error, -ENAMETOOLONG, SHIM_REASON_NONE,
                        "the runtime's state directory %s is too long a path", root);
    if (lstat(path, &status) == 0)
        return 1;
    if (errno == ENOENT || errno == ENOTDIR)
        return 0;
    return oci_fail(context, error, -errno, SHIM_REASON_NONE, "cannot look at %s: %s", path,
                    strerror(errno));
}

int oci_knows(const struct shim_context *context, const struct shim_process *process,
              struct shim_error *error) {
    if (oci_of(context)->root)
        return directory_exists(context, process, error);
    if (!oci_has(context, "state"))
        return 0;
    struct shim_error problem = oci_error();
    int r = shim_oci_run(context, process, "state", NULL, context->runtime->signal_timeout, NULL,
                         &problem);
    if (r == 0)
        return 1;
    /* Whatever else the runtime may complain about, it did not find the container. */
    if (r == -ESRCH || r == -EIO)
        return 0;
    return oci_fail(context, error, r, problem.reason, "%s", problem.message);
}

static int delete_force(const struct shim_context *context, const struct shim_process *process,
                        struct shim_error *error) {
    struct shim_oci_words words = OCI_WORDS_NONE;
    int r = oci_begin(context, process, "delete", &words, error);
    if (r == 0) {
        oci_add_option(context, &words, "--force", NULL);
        oci_finish(context, process, "delete", &words);
        r = oci_execute(context, process, "delete", &words, context->runtime->delete_timeout, 1,
                        NULL, error);
    }
    oci_words_free(&words);
    return r;
}

/* The author's command for what `delete` does not do. */
static int clean_up(const struct shim_context *context, const struct shim_process *process,
                    struct shim_error *error) {
    struct shim_oci_words words = OCI_WORDS_NONE;
    int r = 0;
    if (oci_of(context)->runtime.cleanup_words)
        oci_of(context)->runtime.cleanup_words(context, process, &words);
    if (words.count > 0)
        r = oci_execute(context, process, "clean-up", &words, context->runtime->delete_timeout, 1,
                        NULL, error);
    oci_words_free(&words);
    return r;
}

/* Deletes the container, and looks whether that is so. */
static int forget(const struct shim_context *context, const struct shim_process *process,
                  struct shim_error *error) {
    struct shim_error problem = oci_error();
    int r = delete_force(context, process, &problem);
    if (r < 0 && r != -ESRCH)
        return oci_fail(context, error, r, problem.reason, "%s", problem.message);
    if (!oci_of(context)->root || (r = directory_exists(context, process, error)) == 0)
        return 0;
    return r < 0
               ? r
               : oci_fail(context, error, -EBUSY, SHIM_REASON_NONE,
                          "%s delete has succeeded, but %s/%s is still there",
                          oci_of(context)->runtime.name, oci_of(context)->root, process->container);
}

int shim_oci_remove(const struct shim_context *context, const struct shim_process *process,
                    struct shim_error *error) {
    if (process->flags & SHIM_PROCESS_EXEC)
        return 0;
    int r = oci_of(context)->root ? directory_exists(context, process, error) : 1;
    if (r > 0)
        r = forget(context, process, error);
    if (r == 0)
        r = clean_up(context, process, error);
    return r < 0 ? r : oci_cgroups_remove(context, process, error);
}
