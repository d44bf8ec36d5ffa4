/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drive [-j LANES] [-k] PREFIX COUNT SCRIPT: runs COUNT cycles, LANES of them at a time, each a
 * candidate of the script, in turns. A cycle is a sequence of commands, none of them through a
 * shell:
 *
 *   run WORD...            it ends with 0
 *   ends STATUS WORD...    it ends with this
 *   prints TEXT WORD...    it ends with 0, having printed this line and nothing else
 *
 * `{n}` is the number of the cycle, from 0; `{id}` is PREFIX-{n}. A command that ends otherwise
 * ends its cycle, and is told; after BAD_MAX of those no cycle begins any more. Unless -k lets
 * them live, what the commands have left behind (monitors) has to end in the end, too. The last
 * line is the sum: "CYCLES cycles, COMMANDS commands, SECONDS s, BAD bad". Ends with 1 if any was.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "t/bench/script.h"

#define LANES_MAX 64
#define BAD_MAX 20
#define PATIENCE 180 /* seconds for a command, and in the end for what is left */

/* A cycle under way, or a place for one. */
struct lane {
    const struct candidate *candidate; /* NULL: free */
    size_t step;
    int number;
    pid_t pid; /* of the command under way */
    int output;
    int64_t deadline;
    bool late;              /* and killed for it */
    char *words[WORDS_MAX]; /* of the command under way */
};

struct drive {
    const char *prefix;
    const struct script *script;
    int count, begun, commands, bad;
    size_t lane_count;
    struct lane lanes[LANES_MAX];
};

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000) + time.tv_nsec / 1000000;
}

/* ---- commands ---- */

/* How many words of a step come before its command. */
static size_t head(const struct step *step) {
    return strcmp(step->words[0], "run") == 0 ? 1 : 2;
}

static void check_script(const struct script *script) {
    for (size_t i = 0; i < script->n_candidates; i++)
        for (size_t k = 0; k < script->candidates[i].n_steps; k++) {
            const struct step *step = script->candidates[i].steps + k;
            if (strcmp(step->words[0], "run") != 0 && strcmp(step->words[0], "ends") != 0 &&
                strcmp(step->words[0], "prints") != 0)
                errx(2, "line %d: there is no step %s", step->line, step->words[0]);
            if (!step->words[1] || !step->words[head(step)])
                errx(2, "line %d: there is no command", step->line);
        }
}

static _Noreturn void become(char **words, int output) {
    sigset_t none;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        _exit(127);
    execvp(words[0], words);
    _exit(127);
}

static void begin_command(struct drive *drive, struct lane *lane) {
    char id[128];
    const struct step *step = lane->candidate->steps + lane->step;
    snprintf(id, sizeof(id), "%s-%d", drive->prefix, lane->number);
    script_expand(step->words + head(step), id, lane->number, lane->words);
    if (ftruncate(lane->output, 0) < 0 || lseek(lane->output, 0, SEEK_SET) < 0)
        err(1, "memfd");
    lane->pid = vfork();
    if (lane->pid < 0)
        err(1, "vfork");
    if (lane->pid == 0)
        become(lane->words, lane->output);
    lane->deadline = now() + PATIENCE * INT64_C(1000);
    lane->late = false;
    drive->commands++;
}

/* Begins the next cycle in a free lane. */
static void begin_cycle(struct drive *drive, struct lane *lane) {
    lane->candidate = NULL;
    if (drive->begun == drive->count || drive->bad >= BAD_MAX)
        return;
    lane->number = drive->begun++;
    lane->candidate =
        drive->script->candidates + (size_t)lane->number % drive->script->n_candidates;
    lane->step = 0;
    begin_command(drive, lane);
}

static size_t said(const struct lane *lane, char *text, size_t size) {
    ssize_t length = pread(lane->output, text, size - 1, 0);
    if (length < 0)
        err(1, "memfd");
    text[length] = '\0';
    return (size_t)length;
}

static bool as_expected(const struct lane *lane, int status) {
    char text[4096];
    const struct step *step = lane->candidate->steps + lane->step;
    int expected = strcmp(step->words[0], "ends") == 0 ? atoi(step->words[1]) : 0;
    if (lane->late || !WIFEXITED(status) || WEXITSTATUS(status) != expected)
        return false;
    if (strcmp(step->words[0], "prints") != 0)
        return true;
    size_t length = said(lane, text, sizeof(text)), wanted = strlen(step->words[1]);
    return length == wanted + 1 && memcmp(text, step->words[1], wanted) == 0 &&
           text[wanted] == '\n';
}

