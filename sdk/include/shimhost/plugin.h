/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The border between shimhost and a runtime plugin. It is all that a plugin sees of the host.
 *
 * A plugin is a shared object that exports one symbol, made by SHIM_PLUGIN(), which returns a
 * descriptor: size and ABI version, four mandatory entries (spawn, load, wait, signal), and
 * optional ones. The host hands every entry a context with a table of services; a plugin links
 * nothing of the host.
 *
 * Conventions, for entries and services alike:
 * - They return 0 (or what is documented, >= 0) or a negative errno. On failure, and only then, the
 *   error is filled, once; `ret_` parameters are untouched.
 * - Every structure begins with its size as its maker knew it. Fields are only ever appended. A
 * field beyond the size that the other side gave does not exist: SHIM_HAS() asks. What a plugin has
 * the host fill keeps its size, and is filled no further. What is smaller than in the first edition
 * is refused with -EINVAL; of an error the size is not looked at.
 * - Unknown bits of a `flags` word are refused with -EINVAL.
 * - Pointers that an entry is given stay the host's, and are valid until the entry returns.
 *   What an entry returns by pointer belongs to the host from then on only where that is said.
 * - Times are milliseconds, in int64_t; SHIM_FOREVER waits without a limit, 0 does not wait.
 * - The host calls the entries of one context from one thread at a time. Different contexts may be
 * used by different threads at once, so a plugin keeps its state in context->data, not in static
 * variables.
 * - An entry must leave the process as it found it: working directory, umask, signal handlers and
 *   mask, environment, descriptors and children. It must not exit, and must not write to
 * descriptors 0-2.
 */
#ifndef SHIMHOST_PLUGIN_H
#define SHIMHOST_PLUGIN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The ABI that this header describes. It grows only when an old plugin could not be served any
 * more. */
#define SHIM_ABI_VERSION 1u

/* The edition of the header within the ABI version: it grows with every appended field or service.
 */
#define SHIM_ABI_EDITION 1u

/* No deadline. */
#define SHIM_FOREVER ((int64_t)-1)

/* Is `field` within the structure that `pointer` points to, and set? */
#define SHIM_HAS(type, pointer, field)                                                             \
    ((pointer)->size >= offsetof(type, field) + sizeof((pointer)->field) && (pointer)->field)

#if defined(__GNUC__)
#define SHIM_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define SHIM_EXPORT __attribute__((visibility("default")))
#else
#define SHIM_PRINTF(text, first)
#define SHIM_EXPORT
#endif

/* ---------------------------------------------------------------------------------------------- */
/* Errors                                                                                         */

/* What kind of failure an error is, where a caller acts on it. */
#define SHIM_REASON_NONE 0u      /* nothing more than its code and its sentence */
#define SHIM_REASON_NOT_FOUND 1u /* the container's command does not exist: exit status 127 */
#define SHIM_REASON_NOT_EXECUTABLE                                                                 \
    2u                             /* the container's command cannot be executed: exit status 126 */
#define SHIM_REASON_NOT_RUNNING 3u /* the process is over, or was never there */
#define SHIM_REASON_UNSUPPORTED 4u /* the runtime does not support it */
#define SHIM_REASON_TIMED_OUT 5u   /* a deadline passed */
#define SHIM_REASON_CANCELLED 6u   /* the caller gave up */
#define SHIM_REASON_UNKNOWN_STATUS 7u /* the process is over and its exit status is not known */
#define SHIM_REASON_WRONG_STATE 8u    /* not possible in the state that the process is in */

/* An error, owned by the caller, of fixed size so that failing needs no memory. `message` is a
 * sentence for a person, without a full stop: what was being done, to what, what came back. */
struct shim_error {
    uint32_t size;
    int32_t code;    /* negative errno */
    uint32_t reason; /* SHIM_REASON_* */
    char message[1012];
};

/* ---------------------------------------------------------------------------------------------- */
/* What the host tells a plugin                                                                   */

