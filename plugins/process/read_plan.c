/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plan.h"
#include "setup.h"

int problem_set(struct problem *problem, const char *format, ...) {
    problem->code = errno;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->what, sizeof(problem->what), format, arguments);
    va_end(arguments);
    return -1;
}

static int read_text(struct plan *plan, size_t *ret_length, struct problem *problem) {
    struct stat status;
    int fd = open(PLAN_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0)
        return problem_set(problem, "cannot open the plan");
    size_t size = (size_t)status.st_size, length = 0;
    plan->text = (char *)malloc(size + 1);
    while (plan->text && length < size) {
        ssize_t n = read(fd, plan->text + length, size - length);
        if (n <= 0)
            break;
        length += (size_t)n;
    }
    close(fd);
    unlink(PLAN_FILE);
    if (!plan->text || length < size)
        return problem_set(problem, "cannot read the plan");
    plan->text[length] = '\0';
    *ret_length = length;
    return 0;
}

static int bad(const char *item, struct problem *problem) {
    errno = EINVAL;
    return problem_set(problem, "the plan has a bad item \"%.60s\"", item);
}

static int number(const char *value, unsigned long long *ret) {
    char *end;
    errno = 0;
    *ret = strtoull(value, &end, 10);
    return *value >= '0' && *value <= '9' && !*end && errno == 0 ? 0 : -1;
}

static int take_limit(struct plan *plan, const char *value) {
    unsigned long long soft, hard;
    size_t at = 0;
    int resource;
    if (sscanf(value, "%d:%llu:%llu", &resource, &soft, &hard) != 3)
        return -1;
    while (at < plan->n_limits && plan->limits[at].resource != resource)
        at++;
    if (at == PLAN_LIMITS)
        return -1;
    if (at == plan->n_limits)
        plan->n_limits++;
    plan->limits[at].resource = resource;
    plan->limits[at].limit.rlim_cur = (rlim_t)soft;
    plan->limits[at].limit.rlim_max = (rlim_t)hard;
    return 0;
}

/* For setresuid(2) and its kin, all ones are no id, but mean: as it is. */
static int take_id(uint32_t *id, unsigned long long value) {
    if (value >= UINT32_MAX)
        return -1;
    *id = (uint32_t)value;
    return 0;
}

static int take_mask(struct plan *plan, uint64_t *mask, unsigned long long value) {
    plan->has_capabilities = 1;
    *mask = value;
    return 0;
}

/* An item with a number. 1: it is none of these; -1: it cannot have this one. */
static int take_number(struct plan *plan, const char *key, const char *value) {
    unsigned long long n;
    if (number(value, &n) < 0)
        return 1;
    if (strcmp(key, PLAN_UID) == 0)
        return take_id(&plan->uid, n);
    if (strcmp(key, PLAN_GID) == 0)
        return take_id(&plan->gid, n);
    if (strcmp(key, PLAN_UMASK) == 0)
        return plan->umask = (int)(n & 0777), 0;
    if (strcmp(key, PLAN_NO_NEW_PRIVILEGES) == 0)
        return plan->no_new_privileges = n != 0, 0;
    if (strcmp(key, PLAN_WAIT) == 0)
        return plan->wait = n != 0, 0;
    if (strcmp(key, PLAN_GROUP) == 0)
        return take_id(&plan->groups[plan->n_groups++], n);
    if (strcmp(key, PLAN_BOUNDING) == 0)
        return take_mask(plan, &plan->bounding, n);
    if (strcmp(key, PLAN_EFFECTIVE) == 0)
        return take_mask(plan, &plan->effective, n);
    if (strcmp(key, PLAN_PERMITTED) == 0)
        return take_mask(plan, &plan->permitted, n);
    if (strcmp(key, PLAN_INHERITABLE) == 0)
        return take_mask(plan, &plan->inheritable, n);
    if (strcmp(key, PLAN_AMBIENT) == 0)
        return take_mask(plan, &plan->ambient, n);
    return 1;
}

static int take(struct plan *plan, const char *key, char *value) {
    if (strcmp(key, PLAN_DIRECTORY) == 0)
        return plan->directory = value, 0;
    if (strcmp(key, PLAN_SCORE) == 0)
        return plan->score = value, 0;
    if (strcmp(key, PLAN_LIMIT) == 0)
        return take_limit(plan, value);
    if (strcmp(key, PLAN_SIZE) == 0)
        return sscanf(value, "%hu:%hu", &plan->rows, &plan->columns) == 2 ? 0 : -1;
    return take_number(plan, key, value) == 0 ? 0 : -1;
}

int plan_read(struct plan *plan, struct problem *problem) {
    size_t length = 0, items = 0, n_arguments = 0, n_environment = 0;
    memset(plan, 0, sizeof(*plan));
    plan->umask = -1;
    plan->directory = "/";
    if (read_text(plan, &length, problem) < 0)
        return -1;
    for (size_t i = 0; i < length; i++)
        items += plan->text[i] == '\0';
    plan->arguments = (char **)calloc(items + 1, sizeof(char *));
    plan->environment = (char **)calloc(items + 1, sizeof(char *));
    plan->groups = (gid_t *)calloc(items + 1, sizeof(gid_t));
    if (!plan->arguments || !plan->environment || !plan->groups)
        return problem_set(problem, "cannot read the plan");
    for (char *item = plan->text; item < plan->text + length; item += strlen(item) + 1) {
        char *value = strchr(item, '=');
        if (!value)
            return bad(item, problem);
        *value++ = '\0';
        if (strcmp(item, PLAN_ARGUMENT) == 0)
            plan->arguments[n_arguments++] = value;
        else if (strcmp(item, PLAN_ENVIRONMENT) == 0)
            plan->environment[n_environment++] = value;
        else if (take(plan, item, value) < 0)
            return bad(item, problem);
        item = value;
    }
    return n_arguments > 0 ? 0 : bad(PLAN_ARGUMENT, problem);
}

void plan_clear(struct plan *plan) {
    free(plan->text);
    free((void *)plan->arguments);
    free((void *)plan->environment);
    free(plan->groups);
}
