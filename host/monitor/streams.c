/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process's streams. Most are handed over, and the monitor at most keeps a FIFO open in both
 * directions, so that it lives on while its other end comes and goes. What has to be copied (log
 * formats, terminals, attached clients) is waited for here; see streams.h for who does what then.
 */
#include "monitor.h"

#include <asm/mman.h>

#define IDLE_AFTER 1000 /* milliseconds without a byte */
#define LAST_READS 16   /* of what is in a pipe or terminal at the end */

/* Lets go of the descriptors in `mask`. They stay taken, by /dev/null or what else there is that
 * nobody can write to: an unlucky open() must not become anybody's standard output. */
static void let_go(const struct monitor *monitor, unsigned mask) {
    int null_fd = mask ? sys_open("/dev/null", O_RDWR, 0) : -ENODEV;
    for (int fd = 0; fd <= 2; fd++) {
        int result = 0;
        if (mask & (1u << fd))
            result = sys_dup3(null_fd < 0 ? monitor->signal_fd : null_fd, fd, O_CLOEXEC);
        if (result < 0)
            log_line(monitor, "warning", "cannot let go of descriptor %d: error %d", fd, -result);
    }
    if (null_fd > 2)
        sys_close(null_fd);
}

/* ---- setting up ---- */

void streams_init(struct monitor *monitor) {
    const struct plan *plan = monitor->plan;
    struct streams *streams = &monitor->streams;
    streams->input = streams->console = streams->connection = streams->listener = -1;
    streams->owner = streams->slave = -1;
    streams->input_fifo = plan->input_fifo;
    streams->awaiting = plan->await;
    streams->last_fed = '\n';
    streams->log.fd = plan->log_fd;
    for (int i = 0; i < 2; i++)
        streams->outputs[i] = (struct output){.source = -1, .sink = plan->outputs[i + 1].fifo};
    for (int i = 0; i < CLIENTS; i++)
        streams->clients[i].fd = -1;
}

/* Makes a pipe. `ours` (0 reads, 1 writes) is the end that stays here and never blocks; the other
 * becomes descriptor `theirs`, which the launch command inherits. */
static int make_pipe(struct monitor *monitor, int ours, int theirs, int *ret_fd) {
    int pair[2];
    int result = sys_pipe2(pair, 0);
    if (result < 0)
        return result;
    if (monitor->plan->owner >= 0)
        result =
            sys_fchown(pair[0], (unsigned)monitor->plan->owner, (unsigned)monitor->plan->group);
    if (result == 0)
        result = sys_set_flags(pair[ours], O_NONBLOCK);
    if (result == 0)
        result = sys_dup3(pair[!ours], theirs, 0);
    sys_close(pair[!ours]);
    if (result < 0) {
        sys_close(pair[ours]);
        return result;
    }
    *ret_fd = pair[ours];
    return 0;
}

int streams_prepare(struct monitor *monitor) {
    const struct plan *plan = monitor->plan;
    struct streams *streams = &monitor->streams;
    int result = plan->console ? console_listen(monitor) : 0;
    for (int i = 0; i < 2 && result >= 0 && !plan->console; i++)
        if (plan->outputs[i + 1].copy)
            result = make_pipe(monitor, 0, i + 1, &streams->outputs[i].source);
    if (result >= 0 && plan->feed && !plan->console)
        result = make_pipe(monitor, 1, 0, &streams->input);
    if (result >= 0 && plan->attachable)
        result = attach_listen(monitor);
    if (result >= 0 && streams->log.fd >= 0)
        log_file_reopen(monitor); /* finds out its size */
    streams->active = plan->console || plan->attachable || plan->feed || plan->outputs[1].copy ||
                      plan->outputs[2].copy;
    return result < 0 ? result : 0;
}

void streams_release(struct monitor *monitor) {
    let_go(monitor, ~monitor->plan->keep & 7);
}

int streams_await_terminal(struct monitor *monitor) {
    const struct streams *streams = &monitor->streams;
    if (!monitor->plan->console || streams->outputs[0].terminal)
        return 0;
    int result = streams->console < 0 ? -ENOTTY : console_receive(monitor);
    return result == -EAGAIN ? -ENOTTY : result;
}

/* ---- orders ---- */

