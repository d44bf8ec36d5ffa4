/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

void error_set_va(struct shim_error *error, int code, uint32_t reason, const char *format,
                  va_list arguments) {
    int saved = errno;
    error->code = code;
    error->reason = reason;
    vsnprintf(error->message, sizeof(error->message), format, arguments);
    errno = saved;
}

int error_set(struct shim_error *error, int code, const char *format, ...) {
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error_set_va(error, code, SHIM_REASON_NONE, format, arguments);
        va_end(arguments);
    }
    return code;
}

int error_set_reason(struct shim_error *error, int code, uint32_t reason, const char *format, ...) {
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error_set_va(error, code, reason, format, arguments);
        va_end(arguments);
    }
    return code;
}

int error_pass(struct shim_error *error, int code, const struct shim_error *caught) {
    if (code < 0 && error)
        *error = *caught;
    return code;
}

int error_context(struct shim_error *error, const char *format, ...) {
    if (!error)
        return -EIO;
    char inner[sizeof(error->message)];
    memcpy(inner, error->message, sizeof(inner));
    va_list arguments;
    va_start(arguments, format);
    error_set_va(error, error->code, error->reason, format, arguments);
    va_end(arguments);
    size_t used = strlen(error->message);
    int saved = errno;
    snprintf(error->message + used, sizeof(error->message) - used, ": %s", inner);
    errno = saved;
    return error->code;
}
