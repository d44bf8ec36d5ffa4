/* SPDX-License-Identifier: Apache-2.0 */
/* Copying: large reads, whole batches, and nobody is waited for who need not be. */
#include "monitor.h"

#define READS_AT_ONCE 4 /* the end of the process must not wait behind its output */
#define WORTH_MORE 4096 /* whoever has written as much as this has probably written more since */
#define SPLICE_SIZE (1 << 20)

static int stream_of(const struct monitor *monitor, const struct output *output) {
    return output == &monitor->streams.outputs[0] ? STREAM_OUTPUT : STREAM_ERRORS;
}

static const struct plan_output *plan_of(const struct monitor *monitor,
                                         const struct output *output) {
    return &monitor->plan->outputs[stream_of(monitor, output)];
}

static const char *name_of(const struct monitor *monitor, const struct output *output) {
    return stream_of(monitor, output) == STREAM_OUTPUT ? "stdout" : "stderr";
}

/* ---- the sink that takes bytes as they are ---- */

/* A sink that is full is not waited for. */
static bool drops(const struct monitor *monitor, const struct output *output) {
    return plan_of(monitor, output)->drop || monitor->streams.late;
}

static void count_lost(struct output *output) {
    output->lost += output->end - output->sunk;
    output->lost_total += output->end - output->sunk;
    output->sunk = output->end;
}

static void sink_lost(struct monitor *monitor, struct output *output) {
    if (output->lost_total == 0)
        log_line(monitor, "warning", "nobody takes what goes to %s; it is being lost",
                 name_of(monitor, output));
    count_lost(output);
}

static void sink_broken(struct monitor *monitor, struct output *output, long error) {
    bool program = plan_of(monitor, output)->program;
    if (output->lost_total == 0 || program)
        log_line(monitor, "error", "%s cannot be written any more: error %d; it is being lost",
                 name_of(monitor, output), (int)-error);
    count_lost(output);
    if (program) {
        sys_close(output->sink);
        output->sink = -1;
        output->sink_full = false;
    }
}

/* Says how much was lost, once there is room for that. This short, it is written whole or not at
 * all. */
static bool sink_tell(struct monitor *monitor, struct output *output) {
    char buffer[96];
    struct text text = TEXT_IN(buffer);
    text_print(&text, "\n[shimhost: %lu bytes lost]\n", (unsigned long)output->lost);
    long written = sys_write(output->sink, text.buffer, text.length);
    if (written > 0)
        output->lost = 0;
    else if (written != -EAGAIN && written != -EINTR)
        sink_broken(monitor, output, written);
    return written > 0;
}

static void sink_write(struct monitor *monitor, struct output *output) {
    if (output->sink < 0) {
        if (plan_of(monitor, output)->fifo >= 0) /* there was one */
            count_lost(output);
        output->sunk = output->end;
        return;
    }
    if (output->lost && !sink_tell(monitor, output)) {
        count_lost(output);
        return;
    }
    while (output->sunk < output->end) {
        long written =
            sys_write(output->sink, output->buffer + output->sunk, output->end - output->sunk);
        if (written > 0) {
            output->sunk += (uint32_t)written;
        } else if (written == -EAGAIN) {
            if (drops(monitor, output))
                sink_lost(monitor, output);
            return;
        } else if (written != -EINTR) {
            sink_broken(monitor, output, written);
            return;
        }
    }
}

/* ---- from the source ---- */

/* Moves what has been begun to the front, where the next read goes on. */
void copy_settle(struct output *output) {
    uint32_t at = output->end - output->begun;
    if (at)
        memmove(output->buffer, output->buffer + at, output->begun);
    output->end = output->sunk = output->owned = output->begun;
}

bool copy_holds(const struct monitor *monitor, const struct output *output) {
    return output->sunk < output->end || output->sink_full ||
           (monitor->streams.owner >= 0 && output->owned < output->end);
}

/* Hands a read on, which begins at `from`. */
static void deliver(struct monitor *monitor, struct output *output, uint32_t from) {
    struct streams *streams = &monitor->streams;
    int stream = stream_of(monitor, output);
    output->sunk = from;
    if (streams->log.fd >= 0 && plan_of(monitor, output)->logged) {
        log_file_stamp(&streams->log);
        output->begun =
            (uint32_t)log_file_take(monitor, stream, output->buffer, output->end, from, false);
        log_file_flush(monitor);
    } else {
        output->begun = 0;
    }
    sink_write(monitor, output);
    output->owned = attach_send(monitor, stream, output->buffer, from, output->end);
}

/* Nothing but the sink wants it: the bytes need not pass through us. True: done, whatever there
 * was. */
static bool splice_output(struct monitor *monitor, struct output *output) {
    if (output->sink < 0 || output->lost || output->terminal || attach_any(&monitor->streams) ||
        (monitor->streams.log.fd >= 0 && plan_of(monitor, output)->logged))
        return false;
    long moved = sys_splice(output->source, output->sink, SPLICE_SIZE);
    if (moved > 0)
        return true;
    if (moved == 0) {
        copy_end(monitor, output);
        return true;
    }
    /* There is something to read, so it is the sink that is full. What cannot be spliced is copied.
     */
    if (moved != -EAGAIN || drops(monitor, output))
        return false;
    output->sink_full = true;
    return true;
}

