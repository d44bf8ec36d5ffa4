/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From stream targets to what a launch needs: the descriptors that the process gets as its own, and
 * for what cannot be handed over, the words that tell the monitor what to copy where
 * (host/monitor/plan.h has them all).
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/stream_journald.h"
#include "engine/stream_set.h"
#include "engine/stream_target.h"

/* The monitor's own descriptors lie below. */
#define FIRST_DESCRIPTOR 4
/* Output that nobody has been attached to yet is kept at least so long, from the beginning and
 * after the end. */
#define AWAIT_LEAST 10000 /* milliseconds */

void streams_close(struct stream_set *streams) {
    for (int i = 0; i < 3; i++)
        streams->fds[i] = fd_close(streams->fds[i]);
    while (streams->n_descriptors > 0)
        fd_close(streams->descriptors[--streams->n_descriptors]);
    while (streams->n_words > 0)
        free(streams->words[--streams->n_words]);
}

int stream_set_word(struct stream_set *set, struct shim_error *error, const char *format, ...) {
    va_list arguments;
    if (set->n_words == STREAM_WORDS_MAX)
        return error_set(error, -E2BIG, "too much to be told about the streams");
    va_start(arguments, format);
    int length = vasprintf(&set->words[set->n_words], format, arguments);
    va_end(arguments);
    if (length < 0) {
        set->words[set->n_words] = NULL;
        return error_set(error, -ENOMEM, "out of memory");
    }
    set->n_words++;
    return 0;
}

int stream_set_descriptor(struct stream_set *set, int fd_take, int *ret_number,
                          struct shim_error *error) {
    int fd AUTO_CLOSE = fd_take;
    if (set->n_descriptors == STREAM_DESCRIPTORS_MAX)
        return error_set(error, -E2BIG, "too many descriptors for the streams");
    if (fd < FIRST_DESCRIPTOR) {
        int higher = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR);
        if (higher < 0)
            return error_set(error, -errno, "cannot copy a descriptor: %s", strerror(errno));
        fd_close(fd);
        fd = higher;
    }
    *ret_number = set->descriptors[set->n_descriptors++] = fd_steal(&fd);
    return 0;
}

/* ------------------------------------------------------------------------------ one stream */

/* What is needed while the three are gone through. */
struct opening {
    const struct process *process;
    const struct spawn_streams *wanted;
    struct stream_target targets[3];
    struct log_options log;
    struct stream_set *set;
    struct text hold;     /* the list of descriptors that are only kept open */
    unsigned int journal; /* bit N: stream N goes to the journal */
    bool copies;          /* some output is copied by the monitor */
    bool feeds;           /* the monitor has an end of the input */
};