void streams_close_input(struct monitor *monitor) {
    const struct plan *plan = monitor->plan;
    let_go(monitor, plan->keep & 1);
    if (plan->held_input >= 0 && !monitor->input_closed)
        sys_close(plan->held_input);
    monitor->input_closed = true;
    if (monitor->streams.input_fifo < 0) /* what is in it comes first, and then its own end */
        copy_end_input(monitor);
}

void streams_resize(struct monitor *monitor, unsigned width, unsigned height) {
    struct streams *streams = &monitor->streams;
    if (streams->outputs[0].terminal && streams->outputs[0].source >= 0)
        console_resize(streams->outputs[0].source, width, height);
    else
        log_line(monitor, "warning", "the process has no terminal to resize to %dx%d", (int)width,
                 (int)height);
}

void streams_reopen(struct monitor *monitor) {
    log_file_reopen(monitor);
}

/* ---- waiting ---- */

void streams_busy(struct monitor *monitor) {
    struct streams *streams = &monitor->streams;
    streams->busy = true;
    if (!streams->idle_at)
        streams->idle_at = watch_deadline(IDLE_AFTER);
}

/* Gives back the pages of a buffer from `used` on. */
static void give_back(char *buffer, size_t used, size_t size) {
    const size_t page = 4096;
    size_t from = (used + page - 1) & ~(page - 1);
    if (buffer && from < size)
        sys_madvise((uintptr_t)buffer + from, size - from, MADV_DONTNEED);
}

void streams_idle(struct monitor *monitor) {
    struct streams *streams = &monitor->streams;
    streams->idle_at = streams->busy ? watch_deadline(IDLE_AFTER) : 0;
    streams->refusing = streams->hung_up = false;
    if (streams->busy) {
        streams->busy = false;
        return;
    }
    for (int i = 0; i < 2; i++) {
        struct output *output = &streams->outputs[i];
        if (!copy_holds(monitor, output)) {
            copy_settle(output);
            give_back(output->buffer, output->begun, PART_SIZE + READ_SIZE + COPY_PADDING);
        }
    }
    give_back(streams->log.records, 0, RECORDS_SIZE + COPY_PADDING);
    give_back(streams->packet, 0, PACKET_SIZE + 1);
    if (streams->waiting_from == streams->waiting_to)
        give_back(streams->waiting, 0, PACKET_SIZE);
}

static struct pollfd slot(int fd, bool wanted, int events) {
    return (struct pollfd){.fd = wanted ? fd : -1, .events = (short)events};
}

int streams_poll(const struct monitor *monitor, struct pollfd *slots) {
    const struct streams *streams = &monitor->streams;
    if (!streams->active)
        return 0;
    bool input_waits = streams->waiting_from < streams->waiting_to;
    for (int i = 0; i < 2; i++) {
        const struct output *output = &streams->outputs[i];
        bool holds = copy_holds(monitor, output);
        bool silent = streams->awaiting || (output->terminal && streams->hung_up);
        slots[SLOT_SOURCE + i] = slot(output->source, !holds && !silent, POLLIN);
        slots[SLOT_SINK + i] = slot(
            output->sink, output->sunk < output->end || output->sink_full || output->lost, POLLOUT);
    }
    slots[SLOT_LISTENER] = slot(streams->listener, !streams->refusing, POLLIN);
    slots[SLOT_CONSOLE] =
        slot(streams->connection >= 0 ? streams->connection : streams->console, true, POLLIN);
    slots[SLOT_INPUT] = slot(streams->input, input_waits, POLLOUT);
    slots[SLOT_INPUT_FIFO] = slot(streams->input_fifo, !input_waits && streams->input >= 0, POLLIN);
    for (int i = 0; i < CLIENTS; i++) {
        /* A hang-up is always reported, so nobody is asked of whom nothing is wanted. */
        int events = attach_wanted(streams, i);
        slots[SLOT_CLIENT + i] = slot(streams->clients[i].fd, events, events);
    }
    return STREAM_SLOTS;
}

static void output_events(struct monitor *monitor, struct output *output, int source, int sink) {
    if (sink)
        copy_held(monitor, output);
    if (source && output->source >= 0)
        copy_output(monitor, output);
}

/* A process that is over with all that it has written copied: whoever is attached may go. */
static void end_if_drained(struct monitor *monitor) {
    if (monitor->streams.over && streams_drained(monitor))
        attach_close(monitor);
}

