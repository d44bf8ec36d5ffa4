/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/log_tail.h"

#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "stream/log_lines.h"

/* What is known on the way from the end to the beginning. */
struct search {
    const struct log_tail *tail;
    uint64_t found;     /* lines that are wanted */
    uint64_t skip[2];   /* lines that are not, and that end behind the place where we are */
    bool unfinished[2]; /* the beginning of a wanted line of this stream is still to be found */
    bool seen[2];       /* a record of this stream */
};

/* Looks at a record before the ones that were seen. True: everything that is wanted lies behind
 * it. */
static bool passes(struct search *search, const struct log_record *record) {
    enum log_stream stream = record->stream;
    if (!(search->tail->streams & (1u << stream)))
        return false;
    bool ends_line = record->whole || !search->seen[stream];
    search->seen[stream] = true;
    if (!ends_line)
        return false;
    search->unfinished[stream] = false;
    if (search->found < search->tail->wanted) {
        search->found++;
        search->unfinished[stream] = true;
        return false;
    }
    if (!search->unfinished[!stream])
        return true;
    search->skip[stream]++;
    return false;
}

/* 1: a record; 0: the beginning of the file. What is no record is passed over. */
static int previous_record(const struct search *search, struct log_lines *lines,
                           struct log_line *ret_line, struct log_record *ret_record) {
    int r;
    do
        r = log_lines_previous(lines, ret_line);
    while (r == 1 && (!ret_line->bytes || log_record_parse(search->tail->kind, ret_line->bytes,
                                                           ret_line->length, ret_record) != NULL));
    return r;
}

/* From `record` on, backwards, all is too old. A line that has begun there and goes on behind is to
 * be left out, of which the last record of its stream tells, as far as it is in this file. 1, or a
 * negative errno. */
static int leave_out_begun(struct search *search, struct log_lines *lines,
                           struct log_record *record) {
    struct log_line line;
    bool sought[2] = {search->seen[0], search->seen[1]};
    int r = 1;
    while (r == 1) {
        enum log_stream stream = record->stream;
        if (sought[stream] && !record->whole && search->skip[stream] == 0)
            search->skip[stream] = 1;
        sought[stream] = false;
        if (!sought[0] && !sought[1])
            break;
        r = previous_record(search, lines, &line, record);
    }
    return r < 0 ? r : 1;
}

/* 1: the place is found, in *ret_offset; 0: not in this file. */
static int search_file(struct search *search, struct log_lines *lines, int fd, off_t *ret_offset) {
    struct log_line line;
    struct log_record record;
    int r = log_lines_from_end(lines, fd);
    if (r < 0)
        return r;
    while ((r = previous_record(search, lines, &line, &record)) == 1) {
        bool old = record.time < search->tail->since;
        if (!old && !passes(search, &record))
            continue;
        *ret_offset = line.end;
        return old ? leave_out_begun(search, lines, &record) : 1;
    }
    return r;
}

static int search_all(const struct log_files *files, struct search *search, struct log_lines *lines,
                      struct log_position *position, struct shim_error *error) {
    int fd AUTO_CLOSE = -1, older;
    int r = log_files_newest(files, &fd, error);
    if (r < 0)
        return r;
    position->offset = 0;
    while ((r = search_file(search, lines, fd, &position->offset)) == 0) {
        struct shim_error last = ERROR_NONE;
        r = log_files_older(files, fd, &older, &last);
        if (r == -ENOENT || r == -ESTALE) /* this was the first of all */
            break;
        if (r < 0)
            return error_pass(error, r, &last);
        fd_close(fd);
        fd = older;
    }
    if (r < 0 && r != -ENOENT && r != -ESTALE)
        return error_set(error, r, "cannot read the log %s: %s", files->path, strerror(-r));
    position->fd = fd_steal(&fd);
    return 0;
}

int log_tail_find(const struct log_files *files, const struct log_tail *tail,
                  struct log_position *ret_position, struct shim_error *error) {
    struct search search = {.tail = tail};
    struct log_position position = {.fd = -1};
    struct log_lines *lines AUTO_FREE = malloc(sizeof(*lines));
    if (!lines)
        return error_set(error, -ENOMEM, "cannot read %s: out of memory", files->path);
    int r = search_all(files, &search, lines, &position, error);
    if (r < 0)
        return r;
    memcpy(position.skip, search.skip, sizeof(position.skip));
    *ret_position = position;
    return 0;
}