static int open_null(struct opening *opening, int index, struct shim_error *error) {
    int fd = open("/dev/null", (index == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, -errno, "cannot open /dev/null: %s", strerror(errno));
    opening->set->fds[index] = fd;
    return 0;
}

static int open_inherited(struct opening *opening, int index, struct shim_error *error) {
    int fd = fcntl(index, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return error_set(error, -errno, "cannot pass on descriptor %d: %s", index, strerror(errno));
    opening->set->fds[index] = fd;
    return 0;
}

/* The container's root, which need not be ours, may have to open /dev/stdout again. */
static int give_to_root(const struct opening *opening, int fd, const char *path,
                        struct shim_error *error) {
    uint32_t uid = opening->process->record.root_uid, gid = opening->process->record.root_gid;
    if ((uid != 0 || gid != 0) && fchown(fd, uid, gid) < 0)
        return error_set(error, -errno,
                         "cannot give %s to the container's root, uid %u, gid %u: %s", path, uid,
                         gid, strerror(errno));
    return 0;
}

static int open_file(struct opening *opening, int index, struct shim_error *error) {
    const char *path = opening->targets[index].path;
    int fd AUTO_CLOSE = -1;
    int flags = index == 0 ? O_RDONLY : O_WRONLY | O_APPEND | O_CREAT;
    int r = stream_file_open(path, flags, &fd, error);
    if (r == 0 && index > 0)
        r = give_to_root(opening, fd, path, error);
    if (r == 0)
        opening->set->fds[index] = fd_steal(&fd);
    return r;
}

/* The process gets the read end. That the monitor holds a write end is why the process does not
 * read the end as soon as one writer has left. */
static int open_input_fifo(struct opening *opening, struct shim_error *error) {
    const char *path = opening->targets[0].path;
    int fd AUTO_CLOSE = -1, writer = -1, number;
    int r = stream_fifo_open(path, O_RDONLY, &fd, error);
    if (r < 0 || (r = give_to_root(opening, fd, path, error)) < 0 ||
        (r = stream_fifo_again(fd, O_WRONLY, &writer, error)) < 0 ||
        (r = stream_set_descriptor(opening->set, writer, &number, error)) < 0 ||
        (r = stream_set_word(opening->set, error, "hold-stdin=%d", number)) < 0)
        return r;
    if (opening->process->record.terminal) {
        r = stream_set_descriptor(opening->set, fd_steal(&fd), &number, error);
        return r < 0 ? r : stream_set_word(opening->set, error, "stdin-fifo=%d", number);
    }
    if (fcntl(fd, F_SETFL, 0) < 0)
        return error_set(error, -errno, "cannot use %s: %s", path, strerror(errno));
    opening->set->fds[0] = fd_steal(&fd);
    return 0;
}

static bool drops(const struct opening *opening, int index) {
    const struct runtime_config *config = opening->process->runtime->config;
    const char *policy = opening->wanted->when_gone[index];
    if (policy)
        return strcmp(policy, "drop") == 0;
    return (index == 1 ? config->streams.stdout_gone : config->streams.stderr_gone) ==
           CONFIG_WHEN_GONE_DROP;
}

static int copy_output(struct opening *opening, int index, struct shim_error *error) {
    opening->copies = true;
    if (opening->process->record.terminal)
        return 0; /* a terminal is always copied */
    return stream_set_word(opening->set, error, "%s=copy", stream_names[index]);
}

/* The process gets the write end, and the monitor holds the FIFO open in both directions: a reader
 * who leaves breaks nothing, and one who comes late misses nothing. What is to be dropped while
 * nobody reads has to be copied. */
static int open_output_fifo(struct opening *opening, int index, struct shim_error *error) {
    const char *path = opening->targets[index].path, *name = stream_names[index];
    struct stream_set *set = opening->set;
    int fd AUTO_CLOSE = -1, writer AUTO_CLOSE = -1, number;
    bool drop = drops(opening, index), copy = drop || opening->process->record.terminal;
    int r = stream_fifo_open(path, O_RDWR, &fd, error);
    if (r < 0 || (r = give_to_root(opening, fd, path, error)) < 0 ||
        (!copy && (r = stream_fifo_again(fd, O_WRONLY, &writer, error)) < 0) ||
        (r = stream_set_descriptor(set, fd_steal(&fd), &number, error)) < 0)
        return r;
    if (!copy) {
        set->fds[index] = fd_steal(&writer);
        text_appendf(&opening->hold, "%s%d", opening->hold.length ? "," : "", number);
        return 0;
    }
    if ((r = copy_output(opening, index, error)) < 0 ||
        (r = stream_set_word(set, error, "%s-fifo=%d", name, number)) < 0)
        return r;
    return stream_set_word(set, error, "%s-gone=%s", name, drop ? "drop" : "block");
}

static int open_pipe(struct opening *opening, int index, struct shim_error *error) {
    if (index > 0)
        return copy_output(opening, index, error);
    opening->feeds = true;
    return stream_set_word(opening->set, error, "stdin=pipe");
}

static int open_one(struct opening *opening, int index, struct shim_error *error) {
    switch (opening->targets[index].kind) {
    case TARGET_NULL:
        return open_null(opening, index, error);
    case TARGET_INHERIT:
        return open_inherited(opening, index, error);
    case TARGET_FILE:
        return open_file(opening, index, error);
    case TARGET_FIFO:
        return index == 0 ? open_input_fifo(opening, error)
                          : open_output_fifo(opening, index, error);
    case TARGET_PIPE:
        return open_pipe(opening, index, error);
    case TARGET_K8S_FILE:
    case TARGET_JSON_FILE:
        return copy_output(opening, index, error);
    case TARGET_JOURNALD:
        opening->journal |= 1u << index;
        return copy_output(opening, index, error);
    case TARGET_TERMINAL:
        break;
    }
    return 0;
}

/* ------------------------------------------------------------------------------ all of them */

/* The log that both outputs share, or one of them has. */
static int open_log(struct opening *opening, struct shim_error *error) {
    const struct stream_target *targets = opening->targets;
    bool of_stdout = target_is_log_file(&targets[1]), of_stderr = target_is_log_file(&targets[2]);
    const struct stream_target *log = &targets[of_stdout ? 1 : 2];
    struct stream_set *set = opening->set;
    int fd = -1, number;
    if (!of_stdout && !of_stderr)
        return 0;
    int r = stream_file_open(log->path, O_WRONLY | O_APPEND | O_CREAT, &fd, error);
    if (r < 0)
        return error_context(error, "%s", stream_names[of_stdout ? 1 : 2]);
    if ((r = stream_set_descriptor(set, fd, &number, error)) < 0 ||
        (r = stream_set_word(set, error, "log-fd=%d", number)) < 0 ||
        (r = stream_set_word(set, error, "log-path=%s", log->path)) < 0 ||
        (r = stream_set_word(set, error, "log-format=%s",
                             log->kind == TARGET_K8S_FILE ? "k8s-file" : "json-file")) < 0 ||
        (r = stream_set_word(set, error, "log-streams=%s",
                             !of_stderr || opening->process->record.terminal ? "stdout"
                             : of_stdout                                     ? "both"
                                                                             : "stderr")) < 0 ||
        (r = stream_set_word(set, error, "log-max-files=%lld", (long long)opening->log.max_files)) <
            0)
        return r;
    return opening->log.max_size == 0
               ? 0
               : stream_set_word(set, error, "log-max-size=%lld", (long long)opening->log.max_size);
}

static int open_terminal(struct opening *opening, struct shim_error *error) {
    const struct spawn_streams *wanted = opening->wanted;
    struct stream_set *set = opening->set;
    opening->copies = opening->feeds = true;
    int r = stream_set_word(set, error, "console=1");
    if (r == 0 && wanted->columns && wanted->rows)
        r = stream_set_word(set, error, "term=%ux%u", wanted->columns, wanted->rows);
    if (r == 0 && opening->targets[0].kind == TARGET_FIFO)
        r = open_input_fifo(opening, error);
    if (r < 0)
        return r;
    enum target_kind output = opening->targets[1].kind;
    return output == TARGET_FIFO || output == TARGET_JOURNALD ? open_one(opening, 1, error) : 0;
}

static int open_journal(struct opening *opening, struct shim_error *error) {
    int fds[3] = {-1, -1, -1};
    if (!opening->journal)
        return 0;
    int r = journald_start(opening->process, opening->journal, opening->log.tag, fds, error);
    if (r < 0)
        return error_context(error, "%s", stream_names[opening->journal & 2 ? 1 : 2]);
    for (int i = 1; i <= 2; i++) {
        int fd AUTO_CLOSE = fds[i], number;
        if (fd < 0)
            continue;
        if (r == 0)
            r = stream_set_descriptor(opening->set, fd_steal(&fd), &number, error);
        if (r == 0)
            r = stream_set_word(opening->set, error, "%s-program=%d", stream_names[i], number);
    }
    return r;
}

/* Words that are about all streams together. */
static int add_common(struct opening *opening, struct shim_error *error) {
    const struct process_record *record = &opening->process->record;
    struct stream_set *set = opening->set;
    int64_t drain = opening->process->runtime->config->timeouts.drain;
    bool await = opening->wanted->await_attach && opening->copies;
    int r = 0;
    if (opening->hold.failed)
        return error_set(error, -ENOMEM, "out of memory");
    if (opening->hold.length > 0)
        r = stream_set_word(set, error, "hold=%s", opening->hold.data);
    if (r < 0 || (!opening->copies && !opening->feeds))
        return r;
    if (await && drain < AWAIT_LEAST)
        drain = AWAIT_LEAST;
    if ((r = stream_set_word(set, error, "attach=1")) < 0 ||
        (r = stream_set_word(set, error, "drain-timeout=%lld", (long long)drain)) < 0)
        return r;
    if (record->root_uid != 0 || record->root_gid != 0)
        r = stream_set_word(set, error, "owner=%u:%u", record->root_uid, record->root_gid);
    return r == 0 && await ? stream_set_word(set, error, "await-attach=1") : r;
}

static int parse_targets(struct opening *opening, struct shim_error *error) {
    const struct process_record *record = &opening->process->record;
    for (int i = 0; i < 3; i++) {
        const char *text = record->targets[i] ? record->targets[i] : "null";
        int r = stream_target_parse(text, &opening->targets[i], error);
        if (r < 0)
            return error_context(error, "%s", stream_names[i]);
    }
    int r = stream_targets_check(opening->targets, record->terminal, error);
    return r < 0 ? r
                 : log_options_parse(opening->wanted->options, opening->process->runtime->config,
                                     opening->targets, &opening->log, error);
}

static int open_all(struct opening *opening, struct shim_error *error) {
    int r = parse_targets(opening, error);
    if (r < 0)
        return r;
    if (opening->process->record.terminal) {
        r = open_terminal(opening, error);
        if (r < 0)
            return r;
    } else {
        for (int i = 0; i < 3; i++)
            if (open_one(opening, i, error) < 0)
                return error_context(error, "%s", stream_names[i]);
    }
    if ((r = open_log(opening, error)) < 0 || (r = open_journal(opening, error)) < 0)
        return r;
    return add_common(opening, error);
}

int streams_open(const struct process *process, struct stream_set *ret_streams,
                 struct shim_error *error) {
    static const struct spawn_streams nothing;
    struct stream_set set = {.fds = {-1, -1, -1}};
    struct opening opening = {.process = process,
                              .wanted = process->streams ? process->streams : &nothing,
                              .set = &set,
                              .hold = TEXT_EMPTY};
    int r = open_all(&opening, error);
    text_clear(&opening.hold);
    if (r < 0) {
        streams_close(&set);
        return r;
    }
    *ret_streams = set;
    return 0;
}

/* ------------------------------------------------------------------------------ adoption */

/* One that is not there any more, or has become something else, is nobody's loss but its own. */
static int hold_fifo(struct opening *opening, int index, struct shim_error *error) {
    struct log_fields about = {.container = opening->process->container_id,
                               .process = opening->process->id};
    struct shim_error problem = ERROR_NONE;
    int fd, number;
    int r = stream_fifo_open(opening->targets[index].path, O_RDWR, &fd, &problem);
    if (r == -ENOENT || r == -ENOTDIR || r == -EINVAL || r == -ELOOP) {
        log_write(SHIM_LOG_WARNING, &about, "%s is not held open for it: %s", stream_names[index],
                  problem.message);
        return 0;
    }
    if (r < 0)
        return error_set(error, r, "%s: %s", stream_names[index], problem.message);
    if ((r = stream_set_descriptor(opening->set, fd, &number, error)) == 0)
        text_appendf(&opening->hold, "%s%d", opening->hold.length ? "," : "", number);
    return r;
}

static int hold_all(struct opening *opening, struct shim_error *error) {
    const struct process_record *record = &opening->process->record;
    for (int i = 1; i < 3; i++) {
        const char *text = record->targets[i] ? record->targets[i] : "null";
        int r = stream_target_parse(text, &opening->targets[i], error);
        if (r == 0 && opening->targets[i].kind == TARGET_FIFO)
            r = hold_fifo(opening, i, error);
        if (r < 0)
            return r;
    }
    if (opening->hold.failed)
        return error_set(error, -ENOMEM, "out of memory");
    return opening->hold.length
               ? stream_set_word(opening->set, error, "hold=%s", opening->hold.data)
               : 0;
}

int streams_hold(const struct process *process, struct stream_set *ret_streams,
                 struct shim_error *error) {
    struct stream_set set = {.fds = {-1, -1, -1}};
    struct opening opening = {.process = process, .set = &set, .hold = TEXT_EMPTY};
    /* The FIFO of a terminal was written by the monitor, and nobody writes it now. */
    int r = process->record.terminal ? 0 : hold_all(&opening, error);
    text_clear(&opening.hold);
    if (r < 0) {
        streams_close(&set);
        return r;
    }
    *ret_streams = set;
    return 0;
}
