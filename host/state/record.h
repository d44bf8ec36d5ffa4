/* SPDX-License-Identifier: Apache-2.0 */
/* The two JSON records of the state directory, container.json and process.json, and what they are
 * made from: a bundle's config.json. */
#ifndef SHIMHOST_STATE_RECORD_H
#define SHIMHOST_STATE_RECORD_H

#include <shimhost/plugin.h>
#include <stdbool.h>

#define CONTAINER_FILE "container.json"
#define PROCESS_FILE "process.json"

/* What it holds. All strings are the record's own. */
struct container_record {
    char *id;
    char *bundle;         /* absolute */
    char *runtime;        /* name of the YAML file */
    char *runtime_binary; /* what this container has in place of what that file says, or NULL */
    char *runtime_root;
    char **runtime_args; /* after the file's; NULL-terminated, or NULL */
    char *created;       /* RFC 3339 */
    char *oci_version;   /* of config.json */
    char *annotations;   /* the text of a JSON object */
    uint32_t root_uid;   /* the container's root on the host */
    uint32_t root_gid;
};

void container_record_clear(struct container_record *record);
int container_record_write(int container_fd, const struct container_record *record,
                           struct shim_error *error);
/* -ENOENT: none; -EBADMSG: damaged, and the error says where. */
int container_record_read(int container_fd, struct container_record *ret_record,
                          struct shim_error *error);

/* What process.json holds beside the OCI process object. */
struct process_record {
    int exec;            /* 1: a further process */
    char *targets[3];    /* stdin, stdout, stderr */
    char **runtime_args; /* NULL-terminated, or NULL */
    int no_pivot_root;
    char *checkpoint;
    uint32_t root_uid;
    uint32_t root_gid;
    int terminal; /* out of the OCI process object */
};

void process_record_clear(struct process_record *record);
/* Writes process.json: the object of the text `process_json` with the fields of `record` in it. */
int process_record_write(int process_fd, const char *process_json,
                         const struct process_record *record, struct shim_error *error);
int process_record_read(int process_fd, struct process_record *ret_record,
                        struct shim_error *error);

/* What the host wants to know of a bundle's config.json. */
struct bundle {
    char *path; /* absolute, without symbolic links */
    char *oci_version;
    char *annotations; /* the text of a JSON object */
    char *process;     /* the text of the process object; "{}" if there is none */
    int terminal;      /* process.terminal */
    uint32_t root_uid; /* where linux.uidMappings puts the container's root */
    uint32_t root_gid;
};

/* Reads `path`/config.json. Errors name the file, the line and what was expected. Limit 4 MiB,
 * depth as jansson's. */
int bundle_read(const char *path, struct bundle *ret_bundle, struct shim_error *error);
void bundle_clear(struct bundle *bundle);

/* Writes the config.json of the bundle `path` (absolute) into another directory, with `argv`
 * (NULL-terminated) as its process's arguments, without a terminal, and with the path of its root
 * made absolute. -EINVAL: it has no process or no root. */
int bundle_vary(const char *path, const char *const *argv, int directory_fd,
                struct shim_error *error);

/* Makes the process object of an exec out of a bundle's. See engine_exec_template(). */
struct exec_template;
int bundle_exec_process(const struct bundle *bundle, const struct exec_template *exec,
                        char **ret_json, struct shim_error *error);

/* Checks that a text is one JSON object; `what` names it in the error. Returns whether "terminal"
 * is true in it. */
int record_check_object(const char *text, const char *what, int *ret_terminal,
                        struct shim_error *error);

/* A copy of the text of a process object with `terminal` set, for the caller to free. */
int record_set_terminal(const char *process_json, bool terminal, char **ret_json,
                        struct shim_error *error);

#endif
