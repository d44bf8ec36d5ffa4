/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/logs.h"

#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "stream/log_files.h"
#include "stream/log_lines.h"
#include "stream/log_tail.h"

#define SECOND INT64_C(1000000000)

struct printer {
    const struct logs_options *options;
    struct log_files files;
    int fd;           /* the file that is being read */
    int inotify_fd;   /* or -1 */
    int file_watch;   /* of the file that is being read */
    uint64_t skip[2]; /* lines of each stream that are still to be left out */
    bool inside[2];   /* a line of this stream has begun and not ended */
    bool shown[2];    /* and it is shown */
    FILE *last;       /* what was written to last */
    struct log_lines lines;
};

/* ------------------------------------------------------------------------------ printing */

static int check_output(const struct printer *printer, struct shim_error *error) {
    for (int i = 0; i < 2; i++)
        if (ferror(printer->options->outputs[i]))
            return error_set(error, errno == EPIPE ? -EPIPE : -EIO,
                             "cannot write what was logged: %s", strerror(errno));
    return 0;
}

static void print_time(FILE *output, int64_t time) {
    char text[CLOCK_RFC3339_SIZE];
    int64_t seconds = time / SECOND, rest = time % SECOND;
    if (rest < 0) {
        seconds--;
        rest += SECOND;
    }
    clock_format(&(struct timespec){.tv_sec = seconds, .tv_nsec = rest}, text);
    fprintf(output, "%s ", text);
}

/* A line is shown or not as a whole, by what its first part says. */
static void begin_line(struct printer *printer, const struct log_record *record) {
    const struct logs_options *options = printer->options;
    enum log_stream stream = record->stream;
    printer->inside[stream] = true;
    printer->shown[stream] = (options->streams & (1u << stream)) && printer->skip[stream] == 0 &&
                             record->time >= options->since;
    if (printer->shown[stream] && options->timestamps)
        print_time(options->outputs[stream], record->time);
}

static void end_line(struct printer *printer, enum log_stream stream) {
    printer->inside[stream] = false;
    if (printer->shown[stream])
        putc('\n', printer->options->outputs[stream]);
    else if (printer->skip[stream] > 0)
        printer->skip[stream]--;
}

static void print_record(struct printer *printer, const struct log_record *record) {
    FILE *output = printer->options->outputs[record->stream];
    /* What goes to the same terminal through two streams keeps its order. */
    if (printer->last && printer->last != output)
        fflush(printer->last);
    printer->last = output;
    if (!printer->inside[record->stream])
        begin_line(printer, record);
    if (printer->shown[record->stream])
        fwrite(record->text, 1, record->length, output);
    if (record->whole)
        end_line(printer, record->stream);
}

static void complain_of(const struct printer *printer, off_t offset, const char *wrong) {
    char sentence[512];
    snprintf(sentence, sizeof(sentence), "%s, byte %lld: skipped what is no record: %s",
             printer->options->path, (long long)offset, wrong);
    printer->options->complain(sentence, printer->options->user);
}

/* ------------------------------------------------------------------------------ reading */

/* Prints what is in the file, from where it was left, up to its last whole record. */
static int print_file(struct printer *printer, struct shim_error *error) {
    struct log_line line;
    struct log_record record;
    int r;
    while ((r = log_lines_next(&printer->lines, &line)) == 1) {
        const char *wrong =
            line.bytes ? log_record_parse(printer->options->kind, line.bytes, line.length, &record)
                       : "it is too long";
        if (wrong)
            complain_of(printer, line.offset, wrong);
        else
            print_record(printer, &record);
        if ((r = check_output(printer, error)) < 0)
            return r;
    }
    return r < 0 ? error_set(error, r, "cannot read the log %s: %s", printer->options->path,
                             strerror(-r))
                 : 0;
}

static void read_file(struct printer *printer, int fd_take, off_t offset) {
    fd_close(printer->fd);
    printer->fd = fd_take;
    log_lines_from(&printer->lines, fd_take, offset);
}

/* The file is watched under its inode, whatever becomes of its name. Returns the watch. */
static int add_watch(const struct printer *printer, int fd, struct shim_error *error) {
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int watch = inotify_add_watch(printer->inotify_fd, path, IN_MODIFY | IN_MOVE_SELF);
    return watch >= 0 ? watch
                      : error_set(error, -errno, "cannot watch the log %s: %s",
                                  printer->options->path, strerror(errno));
}

