/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a container to an image directory. Runtimes have CRIU do it, and say only that it failed;
 * why, stands in CRIU's own log. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LIMIT ((size_t)16 << 20)

/* The text of the first error, which is the cause of the others, up to the end of its line, or
 * NULL. That a helper of CRIU's has ended, as when it tries what the kernel can do, is none. */
static const char *first_cause(const char *log) {
    const char *line = log;
    while ((line = strstr(line, "Error ("))) {
        const char *text = strstr(line, "): ");
        if (text && strncmp(line, "Error (criu/util.c", strlen("Error (criu/util.c")) != 0)
            return text + strlen("): ");
        line++;
    }
    return NULL;
}

void oci_explain_criu(const struct shim_context *context, const char *directory, const char *name,
                      struct shim_error *error) {
    const struct shim_services *services = context->services;
    char *log = NULL, message[sizeof(error->message)];
    int fd = error ? open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    if (services->file_read(fd, name, LOG_LIMIT, &log, NULL) >= 0) {
        const char *cause = first_cause(log);
        snprintf(message, sizeof(message), "%s", error->message);
        if (cause)
            services->fail(error, error->code, error->reason, "%s; CRIU says: %.*s", message,
                           (int)strcspn(cause, "\n"), cause);
        services->text_free(log);
    }
    close(fd);
}

int shim_oci_checkpoint(const struct shim_context *context, const struct shim_process *process,
                        const struct shim_checkpoint *checkpoint, struct shim_error *error) {
    static const struct {
        uint32_t flag;
        const char *option;
    } options[] = {
        {SHIM_CHECKPOINT_LEAVE_RUNNING, "--leave-running"},
        {SHIM_CHECKPOINT_TCP_ESTABLISHED, "--tcp-established"},
        {SHIM_CHECKPOINT_FILE_LOCKS, "--file-locks"},
    };
    struct shim_oci_words words = OCI_WORDS_NONE;
    const char *logs = checkpoint->work_path ? checkpoint->work_path : checkpoint->image_path;
    int r = oci_begin(context, process, "checkpoint", &words, error);
    oci_add_option(context, &words, "--image-path", checkpoint->image_path);
    oci_add_option(context, &words, "--work-path", logs);
    uint32_t unknown = checkpoint->flags;
    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
        unknown &= ~options[i].flag;
        if (!(checkpoint->flags & options[i].flag))
            continue;
        oci_add_option(context, &words, options[i].option, NULL);
        if (r == 0 && !oci_has(context, options[i].option))
            r = oci_fail(context, error, -ENOTSUP, SHIM_REASON_UNSUPPORTED,
                         "runtime %s does not support checkpoint %s", context->runtime->name,
                         options[i].option);
    }
    if (r == 0 && unknown)
        r = oci_fail(context, error, -EINVAL, SHIM_REASON_NONE, "unknown checkpoint flags 0x%x",
                     unknown);
    /* How long it takes depends on the memory that is to be written. */
    r = oci_end(context, process, "checkpoint", &words, r, SHIM_FOREVER, NULL, error);
    if (r == -EIO)
        oci_explain_criu(context, logs, "dump.log", error);
    return r;
}
