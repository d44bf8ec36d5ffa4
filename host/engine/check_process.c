/* SPDX-License-Identifier: Apache-2.0 */
/* What has to be true of one process, and what is done if it is not. */
#include "engine/check_internal.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "engine/call.h"
#include "process/identity.h"

/* milliseconds */
#define REAPING_TIME 1000 /* that a parent may take */
#define TELLING_TIME 1000 /* that a monitor may take to write all that it says of its process */

/* What its directory and /proc say. */
struct facts {
    struct check_container *container;
    const char *id;
    int directory_fd;
    bool known;     /* pid and starttime are there */
    bool alive;     /* and that process lives */
    bool monitored; /* its monitor does */
    bool ended;     /* there is an exit status, or a reason why there is none */
    uint32_t status;
    struct shim_identity identity;
};

static struct check_finding found(const struct facts *facts, const char *kind,
                                  const char *message) {
    return check_finding(facts->container->id, facts->id, kind, "%s", message);
}

static void report(const struct facts *facts, const struct check_finding *finding) {
    check_report(facts->container->check, finding);
}

static bool is_init(const struct facts *facts) {
    return strcmp(facts->id, PROCESS_INIT) == 0;
}

/* ---- gathering ---- */

static int check_fifo(const struct facts *facts, const char *name, struct shim_error *error) {
    struct stat status;
    if (fstatat(facts->directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set(error, -EBADMSG, "cannot look at the FIFO %s: %s", name, strerror(errno));
    return S_ISFIFO(status.st_mode) ? 0 : error_set(error, -EBADMSG, "%s is no FIFO", name);
}

/* What a command needs beside what has been looked at: the record, and as long as there is a
 * monitor its FIFOs. */
static int whole(const struct facts *facts, struct shim_error *error) {
    struct process_record record = {0};
    int r = process_record_read(facts->directory_fd, &record, error);
    process_record_clear(&record);
    if (r < 0 || facts->ended || !facts->alive || !facts->monitored ||
        (r = check_fifo(facts, "exit", error)) < 0)
        return r;
    return check_fifo(facts, "control", error);
}

/* A negative errno: one of the files cannot be read or makes no sense. */
static int gather(struct facts *facts, struct shim_error *error) {
    struct shim_error absent = ERROR_NONE;
    int32_t ignored;
    int r = status_monitor_alive(facts->directory_fd, NULL, error);
    if (r < 0)
        return r;
    facts->monitored = r;
    /* Written last, read first: what stands before it is there then. */
    if ((r = status_read(facts->directory_fd, &facts->status, error)) < 0)
        return r;
    facts->identity = (struct shim_identity){.size = sizeof(facts->identity)};
    r = identity_read_process(facts->directory_fd, &facts->identity, &absent);
    if (r < 0 && r != -ENOENT)
        return error_pass(error, r, &absent);
    facts->known = r == 0;
    /* Before the process, which may end meanwhile. */
    if ((r = status_ended(facts->directory_fd, &ignored, error)) < 0)
        return r;
    facts->ended = r;
    r = facts->known ? identity_alive(&facts->identity, error) : 0;
    if (r < 0)
        return r;
    facts->alive = r;
    if (facts->known && !facts->ended && !facts->monitored &&
        (r = status_monitor_named(facts->directory_fd, &facts->identity, error)) < 0)
        return r;
    if (facts->known && (r = whole(facts, error)) < 0)
        return r;
    if (!facts->known && !facts->ended && facts->status != SHIM_STATUS_UNKNOWN)
        return error_set(error, -EBADMSG, "status says %s, but pid or starttime is missing",
                         status_name(facts->status));
    return 0;
}

/* A monitor writes `status` after pid and starttime, and may be about to: it gets a moment. */
static int gather_settled(struct facts *facts, struct shim_error *error) {
    struct shim_error ignored = ERROR_NONE;
    int r = gather(facts, error);
    if (r < 0 || !facts->alive || !facts->monitored || facts->status != SHIM_STATUS_UNKNOWN)
        return r;
    status_await(facts->directory_fd, TELLING_TIME, -1, &ignored);
    return gather(facts, error);
}

/* ---- mending ---- */

/* Opens the process with its runtime and lends it our lock. */
static int open_locked(const struct facts *facts, struct process **ret_process,
                       struct shim_error *error) {
    int r = process_open(facts->container->check->engine, facts->container->id, facts->id,
                         ret_process, error);
    if (r == 0)
        (*ret_process)->lock = facts->container->lock;
    return r;
}

static void close_lent(struct process **process) {
    if (*process)
        (*process)->lock = -1;
    *process = process_close(*process);
}
#define AUTO_LENT __attribute__((cleanup(close_lent)))

static int recover(const struct facts *facts, struct shim_error *error) {
    struct process *process AUTO_LENT = NULL;
    int r = open_locked(facts, &process, error);
    return r < 0 ? r : process_recover(process, SHIM_FOREVER, error);
}

static int correct_status(const struct facts *facts, struct shim_error *error) {
    struct process *process AUTO_LENT = NULL;
    int r = open_locked(facts, &process, error);
    return r < 0 ? r : process_settle_status(process, error);
}

/* 1: to be adopted; 0: to be killed; a negative errno: its runtime cannot be opened. */
static int adopts(const struct facts *facts, struct shim_error *error) {
    struct process *process AUTO_LENT = NULL;
    int r = open_locked(facts, &process, error);
    return r < 0 ? r : process->runtime->config->on_monitor_death == CONFIG_MONITOR_DEATH_ADOPT;
}

/* ---- what has to be true ---- */

static void without_monitor(const struct facts *facts) {
    struct shim_error problem = ERROR_NONE;
    struct check_finding finding =
        check_finding(facts->container->id, facts->id, "monitor-lost",
                      "process %d lives, and its monitor is dead", facts->identity.pid);
    int adopt = adopts(facts, &problem);
    if (adopt < 0)
        check_advise(&finding, "its runtime cannot be used: %.480s", problem.message);
    else if (adopt && facts->container->check->repair)
        check_mended(&finding, recover(facts, &problem), &problem, "a new monitor has adopted it");
    else if (adopt)
        check_advise(&finding, "it is to be adopted: shimhost check --repair does that, and so "
                               "does shimhost wait");
    else
        check_advise(&finding,
                     "on-monitor-death is kill, so whoever waits for it kills it; to keep it, set "
                     "on-monitor-death: adopt for its runtime and run shimhost check --repair");
    report(facts, &finding);
}

static void without_end(const struct facts *facts) {
    struct shim_error problem = ERROR_NONE;
    struct check_finding finding = found(
        facts, "end-unrecorded", "it is over, its monitor is dead, and nobody has written that");
    if (facts->container->check->repair)
        check_mended(&finding, recover(facts, &problem), &problem,
                     "recorded that its exit status is not known");
    else
        check_advise(&finding, "shimhost check --repair records that its exit status is not known");
    report(facts, &finding);
}

static void contradiction(const struct facts *facts) {
    struct check_finding finding =
        check_finding(facts->container->id, facts->id, "contradiction",
                      "there is an exit status, but process %d lives", facts->identity.pid);
    check_advise(&finding, "look at both; nothing is done on doubt");
    report(facts, &finding);
}

/* `status` of a live process is behind the truth, or may be. */
static void status_of_live(const struct facts *facts) {
    struct shim_error problem = ERROR_NONE;
    bool changing = is_init(facts) && status_changing(facts->directory_fd);
    bool untrue = facts->status == SHIM_STATUS_STOPPED || facts->status == SHIM_STATUS_UNKNOWN;
    if (!untrue && !changing)
        return;
    struct check_finding finding =
        changing ? found(facts, "interrupted",
                         "a host died while it changed the container; `status` may be behind")
                 : found(facts, "status-untrue", "`status` does not say that it lives");
    if (facts->container->check->repair)
        check_mended(&finding, correct_status(facts, &problem), &problem,
                     "wrote what the runtime says");
    else
        check_advise(&finding, "shimhost check --repair asks the runtime");
    report(facts, &finding);
}

static void status_of_ended(const struct facts *facts) {
    struct shim_error problem = ERROR_NONE;
    if (facts->monitored || facts->status == SHIM_STATUS_STOPPED)
        return;
    struct check_finding finding =
        check_finding(facts->container->id, facts->id, "status-untrue",
                      "it is over, but `status` says %s", status_name(facts->status));
    if (facts->container->check->repair)
        check_mended(&finding, status_write(facts->directory_fd, SHIM_STATUS_STOPPED, &problem),
                     &problem, "wrote `stopped`");
    else
        check_advise(&finding,
                     "shimhost check --repair writes `stopped`; all commands know better");
    report(facts, &finding);
}

/* Does the runtime deny that what it has of that id lives? */
static bool is_dead(const struct process *process) {
    struct shim_error ignored = ERROR_NONE;
    uint32_t status = SHIM_STATUS_UNKNOWN;
    if (!SHIM_HAS(struct shim_plugin, process->runtime->plugin, state))
        return false;
    int r = PLUGIN_CALL(process->runtime, state, &process->view, &status, &ignored);
    return r == -ESRCH || (r == 0 && status == SHIM_STATUS_STOPPED);
}

static void cleanness(const struct facts *facts) {
    struct process *process AUTO_LENT = NULL;
    struct shim_error problem = ERROR_NONE;
    if (facts->monitored || !is_init(facts))
        return;
    bool cleaned = status_cleaned(facts->directory_fd);
    int r = open_locked(facts, &process, &problem);
    if (cleaned && (r < 0 || !process_in_root(process)))
        return;
    struct check_finding finding =
        cleaned ? check_finding(facts->container->id, facts->id, "uncleaned",
                                "it is over, but its runtime still has %.300s/%s",
                                process->runtime->shim.root, facts->container->id)
                : found(facts, "uncleaned",
                        "it is over, but its runtime may still have something of it");
    /* What has its id since its own was cleaned may be somebody else's. */
    if (cleaned && !is_dead(process))
        check_advise(&finding, "that may be another's, and alive: nothing is done on doubt");
    else if (facts->container->check->repair)
        check_mended(&finding, r < 0 ? r : process_clean(process, &problem), &problem,
                     "made the runtime forget it");
    else
        check_advise(&finding, "shimhost check --repair and shimhost delete make it forget");
    report(facts, &finding);
}

/* Whoever is its parent has not reaped it yet, and gets a moment to do so. Init reaps in its own
 * time. */
static void reaping(const struct facts *facts) {
    struct process_stat stat = {.pid = 0};
    int pidfd AUTO_CLOSE = -1;
    if (!facts->known || facts->alive || !facts->ended ||
        identity_open(&facts->identity, &pidfd, NULL) < 0)
        return;
    /* Linux tells of the reaping by a hang-up; before it did, this is but a pause. */
    struct pollfd reaped = {.fd = pidfd, .events = 0};
    if (poll(&reaped, 1, REAPING_TIME) == 1 ||
        identity_stat(facts->identity.pid, &stat, NULL) < 0 ||
        stat.start_time != facts->identity.start_time || stat.parent == 1)
        return;
    struct check_finding finding =
        check_finding(facts->container->id, facts->id, "zombie",
                      "process %d is over, and its parent, process %d, does not reap it",
                      facts->identity.pid, (int)stat.parent);
    check_advise(&finding, "that is the fault of process %d, and goes with it", (int)stat.parent);
    report(facts, &finding);
}

/* An exec goes without its container's lock, and its files go first. */
static bool being_removed(const struct facts *facts) {
    struct stat status;
    return !is_init(facts) && (flock(facts->directory_fd, LOCK_SH | LOCK_NB) < 0 ||
                               fstat(facts->directory_fd, &status) < 0 || status.st_nlink == 0);
}

static int judge(const struct facts *facts, struct shim_error *error) {
    if (facts->alive && facts->ended)
        contradiction(facts);
    else if (facts->alive && !facts->monitored)
        without_monitor(facts);
    else if (facts->alive)
        status_of_live(facts);
    else if (facts->ended) {
        status_of_ended(facts);
        cleanness(facts);
    } else if (!facts->monitored && facts->known)
        without_end(facts);
    else if (!facts->monitored && !being_removed(facts))
        return check_unfinished(facts->container, facts->id, error);
    /* else its monitor has yet to launch it, or is about to tell its end */
    return 0;
}

int check_process(struct check_container *container, const char *id, struct shim_error *error) {
    int directory_fd AUTO_CLOSE = -1;
    struct facts facts = {.container = container, .id = id};
    struct shim_error problem = ERROR_NONE;
    int r = store_process_open(container->fd, container->id, id, &directory_fd, error);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    container->check->counts.processes++;
    facts.directory_fd = directory_fd;
    if (gather_settled(&facts, &problem) < 0) {
        if (being_removed(&facts))
            return 0;
        struct check_finding finding =
            check_finding(container->id, id, "damaged", "%.500s", problem.message);
        check_advise(&finding, "nothing is done on doubt: restore the file, or make sure that the "
                               "process is gone and delete the container by force");
        report(&facts, &finding);
        return 0;
    }
    if ((r = judge(&facts, error)) < 0)
        return r;
    reaping(&facts);
    bool finished = facts.ended && !facts.alive && !facts.monitored;
    return check_process_files(container, id, directory_fd, finished, error);
}
