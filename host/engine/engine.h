/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: what a front end can ask of shimhost. A front end parses its user's words, calls
 * these, prints and exits; the engine never prints and never exits. It holds nothing that is not
 * also in the state directory, so any number of engines, in any number of programs, work on the
 * same containers at once.
 *
 * All functions return >= 0 or a negative errno with a sentence in `error`. Not thread-safe for one
 * engine; different engines may be used in different threads.
 */
#ifndef SHIMHOST_ENGINE_ENGINE_H
#define SHIMHOST_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <shimhost/plugin.h>
#include "config/config.h"
#include "state/status.h"

struct engine;

#define PROCESS_INIT "init" /* the id of a container's first process */

/* Is told before and after each call into a plugin, so that a program can say which plugin and
 * entry it was that crashed, exited, or did not return within `limit` milliseconds (SHIM_FOREVER:
 * it may wait as long as it likes). `many` may be NULL; between its begin and its end there are
 * many short calls, for which nothing has to be undone each time. */
struct engine_guard {
    void (*enter)(struct engine_guard *guard, const char *plugin, const char *entry, int64_t limit);
    void (*leave)(struct engine_guard *guard);
    void (*many)(struct engine_guard *guard, bool begin);
};

struct engine_options {
    const struct config *config; /* in force; must outlive the engine */
    const char *state_dir;       /* overrides the configuration's, or NULL */
    int cancel_fd;               /* readable: blocking calls end with -ECANCELED; or -1 */
    const char *monitor;         /* path of the monitor program, or NULL: the installed one */
    struct engine_guard *guard;  /* or NULL */
    bool trace;                  /* log each call into a plugin with its time */
};

/* Opens (and if need be makes) the state directory: mode 0700, owned by the caller, else -EPERM.
 * Plugins are opened only when a call needs them. Blocks on the file system only. */
int engine_open(const struct engine_options *options, struct engine **ret_engine,
                struct shim_error *error);
struct engine *engine_close(struct engine *engine);

/* ------------------------------------------------------------------------------------ spawning */

/* Where a stream goes: "inherit", "null", "file:PATH", "fifo:PATH", "k8s-file:PATH",
 * "json-file:PATH", "journald", "pipe" (kept for attach), "terminal". NULL: the default, which is
 * null, or the terminal if there is one. All paths are absolute. */
struct spawn_streams {
    const char *targets[3];     /* of descriptors 0, 1, 2 */
    const char *when_gone[3];   /* "block" or "drop", or NULL: the runtime's configuration */
    const char *const *options; /* KEY=VALUE of the log driver; NULL-terminated or NULL. Of the
                                 * files: max-size (a size, or unlimited), max-files (a number);
                                 * otherwise the runtime's configuration. Of journald: tag */
    uint16_t columns, rows;     /* initial size of a terminal; 0: not known */
    bool await_attach; /* output that is kept for attach waits for the first client, who is the
                        * owner: what that one does not take yet is not lost to it */
};

/* Where one container's runtime differs from what the runtime's YAML file says. It is recorded with
 * the container, so that every host works with it in the same way. NULL: as the file says. */
struct runtime_override {
    const char *binary;      /* absolute path */
    const char *root;        /* absolute path */
    const char *const *args; /* after the file's `args`; NULL-terminated */
};

struct stream_owner {
    uint32_t uid, gid;
};

struct spawn_request {
    const char *container;            /* its id */
    const char *process;              /* NULL: PROCESS_INIT; else the id of the exec */
    const char *runtime;              /* NULL: the default; ignored for an exec */
    struct runtime_override override; /* ignored for an exec */
    const struct stream_owner *owner; /* of the streams; NULL: the container's root. An exec's
                                       * are the same's as its container's */
    const char *bundle;               /* any path to a directory; ignored for an exec */
    const char *process_json;         /* exec: the text of an OCI process object; else NULL */
    const char *checkpoint;           /* restore from this image directory, or NULL */
    const char *const *runtime_args;  /* extra arguments, NULL-terminated, or NULL */
    uint32_t flags;                   /* SHIM_PROCESS_START, _TERMINAL, _NO_PIVOT_ROOT */
    struct spawn_streams streams;
};

/* Spawns a container's first process, or with `process` and `process_json` an exec in a running
 * container. -EEXIST: the id is taken; -EINVAL: bad id, bundle or target; what monitor_launch
 * returns. On failure nothing is left. Blocks up to the runtime's spawn time-out. */
int engine_spawn(struct engine *engine, const struct spawn_request *request,
                 struct shim_error *error);

/* Builds the text of a process object for an exec: the container's own process (environment,
 * directory, user, capabilities out of its config.json) with other arguments. `user` is "UID[:GID]"
 * or NULL, `cwd` or NULL, `environment` additions NULL-terminated or NULL. The caller frees
 * *ret_json. */
struct exec_template {
    const char *const *arguments;
    const char *const *environment;
    const char *cwd;
    const char *user;
    bool terminal;
};
int engine_exec_template(struct engine *engine, const char *container,
                         const struct exec_template *exec, char **ret_json,
                         struct shim_error *error);

/* ------------------------------------------------------------------------------------ the life */

