/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the journal while others write to it, and put another in its place. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "state/journal.h"

#define CHUNK 65536

/* A file of the journal that is being read. */
struct part {
    int fd; /* or -1 */
    ino_t inode;
};

struct reader {
    int state_fd;
    struct part old, current; /* to the old one, who had it open may still write */
    FILE *output;
    struct shim_error *error;
};

static int open_part(const struct reader *reader, const char *name, struct part *part) {
    struct stat status;
    int fd AUTO_CLOSE =
        openat(reader->state_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_set(reader->error, -errno, "cannot open the journal %s: %s", name,
                         strerror(errno));
    if (!S_ISREG(status.st_mode))
        return error_set(reader->error, -EINVAL, "the journal %s is not a file", name);
    fd_close(part->fd);
    *part = (struct part){fd_steal(&fd), status.st_ino};
    return 0;
}

/* Prints whole lines; what has not come to its end yet is read again. */
static int print_part(const struct reader *reader, const struct part *part) {
    static char chunk[CHUNK];
    ssize_t got;
    while (part->fd >= 0 && (got = read(part->fd, chunk, sizeof(chunk))) != 0) {
        if (got < 0)
            return error_set(reader->error, -errno, "cannot read the journal: %s", strerror(errno));
        const char *end = memrchr(chunk, '\n', (size_t)got);
        size_t whole = end ? (size_t)(end - chunk) + 1 : 0;
        if (fwrite(chunk, 1, whole, reader->output) != whole)
            return error_set(reader->error, -errno, "cannot write: %s", strerror(errno));
        if (whole < (size_t)got && lseek(part->fd, (off_t)whole - got, SEEK_CUR) < 0)
            return error_set(reader->error, -errno, "cannot read the journal: %s", strerror(errno));
        if (whole == 0)
            break;
    }
    return 0;
}

/* Another one may have taken the place of the old one, too, while nobody read what we print: it has
 * been both since. Whoever is slower than that still loses what has been both and gone. */
static int find_skipped(struct reader *reader) {
    struct part skipped = {.fd = -1};
    int r = open_part(reader, JOURNAL_OLD_FILE, &skipped);
    if (r < 0 || skipped.fd < 0)
        return r;
    if (skipped.inode == reader->old.inode || skipped.inode == reader->current.inode) {
        fd_close(skipped.fd);
        return 0;
    }
    r = print_part(reader, &reader->old);
    fd_close(reader->old.fd);
    reader->old = skipped;
    return r;
}

/* Has another journal taken the place of the current one? Then that is the old one now. */
static int turn_page(struct reader *reader) {
    struct part next = {.fd = -1};
    int r = open_part(reader, JOURNAL_FILE, &next);
    if (r < 0 || next.fd < 0)
        return r;
    if (reader->current.fd >= 0 && next.inode == reader->current.inode) {
        fd_close(next.fd);
        return 0;
    }
    fd_close(reader->old.fd);
    reader->old = reader->current;
    reader->current = next;
    return reader->old.fd >= 0 ? find_skipped(reader) : 0;
}

static int print_news(struct reader *reader) {
    int r = print_part(reader, &reader->old);
    if (r < 0 || (r = print_part(reader, &reader->current)) < 0 || (r = turn_page(reader)) < 0 ||
        (r = print_part(reader, &reader->old)) < 0 ||
        (r = print_part(reader, &reader->current)) < 0)
        return r;
    return fflush(reader->output) == 0
               ? 0
               : error_set(reader->error, -errno, "cannot write: %s", strerror(errno));
}

/* Waits until something has changed; what it was does not matter. */
static int await_notice(const struct reader *reader, int notices, int cancel_fd) {
    struct pollfd fds[] = {
        {.fd = notices, .events = POLLIN},
        {.fd = cancel_fd, .events = POLLIN},
        {.fd = fileno(reader->output)}, /* says when nobody reads it any more */
    };
    while (poll(fds, 3, -1) < 0)
        if (errno != EINTR)
            return error_set(reader->error, -errno, "cannot wait for events: %s", strerror(errno));
    if (fds[1].revents)
        return error_set(reader->error, -ECANCELED, "cancelled");
    if (fds[2].revents)
        return error_set(reader->error, -EPIPE, "nobody reads the events any more");
    char queue[4096];
    while (read(notices, queue, sizeof(queue)) > 0)
        ;
    return 0;
}

static int watch(const struct store *store, struct shim_error *error) {
    int fd AUTO_CLOSE = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0 || inotify_add_watch(fd, store_path(store),
                                    IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0)
        return error_set(error, -errno, "cannot watch %s: %s", store_path(store), strerror(errno));
    return fd_steal(&fd);
}

static int print_all(struct reader *reader, int notices, int cancel_fd) {
    /* The current one first: if it becomes the old one meanwhile it is seen twice, and dropped
     * once. */
    int r = open_part(reader, JOURNAL_FILE, &reader->current);
    if (r < 0 || (r = open_part(reader, JOURNAL_OLD_FILE, &reader->old)) < 0)
        return r;
    if (reader->old.fd >= 0 && reader->old.inode == reader->current.inode)
        reader->old.fd = fd_close(reader->old.fd);
    do
        r = print_news(reader);
    while (r == 0 && notices >= 0 && (r = await_notice(reader, notices, cancel_fd)) == 0);
    return r < 0 ? r : 0;
}

int journal_print(const struct store *store, bool follow, int cancel_fd, FILE *output,
                  struct shim_error *error) {
    int notices AUTO_CLOSE = -1; /* watched before it is read, so that nothing falls between */
    if (follow && (notices = watch(store, error)) < 0)
        return notices;
    struct reader reader = {
        .state_fd = store_descriptor(store),
        .old = {.fd = -1},
        .current = {.fd = -1},
        .output = output,
        .error = error,
    };
    int r = print_all(&reader, notices, cancel_fd);
    fd_close(reader.old.fd);
    fd_close(reader.current.fd);
    return r;
}
