/* SPDX-License-Identifier: Apache-2.0 */
#include "process/runtime_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

#define LEVEL_MAX 16
#define KEY_MAX 16
#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* ---- as much of JSON as a log line needs ---- */

/* Where in a line one is. */
struct cursor {
    const char *at;
    const char *end;
};

/* Where the characters of a string go: cut to `size` at a character, NUL-terminated. */
struct sink {
    char *buffer; /* NULL: nowhere */
    size_t size;
    size_t length;
    bool full;
};

static void sink_put(struct sink *sink, const char *bytes, size_t length) {
    if (!sink->buffer || sink->full)
        return;
    sink->full = length >= sink->size - sink->length;
    if (sink->full)
        return;
    memcpy(sink->buffer + sink->length, bytes, length);
    sink->length += length;
    sink->buffer[sink->length] = '\0';
}

static void sink_put_character(struct sink *sink, uint32_t c) {
    char bytes[4];
    if (c == 0 || (c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF) {
        sink_put(sink, REPLACEMENT, strlen(REPLACEMENT));
    } else if (c < 0x80) {
        sink_put(sink, &(char){(char)c}, 1);
    } else if (c < 0x800) {
        bytes[0] = (char)(0xC0 | c >> 6);
        bytes[1] = (char)(0x80 | (c & 0x3F));
        sink_put(sink, bytes, 2);
    } else if (c < 0x10000) {
        bytes[0] = (char)(0xE0 | c >> 12);
        bytes[1] = (char)(0x80 | (c >> 6 & 0x3F));
        bytes[2] = (char)(0x80 | (c & 0x3F));
        sink_put(sink, bytes, 3);
    } else {
        bytes[0] = (char)(0xF0 | c >> 18);
        bytes[1] = (char)(0x80 | (c >> 12 & 0x3F));
        bytes[2] = (char)(0x80 | (c >> 6 & 0x3F));
        bytes[3] = (char)(0x80 | (c & 0x3F));
        sink_put(sink, bytes, 4);
    }
}

static void skip_space(struct cursor *cursor) {
    while (cursor->at < cursor->end &&
           (*cursor->at == ' ' || *cursor->at == '\t' || *cursor->at == '\r'))
        cursor->at++;
}

static bool take(struct cursor *cursor, char expected) {
    skip_space(cursor);
    if (cursor->at == cursor->end || *cursor->at != expected)
        return false;
    cursor->at++;
    return true;
}

static bool hexadecimal(struct cursor *cursor, uint32_t *ret) {
    uint32_t value = 0;
    if (cursor->end - cursor->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = *cursor->at++;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return false;
        value = value << 4 | digit;
    }
    *ret = value;
    return true;
}

/* What follows \u: one UTF-16 unit, or two that make one character. */
static bool unicode_escape(struct cursor *cursor, struct sink *sink) {
    uint32_t c, low;
    if (!hexadecimal(cursor, &c))
        return false;
    struct cursor next = *cursor;
    if (c >= 0xD800 && c <= 0xDBFF && next.end - next.at >= 2 && memcmp(next.at, "\\u", 2) == 0) {
        next.at += 2;
        if (hexadecimal(&next, &low) && low >= 0xDC00 && low <= 0xDFFF) {
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
            *cursor = next;
        }
    }
    sink_put_character(sink, c);
    return true;
}

static bool escape(struct cursor *cursor, struct sink *sink) {
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    if (cursor->at == cursor->end)
        return false;
    char c = *cursor->at++;
    if (c == 'u')
        return unicode_escape(cursor, sink);
    for (const char *known = escapes; *known; known += 2)
        if (*known == c) {
            sink_put(sink, known + 1, 1);
            return true;
        }
    return false;
}

static bool string(struct cursor *cursor, struct sink *sink) {
    if (!take(cursor, '"'))
        return false;
    while (cursor->at < cursor->end) {
        size_t length = text_utf8_length(cursor->at, (size_t)(cursor->end - cursor->at));
        if (length == 0)
            sink_put(sink, REPLACEMENT, strlen(REPLACEMENT));
        else if (*cursor->at == '\\') {
            cursor->at++;
            if (!escape(cursor, sink))
                return false;
            continue;
        } else if (*cursor->at == '"') {
            cursor->at++;
            return true;
        } else if (*cursor->at == '\0')
            sink_put(sink, REPLACEMENT, strlen(REPLACEMENT));
        else
            sink_put(sink, cursor->at, length);
        cursor->at += length ? length : 1;
    }
    return false;
}

static void skip_scalar(struct cursor *cursor, const char *stops) {
    while (cursor->at < cursor->end && !memchr(stops, *cursor->at, strlen(stops)))
        cursor->at++;
}

/* Passes over a value of any kind. Numbers and words are not looked at closely. */
static bool skip_value(struct cursor *cursor) {
    struct sink nowhere = {.buffer = NULL};
    unsigned int depth = 0;
    do {
        skip_space(cursor);
        if (cursor->at == cursor->end)
            return false;
        switch (*cursor->at) {
        case '"':
            if (!string(cursor, &nowhere))
                return false;
            break;
        case '{':
        case '[':
            depth++;
            cursor->at++;
            break;
        case '}':
        case ']':
            if (depth == 0)
                return false;
            depth--;
            cursor->at++;
            break;
        default:
            if (depth == 0 && *cursor->at == ',')
                return false;
            skip_scalar(cursor, depth ? "\"{}[]" : ",}");
        }
    } while (depth > 0);
    return true;
}

/* ---- a line ---- */

enum line_kind { LINE_OTHER, LINE_OBJECT, LINE_ERROR };

static bool is_error(const char *level) {
    return strcmp(level, "error") == 0 || strcmp(level, "fatal") == 0 ||
           strcmp(level, "panic") == 0 || *level == '\0';
}

/* Reads one member of the object. Of two of the same name the last one counts. */
static bool member(struct cursor *cursor, struct sink *level, struct sink *message) {
    char key_text[KEY_MAX] = "";
    struct sink key = {.buffer = key_text, .size = sizeof(key_text)};
    if (!string(cursor, &key) || !take(cursor, ':'))
        return false;
    struct sink *sink = key.full                         ? NULL
                        : strcmp(key_text, "level") == 0 ? level
                        : strcmp(key_text, "msg") == 0   ? message
                                                         : NULL;
    skip_space(cursor);
    if (!sink || cursor->at == cursor->end || *cursor->at != '"')
        return skip_value(cursor);
    sink->length = 0;
    sink->full = false;
    sink->buffer[0] = '\0';
    return string(cursor, sink);
}

/* Reads one object, whose message goes into `message`. */
static enum line_kind read_object(struct cursor *cursor, struct sink *message) {
    char level_text[LEVEL_MAX] = "";
    struct sink level = {.buffer = level_text, .size = sizeof(level_text)};
    message->length = 0;
    message->full = false;
    message->buffer[0] = '\0';
    if (!take(cursor, '{'))
        return LINE_OTHER;
    if (!take(cursor, '}')) {
        do
            if (!member(cursor, &level, message))
                return LINE_OTHER;
        while (take(cursor, ','));
        if (!take(cursor, '}'))
            return LINE_OTHER;
    }
    return message->length > 0 && is_error(level_text) ? LINE_ERROR : LINE_OBJECT;
}

/* Reads a line into `message`, if it is an object. Of several on a line, as runsc writes them, the
 * last one counts. */
static enum line_kind read_line(const char *line, size_t length, struct sink *message) {
    struct cursor cursor = {.at = line, .end = line + length};
    enum line_kind kind;
    do {
        kind = read_object(&cursor, message);
        skip_space(&cursor);
    } while (kind != LINE_OTHER && cursor.at != cursor.end);
    return kind;
}

/* ---- a log ---- */

/* Makes one line of a message, fit for a terminal. Returns its length. */
static size_t tidy(char *message) {
    size_t length = strlen(message);
    while (length > 0 && (unsigned char)message[length - 1] <= ' ')
        length--;
    message[length] = '\0';
    for (char *c = message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7F)
            *c = *c == '\n' || *c == '\t' || *c == '\r' ? ' ' : '?';
    /* U+0080 to U+009F are control characters in UTF-8. */
    for (char *c = message; (c = strchr(c, 0xC2)); c++)
        if ((unsigned char)c[1] >= 0x80 && (unsigned char)c[1] < 0xA0)
            c[0] = c[1] = '?';
    return length;
}

static int take_raw(const char *line, size_t length, struct sink *message) {
    message->length = 0;
    message->full = false;
    message->buffer[0] = '\0';
    for (const char *at = line; at < line + length;) {
        size_t sequence = text_utf8_length(at, (size_t)(line + length - at));
        if (sequence == 0 || *at == '\0')
            sink_put(message, REPLACEMENT, strlen(REPLACEMENT));
        else
            sink_put(message, at, sequence);
        at += sequence ? sequence : 1;
    }
    return (int)tidy(message->buffer);
}

static bool is_blank(const char *line, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
            return false;
    return true;
}

int runtime_log_find(const char *text, size_t length, bool begun, char *buffer, size_t size) {
    struct sink message = {.buffer = buffer, .size = size};
    const char *raw = NULL;
    size_t raw_length = 0;
    bool seen = false;
    for (size_t end = length; end > 0;) {
        const char *newline = memrchr(text, '\n', end);
        size_t start = newline ? (size_t)(newline - text) + 1 : 0;
        const char *line = text + start;
        size_t line_length = end - start;
        end = newline ? start - 1 : 0;
        if (is_blank(line, line_length) || (begun && !newline && seen))
            continue;
        enum line_kind kind = read_line(line, line_length, &message);
        if (kind == LINE_ERROR)
            return (int)tidy(buffer);
        if (kind == LINE_OTHER && !seen) {
            raw = line;
            raw_length = line_length;
        }
        seen = true;
    }
    buffer[0] = '\0';
    return raw ? take_raw(raw, raw_length, &message) : -ENOENT;
}

int runtime_log_last_error(int directory_fd, const char *name, char *buffer, size_t size) {
    buffer[0] = '\0';
    int fd AUTO_CLOSE =
        openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EINVAL;
    off_t start = status.st_size > RUNTIME_LOG_MAX ? status.st_size - RUNTIME_LOG_MAX : 0;
    char *text AUTO_FREE = malloc(RUNTIME_LOG_MAX);
    if (!text)
        return -ENOMEM;
    ssize_t length;
    while ((length = pread(fd, text, RUNTIME_LOG_MAX, start)) < 0 && errno == EINTR) {
        /* again */
    }
    if (length < 0)
        return -errno;
    return runtime_log_find(text, (size_t)length, start > 0, buffer, size);
}
