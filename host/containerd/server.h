/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the server share. One thread; nothing here blocks. The server holds no plugin,
 * reads no YAML and no JSON: what needs those is done by short-lived helpers, one per call.
 */
#ifndef SHIMHOST_CONTAINERD_SERVER_H
#define SHIMHOST_CONTAINERD_SERVER_H

#include <sys/types.h>
#include <time.h>

#include "containerd/arguments.h"
#include "containerd/loop.h"
#include "containerd/ttrpc.h"
#include "helper.pb-c.h"
#include "task.pb-c.h"

struct connection;
struct helper;
struct task;

/* Events on their way to containerd, in order. */
struct event_queue {
    struct event *first, **last;
    size_t count;
    size_t lost;
    struct source source; /* the connection to containerd */
    struct timer retry;
    struct ttrpc_reader reader;
    size_t written;  /* of the first event's frame */
    uint32_t stream; /* of the last request on this connection */
    int64_t delay;   /* until the next attempt, when one fails; milliseconds */
};

struct server {
    struct loop loop;
    const struct arguments *arguments;
    char *program;        /* absolute path: what is executed on SIGHUP */
    uint64_t descriptors; /* how many a container may have open that is not told otherwise */
    struct source listener;
    struct source signals;
    struct connection *connections;
    unsigned int n_connections;
    struct task *tasks;
    struct helper *helpers;
    struct event_queue events;
    struct call *upgrades; /* who waits for the program to be replaced */
    struct held *held;     /* in the order in which they came */
    struct held **held_end;
    size_t held_size;      /* of all of them */
    struct timer goodbye;  /* ends a server whose last events nobody takes */
    struct timer patience; /* ends the waiting for the last helper */
    bool upgrading;        /* nothing new is begun; when the last helper has answered, exec */
    bool shut_down;        /* ends as soon as everything is said */
};

/* ------------------------------------------------------------------ connections and calls */

/* One request that is being worked on. It outlives its connection, whose client may vanish. */
struct call {
    struct timer timer; /* first: its client's patience, if it waits */
    struct server *server;
    struct connection *connection; /* NULL: nobody waits for the answer any more */
    uint32_t stream;
    int64_t deadline;                    /* of its client; 0: none */
    struct call *next, **link;           /* among the calls of the connection */
    struct call *next_wait, **wait_link; /* among those who wait for the same, or NULL */
};

/* Starts to accept connections on server->listener.fd. */
int connections_open(struct server *server, struct shim_error *error);
void connections_close(struct server *server);

/* Serves a connected socket, which it takes. NULL: it could not; the socket is closed. */
struct connection *connection_open(struct server *server, int fd_take);

/* Takes the requests that a program before has read and left, and writes on what it had to say. */
void connections_resume(struct server *server);

/* Each ends the call and frees it. */
void call_answer(struct call *call, const ProtobufCMessage *payload); /* NULL: Empty */
void call_fail(struct call *call, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void call_drop(struct call *call);

/* Adds the call to those who wait for the same; it leaves them when it ends, at the latest when its
 * client's time is over. Where too many of its connection wait, it is refused. */
void call_wait(struct call *call, struct call **waiters);

/* A request that comes while the server is upgrading, and is not only a question. */
struct held {
    struct held *next;
    struct call *call;
    size_t length;
    uint8_t data[];
};

/* service.c: a request has come. Takes the call. */
void service_request(struct call *call, const uint8_t *data, size_t length);
/* The server is not upgrading any more: does what was held. */
void service_resume(struct server *server);

/* True when nothing is left to be written to any client. */
bool connections_quiet(const struct server *server);

/* Is that a want of descriptors, of memory or of processes, which passes and proves nothing? */
bool is_shortage(int code);

/* ------------------------------------------------------------------ helpers */

/* What a helper has to say, also when it could not say it (crashed, hung): always a response. */
typedef void (*helper_done)(void *user, const Pb__HelperResponse *response);

/* Starts a helper that waits for the first call, which is then answered sooner. */
void helpers_prepare(struct server *server);

/* Starts a helper, unless one waits; `done` is called once, perhaps before this returns. */
void helper_call(struct server *server, const Pb__HelperRequest *request, helper_done done,
                 void *user);

/* The helper that has created a container and stays is to start it, too. False: there is none. */
bool helper_go_on(struct server *server, const char *container, helper_done done, void *user);
/* The one that stays for a container, or all who stay or wait, are to end. */
void helper_release(struct server *server, const char *container);
void helpers_release(struct server *server);

/* SIGCHLD has come: reaps helpers, monitors and whatever else was left to us. */
void helpers_reap(struct server *server);

/* Kills what is still under way; nothing is called back. */
void helpers_abandon(struct server *server);

/* ------------------------------------------------------------------ events */

void events_open(struct server *server);
void events_close(struct server *server);

/* Queues an event for containerd: `name` is that of the type in containerd.events. */
void event_publish(struct server *server, const char *topic, const char *name,
                   const ProtobufCMessage *event);

/* Everything has been delivered. */
bool events_quiet(const struct server *server);

/* One has been sent, or a part of it, and is not answered yet. While the server is upgrading no
 * other is; afterwards it has to be said that they may be again. */
bool events_under_way(const struct server *server);
void events_resume(struct server *server);

/* ------------------------------------------------------------------ the end, and upgrading */

/* Has the server end, because it has no containers any more. */
void server_retire(struct server *server);

/* Ends the server if it was told to, and everything has been said. Called when something has. */
void server_check_end(struct server *server);

/* upgrade.c: asks for the new program; replaces this one once no helper is under way, which is not
 * waited for for ever. Whoever waits in server->upgrades is told by the new program, or by this one
 * if that cannot be. */
void upgrade_request(struct server *server);
void upgrade_check(struct server *server);
/* Takes over what the program before had. */
int upgrade_resume(struct server *server, int snapshot_fd, struct shim_error *error);
/* Only looks whether the snapshot can be understood. */
int upgrade_understands(int snapshot_fd, struct shim_error *error);

#endif
