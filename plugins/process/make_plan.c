/* SPDX-License-Identifier: Apache-2.0 */
#include "make_plan.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "plan.h"

#define JSON_LIMIT ((size_t)4 << 20)

/* What is being made. */
struct draft {
    const struct shim_context *context;
    const struct shim_process *process;
    const struct shim_services *services;
    const char *json;
    FILE *plan;
    char *text; /* the last value that was read */
    size_t room;
    struct shim_error *error;
};

static int wrong(const struct draft *draft, const char *pointer, const char *why) {
    return draft->services->fail(draft->error, -EINVAL, SHIM_REASON_NONE,
                                 "the process object's %s %s", pointer, why);
}

/* Reads one value into draft->text. 1: it is there; 0: it is not. */
static int get(struct draft *draft, const char *pointer) {
    int r;
    while ((r = draft->services->json_value(draft->json, pointer, draft->text, draft->room,
                                            NULL)) == -E2BIG) {
        char *text = (char *)realloc(draft->text, 2 * draft->room);
        if (!text)
            return draft->services->fail(draft->error, -ENOMEM, SHIM_REASON_NONE, "out of memory");
        draft->text = text;
        draft->room *= 2;
    }
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return wrong(draft, pointer, "is neither a text nor a number");
    return strlen(draft->text) == (size_t)r ? 1 : wrong(draft, pointer, "has a NUL in it");
}

/* get() for what is no text: null is as good as nothing. */
static int get_value(struct draft *draft, const char *pointer) {
    int r = get(draft, pointer);
    return r > 0 && strcmp(draft->text, "null") == 0 ? 0 : r;
}

/* How many members an array or object has. 1: it is there; 0: it is not, and has none. */
static int get_size(struct draft *draft, const char *pointer, size_t *ret_size) {
    char text[8];
    int r = draft->services->json_value(draft->json, pointer, text, sizeof(text), ret_size);
    if (r == -ENOTSUP)
        return 1;
    *ret_size = 0;
    return r == -ENOENT || (r >= 0 && strcmp(text, "null") == 0)
               ? 0
               : wrong(draft, pointer, "is neither a list nor an object");
}

/* Reads member number `index` of an array, or with `name` that of an object there. What is missing
 * is a mistake. */
static int get_member(struct draft *draft, const char *array, size_t index, const char *name,
                      char *pointer, size_t size) {
    snprintf(pointer, size, "%s/%zu%s", array, index, name);
    int r = get(draft, pointer);
    return r == 0 ? wrong(draft, pointer, "is missing") : r;
}

static void put(struct draft *draft, const char *key, const char *value) {
    fprintf(draft->plan, "%s=%s%c", key, value, '\0');
}

static int copy(struct draft *draft, const char *pointer, const char *key) {
    int r = get_value(draft, pointer);
    if (r > 0)
        put(draft, key, draft->text);
    return r < 0 ? r : 0;
}

/* Calls `each` for every member of an array, which has been read. Returns whether there are any. */
static int each_member(struct draft *draft, const char *array,
                       int (*each)(struct draft *draft, const char *pointer, void *user),
                       void *user) {
    char pointer[128];
    size_t count;
    int r = get_size(draft, array, &count);
    for (size_t i = 0; r >= 0 && i < count; i++) {
        r = get_member(draft, array, i, "", pointer, sizeof(pointer));
        if (r > 0)
            r = each(draft, pointer, user);
    }
    return r < 0 ? r : count > 0;
}

static int put_member(struct draft *draft, const char *pointer, void *user) {
    const char *const *key = user;
    (void)pointer;
    put(draft, *key, draft->text);
    return 0;
}

static int copy_all(struct draft *draft, const char *array, const char *key) {
    return each_member(draft, array, put_member, &key);
}

/* ------------------------------------------------------------------------------------ user */

/* Copies an id. Returns whether it is there. All ones are none: see setresuid(2). */
static int copy_id(struct draft *draft, const char *pointer, const char *key, const char *what) {
    int r = get_value(draft, pointer);
    if (r <= 0)
        return r;
    const char *id = draft->text;
    if (!*id || id[strspn(id, "0123456789")] || strtoull(id, NULL, 10) >= UINT32_MAX)
        return wrong(draft, pointer, what);
    put(draft, key, id);
    return 1;
}

static int copy_group(struct draft *draft, const char *pointer, void *user) {
    (void)user;
    return copy_id(draft, pointer, PLAN_GROUP, "is not a group id");
}