/* `process` may be NULL everywhere: PROCESS_INIT. -ENOENT: no such container or process. */

/* created -> running. */
int engine_start(struct engine *engine, const char *container, struct shim_error *error);

/* Waits for the end, `timeout` milliseconds or SHIM_FOREVER; *ret_exit_status is 0-255. -ETIMEDOUT,
 * -ECANCELED, -ENODATA: over, and nobody knows the status. Where the monitor has been killed, this
 * applies the runtime's on-monitor-death, for which it needs the container's lock: with time-out 0
 * that is waited for. */
int engine_wait(struct engine *engine, const char *container, const char *process, int64_t timeout,
                int32_t *ret_exit_status, struct shim_error *error);

/* A descriptor that becomes readable, or reports a hang-up, when the process is over or its monitor
 * has died; then engine_wait() with time-out 0 has the answer. The caller closes it. One thread can
 * poll thousands. */
int engine_wait_descriptor(struct engine *engine, const char *container, const char *process,
                           int *ret_fd, struct shim_error *error);

/* -ESRCH (SHIM_REASON_NOT_RUNNING): it is over. Never signals a process whose identity is not
 * proven. */
int engine_signal(struct engine *engine, const char *container, const char *process, int32_t signal,
                  struct shim_error *error);

int engine_pause(struct engine *engine, const char *container, struct shim_error *error);
int engine_resume(struct engine *engine, const char *container, struct shim_error *error);

/* `resources`: the JSON text of an OCI linux.resources object. */
int engine_update(struct engine *engine, const char *container, const char *resources,
                  struct shim_error *error);
int engine_checkpoint(struct engine *engine, const char *container,
                      const struct shim_checkpoint *checkpoint, struct shim_error *error);

/* Writes a line into the control FIFO; `type` is one of CONTROL_*. -ENOTTY: the process has no
 * terminal to resize. */
int engine_control(struct engine *engine, const char *container, const char *process, int type,
                   unsigned int width, unsigned int height, struct shim_error *error);

/* Removes a stopped container (or, with `process`, a stopped exec) and all that the runtime has of
 * it; the leftovers of a spawn that never finished, too. With `force` kills it first. -EBUSY: it
 * runs. Blocks up to the runtime's signal and delete time-outs. */
int engine_delete(struct engine *engine, const char *container, const char *process, bool force,
                  struct shim_error *error);

/* ------------------------------------------------------------------------------------ looking */

/* What is known of a process. */
struct process_info {
    char id[77];
    struct shim_state state;
    char unknown[256];  /* why the exit status is not known, or empty */
    uint64_t oom_kills; /* how many of its processes were killed for want of memory */
    bool monitor_alive; /* only of engine_inspect() */
    bool terminal;
};

/* What is known of a container. */
struct container_info {
    char id[77];
    char created[40]; /* RFC 3339, or empty */
    char *runtime;    /* NULL: container.json is missing or damaged; `problem` says */
    char *bundle;
    char *oci_version;
    char *annotations; /* the text of a JSON object */
    char problem[256]; /* why it is not whole, or empty */
    struct process_info init;
    struct process_info *execs; /* only of engine_inspect() */
    size_t n_execs;
};

void container_info_clear(struct container_info *info);

/* Everything about one container. */
int engine_inspect(struct engine *engine, const char *container, struct container_info *ret_info,
                   struct shim_error *error);

/* Calls `each` for every container in the order of their names; a non-zero return ends it and is
 * returned. A container that cannot be read comes with `problem`, it does not end the list. */
int engine_list(struct engine *engine, int (*each)(const struct container_info *info, void *user),
                void *user, struct shim_error *error);

/* Prints what has happened to containers, one JSON object a line, oldest first: {"time": RFC 3339
 * with nanoseconds, "type": created | started | exited | paused | resumed | exec-added |
 * exec-started | oom | deleted | monitor-lost | adopted, "container", "process", "pid" if known,
 * "status": the exit status, of exited, if known}. With `follow` what happens from then on, too:
 * until the engine's cancel_fd is readable (-ECANCELED) or nobody reads `output` (-EPIPE). */
int engine_events(struct engine *engine, bool follow, FILE *output, struct shim_error *error);

/* The pids in the container. The caller frees *ret_pids. Returns how many. */
ssize_t engine_processes(struct engine *engine, const char *container, pid_t **ret_pids,
                         struct shim_error *error);

/* The absolute path of a process's directory, for attach and logs. The caller frees it. */
int engine_process_directory(struct engine *engine, const char *container, const char *process,
                             char **ret_path, struct shim_error *error);

/* Where the streams of a process go, for attach and logs: its targets as they were given. */
struct process_streams {
    char *targets[3]; /* of descriptors 0, 1, 2; NULL: not known */
    bool terminal;
};

int engine_process_streams(struct engine *engine, const char *container, const char *process,
                           struct process_streams *ret_streams, struct shim_error *error);
void process_streams_clear(struct process_streams *streams);

/* What a configured runtime says of itself; health and warnings included. All is empty if its
 * plugin has no `features`. */
int engine_features(struct engine *engine, const char *runtime,
                    const struct shim_plugin **ret_plugin, struct shim_features *ret_features,
                    struct shim_error *error);

#endif