/* A process: its pid, the time it was started and the boot in which that was. A pid alone is
 * nobody. It lies within shim_state, so it is closed: nothing is ever appended to it. */
struct shim_identity {
    uint32_t size;
    int32_t pid;
    uint64_t start_time; /* field 22 of /proc/PID/stat: clock ticks since boot */
    char boot_id[40];    /* /proc/sys/kernel/random/boot_id, without the newline */
};

#define SHIM_RUNTIME_NO_PIVOT_ROOT 0x1u /* `no-pivot-root: true` */

/* One configured runtime: what its YAML file says. Immutable while its context is open. */
struct shim_runtime {
    uint32_t size;
    uint32_t flags;                 /* SHIM_RUNTIME_* */
    const char *name;               /* the name of the YAML file */
    const char *binary;             /* absolute path of the runtime's program, or NULL */
    const char *const *args;        /* arguments before the subcommand; NULL-terminated */
    const char *const *environment; /* NAME=VALUE, all that its programs get; NULL-terminated */
    const char *root;               /* the runtime's own state directory, or NULL for its default */
    const char *source;             /* the YAML file, for messages */
    int64_t spawn_timeout;          /* milliseconds */
    int64_t signal_timeout;
    int64_t delete_timeout;
};

#define SHIM_PROCESS_EXEC 0x1u     /* a further process in a running container, not its first */
#define SHIM_PROCESS_TERMINAL 0x2u /* it has a terminal */
#define SHIM_PROCESS_START 0x4u    /* spawn: have it running on return, not only created */
#define SHIM_PROCESS_NO_PIVOT_ROOT                                                                 \
    0x8u /* asked for this container, whatever the runtime's YAML says */

/* One process that an entry is to work on. The host keeps a directory for it, with process.json in
 * it. */
struct shim_process {
    uint32_t size;
    uint32_t flags;        /* SHIM_PROCESS_* */
    const char *container; /* the container's id */
    const char *id;        /* the process's: "init" or the exec's id */
    const char *bundle;    /* absolute path of the OCI bundle */
    const char *directory; /* absolute path of the process's directory */
    int directory_fd;      /* the same, open; it stays the host's */
    int cancel_fd;         /* becomes readable when the caller gives up, or -1 */
    const char *const
        *runtime_args;      /* extra arguments for create, restore or exec; NULL-terminated */
    const char *checkpoint; /* image directory to restore from, or NULL */
    uint32_t root_uid;      /* who owns the streams: the container's root on the host */
    uint32_t root_gid;
};

#define SHIM_STATUS_UNKNOWN 0u /* the spawn never finished */
#define SHIM_STATUS_CREATED 1u /* waits for start */
#define SHIM_STATUS_RUNNING 2u
#define SHIM_STATUS_PAUSED 3u
#define SHIM_STATUS_STOPPED 4u

/* What is known of a process. */
struct shim_state {
    uint32_t size;
    uint32_t status;               /* SHIM_STATUS_* */
    struct shim_identity identity; /* pid 0: there is none */
    int32_t exit_status;           /* 0-255, or -1: still running, or not known */
    uint32_t flags;                /* none yet: 0 */
};

/* A runtime's answer, as text. The host frees it. */
struct shim_output {
    uint32_t size;
    int32_t exit_status; /* 0-255; 128 + N for death by signal N */
    char *text;          /* standard output, NUL-terminated; release with output_free */
    size_t length;       /* of text, without the NUL */
    uint32_t flags;      /* SHIM_OUTPUT_* */
    uint32_t reserved;   /* 0; names what was padding, where no field may be appended */
};
#define SHIM_OUTPUT_TRUNCATED                                                                      \
    0x1u /* more came than the cap allows; the rest was read and dropped */

#define SHIM_LAUNCH_DIRECT 0x1u /* `command` becomes the process itself; it writes no pid file */
#define SHIM_LAUNCH_CREATED                                                                        \
    0x2u /* when `command` has succeeded, the process still waits for start */

