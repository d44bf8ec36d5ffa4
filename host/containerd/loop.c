/* SPDX-License-Identifier: Apache-2.0 */
#include "containerd/loop.h"

#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"

int loop_open(struct loop *loop, struct shim_error *error) {
    *loop = (struct loop){.epoll = epoll_create1(EPOLL_CLOEXEC)};
    if (loop->epoll < 0)
        return error_set(error, -errno, "cannot make an epoll: %s", strerror(errno));
    return 0;
}

void loop_close(struct loop *loop) {
    loop->epoll = fd_close(loop->epoll);
}

int loop_add(struct loop *loop, struct source *source, uint32_t events, struct shim_error *error) {
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, source->fd, &event) < 0)
        return error_set(error, -errno, "cannot wait for a descriptor: %s", strerror(errno));
    source->events = events;
    return 0;
}

void loop_change(struct loop *loop, struct source *source, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (source->events != events)
        epoll_ctl(loop->epoll, EPOLL_CTL_MOD, source->fd, &event);
    source->events = events;
}

void loop_drop(struct loop *loop, struct source *source) {
    if (source->fd < 0)
        return;
    /* Not left to the closing: a child between its birth and its exec may still have it. */
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
    source->fd = fd_close(source->fd);
}

void loop_timer_stop(struct loop *loop, struct timer *timer) {
    for (struct timer **at = &loop->timers; *at; at = &(*at)->next)
        if (*at == timer) {
            *at = timer->next;
            break;
        }
    timer->when = 0;
}

void loop_timer(struct loop *loop, struct timer *timer, int64_t delay) {
    loop_timer_stop(loop, timer);
    timer->when = deadline_after(delay);
    struct timer **at = &loop->timers;
    while (*at && (*at)->when <= timer->when)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
}

static void run_timers(struct loop *loop) {
    int64_t now = clock_milliseconds();
    while (loop->timers && loop->timers->when <= now) {
        struct timer *timer = loop->timers;
        loop->timers = timer->next;
        timer->when = 0;
        timer->due(timer);
    }
}

/* One event at a time: whoever is served may drop any other source. */
int loop_run(struct loop *loop, struct shim_error *error) {
    while (!loop->ended) {
        struct epoll_event event;
        int timeout = loop->timers ? deadline_poll(loop->timers->when) : -1;
        int n = epoll_wait(loop->epoll, &event, 1, timeout);
        if (n < 0 && errno != EINTR)
            return error_set(error, -errno, "cannot wait for events: %s", strerror(errno));
        if (n > 0) {
            struct source *source = event.data.ptr;
            source->ready(source, event.events);
        }
        run_timers(loop);
    }
    return 0;
}
