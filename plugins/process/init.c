/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shimhost-process-init, which stands where a container's runtime would: `--spawn` makes a process
 * out of a plan and ends, leaving the process to the monitor; `--end` kills what the process has
 * left. See plan.h. It runs in the process's directory.
 *
 * Parent and child talk by one pair of sockets. The child says how far it has got, or why not; the
 * parent writes the pid between two steps of the child's, and who that is, so that no process lives
 * which is not known.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "members.h"
#include "plan.h"
#include "setup.h"

#define KILL_WAIT 5000 /* milliseconds for one process to die */
#define KILL_ROUNDS 100

/* ------------------------------------------------------------------------------------ the log */

static void write_json_text(FILE *file, const char *text) {
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(file, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(file, "\\u%04x", (unsigned char)*text);
        else
            fputc(*text, file);
}

/* One object a line, as other runtimes write it. Returns the exit status. */
static int fail(const struct problem *problem) {
    char now[32] = "";
    time_t seconds = time(NULL);
    struct tm utc;
    FILE *file = fopen(LOG_FILE, "ae");
    fprintf(stderr, "%s: %s\n", problem->what, strerror(problem->code));
    if (!file)
        return 1;
    if (gmtime_r(&seconds, &utc))
        strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", &utc);
    fputs("{\"level\":\"error\",\"msg\":\"", file);
    write_json_text(file, problem->what);
    fputs(": ", file);
    write_json_text(file, strerror(problem->code));
    fprintf(file, "\",\"time\":\"%s\"}\n", now);
    fclose(file);
    return 1;
}

/* ------------------------------------------------------------------------------------ the child */

static int tell(int to_parent, const struct problem *problem) {
    return write(to_parent, problem, sizeof(*problem)) == (ssize_t)sizeof(*problem) ? 0 : -1;
}

static void tell_and_end(int to_parent, const struct problem *problem) {
    tell(to_parent, problem);
    _exit(1);
}

/* The status of a command that could not be executed after all, as a shell has it. */
static int exit_status_of(int code) {
    return code == ENOENT || code == ENOTDIR ? 127 : 126;
}

/* Opened for both directions it has a reader and a writer as long as we wait: somebody can open it
 * to see that, and whoever closes it ends nothing. */
static int open_start(const struct plan *plan, struct problem *problem) {
    int fd = plan->wait ? open(START_FIFO, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (plan->wait && fd < 0)
        return problem_set(problem, "cannot open the FIFO that start writes to");
    return fd;
}

static void await_start(int start) {
    char byte;
    ssize_t n;
    while ((n = read(start, &byte, 1)) < 0 && errno == EINTR)
        ;
    if (n != 1)
        _exit(1);
    close(start);
}

/* If the parent dies now, nobody knows of us. */
static void die_with_parent(pid_t parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
        _exit(1);
}

static void await_parent(int to_parent) {
    char byte;
    if (read(to_parent, &byte, 1) != 1)
        _exit(1);
    prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
}

static void be_process(const struct plan *plan, const char *console, int to_parent, pid_t parent) {
    struct problem problem;
    const char *path;
    memset(&problem, 0, sizeof(problem));
    die_with_parent(parent);
    setsid();
    /* While we still are who may open it. */
    int start = open_start(plan, &problem);
    if (problem.code || (console && setup_terminal(plan, console, &problem) < 0) ||
        setup_process(plan, &problem) < 0 || setup_find_command(plan, &path, &problem) < 0)
        tell_and_end(to_parent, &problem);
    die_with_parent(parent); /* becoming another user has undone it */
    if (tell(to_parent, &problem) < 0)
        _exit(1);
    await_parent(to_parent);
    if (plan->wait) {
        close(to_parent); /* that is all that the parent waits for */
        to_parent = -1;
        await_start(start);
    }
    execve(path, plan->arguments, plan->environment);
    problem_set(&problem, "%s: %s",
                exit_status_of(errno) == 127 ? MESSAGE_NOT_FOUND : MESSAGE_NOT_EXECUTABLE,
                plan->arguments[0]);
    if (to_parent >= 0)
        tell_and_end(to_parent, &problem);
    fprintf(stderr, "%s: %s\n", problem.what, strerror(problem.code));
    _exit(exit_status_of(problem.code));
}

/* ------------------------------------------------------------------------------------ the parent
 */

/* 1: the child has said something; 0: it said nothing and closed its end. */
static int listen_to(int to_child, struct problem *problem) {
    ssize_t n;
    while ((n = read(to_child, problem, sizeof(*problem))) < 0 && errno == EINTR)
        ;
    return n == (ssize_t)sizeof(*problem);
}

/* Whole or not at all. 0 or -1 with errno. */
static int write_file(const char *name, const char *temporary, const char *text) {
    FILE *file = fopen(temporary, "we");
    int failed = !file || fputs(text, file) < 0;
    if (file && fclose(file) != 0)
        failed = 1;
    return failed ? -1 : rename(temporary, name);
}

static int write_records(pid_t pid, struct problem *problem) {
    char number[16], who[128];
    int r = member_describe(pid, who, sizeof(who));
    if (r < 0) {
        errno = -r;
        return problem_set(problem, "cannot find out who the process is");
    }
    snprintf(number, sizeof(number), "%d\n", (int)pid);
    if (write_file(PID_FILE, PID_FILE ".new", number) < 0)
        return problem_set(problem, "cannot write the pid file");
    if (write_file(MADE_FILE, MADE_FILE ".new", who) < 0)
        return problem_set(problem, "cannot write who the process is");
    return 0;
}

/* The child has failed, or we have: it does not stay. */
static int give_up(pid_t child, const struct problem *problem) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return fail(problem);
}

static int spawn_as(const struct plan *plan, const char *console) {
    struct problem problem;
    int pair[2];
    memset(&problem, 0, sizeof(problem));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return problem_set(&problem, "cannot make a socket"), fail(&problem);
    pid_t self = getpid(), child = fork();
    if (child < 0)
        return problem_set(&problem, "cannot make a process"), fail(&problem);
    if (child == 0) {
        close(pair[0]);
        be_process(plan, console, pair[1], self);
    }
    close(pair[1]);
    if (!listen_to(pair[0], &problem)) {
        errno = EPIPE;
        problem_set(&problem, "the process has died before it was made");
        return give_up(child, &problem);
    }
    if (problem.code || write_records(child, &problem) < 0)
        return give_up(child, &problem);
    /* Now it goes on; its end of the pair closes when the command has been executed. */
    if (write(pair[0], "", 1) != 1 || (listen_to(pair[0], &problem) && problem.code))
        return give_up(child, &problem);
    return 0;
}

static int spawn(const char *console) {
    struct plan plan;
    struct problem problem = {.code = 0};
    int status = plan_read(&plan, &problem) < 0 ? fail(&problem) : spawn_as(&plan, console);
    plan_clear(&plan);
    return status;
}

/* ------------------------------------------------------------------------------------ the end */

/* Everything that descends from the monitor, if it proves to be the one that was recorded: whoever
 * has lost it is a child of somebody who adopts all the orphans of the machine. And if the
 * container's first process is over, every exec. */
static int end(void) {
    char directory[4096];
    struct census census = {NULL, 0, 0};
    const char *name = getcwd(directory, sizeof(directory)) ? strrchr(directory, '/') : NULL;
    int of_container = name && strcmp(name, "/init") == 0;
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    for (int round = 0; round < KILL_ROUNDS && here >= 0; round++) {
        r = census_take(&census);
        if (r < 0)
            break;
        if (of_container)
            census_mark_container(&census, here);
        else
            census_mark_process(&census, here);
        if (census_signal(&census, SIGKILL, KILL_WAIT) == 0)
            break;
    }
    census_clear(&census);
    return here < 0 || r < 0;
}

int main(int argc, char **argv) {
    if (argc >= 2 && strcmp(argv[1], "--spawn") == 0)
        return spawn(argc > 2 ? argv[2] : NULL);
    if (argc == 2 && strcmp(argv[1], "--end") == 0)
        return end();
    fputs("shimhost-process-init is started by shimhost's monitors, not by hand\n", stderr);
    return 2;
}