/* True: there may be more. */
static bool read_once(struct monitor *monitor, struct output *output) {
    if (!output->buffer) {
        output->buffer = sys_map(PART_SIZE + READ_SIZE + COPY_PADDING);
        if (!output->buffer)
            return false;
    }
    copy_settle(output);
    uint32_t from = output->begun;
    long got = sys_read(output->source, output->buffer + from, READ_SIZE);
    if (got == -EAGAIN || got == -EINTR)
        return false;
    if (got == -EIO && output->terminal && !monitor->over) {
        monitor->streams.hung_up = true; /* its last holder is gone, but another may come */
        return false;
    }
    if (got <= 0) {
        copy_end(monitor, output);
        return false;
    }
    output->end = from + (uint32_t)got;
    deliver(monitor, output, from);
    return got >= WORTH_MORE && !copy_holds(monitor, output);
}

void copy_output(struct monitor *monitor, struct output *output) {
    streams_busy(monitor);
    if (splice_output(monitor, output))
        return;
    for (int i = 0; i < READS_AT_ONCE && output->source >= 0; i++)
        if (!read_once(monitor, output))
            return;
}

bool copy_held(struct monitor *monitor, struct output *output) {
    streams_busy(monitor);
    output->sink_full = false;
    if (output->sunk < output->end || output->lost)
        sink_write(monitor, output);
    if (output->owned < output->end)
        output->owned = attach_send_owner(monitor, stream_of(monitor, output), output->buffer,
                                          output->owned, output->end);
    return !copy_holds(monitor, output);
}

void copy_end(struct monitor *monitor, struct output *output) {
    struct streams *streams = &monitor->streams;
    if (output->begun) {
        log_file_take(monitor, stream_of(monitor, output),
                      output->buffer + output->end - output->begun, output->begun, output->begun,
                      true);
        log_file_flush(monitor);
        output->begun = 0;
    }
    if (output->source < 0)
        return;
    if (output->source == streams->input)
        streams->input = -1;
    sys_close(output->source);
    output->source = -1;
    if (output->sink >= 0 && output->lost)
        sink_tell(monitor, output);
    if (output->lost_total)
        log_line(monitor, "warning", "%lu bytes of %s were lost in all",
                 (unsigned long)output->lost_total, name_of(monitor, output));
}

/* ---- to the process ---- */

static void close_input(struct streams *streams) {
    if (streams->input >= 0 && streams->input != streams->outputs[0].source)
        sys_close(streams->input);
    streams->input = -1;
}

/* Returns how much was taken; all of it, if it is of no use to anybody any more. */
static size_t feed(struct monitor *monitor, const char *bytes, size_t size) {
    size_t done = 0;
    while (done < size && monitor->streams.input >= 0) {
        long written = sys_write(monitor->streams.input, bytes + done, size - done);
        if (written == -EAGAIN)
            return done;
        if (written > 0) {
            done += (size_t)written;
            monitor->streams.last_fed = bytes[done - 1];
        } else if (written != -EINTR) { /* nobody reads it any more */
            close_input(&monitor->streams);
        }
    }
    return size;
}

void copy_input(struct monitor *monitor, const char *bytes, size_t size) {
    struct streams *streams = &monitor->streams;
    size_t taken = feed(monitor, bytes, size);
    if (taken == size)
        return;
    if (!streams->waiting)
        streams->waiting = sys_map(PACKET_SIZE);
    if (!streams->waiting) {
        log_line(monitor, "error", "%lu bytes of input were lost: no memory",
                 (unsigned long)(size - taken));
        return;
    }
    memcpy(streams->waiting, bytes + taken, size - taken);
    streams->waiting_from = 0;
    streams->waiting_to = (uint32_t)(size - taken);
}

void copy_waiting_input(struct monitor *monitor) {
    struct streams *streams = &monitor->streams;
    streams_busy(monitor);
    streams->waiting_from += (uint32_t)feed(monitor, streams->waiting + streams->waiting_from,
                                            streams->waiting_to - streams->waiting_from);
    if (streams->input_ends && streams->waiting_from == streams->waiting_to)
        copy_end_input(monitor);
}

void copy_end_input(struct monitor *monitor) {
    struct streams *streams = &monitor->streams;
    streams->input_ends = streams->waiting_from < streams->waiting_to;
    if (streams->input_ends || streams->input < 0)
        return;
    if (streams->input != streams->outputs[0].source) {
        close_input(streams);
    } else {
        char end[2];
        copy_input(monitor, end, console_end_of_input(streams->input, streams->last_fed, end));
    }
}

void copy_input_fifo(struct monitor *monitor) {
    struct streams *streams = &monitor->streams;
    char bytes[1024];
    long got = sys_read(streams->input_fifo, bytes, sizeof(bytes));
    if (got > 0) {
        streams_busy(monitor);
        copy_input(monitor, bytes, (size_t)got);
    } else if (got != -EAGAIN && got != -EINTR) {
        sys_close(streams->input_fifo);
        streams->input_fifo = -1;
        copy_end_input(monitor);
    }
}
