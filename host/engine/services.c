/* SPDX-License-Identifier: Apache-2.0 */
/* The service table of shimhost/plugin.h: each service is one of the host's own functions behind
 * the ABI's types. The contracts are in the header. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "engine/internal.h"
#include "process/command.h"
#include "process/fifo.h"
#include "process/identity.h"
#include "process/pidfile.h"
#include "process/runtime_log.h"
#include "state/json_value.h"

static int service_fail(struct shim_error *error, int code, uint32_t reason, const char *format,
                        ...) {
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error_set_va(error, code, reason, format, arguments);
        va_end(arguments);
    }
    return code;
}

static void service_log(const struct shim_context *context, const struct shim_process *process,
                        int level, const char *format, ...) {
    if (!log_enabled(level))
        return;
    struct log_fields fields = {
        .runtime = context->runtime->name,
        .container = process ? process->container : NULL,
        .process = process ? process->id : NULL,
    };
    va_list arguments;
    va_start(arguments, format);
    log_write_va(level, &fields, format, arguments);
    va_end(arguments);
}

static const char *service_option(const struct shim_context *context, const char *key) {
    return config_option(runtime_of(context)->config, key);
}

static int service_option_at(const struct shim_context *context, size_t index, const char **ret_key,
                             const char **ret_value) {
    const struct runtime_config *config = runtime_of(context)->config;
    if (index >= config->n_options)
        return -ENOENT;
    *ret_key = config->options[index].key;
    *ret_value = config->options[index].value;
    return 0;
}

static int service_file_read(int directory_fd, const char *name, size_t limit, char **ret_text,
                             struct shim_error *error) {
    size_t length;
    return file_read_at(directory_fd, name, limit, ret_text, &length, error);
}

static void service_text_free(char *text) {
    free(text);
}

static int service_run_command(const struct shim_context *context,
                               const struct shim_process *process, const char *const *argv,
                               int64_t timeout, uint32_t flags, struct shim_output *ret_output,
                               struct shim_error *error) {
    const uint32_t known = SHIM_RUN_MERGE_ERRORS | SHIM_RUN_NO_CANCEL;
    if (flags & ~known)
        return error_set(error, -EINVAL, "run_command: unknown flags 0x%x", flags & ~known);
    struct command command = {
        .argv = argv,
        .environment = context->runtime->environment,
        .directory_fd = process ? process->directory_fd : -1,
        .timeout = timeout,
        .cancel_fd =
            flags & SHIM_RUN_NO_CANCEL ? -1 : runtime_of(context)->engine->options.cancel_fd,
        .merge_errors = (flags & SHIM_RUN_MERGE_ERRORS) != 0,
    };
    return command_run(&command, ret_output, error);
}

static void service_output_free(struct shim_output *output) {
    if (output) {
        free(output->text);
        output->text = NULL;
        output->length = 0;
    }
}

static int service_runtime_error(const struct shim_process *process, const char *log_name,
                                 char *buffer, size_t size) {
    return runtime_log_last_error(process->directory_fd, log_name, buffer, size);
}

static int service_process_load(const struct shim_context *context,
                                const struct shim_process *process, struct shim_state *ret_state,
                                struct shim_error *error) {
    (void)context;
    return status_load(process->directory_fd, ret_state, error);
}

static int service_process_signal(const struct shim_context *context,
                                  const struct shim_process *process, int32_t signal,
                                  struct shim_error *error) {
    (void)context;
    struct shim_identity identity = {.size = sizeof(identity)};
    int r = identity_read_process(process->directory_fd, &identity, error);
    if (r < 0)
        return r;
    struct shim_error problem = ERROR_NONE;
    r = identity_signal(&identity, signal, &problem);
    if (r == -ESRCH)
        return error_set_reason(error, r, SHIM_REASON_NOT_RUNNING, "not running");
    return error_pass(error, r, &problem);
}

const struct shim_services engine_services = {
    .size = sizeof(struct shim_services),
    .version = SHIM_ABI_VERSION,
    .fail = service_fail,
    .log = service_log,
    .option = service_option,
    .option_at = service_option_at,
    .json_value = json_value,
    .file_read = service_file_read,
    .text_free = service_text_free,
    .file_write = file_write_at,
    .fifo_create = fifo_create,
    .fifo_open = fifo_open,
    .pid_file_write = pidfile_write,
    .pid_file_read = pidfile_read,
    .pid_file_await = pidfile_await,
    .identity_of = identity_of,
    .identity_open = identity_open,
    .identity_signal = identity_signal,
    .run_command = service_run_command,
    .output_free = service_output_free,
    .runtime_error = service_runtime_error,
    .monitor_launch = process_launch,
    .process_load = service_process_load,
    .process_wait = process_wait,
    .process_signal = service_process_signal,
};