static int watch_file(struct printer *printer, struct shim_error *error) {
    if (printer->inotify_fd < 0)
        return 0;
    if (printer->file_watch >= 0)
        inotify_rm_watch(printer->inotify_fd, printer->file_watch);
    printer->file_watch = add_watch(printer, printer->fd, error);
    return printer->file_watch < 0 ? printer->file_watch : 0;
}

/* A rest without a newline in a file that is finished is a record that was cut short. */
static void complain_of_rest(const struct printer *printer) {
    const struct log_lines *lines = &printer->lines;
    if (lines->stop > lines->start || lines->skipping)
        complain_of(printer, lines->offset, "it is cut short");
}

static int to_newer(struct printer *printer, int fd_take, struct shim_error *error) {
    complain_of_rest(printer);
    read_file(printer, fd_take, 0);
    return watch_file(printer, error);
}

/* The file that was being read has been removed, and others since then perhaps. */
static void complain_of_removal(struct printer *printer) {
    char sentence[512];
    snprintf(sentence, sizeof(sentence),
             "%s: rotation has removed the file that was being read; what came after it may be "
             "missing",
             printer->options->path);
    printer->options->complain(sentence, printer->options->user);
    memset(printer->inside, 0, sizeof(printer->inside));
}

/* Somebody who copies a log and cuts it short starts it anew under the same inode. */
static void notice_truncation(struct printer *printer) {
    struct stat status;
    off_t read = printer->lines.offset + (off_t)(printer->lines.stop - printer->lines.start);
    if (fstat(printer->fd, &status) < 0 || status.st_size >= read)
        return;
    complain_of_rest(printer);
    memset(printer->inside, 0, sizeof(printer->inside));
    log_lines_from(&printer->lines, printer->fd, 0);
}

/* The newest file may be somebody else's making, and the monitor not know of it yet. Once there is
 * something in it, or it is not the newest any more, nothing more is written to the one before. 1
 * or 0; it is watched before it is looked at. */
static int has_begun(const struct printer *printer, int fd, struct shim_error *error) {
    struct stat status;
    int newer AUTO_CLOSE = -1;
    if (printer->inotify_fd < 0)
        return 1;
    int r = add_watch(printer, fd, error);
    if (r < 0)
        return r;
    return fstat(fd, &status) < 0 || status.st_size > 0 ||
           log_files_newer(&printer->files, fd, &newer, NULL) == 0;
}

/* The file that follows the one that is being read, which is finished then. 1: others may have been
 * between them; -ENOENT: there is none yet. */
static int find_next(struct printer *printer, int *ret_fd, struct shim_error *error) {
    struct shim_error problem = ERROR_NONE;
    int fd AUTO_CLOSE = -1;
    int r = log_files_newer(&printer->files, printer->fd, &fd, &problem);
    bool removed = r == -ESTALE;
    if (removed)
        r = log_files_oldest(&printer->files, &fd, error);
    else if (r < 0)
        error_pass(error, r, &problem);
    if (r < 0 || (r = has_begun(printer, fd, error)) < 0)
        return r;
    if (r == 0)
        return error_set(error, -ENOENT, "the log %s has no newer file yet",
                         printer->options->path);
    *ret_fd = fd_steal(&fd);
    return removed;
}

/* Prints everything there is, through all newer files. A file is finished once there is a newer
 * one, so what was appended before that is read before going on. */
static int print_all(struct printer *printer, struct shim_error *error) {
    for (;;) {
        struct shim_error problem = ERROR_NONE;
        int next AUTO_CLOSE = -1;
        notice_truncation(printer);
        int r = find_next(printer, &next, &problem);
        int printed = print_file(printer, error);
        if (printed < 0)
            return printed;
        if (r == -ENOENT)
            return 0;
        if (r < 0)
            return error_pass(error, r, &problem);
        if (r == 1)
            complain_of_removal(printer);
        if ((r = to_newer(printer, fd_steal(&next), error)) < 0)
            return r;
    }
}

/* ------------------------------------------------------------------------------ following */

static int watch(struct printer *printer, struct shim_error *error) {
    char path[32];
    printer->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", printer->files.directory_fd);
    if (printer->inotify_fd < 0 ||
        inotify_add_watch(printer->inotify_fd, path, IN_CREATE | IN_MOVED_TO) < 0)
        return error_set(error, -errno, "cannot watch the directory of the log %s: %s",
                         printer->options->path, strerror(errno));
    return watch_file(printer, error);
}

static void forget_events(struct printer *printer) {
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    while (read(printer->inotify_fd, events, sizeof(events)) > 0)
        ;
}