/* Stands in an argument of a launch for the path of the console socket, which only the monitor can
 * know. The monitor replaces an argument that is exactly this. */
#define SHIM_LAUNCH_CONSOLE_SOCKET "@console-socket@"

/* What a monitor is to do: run `command`, take the process that it leaves behind as its own, and,
 * when that is over and its exit status is told, run the `cleanup` commands; not while a host is in
 * start, pause, resume or checkpoint of the container. */
struct shim_launch {
    uint32_t size;
    uint32_t flags;             /* SHIM_LAUNCH_* */
    const char *const *command; /* argv of the create, run, restore or exec; NULL-terminated */
    const char *const *const *cleanup; /* argvs, at most 8, NULL-terminated, or NULL for none */
    const char *pid_file;              /* name in the process's directory that `command` writes the
                                        * pid to; NULL only with SHIM_LAUNCH_DIRECT */
    int64_t cleanup_timeout;           /* milliseconds, for each cleanup command; 0, and always for
                                        * a monitor that adopts: the runtime's delete time-out */
    const char *runtime_log;           /* name in the process's directory of the runtime's JSON log,
                                        * for the reason of a failure; or NULL */
};

struct shim_services;

/* What an entry is called with. One context belongs to one configured runtime. */
struct shim_context {
    uint32_t size;
    uint32_t flags; /* none yet: 0 */
    const struct shim_services *services;
    const struct shim_runtime *runtime;
    void *data; /* the plugin's own; NULL before `open` */
};

/* ---------------------------------------------------------------------------------------------- */
/* What the host does for a plugin                                                                */

#define SHIM_LOG_ERROR 0
#define SHIM_LOG_WARNING 1
#define SHIM_LOG_INFO 2
#define SHIM_LOG_DEBUG 3

/* run_command: flags */
#define SHIM_RUN_MERGE_ERRORS 0x1u /* standard error goes into the text, too */
#define SHIM_RUN_NO_CANCEL 0x2u    /* the caller's giving up does not end it: for cleaning up */

/* The services. A plugin built against an older header finds all that it knows at the same place;
 * one built against a newer header asks SHIM_HAS(struct shim_services, services, NAME) first.
 * All are safe to call from several threads at once unless it says otherwise. Since ABI 1,
 * edition 1. */
struct shim_services {
    uint32_t size;
    uint32_t version; /* SHIM_ABI_VERSION of the host */

    /* Fills `error` (may be NULL) and returns `code`, a negative errno. Never blocks or allocates.
     */
    int (*fail)(struct shim_error *error, int code, uint32_t reason, const char *format, ...)
        SHIM_PRINTF(4, 5);

    /* Writes a line to the host's log, with the runtime's and (unless `process` is NULL) the
     * process's names. `level` is SHIM_LOG_*; what lies above the configured level costs next to
     * nothing. */
    void (*log)(const struct shim_context *context, const struct shim_process *process, int level,
                const char *format, ...) SHIM_PRINTF(4, 5);

    /* The value of an option from the runtime's YAML, or NULL if it is not there. `key` is a path
     * with dots: "platform", "network.mode", "args.0". Scalars come as their text. Owned by the
     * host, valid while the context is. */
    const char *(*option)(const struct shim_context *context, const char *key);

    /* The option number `index`, counted from 0 in the order of the file. Returns 0, or -ENOENT
     * past the last. */
    int (*option_at)(const struct shim_context *context, size_t index, const char **ret_key,
                     const char **ret_value);

    /* Copies what a JSON pointer (RFC 6901, "/process/args/0") finds in `text` into `buffer`, as
     * text: strings without quotes, numbers, true, false and null as they are written. Returns its
     * length without the NUL; -ENOENT nothing is there; -E2BIG the buffer is too small; -ENOTSUP it
     * is an object or an array, whose size is then in *ret_count (may be NULL); -EBADMSG the text
     * is not JSON, or has an integer in it that neither an int64 nor an uint64 holds. The first
     * value of a text costs parsing it, each further one comparing it with the last: all are best
     * asked for before those of another text. */
    int (*json_value)(const char *text, const char *pointer, char *buffer, size_t size,
                      size_t *ret_count);