static void tell_bad(struct drive *drive, const struct lane *lane, int status) {
    char text[2048];
    said(lane, text, sizeof(text));
    printf("cycle %d, line %d:", lane->number, lane->candidate->steps[lane->step].line);
    for (size_t i = 0; lane->words[i]; i++)
        printf(" %s", lane->words[i]);
    if (lane->late)
        printf(": not over after %d s", PATIENCE);
    else if (WIFSIGNALED(status))
        printf(": killed by signal %d", WTERMSIG(status));
    else
        printf(": exit status %d", WEXITSTATUS(status));
    printf("; it said: %s\n", text);
    fflush(stdout);
    drive->bad++;
}

static void end_command(struct drive *drive, struct lane *lane, int status) {
    lane->pid = 0;
    if (!as_expected(lane, status)) {
        tell_bad(drive, lane, status);
        begin_cycle(drive, lane);
    } else if (++lane->step < lane->candidate->n_steps) {
        begin_command(drive, lane);
    } else {
        begin_cycle(drive, lane);
    }
}

/* ---- waiting ---- */

static bool busy(const struct drive *drive) {
    for (size_t i = 0; i < drive->lane_count; i++)
        if (drive->lanes[i].candidate)
            return true;
    return false;
}

static void kill_late(struct drive *drive) {
    for (size_t i = 0; i < drive->lane_count; i++) {
        struct lane *lane = drive->lanes + i;
        if (lane->candidate && lane->deadline < now() && !lane->late) {
            kill(lane->pid, SIGKILL);
            lane->late = true;
        }
    }
}

/* Takes note of all that have ended. False: there are no children. */
static bool reap(struct drive *drive) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < drive->lane_count; i++)
            if (drive->lanes[i].candidate && drive->lanes[i].pid == pid) {
                end_command(drive, drive->lanes + i, status);
                break;
            }
    return pid == 0;
}

static void await_child(const sigset_t *child) {
    const struct timespec second = {.tv_sec = 1}; /* for the deadlines */
    if (sigtimedwait(child, NULL, &second) < 0 && errno != EAGAIN && errno != EINTR)
        err(1, "sigtimedwait");
}

static void run_cycles(struct drive *drive, const sigset_t *child) {
    for (size_t i = 0; i < drive->lane_count; i++) {
        drive->lanes[i].output = memfd_create("output", MFD_CLOEXEC);
        if (drive->lanes[i].output < 0)
            err(1, "memfd_create");
        begin_cycle(drive, drive->lanes + i);
    }
    while (busy(drive)) {
        await_child(child);
        kill_late(drive);
        reap(drive);
    }
}

/* Waits for what the commands have left behind. */
static void run_out(struct drive *drive, const sigset_t *child) {
    int64_t deadline = now() + PATIENCE * INT64_C(1000);
    while (reap(drive)) {
        if (now() > deadline) {
            printf("some of what the commands left behind is not over after %d s\n", PATIENCE);
            drive->bad++;
            return;
        }
        await_child(child);
    }
}

/* ---- main ---- */

static _Noreturn void usage(void) {
    errx(2, "usage: drive [-j LANES] [-k] PREFIX COUNT SCRIPT");
}

int main(int argc, char **argv) {
    struct drive drive = {.lane_count = 1};
    bool keep = false;
    int option;
    while ((option = getopt(argc, argv, "+j:k")) != -1) {
        if (option == 'j')
            drive.lane_count = (size_t)atoi(optarg);
        else if (option == 'k')
            keep = true;
        else
            usage();
    }
    if (argc - optind != 3 || drive.lane_count < 1 || drive.lane_count > LANES_MAX)
        usage();
    drive.prefix = argv[optind];
    drive.count = atoi(argv[optind + 1]);
    drive.script = script_read(argv[optind + 2]);
    check_script(drive.script);

    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    /* What commands leave to init is left to us, so that its end is seen. */
    if (!keep && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        err(1, "PR_SET_CHILD_SUBREAPER");
    int64_t origin = now();
    run_cycles(&drive, &child);
    if (!keep)
        run_out(&drive, &child);
    double seconds = (double)(now() - origin) / 1000;
    printf("%d cycles, %d commands, %.1f s, %d bad\n", drive.begun, drive.commands, seconds,
           drive.bad);
    return drive.bad != 0;
}