static int output_fd(const struct logs_options *options, enum log_stream stream) {
    return options->streams & (1u << stream) ? fileno(options->outputs[stream]) : -1;
}

/* Sleeps until something was written, or moved, or the end is there, or nobody reads an output. */
static int sleep_until_news(struct printer *printer, bool *ret_over, struct shim_error *error) {
    const struct logs_options *options = printer->options;
    enum { NEWS, END, OUTPUT, ERRORS, WATCHED };
    struct pollfd watched[WATCHED] = {
        [NEWS] = {.fd = printer->inotify_fd, .events = POLLIN},
        [END] = {.fd = options->end_fd, .events = POLLIN},
        [OUTPUT] = {.fd = output_fd(options, LOG_STDOUT)}, /* a pipe says an error, a socket that */
        [ERRORS] = {.fd = output_fd(options, LOG_STDERR)}, /* it has hung up */
    };
    while (poll(watched, WATCHED, -1) < 0)
        if (errno != EINTR)
            return error_set(error, -errno, "cannot wait: %s", strerror(errno));
    if (watched[OUTPUT].revents || watched[ERRORS].revents)
        return error_set(error, -EPIPE, "nobody reads the output");
    forget_events(printer);
    *ret_over = watched[END].revents != 0;
    return 0;
}

static int follow(struct printer *printer, struct shim_error *error) {
    bool over = false;
    int r = watch(printer, error);
    while (r == 0) {
        r = print_all(printer, error);
        if (r < 0)
            return r;
        for (int i = 0; i < 2; i++)
            fflush(printer->options->outputs[i]);
        if ((r = check_output(printer, error)) < 0 || over)
            return r;
        r = sleep_until_news(printer, &over, error);
    }
    return r;
}

/* ------------------------------------------------------------------------------ where to begin */

/* The time of a file is that of the last tick of the kernel's clock, on some file systems that of
 * the last second, and lies behind that of its last record. */
static bool ended_before(int fd, int64_t since) {
    struct stat status;
    return since >= 0 && fstat(fd, &status) == 0 &&
           status.st_mtim.tv_sec * SECOND + status.st_mtim.tv_nsec < since - SECOND;
}

/* The oldest file of interest: one that was last written before `since` holds nothing of it. */
static int begin_with_oldest(struct printer *printer, struct shim_error *error) {
    struct shim_error problem = ERROR_NONE;
    int fd AUTO_CLOSE = -1, older;
    int r = log_files_newest(&printer->files, &fd, error);
    if (r < 0)
        return r;
    while ((r = log_files_older(&printer->files, fd, &older, &problem)) == 0) {
        if (ended_before(older, printer->options->since)) {
            fd_close(older);
            break;
        }
        fd_close(fd);
        fd = older;
    }
    if (r < 0 && r != -ENOENT && r != -ESTALE)
        return error_pass(error, r, &problem);
    read_file(printer, fd_steal(&fd), 0);
    return 0;
}

static int begin_with_tail(struct printer *printer, struct shim_error *error) {
    const struct logs_options *options = printer->options;
    struct log_position position;
    struct log_tail tail = {.kind = options->kind,
                            .streams = options->streams,
                            .since = options->since,
                            .wanted = (uint64_t)options->tail};
    int r = log_tail_find(&printer->files, &tail, &position, error);
    if (r < 0)
        return r;
    memcpy(printer->skip, position.skip, sizeof(printer->skip));
    read_file(printer, position.fd, position.offset);
    return 0;
}

int logs_print(const struct logs_options *options, struct shim_error *error) {
    struct printer *printer = malloc(sizeof(*printer));
    if (!printer)
        return error_set(error, -ENOMEM, "cannot read %s: out of memory", options->path);
    memset(printer, 0, offsetof(struct printer, lines));
    printer->options = options;
    printer->fd = printer->inotify_fd = printer->file_watch = printer->files.directory_fd = -1;
    int r = log_files_open(options->path, &printer->files, error);
    if (r == 0)
        r = options->tail >= 0 ? begin_with_tail(printer, error)
                               : begin_with_oldest(printer, error);
    if (r == 0)
        r = options->follow ? follow(printer, error) : print_all(printer, error);
    if (r == 0 && (fflush(options->outputs[0]) != 0 || fflush(options->outputs[1]) != 0))
        r = check_output(printer, error);
    fd_close(printer->fd);
    fd_close(printer->inotify_fd);
    log_files_close(&printer->files);
    free(printer);
    return r;
}
