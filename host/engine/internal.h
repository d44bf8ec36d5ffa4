/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the engine share: an open engine, an open runtime, an open process. */
#ifndef SHIMHOST_ENGINE_INTERNAL_H
#define SHIMHOST_ENGINE_INTERNAL_H

#include "engine/engine.h"
#include "plugin/registry.h"
#include "state/record.h"
#include "state/store.h"

/* A configured runtime whose plugin is open. Opened when first needed, closed with the engine. */
struct runtime {
    struct shim_context context; /* first: the plugin's view, from which the host finds the rest */
    struct engine *engine;
    const struct runtime_config *config;
    struct shim_runtime shim; /* the configuration's, with the container's own in its place */
    char *binary, *root;      /* what one container has in place of the file's, or NULL */
    char **args;              /* the file's and those of one container, or NULL */
    struct plugin_file *file;
    const struct shim_plugin *plugin;
    struct runtime *next;
};

struct engine {
    struct engine_options options;
    struct store *store;
    struct runtime *runtimes;
};

/* A process that a call works on: its directories are open, its records read. */
struct process {
    struct shim_process view; /* first: the plugin's view, from which the host finds the rest */
    struct engine *engine;
    struct runtime *runtime;
    struct container_record container;
    struct process_record record;
    const struct spawn_streams *streams; /* while it is being spawned, else NULL */
    char *container_id;
    char *id;
    char *directory;
    int container_fd;
    int directory_fd;
    int lock; /* the container's, exclusive, or -1 */
};

static inline struct runtime *runtime_of(const struct shim_context *context) {
    return (struct runtime *)(uintptr_t)context;
}

static inline struct process *process_of(const struct shim_process *view) {
    return (struct process *)(uintptr_t)view;
}

/* engine.c: the runtime `name` (NULL: the default), opened. It stays the engine's. */
int runtime_open(struct engine *engine, const char *name, struct runtime **ret_runtime,
                 struct shim_error *error);
/* The same with what one container has otherwise. */
int runtime_open_as(struct engine *engine, const char *name,
                    const struct runtime_override *override, struct runtime **ret_runtime,
                    struct shim_error *error);

/* Whether the plugin has an optional entry; if not, the error says that the runtime does not
 * support it. */