static int copy_user(struct draft *draft) {
    size_t size;
    int r;
    if ((r = get_size(draft, "/user", &size)) < 0 ||
        (r = copy_id(draft, "/user/uid", PLAN_UID, "is not a user id")) < 0 ||
        (r = copy_id(draft, "/user/gid", PLAN_GID, "is not a group id")) < 0 ||
        (r = each_member(draft, "/user/additionalGids", copy_group, NULL)) < 0)
        return r;
    return copy(draft, "/user/umask", PLAN_UMASK);
}

/* ------------------------------------------------------------------------------------ limits */

static int resource_of(const char *name) {
    static const struct {
        const char *name;
        int resource;
    } resources[] = {
        {"AS", RLIMIT_AS},
        {"CORE", RLIMIT_CORE},
        {"CPU", RLIMIT_CPU},
        {"DATA", RLIMIT_DATA},
        {"FSIZE", RLIMIT_FSIZE},
        {"LOCKS", RLIMIT_LOCKS},
        {"MEMLOCK", RLIMIT_MEMLOCK},
        {"MSGQUEUE", RLIMIT_MSGQUEUE},
        {"NICE", RLIMIT_NICE},
        {"NOFILE", RLIMIT_NOFILE},
        {"NPROC", RLIMIT_NPROC},
        {"RSS", RLIMIT_RSS},
        {"RTPRIO", RLIMIT_RTPRIO},
        {"RTTIME", RLIMIT_RTTIME},
        {"SIGPENDING", RLIMIT_SIGPENDING},
        {"STACK", RLIMIT_STACK},
    };
    for (size_t i = 0;
         strncmp(name, "RLIMIT_", 7) == 0 && i < sizeof(resources) / sizeof(*resources); i++)
        if (strcmp(resources[i].name, name + 7) == 0)
            return resources[i].resource;
    return -1;
}

/* The number that was read last, from `pointer`. */
static int take_number(const struct draft *draft, const char *pointer, unsigned long long *ret) {
    char *end;
    errno = 0;
    *ret = strtoull(draft->text, &end, 10);
    return *end || end == draft->text || errno ? wrong(draft, pointer, "is not a number") : 0;
}

static int copy_limit(struct draft *draft, size_t index) {
    static const char array[] = "/rlimits";
    char pointer[128];
    unsigned long long soft, hard;
    int r = get_member(draft, array, index, "/type", pointer, sizeof(pointer));
    if (r < 0)
        return r;
    int resource = resource_of(draft->text);
    if (resource < 0)
        return wrong(draft, pointer, "is not the name of a resource limit");
    if ((r = get_member(draft, array, index, "/soft", pointer, sizeof(pointer))) < 0 ||
        (r = take_number(draft, pointer, &soft)) < 0 ||
        (r = get_member(draft, array, index, "/hard", pointer, sizeof(pointer))) < 0 ||
        (r = take_number(draft, pointer, &hard)) < 0)
        return r;
    fprintf(draft->plan, PLAN_LIMIT "=%d:%llu:%llu%c", resource, soft, hard, '\0');
    return 0;
}

static int copy_limits(struct draft *draft) {
    size_t count;
    int r = get_size(draft, "/rlimits", &count);
    for (size_t i = 0; r >= 0 && i < count; i++)
        r = copy_limit(draft, i);
    return r;
}

/* ------------------------------------------------------------------------------------ capabilities
 */

static int capability_of(const char *name) {
    /* In the order of linux/capability.h. */
    static const char *const names[] = {
        "CHOWN",
        "DAC_OVERRIDE",
        "DAC_READ_SEARCH",
        "FOWNER",
        "FSETID",
        "KILL",
        "SETGID",
        "SETUID",
        "SETPCAP",
        "LINUX_IMMUTABLE",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_ADMIN",
        "NET_RAW",
        "IPC_LOCK",
        "IPC_OWNER",
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_CHROOT",
        "SYS_PTRACE",
        "SYS_PACCT",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_NICE",
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "MKNOD",
        "LEASE",
        "AUDIT_WRITE",
        "AUDIT_CONTROL",
        "SETFCAP",
        "MAC_OVERRIDE",
        "MAC_ADMIN",
        "SYSLOG",
        "WAKE_ALARM",
        "BLOCK_SUSPEND",
        "AUDIT_READ",
        "PERFMON",
        "BPF",
        "CHECKPOINT_RESTORE",
    };
    for (int i = 0; strncmp(name, "CAP_", 4) == 0 && i < (int)(sizeof(names) / sizeof(*names)); i++)
        if (strcmp(names[i], name + 4) == 0)
            return i;
    return -1;
}

