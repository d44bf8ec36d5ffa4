/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define FIELD_MAX 256              /* bytes of a value: so there is always room for the message */
#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

struct log_settings log_settings = {SHIM_LOG_WARNING, LOG_TEXT, STDERR_FILENO};

void log_setup(int level, enum log_format format) {
    log_settings.level = level;
    log_settings.format = format;
}

void log_redirect(int fd) {
    log_settings.fd = fd;
}

/* A line in the making. What does not fit into `size` is dropped. */
struct line {
    char data[LOG_LINE_MAX];
    size_t length;
    size_t size;
};

static bool put_bytes(struct line *line, const char *bytes, size_t length) {
    if (length > line->size - line->length)
        return false;
    memcpy(line->data + line->length, bytes, length);
    line->length += length;
    return true;
}

static bool put(struct line *line, const char *string) {
    return put_bytes(line, string, strlen(string));
}

static const char *level_name(int level) {
    static const char *const names[] = {"error", "warning", "info", "debug"};
    return names[level < SHIM_LOG_ERROR ? SHIM_LOG_ERROR
                                        : (level > SHIM_LOG_DEBUG ? SHIM_LOG_DEBUG : level)];
}

/* The start of `value` as it stands inside a JSON string, into `piece`. Returns how many bytes of
 * `value` that is. */
static size_t json_piece(const char *value, char piece[8]) {
    static const char escapes[] = "\"\"\\\\\nn\tt\rr\bb\ff";
    unsigned char first = (unsigned char)value[0];
    size_t sequence = text_utf8_length(value, strnlen(value, 4));
    if (sequence == 0) {
        strcpy(piece, REPLACEMENT);
        return 1;
    }
    if (sequence == 1)
        for (const char *escape = escapes; *escape; escape += 2)
            if ((unsigned char)*escape == first) {
                snprintf(piece, 8, "\\%c", escape[1]);
                return 1;
            }
    if (first < 0x20 || first == 0x7F) {
        snprintf(piece, 8, "\\u%04x", first);
    } else {
        memcpy(piece, value, sequence);
        piece[sequence] = '\0';
    }
    return sequence;
}

/* Puts `value` as the inside of a JSON string, at most `limit` bytes; it ends early, not amiss. */
static void put_json(struct line *line, const char *value, size_t limit) {
    size_t end = line->length + limit;
    while (*value) {
        char piece[8];
        value += json_piece(value, piece);
        if (line->length + strlen(piece) > end || !put(line, piece))
            return;
    }
}

static void put_json_member(struct line *line, const char *key, const char *value) {
    if (!value)
        return;
    put(line, ",\"");
    put(line, key);
    put(line, "\":\"");
    put_json(line, value, FIELD_MAX);
    put(line, "\"");
}

static void format_json(struct line *line, const char *time, const char *level,
                        const struct log_fields *fields, const char *message) {
    put(line, "{\"time\":\"");
    put(line, time);
    put(line, "\"");
    put_json_member(line, "level", level);
    put_json_member(line, "runtime", fields->runtime);
    put_json_member(line, "container", fields->container);
    put_json_member(line, "process", fields->process);
    if (fields->pid > 0) {
        char pid[32];
        snprintf(pid, sizeof(pid), ",\"pid\":%d", (int)fields->pid);
        put(line, pid);
    }
    put(line, ",\"msg\":\"");
    line->size -= strlen("\"}");
    put_json(line, message, LOG_LINE_MAX);
    line->size += strlen("\"}");
    put(line, "\"}");
}

static void put_text_field(struct line *line, const char *key, const char *value) {
    if (!value)
        return;
    char shown[FIELD_MAX];
    put(line, " ");
    put(line, key);
    put(line, "=");
    put(line, text_show(shown, sizeof(shown), value, strlen(value)));
}

static void format_text(struct line *line, const char *time, const char *level,
                        const struct log_fields *fields, const char *message) {
    put(line, time);
    put(line, " ");
    put(line, level);
    put_text_field(line, "runtime", fields->runtime);
    put_text_field(line, "container", fields->container);
    put_text_field(line, "process", fields->process);
    if (fields->pid > 0) {
        char pid[16];
        snprintf(pid, sizeof(pid), "%d", (int)fields->pid);
        put_text_field(line, "pid", pid);
    }
    put(line, ": ");
    char shown[LOG_LINE_MAX];
    put(line, text_show(shown, line->size - line->length, message, strlen(message)));
}

void log_write_va(int level, const struct log_fields *fields, const char *format,
                  va_list arguments) {
    static const struct log_fields nothing;
    int saved = errno;
    char time[CLOCK_RFC3339_SIZE], message[LOG_LINE_MAX];
    vsnprintf(message, sizeof(message), format, arguments);
    clock_rfc3339(time);
    struct line line;
    line.length = 0;
    line.size = sizeof(line.data) - 1; /* the newline */
    (log_settings.format == LOG_JSON ? format_json : format_text)(
        &line, time, level_name(level), fields ? fields : &nothing, message);
    line.data[line.length++] = '\n';
    /* A pipe that is writable takes PIPE_BUF bytes; one without a reader (POLLERR) would kill us.
     */
    struct pollfd ready = {.fd = log_settings.fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) == 1 && ready.revents == POLLOUT &&
        write(log_settings.fd, line.data, line.length) < 0) {
        /* Where would one complain? */
    }
    errno = saved;
}

void log_write_line(int level, const struct log_fields *fields, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    log_write_va(level, fields, format, arguments);
    va_end(arguments);
}