    /* Reads a whole file of a directory, NUL-terminated, at most `limit` bytes; release `*ret_text`
     * with text_free. Errors: -ENOENT, -EFBIG, -ELOOP (a symbolic link), -EINVAL (not a regular
     * file). */
    int (*file_read)(int directory_fd, const char *name, size_t limit, char **ret_text,
                     struct shim_error *error);

    /* Frees a text that a service returned. NULL is fine. */
    void (*text_free)(char *text);

    /* Writes a file of a directory atomically: a temporary name, then a rename. Mode 0600. */
    int (*file_write)(int directory_fd, const char *name, const char *text, size_t length,
                      struct shim_error *error);

    /* Makes a FIFO of mode 0600 in a directory. One that is there already is left, and 0 returned;
     * anything else of that name is -EEXIST. */
    int (*fifo_create)(int directory_fd, const char *name, struct shim_error *error);

    /* Opens a FIFO without ever hanging, close-on-exec. `mode` is O_RDONLY, O_WRONLY or O_RDWR;
     * writing alone fails with -ENXIO if nobody reads. The descriptor is non-blocking. -EINVAL: it
     * is not a FIFO. */
    int (*fifo_open)(int directory_fd, const char *name, int mode, int *ret_fd,
                     struct shim_error *error);

    /* Writes a pid in decimal, atomically. */
    int (*pid_file_write)(int directory_fd, const char *name, pid_t pid, struct shim_error *error);

    /* Reads a pid file. -ENOENT: none; -EBADMSG: not a pid, with what it holds in the error. */
    int (*pid_file_read)(int directory_fd, const char *name, pid_t *ret_pid,
                         struct shim_error *error);

    /* Waits for a pid file to appear and reads it; an event wakes it, it does not poll. `cancel_fd`
     * (or -1) ends it with -ECANCELED when readable. -ETIMEDOUT after `timeout` milliseconds. */
    int (*pid_file_await)(int directory_fd, const char *name, int64_t timeout, int cancel_fd,
                          pid_t *ret_pid, struct shim_error *error);

    /* The identity of a pid that lives now (or is a zombie). -ESRCH: nobody has it. */
    int (*identity_of)(pid_t pid, struct shim_identity *ret_identity, struct shim_error *error);

    /* Opens a pidfd on exactly that process. -ESRCH: it is gone, or the pid is someone else's now.
     * The caller closes the descriptor, which becomes readable when the process ends. */
    int (*identity_open)(const struct shim_identity *identity, int *ret_pidfd,
                         struct shim_error *error);

    /* Sends a signal to exactly that process, through a pidfd. -ESRCH as above; never a stranger.
     */
    int (*identity_signal)(const struct shim_identity *identity, int signal,
                           struct shim_error *error);

    /* Runs a program of the runtime (argv[0] an absolute path) with the runtime's environment,
     * standard input from /dev/null, and waits for it: at most `timeout` milliseconds, then it is
     * killed: -ETIMEDOUT. A program that fails is no error of this call: look at
     * ret_output->exit_status, and ask runtime_error. The text is standard output (with
     * SHIM_RUN_MERGE_ERRORS standard error, too), capped at 1 MiB; release it with output_free.
     * `process` may be NULL; the working directory is its directory, or / without one. -ENOENT,
     * -EACCES …: it could not be executed; -ECANCELED. */
    int (*run_command)(const struct shim_context *context, const struct shim_process *process,
                       const char *const *argv, int64_t timeout, uint32_t flags,
                       struct shim_output *ret_output, struct shim_error *error);

    /* Frees what `output` holds. NULL and an empty one are fine. */
    void (*output_free)(struct shim_output *output);

    /* The last error in the runtime's JSON log (a name in the process's directory): its message,
     * cut to `size`. Returns its length, or -ENOENT if there is none. */
    int (*runtime_error)(const struct shim_process *process, const char *log_name, char *buffer,
                         size_t size);

