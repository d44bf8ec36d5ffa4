/* SPDX-License-Identifier: Apache-2.0 */
/* A log file: records in the form that kubelet or Docker reads, written in batches, never torn,
 * rotated between two records. */
#include "monitor.h"

#include <asm/stat.h>

#define RECORD_FRAME 192 /* what a record has around its text, at most */
#define ESCAPE_MAX 6     /* characters that one byte may become in JSON */

/* ---- finding ---- */

#if defined(__SSE2__)
typedef signed char loose_block __attribute__((vector_size(16), aligned(1), may_alias));
typedef signed char block __attribute__((vector_size(16)));

static inline block all(char byte) {
    return (block){byte, byte, byte, byte, byte, byte, byte, byte,
                   byte, byte, byte, byte, byte, byte, byte, byte};
}

/* A bit for each byte for which a comparison was true. */
static inline unsigned bits(block truths) {
    typedef char characters __attribute__((vector_size(16)));
    return (unsigned)__builtin_ia32_pmovmskb128((characters)truths);
}

/* Sixteen at a time; reads up to COPY_PADDING bytes beyond the end. */
static const char *find_newline(const char *at, const char *end) {
    for (; at < end; at += 16) {
        unsigned mask = bits((block)(*(const loose_block *)at == all('\n')));
        if (mask) {
            at += __builtin_ctz(mask);
            return at < end ? at : NULL;
        }
    }
    return NULL;
}
#else
static const char *find_newline(const char *at, const char *end) {
    for (; at < end; at++)
        if (*at == '\n')
            return at;
    return NULL;
}
#endif

/* ---- text that JSON takes as it is ---- */

#if defined(__SSE2__)
/* Copies up to the first byte that it does not take, or the end; touches up to COPY_PADDING bytes
 * beyond both. Returns how many. */
static size_t copy_plain(char *to, const char *from, size_t size) {
    for (size_t at = 0; at < size; at += 16) {
        block bytes = (block) * (const loose_block *)(from + at);
        *(loose_block *)(to + at) = (loose_block)bytes;
        /* As numbers with a sign, those beyond ASCII lie below the space, too. */
        unsigned mask = bits((block)((bytes < all(' ')) | (bytes == all('"')) |
                                     (bytes == all('\\')) | (bytes == all(0x7f))));
        if (mask) {
            size_t found = at + (size_t)__builtin_ctz(mask);
            return found < size ? found : size;
        }
    }
    return size;
}
#else
static size_t copy_plain(char *to, const char *from, size_t size) {
    size_t at = 0;
    for (; at < size && from[at] >= ' ' && from[at] < 0x7f && from[at] != '"' && from[at] != '\\';
         at++)
        to[at] = from[at];
    return at;
}
#endif

