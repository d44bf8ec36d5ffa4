/* SPDX-License-Identifier: Apache-2.0 */
/* The methods of the services. Each takes the call, and ends it now or later; the request is the
 * caller's. */
#ifndef SHIMHOST_CONTAINERD_METHODS_H
#define SHIMHOST_CONTAINERD_METHODS_H

#include "containerd/task.h"

/* create.c */
void method_create(struct server *server, struct call *call, const ProtobufCMessage *message);
void method_delete(struct server *server, struct call *call, const ProtobufCMessage *message);
/* begin.c */
void method_start(struct server *server, struct call *call, const ProtobufCMessage *message);
void method_exec(struct server *server, struct call *call, const ProtobufCMessage *message);
/* change.c */
void method_kill(struct server *server, struct call *call, const ProtobufCMessage *message);
void method_pause(struct server *server, struct call *call, const ProtobufCMessage *message);
void method_resume(struct server *server, struct call *call, const ProtobufCMessage *message);
void method_update(struct server *server, struct call *call, const ProtobufCMessage *message);
void method_checkpoint(struct server *server, struct call *call, const ProtobufCMessage *message);
void method_resize(struct server *server, struct call *call, const ProtobufCMessage *message);
void method_close_io(struct server *server, struct call *call, const ProtobufCMessage *message);
/* look.c */
void method_state(struct server *server, struct call *call, const ProtobufCMessage *message);
void method_wait(struct server *server, struct call *call, const ProtobufCMessage *message);
void method_pids(struct server *server, struct call *call, const ProtobufCMessage *message);
void method_stats(struct server *server, struct call *call, const ProtobufCMessage *message);
void method_connect(struct server *server, struct call *call, const ProtobufCMessage *message);
void method_shutdown(struct server *server, struct call *call, const ProtobufCMessage *message);
void method_forget(struct server *server, struct call *call, const ProtobufCMessage *message);
/* upgrade.c */
void method_upgrade(struct server *server, struct call *call, const ProtobufCMessage *message);

/* operation.c: what waits for a helper: the call, and the name of what it is about, which may be
 * gone when the helper answers. */
struct operation {
    struct server *server;
    struct call *call;
    char *id;
    char *exec_id;
    char *text; /* the method's own, or NULL */
    Pb__Verb verb;
    uint64_t number; /* the method's own */
};

/* NULL: out of memory, and the call has been failed. */
struct operation *operation_new(struct call *call, const struct process *process, Pb__Verb verb);
void operation_free(struct operation *operation);
/* The process that it is about, or NULL: it is gone. */
struct process *operation_process(const struct operation *operation);

/* The longest text that a request may bring for something that a helper is to read. */
#define REQUEST_TEXT_MAX (4u << 20)

#endif