/* What this program has never heard of it cannot give, and nobody loses by that. */
static int add_capability(struct draft *draft, const char *pointer, void *user) {
    unsigned long long *mask = user;
    int capability = capability_of(draft->text);
    (void)pointer;
    if (capability >= 0)
        *mask |= 1ull << capability;
    else
        draft->services->log(draft->context, draft->process, SHIM_LOG_WARNING,
                             "the unknown capability %.64s is ignored", draft->text);
    return 0;
}

static int copy_capability_set(struct draft *draft, const char *set) {
    char array[64];
    unsigned long long mask = 0;
    snprintf(array, sizeof(array), "/capabilities/%s", set);
    int r = each_member(draft, array, add_capability, &mask);
    if (r >= 0)
        fprintf(draft->plan, "%s=%llu%c", set, mask, '\0');
    return r;
}

static int copy_capabilities(struct draft *draft) {
    static const char *const sets[] = {PLAN_BOUNDING, PLAN_EFFECTIVE, PLAN_PERMITTED,
                                       PLAN_INHERITABLE, PLAN_AMBIENT};
    size_t count;
    int r = get_size(draft, "/capabilities", &count);
    if (r <= 0) /* without the object, the process keeps what it would have */
        return r;
    for (size_t i = 0; r >= 0 && i < sizeof(sets) / sizeof(*sets); i++)
        r = copy_capability_set(draft, sets[i]);
    return r;
}

/* ------------------------------------------------------------------------------------ the whole */

static int copy_size(struct draft *draft) {
    static const char height[] = "/consoleSize/height", width[] = "/consoleSize/width";
    unsigned long long rows, columns;
    int r = get_value(draft, height);
    if (r <= 0)
        return r;
    if ((r = take_number(draft, height, &rows)) < 0 || (r = get_value(draft, width)) < 0)
        return r;
    if (r == 0)
        return wrong(draft, width, "is missing");
    if ((r = take_number(draft, width, &columns)) < 0)
        return r;
    fprintf(draft->plan, PLAN_SIZE "=%llu:%llu%c", rows & 0xffff, columns & 0xffff, '\0');
    return 0;
}

static int copy_no_new_privileges(struct draft *draft) {
    static const char pointer[] = "/noNewPrivileges";
    int r = get_value(draft, pointer);
    if (r <= 0 || strcmp(draft->text, "false") == 0)
        return r;
    if (strcmp(draft->text, "true") != 0)
        return wrong(draft, pointer, "is neither true nor false");
    put(draft, PLAN_NO_NEW_PRIVILEGES, "1");
    return 0;
}

static int copy_directory(struct draft *draft) {
    int r = get(draft, "/cwd");
    if (r > 0 && draft->text[0] != '/')
        return wrong(draft, "/cwd", "is not an absolute path");
    return r > 0 ? copy(draft, "/cwd", PLAN_DIRECTORY) : r;
}

static int copy_process(struct draft *draft) {
    int r = copy_all(draft, "/args", PLAN_ARGUMENT);
    if (r <= 0)
        return r < 0 ? r : wrong(draft, "/args", "are missing or empty");
    if ((r = copy_all(draft, "/env", PLAN_ENVIRONMENT)) < 0 || (r = copy_directory(draft)) < 0 ||
        (r = copy_user(draft)) < 0 || (r = copy(draft, "/oomScoreAdj", PLAN_SCORE)) < 0)
        return r;
    if ((r = copy_no_new_privileges(draft)) < 0 || (r = copy_size(draft)) < 0 ||
        (r = copy_limits(draft)) < 0)
        return r;
    return copy_capabilities(draft);
}

int make_plan(const struct shim_context *context, const struct shim_process *process, int wait,
              struct shim_error *error) {
    struct draft draft = {.context = context,
                          .process = process,
                          .services = context->services,
                          .error = error,
                          .room = 4096,
                          .text = (char *)malloc(4096)};
    char *json = NULL, *plan = NULL;
    size_t length = 0;
    int r =
        draft.services->file_read(process->directory_fd, "process.json", JSON_LIMIT, &json, error);
    if (r >= 0) {
        draft.json = json;
        draft.plan = open_memstream(&plan, &length);
        r = draft.text && draft.plan ? copy_process(&draft) : -ENOMEM;
        if (r >= 0 && wait)
            put(&draft, PLAN_WAIT, "1");
        if (draft.plan && fclose(draft.plan) != 0)
            r = -ENOMEM;
        if (r == -ENOMEM)
            draft.services->fail(error, r, SHIM_REASON_NONE, "out of memory");
        if (r >= 0)
            r = draft.services->file_write(process->directory_fd, PLAN_FILE, plan, length, error);
    }
    draft.services->text_free(json);
    free(draft.text);
    free(plan);
    return r < 0 ? r : 0;
}
