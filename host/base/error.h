/* SPDX-License-Identifier: Apache-2.0 */
/* How every function of the host fails: it returns a negative errno and fills the caller's error
 * once. */
#ifndef SHIMHOST_BASE_ERROR_H
#define SHIMHOST_BASE_ERROR_H

#include <errno.h>
#include <stdarg.h>
#include <shimhost/plugin.h>

/* An error to pass on, empty. */
#define ERROR_NONE                                                                                 \
    { .size = sizeof(struct shim_error) }

/* Fills `error` (may be NULL) with a sentence and returns `code`, a negative errno. The sentence
 * says what was being done, to what, and what came back; it ends without a full stop. Never
 * allocates, never blocks; errno is left as it was. */
int error_set(struct shim_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* error_set() that also says what kind of failure it is: one of SHIM_REASON_*. */
int error_set_reason(struct shim_error *error, int code, uint32_t reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* error_set_reason() for a function that has its arguments in a va_list. `error` may not be NULL.
 */
void error_set_va(struct shim_error *error, int code, uint32_t reason, const char *format,
                  va_list arguments) __attribute__((format(printf, 4, 0)));

/* Passes on an error that was caught: if `code` is negative, `error` (may be NULL) becomes what
 * `caught` is. Returns `code`. */
int error_pass(struct shim_error *error, int code, const struct shim_error *caught);

/* Puts "CONTEXT: " before the sentence that `error` already holds, and returns error->code. */
int error_context(struct shim_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
