/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over all containers. */
#include "engine/check_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"

/* ---- findings ---- */

static void copy(char *to, size_t size, const char *from) {
    snprintf(to, size, "%s", from ? from : "");
}

struct check_finding check_finding(const char *container, const char *process, const char *kind,
                                   const char *format, ...) {
    struct check_finding finding = {.kind = kind};
    va_list arguments;
    copy(finding.container, sizeof(finding.container), container);
    copy(finding.process, sizeof(finding.process), process);
    va_start(arguments, format);
    vsnprintf(finding.message, sizeof(finding.message), format, arguments);
    va_end(arguments);
    return finding;
}

void check_advise(struct check_finding *finding, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->advice, sizeof(finding->advice), format, arguments);
    va_end(arguments);
}

void check_mended(struct check_finding *finding, int result, const struct shim_error *problem,
                  const char *done) {
    finding->mended = result >= 0;
    if (finding->mended)
        check_advise(finding, "%s", done);
    else
        check_advise(finding, "this could not be mended: %.480s", problem->message);
}

void check_report(struct check *check, const struct check_finding *finding) {
    check->counts.found++;
    check->counts.mended += finding->mended;
    check->each(finding, check->user);
}

/* ---- containers ---- */

static int each_process(const char *id, void *user) {
    struct check_container *container = user;
    struct shim_error problem = ERROR_NONE;
    if (check_process(container, id, &problem) < 0) {
        struct check_finding finding =
            check_finding(container->id, id, "unreadable", "%.500s", problem.message);
        check_report(container->check, &finding);
    }
    return 0;
}

/* A container without a first process, or without its record: a spawn that was cut short. Where a
 * monitor was launched all the same it is more than that. */
static int check_whole(struct check_container *container, struct shim_error *error) {
    struct container_record record = {0};
    struct shim_error problem = ERROR_NONE;
    int init AUTO_CLOSE = -1;
    int r = container_record_read(container->fd, &record, &problem);
    container_record_clear(&record);
    if (r < 0 && r != -ENOENT) {
        struct check_finding finding =
            check_finding(container->id, NULL, "damaged", "%.500s", problem.message);
        check_advise(&finding, "restore container.json; without it no runtime can be told what to "
                               "do with the container");
        check_report(container->check, &finding);
    } else if (store_process_open(container->fd, container->id, PROCESS_INIT, &init, NULL) ==
               -ENOENT) {
        return check_unfinished(container, PROCESS_INIT, error);
    }
    return 0;
}

int check_unfinished(struct check_container *container, const char *id, struct shim_error *error) {
    size_t n = container->n_unfinished;
    char(*grown)[77] = realloc(container->unfinished, (n + 1) * sizeof(*grown));
    if (!grown)
        return error_set(error, -ENOMEM, "out of memory");
    copy(grown[n], sizeof(grown[n]), id);
    container->unfinished = grown;
    container->n_unfinished = n + 1;
    return 0;
}

/* Deleting decides anew, under its own lock. */
static void remove_unfinished(struct check *check, const char *container, const char *process) {
    bool whole = strcmp(process, PROCESS_INIT) == 0;
    struct check_finding finding = check_finding(container, whole ? NULL : process, "unfinished",
                                                 "its spawn never finished, and nobody is at it");
    struct shim_error problem = ERROR_NONE;
    if (check->repair)
        check_mended(&finding, engine_delete(check->engine, container, process, false, &problem),
                     &problem, "deleted what was left of it");
    else if (whole)
        check_advise(&finding, "run: shimhost delete %s", container);
    else
        check_advise(&finding, "run: shimhost delete --process-id %s %s", process, container);
    check_report(check, &finding);
}

/* With its first process the whole container goes. */
static void remove_all_unfinished(const struct check_container *container) {
    for (size_t i = 0; i < container->n_unfinished; i++)
        if (strcmp(container->unfinished[i], PROCESS_INIT) == 0) {
            remove_unfinished(container->check, container->id, PROCESS_INIT);
            return;
        }
    for (size_t i = 0; i < container->n_unfinished; i++)
        remove_unfinished(container->check, container->id, container->unfinished[i]);
}

static int look_at_container(struct check_container *container, struct shim_error *error) {
    int r = check_whole(container, error);
    if (r < 0 || (r = store_processes(container->fd, each_process, container, error)) < 0)
        return r;
    return check_container_files(container, error);
}

static void check_container(struct check *check, const char *id, int fd) {
    struct check_container container = {.check = check, .id = id, .fd = fd, .lock = -1};
    struct shim_error problem = ERROR_NONE;
    int r = store_try_lock(check->engine->store, id, fd, check->repair, &container.lock, &problem);
    if (r == -ENOENT)
        return; /* removed while we looked */
    check->counts.containers++;
    if (r == 0) {
        check->counts.busy++;
        return;
    }
    if (r > 0)
        r = look_at_container(&container, &problem);
    fd_close(container.lock);
    if (r >= 0)
        remove_all_unfinished(&container);
    free(container.unfinished);
    if (r < 0) {
        struct check_finding finding =
            check_finding(id, NULL, "unreadable", "%.500s", problem.message);
        check_report(check, &finding);
    }
}

static int each_container(const char *id, void *user) {
    struct check *check = user;
    struct shim_error problem = ERROR_NONE;
    int fd AUTO_CLOSE = -1;
    int r = store_container_open(check->engine->store, id, &fd, &problem);
    if (r == -ENOENT)
        return 0;
    if (r == 0) {
        check_container(check, id, fd);
        return 0;
    }
    check->counts.containers++;
    struct check_finding finding = check_finding(id, NULL, "unreadable", "%.500s", problem.message);
    check_report(check, &finding);
    return 0;
}

int engine_check(struct engine *engine, bool repair,
                 void (*each)(const struct check_finding *finding, void *user), void *user,
                 struct check_counts *ret_counts, struct shim_error *error) {
    struct check check = {.engine = engine, .repair = repair, .each = each, .user = user};
    int r = store_containers(engine->store, each_container, &check, error);
    if (r < 0 || (r = check_machine(&check, error)) < 0)
        return r;
    *ret_counts = check.counts;
    return 0;
}
