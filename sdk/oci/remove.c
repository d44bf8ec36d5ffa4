/* SPDX-License-Identifier: Apache-2.0 */
/* Making the runtime forget a container, and clearing away what it leaves when it was killed. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Where the runtime has something of the container as long as it knows it. */
static int state_path(const struct shim_context *context, const struct shim_process *process,
                      char *path, size_t size, struct shim_error *error) {
    static const char id[] = "@id@";
    const struct oci *oci = oci_of(context);
    const char *name = oci->runtime.state_name ? oci->runtime.state_name : id;
    size_t used = (size_t)snprintf(path, size, "%s/", oci->root);
    while (*name && used < size) {
        const char *next = strstr(name, id);
        size_t length = next ? (size_t)(next - name) : strlen(name);
        used += (size_t)snprintf(path + used, size - used, "%.*s%s", (int)length, name,
                                 next ? process->container : "");
        name += length + (next ? strlen(id) : 0);
    }
    if (used < size)
        return 0;
    return oci_fail(context, error, -ENAMETOOLONG, SHIM_REASON_NONE,
                    "the path of the runtime's state is too long, in %s", oci->root);
}

/* Whether it has: 1 or 0. It is there from before the first change to after the last. */
static int state_exists(const struct shim_context *context, const struct shim_process *process,
                        struct shim_error *error) {
    char path[4096];
    struct stat status;
    int r = state_path(context, process, path, sizeof(path), error);
    if (r < 0)
        return r;
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
        return state_exists(context, process, error);
    if (!oci_has(context, "state"))
        return 0;
    struct shim_error problem = oci_error();
    int r = shim_oci_run(context, process, "state", NULL, NULL, context->runtime->signal_timeout,
                         NULL, &problem);
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
        oci_finish(context, process, "delete", NULL, &words);
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

/* Deletes the container, and looks whether that is so: what is gone all the same, another call has
 * deleted at the same time. */
static int forget(const struct shim_context *context, const struct shim_process *process,
                  struct shim_error *error) {
    struct shim_error problem = oci_error();
    const struct oci *oci = oci_of(context);
    int deleted = delete_force(context, process, &problem);
    int failed = deleted < 0 && deleted != -ESRCH;
    int exists = oci->root ? state_exists(context, process, error) : failed;
    if (exists <= 0)
        return exists;
    if (failed)
        return oci_fail(context, error, deleted, problem.reason, "%s", problem.message);
    return oci_fail(context, error, -EBUSY, SHIM_REASON_NONE,
                    "%s delete has succeeded, but something of %s is still in %s",
                    oci->runtime.name, process->container, oci->root);
}

int shim_oci_remove(const struct shim_context *context, const struct shim_process *process,
                    struct shim_error *error) {
    if (process->flags & SHIM_PROCESS_EXEC)
        return 0;
    int r = oci_of(context)->root ? state_exists(context, process, error) : 1;
    if (r > 0)
        r = forget(context, process, error);
    if (r == 0)
        r = clean_up(context, process, error);
    return r < 0 ? r : oci_cgroups_remove(context, process, error);
}
