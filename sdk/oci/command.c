/* SPDX-License-Identifier: Apache-2.0 */
/* Running a subcommand, and making a sentence out of what the runtime says when it fails. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* In the order in which they are looked at. */
static const struct shim_oci_phrase common_phrases[] = {
    /* runc: exec: "/bin/x": stat /bin/x: no such file or directory */
    {SHIM_REASON_NOT_FOUND, "exec: \"", "executable file not found in $PATH"},
    {SHIM_REASON_NOT_FOUND, "exec: \"", "no such file or directory"},
    {SHIM_REASON_NOT_FOUND, "exec: \"", "not a directory"},
    {SHIM_REASON_NOT_EXECUTABLE, "exec: \"", "permission denied"},
    {SHIM_REASON_NOT_EXECUTABLE, "exec: \"", "is a directory"},
    {SHIM_REASON_NOT_EXECUTABLE, "exec: \"", "exec format error"},
    {SHIM_REASON_NOT_EXECUTABLE, "exec: \"", "too many levels of symbolic links"},
    {SHIM_REASON_NOT_EXECUTABLE, "exec: \"", "file name too long"},
    {SHIM_REASON_NOT_RUNNING, "container does not exist", NULL},
    /* crun: executable file `/bin/x` not found in $PATH: No such file or directory */
    {SHIM_REASON_NOT_EXECUTABLE, "executable file `", "Permission denied"},
    {SHIM_REASON_NOT_FOUND, "executable file `", "not found"},
    {SHIM_REASON_NOT_EXECUTABLE, "open executable", "Permission denied"},
    {SHIM_REASON_NOT_EXECUTABLE, "open executable", "Operation not permitted"},
    {SHIM_REASON_NOT_EXECUTABLE, "open executable", "Too many levels of symbolic links"},
    {SHIM_REASON_NOT_EXECUTABLE, "open executable", "File name too long"},
    {SHIM_REASON_NOT_FOUND, "open executable", "No such file or directory"},
    {SHIM_REASON_NOT_FOUND, "open executable", "Not a directory"},
    {SHIM_REASON_NOT_EXECUTABLE, "exec container process `", "Permission denied"},
    {SHIM_REASON_NOT_RUNNING, "/status`: No such file or directory", NULL},
    {0, NULL, NULL},
};

static uint32_t look_up(const struct shim_oci_phrase *phrase, const char *message) {
    for (; phrase && phrase->first; phrase++) {
        const char *found = strstr(message, phrase->first);
        if (found && (!phrase->then || strstr(found + strlen(phrase->first), phrase->then)))
            return phrase->reason;
    }
    return SHIM_REASON_NONE;
}

uint32_t shim_oci_reason(const struct shim_context *context, const char *message) {
    uint32_t reason = look_up(oci_of(context)->runtime.phrases, message);
    return reason ? reason : look_up(common_phrases, message);
}

/* The log only grows: what stands in it from before is about something else. */
static off_t log_size(const struct shim_context *context, const struct shim_process *process) {
    struct stat status;
    if (!process || !oci_has(context, "--log") ||
        fstatat(process->directory_fd, OCI_LOG, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return status.st_size;
}

/* The last line with anything in it, without leading and trailing space, in `buffer`. */
static void last_line(const char *text, char *buffer, size_t size) {
    const char *end = text + strlen(text);
    while (end > text && strchr(" \t\r\n", end[-1]))
        end--;
    const char *begin = end;
    while (begin > text && begin[-1] != '\n')
        begin--;
    begin += strspn(begin, " \t");
    snprintf(buffer, size, "%.*s", (int)(end - begin), begin);
}

/* What the runtime says about its failure, or an empty text. */
static void explain(const struct shim_context *context, const struct shim_process *process,
                    off_t log_before, const struct shim_output *output, char *buffer, size_t size) {
    buffer[0] = '\0';
    if (log_size(context, process) > log_before &&
        context->services->runtime_error(process, OCI_LOG, buffer, size) > 0)
        return;
    last_line(output->text ? output->text : "", buffer, size);
}

static int fail_with(const struct shim_context *context, const struct shim_process *process,
                     const char *subcommand, off_t log_before, const struct shim_output *output,
                     struct shim_error *error) {
    char why[768];
    const char *name = oci_of(context)->runtime.name;
    explain(context, process, log_before, output, why, sizeof(why));
    uint32_t reason = shim_oci_reason(context, why);
    int code = reason == SHIM_REASON_NOT_RUNNING ? -ESRCH : -EIO;
    if (strstr(why, "unknown command"))
        return oci_fail(context, error, -ENOTSUP, SHIM_REASON_UNSUPPORTED,
                        "this %s does not support %s (%s)", name, subcommand, why);
    if (why[0])
        return oci_fail(context, error, code, reason, "%s %s: %s", name, subcommand, why);
    return oci_fail(context, error, code, reason, "%s %s: exit status %d, without a word", name,
                    subcommand, (int)output->exit_status);
}

/* No more than the caller has room for. */
static void return_output(const struct shim_output *output, struct shim_output *ret_output) {
    uint32_t size = ret_output->size;
    memcpy(ret_output, output, size < sizeof(*output) ? size : sizeof(*output));
    ret_output->size = size;
}

int oci_execute(const struct shim_context *context, const struct shim_process *process,
                const char *subcommand, const struct shim_oci_words *words, int64_t timeout,
                int cleaning, struct shim_output *ret_output, struct shim_error *error) {
    const struct shim_services *services = context->services;
    const char *const *argv = oci_words_argv(words);
    if (!argv)
        return oci_fail(context, error, -ENOMEM, SHIM_REASON_NONE, "out of memory");
    struct shim_output output = oci_output();
    /* An answer must not be mixed with warnings; but without a log there is nothing else that says
     * why there is none. */
    int apart = ret_output && process && oci_has(context, "--log");
    uint32_t flags = (apart ? 0 : SHIM_RUN_MERGE_ERRORS) | (cleaning ? SHIM_RUN_NO_CANCEL : 0);
    off_t log_before = log_size(context, process);
    int r = services->run_command(context, process, argv, timeout, flags, &output, error);
    if (r < 0)
        return r;
    if (output.exit_status != 0)
        r = fail_with(context, process, subcommand, log_before, &output, error);
    if (r == 0 && ret_output)
        return_output(&output, ret_output);
    else
        services->output_free(&output);
    return r;
}

int oci_end(const struct shim_context *context, const struct shim_process *process,
            const char *subcommand, struct shim_oci_words *words, int r, int64_t timeout,
            struct shim_output *ret_output, struct shim_error *error) {
    if (r == 0) {
        oci_finish(context, process, subcommand, NULL, words);
        r = oci_execute(context, process, subcommand, words, timeout, 0, ret_output, error);
    }
    oci_words_free(words);
    return r;
}

int shim_oci_run(const struct shim_context *context, const struct shim_process *process,
                 const char *subcommand, const char *const *options, const char *const *operands,
                 int64_t timeout, struct shim_output *ret_output, struct shim_error *error) {
    struct shim_oci_words words = OCI_WORDS_NONE;
    int r = oci_begin(context, process, subcommand, &words, error);
    for (; options && *options; options++)
        shim_oci_add(&words, *options);
    if (r == 0) {
        oci_finish(context, process, subcommand, operands, &words);
        r = oci_execute(context, process, subcommand, &words, timeout, 0, ret_output, error);
    }
    oci_words_free(&words);
    return r;
}
