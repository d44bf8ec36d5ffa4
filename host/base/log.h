/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's log: one line an event, each written at once and whole. A program sets it up when it
 * begins, before it has a second thread; from then on any thread may write. Levels are the
 * SHIM_LOG_* of shimhost/plugin.h.
 */
#ifndef SHIMHOST_BASE_LOG_H
#define SHIMHOST_BASE_LOG_H

#include <shimhost/plugin.h>
#include <stdarg.h>
#include <stdbool.h>

/* A line is cut to this many bytes, newline included: what a pipe takes whole (PIPE_BUF). */
#define LOG_LINE_MAX 4096

enum log_format { LOG_TEXT, LOG_JSON };

/* What a line is about. NULL or 0: not said. */
struct log_fields {
    const char *runtime;
    const char *container;
    const char *process;
    pid_t pid;
};

/* The only global of the host. Read through log_enabled(), set by log_setup() and
 * log_redirect(). */
struct log_settings {
    int level; /* SHIM_LOG_* */
    enum log_format format;
    int fd;
};
extern struct log_settings log_settings;

/* Sets the level and the format. Before that it is warnings, as text. */
void log_setup(int level, enum log_format format);

/* Lets the lines go to `fd`, which stays the caller's, instead of to standard error. */
void log_redirect(int fd);

static inline bool log_enabled(int level) {
    return level <= log_settings.level;
}

/* log_write(level, fields, format, ...): writes a line. `fields` may be NULL. Never blocks on a
 * pipe that nobody empties and never raises SIGPIPE: then the line is lost. Never fails, leaves
 * errno as it was. A level that is switched off costs one comparison; its arguments are not even
 * evaluated. */
#define log_write(level, ...) (log_enabled(level) ? log_write_line((level), __VA_ARGS__) : (void)0)

/* What stands behind it: writes whatever the level. */
void log_write_line(int level, const struct log_fields *fields, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void log_write_va(int level, const struct log_fields *fields, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

#endif