/* How many bytes the UTF-8 sequence at `at` has, or 0: it is none. */
static size_t sequence_length(const unsigned char *at, size_t left) {
    unsigned char first = *at;
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first > 0xf4 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong forms, surrogates, and what lies beyond Unicode. */
    if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f) ||
        (first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

/* Where to cut a line that is too long, so that no character is cut in two. */
static size_t part_length(const char *text) {
    size_t length = PART_SIZE;
    while (length > PART_SIZE - 4 && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    return ((unsigned char)text[length] & 0xc0) == 0x80 ? PART_SIZE : length;
}

/* ---- writing ---- */

/* -1: it is no regular file. */
static int64_t file_size(int fd) {
    struct stat status;
    if (sys_fstat(fd, &status) < 0 || (status.st_mode & TYPE_MASK) != TYPE_FILE)
        return -1;
    return (int64_t)status.st_size;
}

/* How much of `size` bytes is whole records. */
static size_t whole_records(const char *records, size_t size) {
    while (size && records[size - 1] != '\n')
        size--;
    return size;
}

/* Writing has failed after `done` bytes: takes back the record that is torn, and counts what is
 * lost. */
static void write_failed(struct monitor *monitor, size_t done, long error) {
    struct log_file *log = &monitor->streams.log;
    size_t whole = monitor->plan->log_format == LOG_RAW ? done : whole_records(log->records, done);
    int64_t size = file_size(log->fd);
    if (whole < done && size >= (int64_t)(done - whole))
        sys_ftruncate(log->fd, size - (int64_t)(done - whole));
    if (log->lost == 0)
        log_line(monitor, "error",
                 "cannot write to the log %s: error %d; what comes is lost until it can be",
                 monitor->plan->log_path, (int)-error);
    log->lost += log->used - whole;
    log->size += whole;
}

void log_file_flush(struct monitor *monitor) {
    struct log_file *log = &monitor->streams.log;
    size_t done = 0;
    while (done < log->used) {
        long written = sys_write(log->fd, log->records + done, log->used - done);
        if (written == -EINTR)
            continue;
        if (written <= 0) {
            write_failed(monitor, done, written);
            log->used = 0;
            return;
        }
        done += (size_t)written;
    }
    if (done && log->lost) {
        log_line(monitor, "warning", "the log can be written again; %lu bytes were lost",
                 (unsigned long)log->lost);
        log->lost = 0;
    }
    log->size += done;
    log->used = 0;
}

/* PATH.NUMBER, or PATH for 0. */
static void numbered(struct text *name, const char *path, unsigned number) {
    name->length = 0;
    text_add(name, path);
    if (number) {
        text_add_char(name, '.');
        text_add_number(name, number);
    }
}

/* One that is made has the mode of the file before it; our umask is for our own files. */
static int open_or_make(const struct monitor *monitor) {
    const char *path = monitor->plan->log_path;
    const int flags = O_RDWR | O_APPEND | O_NONBLOCK;
    struct stat before;
    int fd = sys_open(path, flags, 0);
    if (fd != -ENOENT)
        return fd;
    fd = sys_open(path, flags | O_CREAT | O_EXCL, 0600);
    if (fd == -EEXIST) /* somebody else has made it meanwhile */
        return sys_open(path, flags, 0);
    if (fd >= 0 && sys_fstat(monitor->streams.log.fd, &before) == 0)
        sys_fchmod(fd, before.st_mode & 0777);
    return fd;
}

/* What was cut short by whoever wrote to it before gets its end. Returns the file's size. */
static int64_t end_torn_record(const struct monitor *monitor, int fd, int64_t size) {
    char last = '\n';
    if (monitor->plan->log_format != LOG_RAW && size > 0)
        sys_pread(fd, &last, 1, size - 1);
    return last == '\n' || sys_write(fd, "\n", 1) != 1 ? size : size + 1;
}

static int open_log(struct monitor *monitor) {
    int fd = open_or_make(monitor);
    if (fd < 0)
        return fd;
    /* Whoever can write to the directory may have put a device there. */
    int64_t size = file_size(fd);
    if (size < 0) {
        sys_close(fd);
        return -EINVAL;
    }
    sys_close(monitor->streams.log.fd);
    monitor->streams.log.fd = fd;
    monitor->streams.log.size = (uint64_t)end_torn_record(monitor, fd, size);
    return 0;
}

void log_file_reopen(struct monitor *monitor) {
    if (monitor->streams.log.fd < 0 || !monitor->plan->log_path) {
        log_line(monitor, "warning", "the monitor writes no log that could be reopened");
        return;
    }
    int result = open_log(monitor);
    if (result < 0)
        log_line(monitor, "error", "cannot reopen the log %s: error %d; going on with the old file",
                 monitor->plan->log_path, -result);
}

/* The oldest goes, every other one gets the next number. */
static void rotate(struct monitor *monitor) {
    char from_buffer[4200], to_buffer[4200];
    struct text from = TEXT_IN(from_buffer), to = TEXT_IN(to_buffer);
    const struct plan *plan = monitor->plan;
    int result = 0;
    if (plan->log_max_files == 1 && (result = sys_unlink(plan->log_path)) == -ENOENT)
        result = 0;
    for (unsigned number = plan->log_max_files - 1; number > 0 && result >= 0; number--) {
        numbered(&from, plan->log_path, number - 1);
        numbered(&to, plan->log_path, number);
        result = sys_rename(from.buffer, to.buffer);
        if (result == -ENOENT)
            result = 0;
    }
    if (result >= 0)
        result = open_log(monitor);
    if (result < 0) {
        log_line(monitor, "error", "cannot rotate the log %s: error %d", plan->log_path, -result);
        monitor->streams.log.size = 0; /* the next try comes after as much again */
    }
}

/* ---- records ---- */

void log_file_stamp(struct log_file *log) {
    struct text text = TEXT_IN(log->stamp);
    text_add_time(&text);
    log->stamp_length = (uint8_t)text.length;
}

/* Makes room for a record of at most `size` bytes. */
static bool make_room(struct monitor *monitor, size_t size) {
    struct log_file *log = &monitor->streams.log;
    if (!log->records && !(log->records = sys_map(RECORDS_SIZE + COPY_PADDING)))
        return false;
    if (log->used + size > RECORDS_SIZE)
        log_file_flush(monitor);
    return true;
}

/* Has the file room for what is on its way, `used` bytes? If it seems not, its size is looked up:
 * somebody may have copied it and cut it short. */
static bool has_room(struct monitor *monitor, uint32_t used) {
    struct log_file *log = &monitor->streams.log;
    uint64_t limit = monitor->plan->log_max_size;
    if (!limit || log->size + used <= limit)
        return true;
    int64_t size = file_size(log->fd);
    if (size >= 0)
        log->size = (uint64_t)size;
    return log->size + used <= limit;
}

/* A record is complete, from `start` on: if the file has no room for it, it becomes the first of
 * the next. */
static void end_record(struct monitor *monitor, uint32_t start, char *end) {
    struct log_file *log = &monitor->streams.log;
    uint32_t used = (uint32_t)(end - log->records);
    if (log->size + start > 0 && !has_room(monitor, used)) {
        uint32_t length = used - start;
        log->used = start;
        log_file_flush(monitor);
        rotate(monitor);
        memmove(log->records, log->records + start, length);
        used = length;
    }
    log->used = used;
}

static char *put(char *to, const char *text) {
    while (*text)
        *to++ = *text++;
    return to;
}

static void k8s_record(struct monitor *monitor, int stream, const char *text, size_t size,
                       bool whole) {
    struct log_file *log = &monitor->streams.log;
    uint32_t start = log->used;
    char *to = copy_bytes(log->records + start, log->stamp, log->stamp_length);
    to = put(to, stream == STREAM_OUTPUT ? " stdout " : " stderr ");
    to = put(to, whole ? "F " : "P ");
    to = copy_bytes(to, text, size);
    *to++ = '\n';
    end_record(monitor, start, to);
}

static char *put_escape(char *to, unsigned char byte) {
    static const char digits[] = "0123456789abcdef";
    *to++ = '\\';
    if (byte == '"' || byte == '\\') {
        *to++ = (char)byte;
    } else if (byte == '\n' || byte == '\r' || byte == '\t') {
        *to++ = byte == '\n' ? 'n' : byte == '\r' ? 'r' : 't';
    } else {
        to = put(to, "u00");
        *to++ = digits[byte >> 4];
        *to++ = digits[byte & 15];
    }
    return to;
}

/* The inside of a JSON string. What is not UTF-8 becomes the replacement character. */
static char *put_json(char *to, const char *text, size_t size) {
    const unsigned char *at = (const unsigned char *)text, *end = at + size;
    while (at < end) {
        size_t plain = copy_plain(to, (const char *)at, (size_t)(end - at));
        to += plain;
        at += plain;
        if (at == end)
            break;
        size_t length = *at < 0x80 ? 0 : sequence_length(at, (size_t)(end - at));
        if (*at < 0x80)
            to = put_escape(to, *at);
        else if (length)
            to = copy_bytes(to, (const char *)at, length);
        else
            to = put(to, "\\ufffd");
        at += length ? length : 1;
    }
    return to;
}

static void json_record(struct monitor *monitor, int stream, const char *text, size_t size,
                        bool whole) {
    struct log_file *log = &monitor->streams.log;
    uint32_t start = log->used;
    char *to = put(log->records + start, "{\"log\":\"");
    to = put_json(to, text, size);
    to = put(to, whole ? "\\n\",\"stream\":\"" : "\",\"stream\":\"");
    to = put(to, stream == STREAM_OUTPUT ? "stdout" : "stderr");
    to = put(to, "\",\"time\":\"");
    to = copy_bytes(to, log->stamp, log->stamp_length);
    to = put(to, "\"}\n");
    end_record(monitor, start, to);
}

static void record(struct monitor *monitor, int stream, const char *text, size_t size, bool whole) {
    struct log_file *log = &monitor->streams.log;
    enum log_format format = monitor->plan->log_format;
    size_t most = RECORD_FRAME + (format == LOG_JSON ? size * ESCAPE_MAX : size);
    if (!make_room(monitor, most)) {
        log->lost += size;
    } else if (format == LOG_K8S) {
        k8s_record(monitor, stream, text, size, whole);
    } else if (format == LOG_JSON) {
        json_record(monitor, stream, text, size, whole);
    } else {
        uint32_t start = log->used;
        char *to = copy_bytes(log->records + start, text, size);
        if (whole)
            *to++ = '\n';
        end_record(monitor, start, to);
    }
}

size_t log_file_take(struct monitor *monitor, int stream, char *bytes, size_t size, size_t seen,
                     bool all) {
    const char *at = bytes, *end = bytes + size, *search = bytes + seen;
    for (;;) {
        const char *newline = find_newline(search, end);
        const char *stop = newline ? newline : end;
        while ((size_t)(stop - at) > PART_SIZE) {
            size_t length = part_length(at);
            record(monitor, stream, at, length, false);
            at += length;
        }
        if (!newline)
            break;
        record(monitor, stream, at, (size_t)(newline - at), true);
        at = search = newline + 1;
    }
    if (at < end && (all || monitor->plan->log_format == LOG_RAW)) {
        record(monitor, stream, at, (size_t)(end - at), false);
        at = end;
    }
    return (size_t)(end - at);
}
