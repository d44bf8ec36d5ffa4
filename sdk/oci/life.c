/* SPDX-License-Identifier: Apache-2.0 */
/* What can be asked of a container that exists. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESOURCES_FILE ".resources.json"

int shim_oci_load(const struct shim_context *context, const struct shim_process *process,
                  struct shim_state *ret_state, struct shim_error *error) {
    return context->services->process_load(context, process, ret_state, error);
}

int shim_oci_wait(const struct shim_context *context, const struct shim_process *process,
                  int64_t timeout, int32_t *ret_exit_status, struct shim_error *error) {
    return context->services->process_wait(context, process, timeout, ret_exit_status, error);
}

int shim_oci_signal(const struct shim_context *context, const struct shim_process *process,
                    int32_t signal, struct shim_error *error) {
    return context->services->process_signal(context, process, signal, error);
}

int shim_oci_start(const struct shim_context *context, const struct shim_process *process,
                   struct shim_error *error) {
    return shim_oci_run(context, process, "start", NULL, NULL, context->runtime->spawn_timeout,
                        NULL, error);
}

int shim_oci_pause(const struct shim_context *context, const struct shim_process *process,
                   struct shim_error *error) {
    return shim_oci_run(context, process, "pause", NULL, NULL, context->runtime->signal_timeout,
                        NULL, error);
}

int shim_oci_resume(const struct shim_context *context, const struct shim_process *process,
                    struct shim_error *error) {
    return shim_oci_run(context, process, "resume", NULL, NULL, context->runtime->signal_timeout,
                        NULL, error);
}

static int status_of(const char *name, uint32_t *ret_status) {
    static const struct {
        const char *name;
        uint32_t status;
    } statuses[] = {
        {"creating", SHIM_STATUS_UNKNOWN}, {"created", SHIM_STATUS_CREATED},
        {"running", SHIM_STATUS_RUNNING},  {"pausing", SHIM_STATUS_PAUSED},
        {"paused", SHIM_STATUS_PAUSED},    {"stopped", SHIM_STATUS_STOPPED},
    };
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
        if (strcmp(statuses[i].name, name) == 0) {
            *ret_status = statuses[i].status;
            return 0;
        }
    return -EBADMSG;
}

int shim_oci_state(const struct shim_context *context, const struct shim_process *process,
                   uint32_t *ret_status, struct shim_error *error) {
    const struct shim_services *services = context->services;
    struct shim_output output = oci_output();
    char name[32];
    int r = shim_oci_run(context, process, "state", NULL, NULL, context->runtime->signal_timeout,
                         &output, error);
    if (r < 0)
        return r;
    r = services->json_value(output.text, "/status", name, sizeof(name), NULL);
    if (r >= 0)
        r = status_of(name, ret_status);
    services->output_free(&output);
    if (r < 0)
        return oci_fail(context, error, -EBADMSG, SHIM_REASON_NONE,
                        "%s state: its answer has no status that is known",
                        oci_of(context)->runtime.name);
    return 0;
}

int shim_oci_update(const struct shim_context *context, const struct shim_process *process,
                    const char *resources, struct shim_error *error) {
    struct shim_oci_words words = OCI_WORDS_NONE;
    int r = context->services->file_write(process->directory_fd, RESOURCES_FILE, resources,
                                          strlen(resources), error);
    if (r < 0)
        return r;
    r = oci_begin(context, process, "update", &words, error);
    oci_add_file(context, process, &words, "--resources", RESOURCES_FILE);
    r = oci_end(context, process, "update", &words, r, context->runtime->signal_timeout, NULL,
                error);
    unlinkat(process->directory_fd, RESOURCES_FILE, 0);
    return r;
}

/* Calls `add` for each number of a JSON array of numbers. */
static int add_pids(const char *text, struct shim_pid_list *list) {
    const char *digits = "0123456789";
    for (text += strcspn(text, digits); *text; text += strcspn(text, digits)) {
        char *end;
        long pid = strtol(text, &end, 10);
        int r = pid > 0 && pid <= INT32_MAX ? list->add(list, (pid_t)pid) : -EBADMSG;
        if (r < 0)
            return r;
        text = end;
    }
    return 0;
}

int shim_oci_processes(const struct shim_context *context, const struct shim_process *process,
                       struct shim_pid_list *list, struct shim_error *error) {
    const struct shim_services *services = context->services;
    struct shim_oci_words words = OCI_WORDS_NONE;
    struct shim_output output = oci_output();
    char nothing[1];
    int r = oci_begin(context, process, "ps", &words, error);
    oci_add_option(context, &words, "--format", "json");
    r = oci_end(context, process, "ps", &words, r, context->runtime->signal_timeout, &output,
                error);
    if (r < 0)
        return r;
    /* An empty pointer is the whole, here an array; runc says null where there is no process. */
    r = services->json_value(output.text, "", nothing, sizeof(nothing), NULL);
    r = r == -EBADMSG ? r : add_pids(output.text, list);
    services->output_free(&output);
    if (r < 0)
        return oci_fail(context, error, r, SHIM_REASON_NONE,
                        "%s ps: cannot take its answer for a list of pids: %s",
                        oci_of(context)->runtime.name, strerror(-r));
    return 0;
}

int shim_oci_stats(const struct shim_context *context, const struct shim_process *process,
                   struct shim_output *ret_output, struct shim_error *error) {
    struct shim_oci_words words = OCI_WORDS_NONE;
    int r = oci_begin(context, process, "events", &words, error);
    oci_add_option(context, &words, "--stats", NULL);
    return oci_end(context, process, "events", &words, r, context->runtime->signal_timeout,
                   ret_output, error);
}
