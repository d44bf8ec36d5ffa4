/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the helper share. It makes one call of the engine and ends, and blocks as long
 * as it needs: whoever started it has a deadline. */
#ifndef SHIMHOST_CONTAINERD_HELPER_H
#define SHIMHOST_CONTAINERD_HELPER_H

#include "engine/engine.h"
#include "helper.pb-c.h"

struct helper {
    const Pb__HelperRequest *request;
    Pb__HelperResponse response;
    struct config *config;
    struct engine *engine;
    char *state_dir;     /* of the namespace */
    const char *process; /* the engine's id of the process, or NULL: the container's first */
    Pb__Timestamp exited_at;
};

/* What containerd's options, and the name that the shim was called by, say about the runtime. */
struct choice {
    char *config;  /* path of the configuration, or NULL */
    char *runtime; /* name, or NULL: the default */
    char *binary;
    char *root;
    bool systemd_cgroup;
    bool no_pivot_root;
    bool no_new_keyring;
    bool has_owner;
    struct stream_owner owner;
};

/* options.c. `bundle` may be empty. What is of an unknown type is warned of and ignored. */
int choice_read(const Pb__Any *options, const char *bundle, struct choice *ret,
                struct shim_error *error);
void choice_clear(struct choice *choice);

/* setup.c: loads the configuration (`path`, or NULL: the usual one) and opens the engine of the
 * namespace. */
int helper_open(struct helper *helper, const char *path, struct shim_error *error);
/* Frees what is in it, also of the response, and closes the engine; also if it was not opened. */
void helper_close(struct helper *helper);

/* guard.c: lets the response file say which plugin and entry it is in, sets the alarm, and says on
 * the line, if there is one, how long that may take. NULL: it could not be set up. */
struct engine_guard *guard_open(bool line);
/* The response is written: from now on the file is left alone. */
void guard_answered(void);
/* There will be another response: the file is empty, and tells again. */
void guard_again(void);

/* mounts.c */
int mounts_make(const char *bundle, Pb__Mount *const *mounts, size_t count,
                struct shim_error *error);
/* All that is mounted on the bundle's rootfs. */
void mounts_undo(const char *bundle);

/* stdio.c: where the streams of a process go, in the engine's words; and the logger, if there is to
 * be one, running and ready. */
struct stdio {
    char *targets[3];
    int fifos[2]; /* of a logger, kept open until the monitor has them; or -1 */
};
int stdio_open(const struct helper *helper, struct stdio *ret, struct shim_error *error);
void stdio_close(struct stdio *stdio);

/* logger.c: starts the program of a "binary://" and fills the targets. */
int logger_start(const struct helper *helper, const char *uri, struct stdio *stdio,
                 struct shim_error *error);
/* Waits for the end of a process's logger, whose streams have ended; in the end kills it. */
void logger_end(const char *bundle, const char *exec_id);

/* The verbs. Each fills helper->response on success. */
int verb_create(struct helper *helper, struct shim_error *error);
int verb_exec(struct helper *helper, struct shim_error *error);
int verb_signal(struct helper *helper, struct shim_error *error);
int verb_checkpoint(struct helper *helper, struct shim_error *error);
int verb_processes(struct helper *helper, struct shim_error *error);
int verb_delete(struct helper *helper, struct shim_error *error);
int verb_recover(struct helper *helper, struct shim_error *error);
int verb_features(struct helper *helper, struct shim_error *error);

/* Ends and removes whatever there is of a container. */
int cleanup_container(struct helper *helper, struct shim_error *error);

/* Notes how a process ended, and when: the time of its record. */
void helper_note_end(struct helper *helper, int32_t exit_status);

/* Is there a container of that id in the state directory? */
bool helper_container_exists(const struct helper *helper);

#endif