void streams_handle(struct monitor *monitor, const struct pollfd *slots) {
    struct streams *streams = &monitor->streams;
    if (slots[SLOT_CONSOLE].revents && streams->console >= 0) {
        int result = console_receive(monitor);
        if (result < 0 && result != -EAGAIN)
            log_line(monitor, "error", "cannot receive the terminal: error %d", -result);
    }
    for (int i = 0; i < CLIENTS; i++)
        if (slots[SLOT_CLIENT + i].revents && streams->clients[i].fd == slots[SLOT_CLIENT + i].fd)
            attach_event(monitor, &streams->clients[i], slots[SLOT_CLIENT + i].revents);
    if (slots[SLOT_LISTENER].revents && streams->listener >= 0)
        attach_accept(monitor);
    if (slots[SLOT_INPUT].revents)
        copy_waiting_input(monitor);
    if (slots[SLOT_INPUT_FIFO].revents && streams->input_fifo >= 0 &&
        streams->waiting_from == streams->waiting_to)
        copy_input_fifo(monitor);
    for (int i = 0; i < 2; i++)
        output_events(monitor, &streams->outputs[i], slots[SLOT_SOURCE + i].revents,
                      slots[SLOT_SINK + i].revents);
    end_if_drained(monitor);
}

/* ---- the end ---- */

/* Copies what is there now, within reason: it may be growing all the time. True: that was all, or,
 * once it is late, has to be. */
static bool copy_rest(struct monitor *monitor, struct output *output) {
    bool late = monitor->streams.late;
    if (!late)
        output->last_reads = LAST_READS;
    while (output->source >= 0 && !copy_holds(monitor, output)) {
        struct pollfd readable = {.fd = output->source, .events = POLLIN};
        struct __kernel_timespec now = {0};
        if (sys_poll(&readable, 1, &now) <= 0)
            return true;
        if (!output->last_reads)
            return late;
        output->last_reads--;
        copy_output(monitor, output);
    }
    return output->source < 0;
}

/* Of a terminal, and once it is late of a pipe, too, only what is in it is of interest: whoever
 * holds it open still may do so for ever. */
static void drain(struct monitor *monitor, struct output *output) {
    const struct streams *streams = &monitor->streams;
    bool to_its_end = !output->terminal && !streams->late;
    if (output->source < 0 || to_its_end || !copy_rest(monitor, output))
        return;
    if (streams->late && output->source >= 0)
        log_line(monitor, "warning",
                 "somebody still holds %s open; what is written to it from now on is lost",
                 output == &streams->outputs[0] ? "stdout" : "stderr");
    copy_end(monitor, output);
}

void streams_catch_up(struct monitor *monitor) {
    struct streams *streams = &monitor->streams;
    if (streams->slave >= 0) /* who holds the terminal now has it from the process */
        sys_close(streams->slave);
    streams->slave = -1;
    for (int i = 0; i < 2 && !streams->awaiting; i++)
        copy_rest(monitor, &streams->outputs[i]);
}

void streams_end(struct monitor *monitor) {
    const struct plan *plan = monitor->plan;
    struct streams *streams = &monitor->streams;
    let_go(monitor, plan->keep);
    for (unsigned i = 0; i < plan->held_count; i++)
        sys_close(plan->held[i]);
    if (plan->held_input >= 0 && !monitor->input_closed)
        sys_close(plan->held_input);
    monitor->input_closed = true;
    streams->over = true;
    streams->drain_until = watch_deadline(plan->drain_timeout ? plan->drain_timeout : 1);
    streams->waiting_from = streams->waiting_to;
    if (streams->input >= 0 && streams->input != streams->outputs[0].source)
        sys_close(streams->input);
    streams->input = -1;
    end_if_drained(monitor);
}

bool streams_drained(struct monitor *monitor) {
    struct streams *streams = &monitor->streams;
    bool drained = true;
    for (int i = 0; i < 2 && streams->active; i++) {
        struct output *output = &streams->outputs[i];
        if (streams->over && !streams->awaiting)
            drain(monitor, output);
        drained = drained && output->source < 0 && !copy_holds(monitor, output);
    }
    return drained;
}

void streams_abandon(struct monitor *monitor) {
    struct streams *streams = &monitor->streams;
    streams->awaiting = false;
    streams->late = true;
    for (int i = 0; i < 2; i++) {
        streams->outputs[i].last_reads = LAST_READS;
        copy_held(monitor, &streams->outputs[i]); /* which waits for the sink no more */
    }
}