    /* Launches a monitor for the process, and waits until the process exists, the monitor has died,
     * the runtime's spawn time-out has passed or the process's cancel_fd is readable. On failure
     * everything that was launched is dead and reaped, the cleanup commands have run, and the error
     * says which of these it was, with the runtime's own last error: -ECHILD the command failed,
     * -ETIMEDOUT, -ECANCELED, -EPIPE the monitor died. -E2BIG: there are more than 8 cleanup
     * commands, and nothing was launched. The streams of the process are the host's affair. */
    int (*monitor_launch)(const struct shim_context *context, const struct shim_process *process,
                          const struct shim_launch *launch, struct shim_error *error);

    /* What most runtimes want for load, wait and signal: the answer out of the process's directory,
     * the wait on its exit FIFO, the signal to its identity. The contracts are those of the entries
     * below. */
    int (*process_load)(const struct shim_context *context, const struct shim_process *process,
                        struct shim_state *ret_state, struct shim_error *error);
    int (*process_wait)(const struct shim_context *context, const struct shim_process *process,
                        int64_t timeout, int32_t *ret_exit_status, struct shim_error *error);
    int (*process_signal)(const struct shim_context *context, const struct shim_process *process,
                          int32_t signal, struct shim_error *error);
};

/* ---------------------------------------------------------------------------------------------- */
/* What a plugin does for the host                                                                */

/* A list of pids, for `processes`. The plugin calls `add` for each. */
struct shim_pid_list {
    uint32_t size;
    uint32_t flags;                                    /* none yet: 0 */
    int (*add)(struct shim_pid_list *list, pid_t pid); /* 0 or -ENOMEM */
};

/* What `checkpoint` is to do. */
#define SHIM_CHECKPOINT_LEAVE_RUNNING 0x1u
#define SHIM_CHECKPOINT_TCP_ESTABLISHED 0x2u
#define SHIM_CHECKPOINT_FILE_LOCKS 0x4u
struct shim_checkpoint {
    uint32_t size;
    uint32_t flags;         /* SHIM_CHECKPOINT_* */
    const char *image_path; /* absolute path of a directory that exists */
    const char *work_path;  /* the same, for logs; or NULL */
};

/* A runtime's description of itself, for `features`. */
struct shim_features {
    uint32_t size;
    uint32_t flags;      /* none yet: 0 */
    char version[64];    /* "1.1.5" */
    char health[256];    /* empty: it works here; else one sentence: why not, what to do */
    char warning[1024];  /* empty, or known holes of this version, one a line */
    char table_date[16]; /* of the table that the warnings come from: YYYY-MM-DD */
    char binary[256];    /* the program that is used: an absolute path; empty: none, or unknown */
};

/* The descriptor. Static and constant; the host never writes to it or frees it. */
struct shim_plugin {
    uint32_t size;        /* sizeof(struct shim_plugin) */
    uint32_t abi_version; /* SHIM_ABI_VERSION */
    const char *name;     /* [a-z0-9-]+: the name in `plugin:` */
    const char *version;  /* the plugin's own */
    const char *summary;  /* one line: which runtime, and what is peculiar */

    /* Brings a process into being: created, or running with SHIM_PROCESS_START (an exec always
     * runs). On return its directory holds pid, starttime and status. On failure nothing of it is
     * left: no process, no state of the runtime. Blocks up to the spawn time-out. Most call
     * monitor_launch. */
    int (*spawn)(const struct shim_context *context, const struct shim_process *process,
                 struct shim_error *error);

    /* Finds out what is true of a process that any host has spawned. Changes nothing. Quick. */
    int (*load)(const struct shim_context *context, const struct shim_process *process,
                struct shim_state *ret_state, struct shim_error *error);