#define RUNTIME_NEEDS(runtime, entry, error)                                                       \
    (SHIM_HAS(struct shim_plugin, (runtime)->plugin, entry)                                        \
         ? 0                                                                                       \
         : runtime_lacks((runtime), #entry, (error)))
int runtime_lacks(const struct runtime *runtime, const char *entry, struct shim_error *error);

/* services.c: the table that every plugin gets. */
extern const struct shim_services engine_services;

/* process.c. Opens a process (NULL: init) of a container with its runtime. -ENOENT, -EBADMSG. */
int process_open(struct engine *engine, const char *container, const char *id,
                 struct process **ret_process, struct shim_error *error);
/* The first process of a container whose process.json is lost: with what it says when nothing was
 * asked for. To be removed by force, and for nothing else. */
int process_open_unrecorded(struct engine *engine, const char *container,
                            struct process **ret_process, struct shim_error *error);
struct process *process_close(struct process *process);
static inline void process_cleanup(struct process **process) {
    *process = process_close(*process);
}
#define AUTO_PROCESS __attribute__((cleanup(process_cleanup)))

/* An empty one for directories that are open already, which it takes. For spawning. */
int process_new(struct engine *engine, const char *container, const char *id, int container_fd_take,
                int directory_fd_take, struct process **ret_process, struct shim_error *error);
/* Makes an opened init into another process of its container, whose directory it takes. */
int process_become(struct process *process, const char *id, int directory_fd_take,
                   struct shim_error *error);
/* Fills the plugin's view from the records. */
void process_fill_view(struct process *process);
/* Takes the container's lock, unless it is held already. */
int process_lock(struct process *process, struct shim_error *error);
/* The same, at most until then: -ETIMEDOUT. */
int process_lock_until(struct process *process, int64_t deadline, struct shim_error *error);
/* A call of the runtime may outlive the host or the monitor which made it: waits for the end of all
 * that are at work on this process, but for its living monitor and that one's children. 1: there
 * were some; 0: there were none; -ETIMEDOUT, -ECANCELED, or why they could not be looked for. */
int process_await_calls(const struct process *process, int64_t timeout, struct shim_error *error);
/* Writes what the runtime says, once there is nobody who changes it. -EBADMSG: the runtime says
 * that it is over, which only its monitor may. */
int process_settle_status(struct process *process, struct shim_error *error);
/* What the plugin says about it. */
int process_load(struct process *process, struct shim_state *ret_state, struct shim_error *error);
/* Is what that says alive? 1 or 0. Whose runtime does not say what it is may live all the same. */
int state_lives(const struct shim_state *state, struct shim_error *error);
/* Does its runtime have a directory of the container's name where it keeps its state? Of a runtime
 * of which the configuration does not say where that is, nobody knows. */
bool process_in_root(const struct process *process);

/* Tells the journal what has happened to it. `pid` 0, `exit_status` -1: none, or not known; `time`
 * NULL: now. */
void process_tell(const struct process *process, const char *type, pid_t pid, int32_t exit_status,
                  const char *time);

/* Sends a signal through the plugin. -ESRCH: it is over. A frozen process does not die of SIGKILL
 * before it is thawed. So whoever has sent that looks for `paused`, and whoever has written
 * `paused` looks for that: the later of the two sees the other, and thaws. */
int process_send_signal(struct process *process, int32_t number, struct shim_error *error);
/* Has the runtime resume what is paused, to die. Takes the lock if it is. */
void process_thaw(struct process *process);

/* wait.c: the services of these names. */
int process_wait(const struct shim_context *context, const struct shim_process *view,
                 int64_t timeout, int32_t *ret_exit_status, struct shim_error *error);
int process_wait_descriptor(struct process *process, int *ret_fd, struct shim_error *error);

/* recover.c: a process whose monitor is dead and that has no exit status. Applies on-monitor-death:
 * afterwards there is an exit status, a reason why there is none, or a new monitor. Takes the lock:
 * -ETIMEDOUT: another host had it until `deadline`. */
int process_recover(struct process *process, int64_t deadline, struct shim_error *error);
/* Why nobody knows the end of a process of another boot. */
#define HOST_RESTARTED "host restarted, and nobody saw its end"
/* What its monitor would have done after the end: makes the runtime forget it, and notes that. */
int process_clean(struct process *process, struct shim_error *error);

/* remove.c: makes the runtime forget the container. When it has, no earlier call that was told the
 * id is under way any more: those that are get the delete time-out. */
int process_forget(struct process *process, struct shim_error *error);

/* launch.c: the service monitor_launch, and the adoption of a process without a monitor. */
int process_launch(const struct shim_context *context, const struct shim_process *view,
                   const struct shim_launch *launch, struct shim_error *error);
int process_adopt(struct process *process, struct shim_error *error);

/* streams.c: what the launch command gets as its streams, and what the monitor is told about them.
 */
#define STREAM_WORDS_MAX 32
#define STREAM_DESCRIPTORS_MAX 8
struct stream_set {
    int fds[3];                              /* for descriptors 0, 1, 2; owned; -1: none */
    int descriptors[STREAM_DESCRIPTORS_MAX]; /* the monitor's, under the same numbers; owned */
    size_t n_descriptors;
    char *words[STREAM_WORDS_MAX + 1]; /* for the monitor; NULL-terminated; owned */
    size_t n_words;
};
/* Opens everything that the targets of process->record name, as process->streams wants it. The
 * error names the stream. Never waits for anybody. */
int streams_open(const struct process *process, struct stream_set *ret_streams,
                 struct shim_error *error);
/* What a monitor that adopts can still do for them: holds the FIFOs that the process writes to
 * open, so that it does not die for want of a reader. */
int streams_hold(const struct process *process, struct stream_set *ret_streams,
                 struct shim_error *error);
void streams_close(struct stream_set *streams);

#endif
