/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop of the server: one thread, one epoll, timers. */
#ifndef SHIMHOST_CONTAINERD_LOOP_H
#define SHIMHOST_CONTAINERD_LOOP_H

#include <shimhost/plugin.h>
#include <stdbool.h>

/* A descriptor that somebody waits for; part of a structure of its owner, to whom the descriptor
 * belongs. Begins as SOURCE_NONE. `ready` may free it. */
struct source {
    int fd;
    uint32_t events; /* EPOLLIN … */
    void (*ready)(struct source *source, uint32_t events);
};
#define SOURCE_NONE                                                                                \
    { .fd = -1 }

/* A moment that somebody waits for; likewise. */
struct timer {
    int64_t when; /* on the monotonic clock, in milliseconds; 0: not set */
    void (*due)(struct timer *timer);
    struct timer *next;
};

struct loop {
    int epoll;
    struct timer *timers; /* the earliest first */
    bool ended;
};

int loop_open(struct loop *loop, struct shim_error *error);
void loop_close(struct loop *loop);

/* Waits for `events` of source->fd from now on. */
int loop_add(struct loop *loop, struct source *source, uint32_t events, struct shim_error *error);
/* The same source, other events; 0: only hang-ups and errors. */
void loop_change(struct loop *loop, struct source *source, uint32_t events);
/* Does not wait for it any more, and closes its descriptor. One that was never added is fine. */
void loop_drop(struct loop *loop, struct source *source);

/* Sets a timer, anew if it is set. `delay` in milliseconds. */
void loop_timer(struct loop *loop, struct timer *timer, int64_t delay);
void loop_timer_stop(struct loop *loop, struct timer *timer);

/* Serves events until loop->ended. */
int loop_run(struct loop *loop, struct shim_error *error);

#endif