    /* Waits for the end of the process; also after the end, any number of times, from anywhere.
     * -ETIMEDOUT; -ECANCELED when process->cancel_fd is readable; -ENODATA
     * (SHIM_REASON_UNKNOWN_STATUS): over, and nobody knows its status. */
    int (*wait)(const struct shim_context *context, const struct shim_process *process,
                int64_t timeout, int32_t *ret_exit_status, struct shim_error *error);

    /* Sends a signal to the process, never to another one. -ESRCH (SHIM_REASON_NOT_RUNNING): it is
     * over. The host also sends SIGKILL to an exec that it deletes and that no monitor has cleaned
     * up: -ENOENT or -ESRCH where nothing of it is left. */
    int (*signal)(const struct shim_context *context, const struct shim_process *process,
                  int32_t signal, struct shim_error *error);

    /* The rest is optional: NULL, or beyond `size`, means that the runtime does not support it. */

    /* Called once before any other entry of the context, and once after the last. `open` checks the
     * options and may set context->data. A failed open is not followed by close. */
    int (*open)(struct shim_context *context, struct shim_error *error);
    void (*close)(struct shim_context *context);

    /* Starts a created process. The host keeps `status`. Without it, spawn must leave a process
     * running. */
    int (*start)(const struct shim_context *context, const struct shim_process *process,
                 struct shim_error *error);

    /* Removes what the runtime still has of the container, killing it first if need be; the host
     * removes the directory afterwards. That the runtime knows nothing of it any more is success.
     */
    int (*remove)(const struct shim_context *context, const struct shim_process *process,
                  struct shim_error *error);

    /* Asks the runtime itself for the status: SHIM_STATUS_*. For when the directory cannot know,
     * because a host died in the middle of a change. */
    int (*state)(const struct shim_context *context, const struct shim_process *process,
                 uint32_t *ret_status, struct shim_error *error);

    /* Freezes and thaws all processes of the container. */
    int (*pause)(const struct shim_context *context, const struct shim_process *process,
                 struct shim_error *error);
    int (*resume)(const struct shim_context *context, const struct shim_process *process,
                  struct shim_error *error);

    /* Sets new limits. `resources` is the JSON text of an OCI linux.resources object. */
    int (*update)(const struct shim_context *context, const struct shim_process *process,
                  const char *resources, struct shim_error *error);

    /* The pids of all processes in the container, as the host sees them. */
    int (*processes)(const struct shim_context *context, const struct shim_process *process,
                     struct shim_pid_list *list, struct shim_error *error);

    /* Writes the container's memory to an image directory, with CRIU; restore is a spawn out of
     * process->checkpoint. */
    int (*checkpoint)(const struct shim_context *context, const struct shim_process *process,
                      const struct shim_checkpoint *checkpoint, struct shim_error *error);
    int (*restore)(const struct shim_context *context, const struct shim_process *process,
                   struct shim_error *error);

    /* The runtime's own figures, as a JSON text in *ret_output. */
    int (*stats)(const struct shim_context *context, const struct shim_process *process,
                 struct shim_output *ret_output, struct shim_error *error);

    /* What is installed here, whether it can work here, and what is known against it. */
    int (*features)(const struct shim_context *context, struct shim_features *ret_features,
                    struct shim_error *error);
};

/* The name of the one symbol that a plugin exports: a function without parameters. */
#define SHIM_PLUGIN_SYMBOL "shim_plugin_descriptor"

#ifdef __cplusplus
#define SHIM_EXTERN_C extern "C"
#else
#define SHIM_EXTERN_C
#endif

/* Exports `descriptor`, a `static const struct shim_plugin`. Once in a plugin. */
#define SHIM_PLUGIN(descriptor)                                                                    \
    SHIM_EXTERN_C SHIM_EXPORT const struct shim_plugin *shim_plugin_descriptor(void);              \
    const struct shim_plugin *shim_plugin_descriptor(void) {                                       \
        return &(descriptor);                                                                      \
    }                                                                                              \
    SHIM_EXTERN_C SHIM_EXPORT const struct shim_plugin *shim_plugin_descriptor(void)

#ifdef __cplusplus
}
#endif

#endif
