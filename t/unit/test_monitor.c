/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor beside a living process: what it passes on, what it does at the end, what it costs.
 */
#include "capabilities.h"
#include "launch_fixture.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

/* A file of /proc about a process, in a buffer that the next call reuses. */
static const char *proc(pid_t pid, const char *name) {
    static char buffer[8192];
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t got = read(fd, buffer, sizeof(buffer) - 1);
    close(fd);
    assert_true(got >= 0);
    buffer[got] = '\0';
    return buffer;
}

/* The number after `key` in such a file. */
static long proc_number(pid_t pid, const char *name, const char *key) {
    const char *at = strstr(proc(pid, name), key);
    assert_non_null(at);
    return strtol(at + strlen(key), NULL, 10);
}

/* Has the log got a line with this in it? It may take a moment. */
static bool logged(const struct fixture *fixture, const char *text) {
    for (int i = 0; i < PATIENCE; i++) {
        struct timespec pause = {.tv_nsec = 1000000};
        const char *log = content(fixture, "shim-log.json");
        if (log && strstr(log, text))
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

static int open_output(struct fixture *fixture, const char *name) {
    int fd = openat(fixture->plan.directory_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    fixture->plan.streams[1] = fd;
    return fd;
}

/* Runs a script as the process itself, to its end, and returns what it says. */
static const char *output_of(struct fixture *fixture, const char *script) {
    int fd = open_output(fixture, "output");
    fixture->plan.pid_file = NULL;
    launch(fixture, script);
    close(fd);
    assert_ends(fixture, 0);
    return content(fixture, "output");
}

/* A process that waits for go(). */
static void launch_waiting(struct fixture *fixture) {
    fixture->plan.pid_file = NULL;
    launch(fixture, "read x < go; exit 9");
}

static void order(const struct fixture *fixture, const char *text) {
    int fd = openat(fixture->plan.directory_fd, "control", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* ---- what a command inherits ---- */

static void three_descriptors_and_no_more(void **state) {
    int stray[] = {open("/dev/null", O_RDONLY), dup(1), dup(1)};
    assert_string_equal(
        output_of(*state, "for f in /proc/$$/fd/*; do [ -e $f ] && echo ${f##*/}; done; exit 0"),
        "0\n1\n2\n");
    for (int i = 0; i < 3; i++)
        close(stray[i]);
}

static void streams_may_come_in_any_order(void **state) {
    struct fixture *fixture = *state;
    fixture->plan.pid_file = NULL;
    int error = open_output(fixture, "error");
    int output = open_output(fixture, "output");
    int saved[] = {dup(1), dup(2)};
    dup2(error, 1); /* what is to become 2 is 1, and the other way round */
    dup2(output, 2);
    fixture->plan.streams[1] = 2;
    fixture->plan.streams[2] = 1;
    set_script(fixture, "echo output; echo error >&2");
    int r = launch_monitor(&fixture->plan, &fixture->error);
    dup2(saved[0], 1);
    dup2(saved[1], 2);
    for (int i = 0; i < 2; i++)
        close(saved[i]);
    close(error);
    close(output);
    assert_true(r > 0);
    fixture->pid = r;
    assert_ends(fixture, 0);
    assert_content(fixture, "output", "output\n");
    assert_content(fixture, "error", "error\n");
}

static void the_environment_is_what_was_given(void **state) {
    static const char *const environment[] = {"A=1", "B=two words", "EMPTY=", NULL};
    struct fixture *fixture = *state;
    setenv("SHIMHOST_STRAY", "1", 1);
    fixture->plan.environment = environment;
    fixture->plan.pid_file = NULL;
    fixture->command[0] = "/usr/bin/env";
    int fd = open_output(fixture, "output");
    fixture->pid = launch_monitor(&fixture->plan, &fixture->error);
    assert_true(fixture->pid > 0);
    assert_ends(fixture, 0);
    assert_content(fixture, "output", "A=1\nB=two words\nEMPTY=\n");
    close(fd);
    unsetenv("SHIMHOST_STRAY");
}

static void a_group_of_its_own_in_the_monitors_session(void **state) {
    struct fixture *fixture = *state;
    struct process_stat process, monitor;
    launch_waiting(fixture);
    assert_int_equal(identity_stat(recorded_pid(fixture), &process, NULL), 0);
    assert_int_equal(identity_stat(fixture->pid, &monitor, NULL), 0);
    assert_int_equal(process.group, process.pid);
    assert_int_equal(process.session, fixture->pid);
    assert_int_equal(monitor.session, fixture->pid);
    assert_int_equal(monitor.group, fixture->pid);
    assert_int_equal(process.parent, fixture->pid);
    go(fixture);
    assert_ends(fixture, 9);
}

static void signals_and_umask_are_plain(void **state) {
    sigset_t some;
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&some);
    sigaddset(&some, SIGUSR1);
    sigprocmask(SIG_BLOCK, &some, NULL);
    mode_t before = umask(0);
    const char *output = output_of(*state, "umask; exec sed -n '/^Sig[BIC]/p' /proc/self/status");
    umask(before);
    sigprocmask(SIG_UNBLOCK, &some, NULL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    assert_string_equal(output, "0022\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
                                "SigCgt:\t0000000000000000\n");
}

static void nothing_inheritable(void **state) {
    static const char script[] = "exec grep -E '^Cap(Inh|Amb)' /proc/self/status";
    static const char nothing[] = "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n";
    set_inheritable(true);
    const char *output = output_of(*state, script);
    set_inheritable(false);
    assert_string_equal(output, nothing);
}

static void files_are_private(void **state) {
    struct fixture *fixture = *state;
    static const char *const names[] = {"monitor", "pid", "starttime", "status", "exitStatus"};
    mode_t before = umask(0);
    output_of(fixture, "exit 0");
    umask(before);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct stat status;
        assert_int_equal(fstatat(fixture->plan.directory_fd, names[i], &status, 0), 0);
        assert_int_equal(status.st_mode, S_IFREG | 0600);
    }
}

/* ---- while it lives ---- */

static bool has_only_to_kill(const struct fixture *fixture) {
    const char *status = proc(fixture->pid, "status");
    return strstr(status, "CapPrm:\t0000000000000022\nCapEff:\t0000000000000020\n");
}

/* At rest it has CAP_KILL, and CAP_DAC_OVERRIDE up its sleeve; what it executes has all again. */
static void capabilities_at_rest(void **state) {
    struct fixture *fixture = *state;
    static const char *const cleanup[] = {"/bin/sh", "-c",
                                          "exec grep CapEff /proc/self/status >caps-after", NULL};
    static const char *const *const cleanups[] = {cleanup, NULL};
    fixture->plan.cleanup = cleanups;
    fixture->plan.pid_file = NULL;
    launch(fixture, "grep CapEff /proc/self/status >caps-before; read x < go; exit 9");
    for (int i = 0; i < PATIENCE && !has_only_to_kill(fixture); i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_true(has_only_to_kill(fixture));
    go(fixture);
    assert_ends(fixture, 9);
    char before[64];
    snprintf(before, sizeof(before), "%.63s", content(fixture, "caps-before"));
    assert_non_null(strstr(before, "CapEff:"));
    assert_content(fixture, "caps-after", before);
}

/* Root may execute what others keep to themselves, and so may the monitor when it cleans up. */
static void a_cleanup_command_of_another_user(void **state) {
    const uid_t other = 54321;
    struct fixture *fixture = *state;
    int fd = fixture->plan.directory_fd;
    char path[96];
    snprintf(path, sizeof(path), "%s/private/clean", fixture->directory);
    const char *const cleanup[] = {path, NULL};
    const char *const *const cleanups[] = {cleanup, NULL};
    assert_int_equal(mkdirat(fd, "private", 0700), 0);
    put(fixture, "private/clean", "#!/bin/sh\necho then >then\n");
    assert_int_equal(fchmodat(fd, "private/clean", 0700, 0), 0);
    assert_int_equal(fchownat(fd, "private/clean", other, other, 0), 0);
    assert_int_equal(fchownat(fd, "private", other, other, 0), 0);
    fixture->plan.cleanup = cleanups;
    launch_waiting(fixture);
    go(fixture);
    assert_ends(fixture, 9);
    assert_content(fixture, "then", "then\n");
    assert_non_null(content(fixture, ".cleaned"));
}

static void signals_do_not_end_a_monitor(void **state) {
    static const int signals[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGUSR1, SIGALRM};
    struct fixture *fixture = *state;
    launch_waiting(fixture);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        assert_int_equal(kill(fixture->pid, signals[i]), 0);
    go(fixture);
    assert_ends(fixture, 9);
}

/* Whatever the process leaves unreaped becomes the monitor's, and does not stay a zombie. */
static void orphans_are_reaped(void **state) {
    struct fixture *fixture = *state;
    fixture->plan.pid_file = NULL;
    launch(fixture,
           "sh -c 'sleep 1000 & echo $! > .orphan; mv .orphan orphan'; read x < go; exit 9");
    while (!content(fixture, "orphan"))
        sched_yield();
    pid_t orphan = atoi(content(fixture, "orphan"));
    assert_int_equal(kill(orphan, SIGKILL), 0);
    assert_true(gone(orphan));
    go(fixture);
    assert_ends(fixture, 9);
}

static void the_order_of_things_at_the_end(void **state) {
    struct fixture *fixture = *state;
    add_cleanup(fixture, "cat exitStatus status > first");
    add_cleanup(fixture, "cat first > second");
    launch_waiting(fixture);
    go(fixture);
    assert_ends(fixture, 9);
    assert_content(fixture, "second", "9\nstopped\n");
    const char *log = content(fixture, "shim-log.json");
    assert_true(!log || !strstr(log, "cleanup"));
}

/* The end is told before cleaning, however long that takes. */
static void a_cleanup_that_hangs(void **state) {
    struct fixture *fixture = *state;
    fixture->plan.cleanup_timeout = 300;
    add_cleanup(fixture, "echo before; sleep 1000 & sleep 1001");
    add_cleanup(fixture, "echo then > then");
    launch_waiting(fixture);
    go(fixture);
    await_exit(fixture);
    assert_null(content(fixture, "then"));
    assert_ends(fixture, 9);
    assert_content(fixture, "then", "then\n");
    assert_true(logged(fixture, "the cleanup command /bin/sh took more than 300 ms and was killed: "
                                "before\""));
}

/* What it says without pause does not keep the monitor from looking at the time. */
static void a_cleanup_that_never_stops_talking(void **state) {
    struct fixture *fixture = *state;
    fixture->plan.cleanup_timeout = 200;
    add_cleanup(fixture, "exec yes");
    launch_waiting(fixture);
    go(fixture);
    assert_ends(fixture, 9);
    assert_true(
        logged(fixture, "the cleanup command /bin/sh took more than 200 ms and was killed"));
}

static void a_cleanup_that_fails(void **state) {
    struct fixture *fixture = *state;
    static const char *const missing[] = {"/nowhere/delete", NULL};
    add_cleanup(fixture, "echo 'it is \"busy\"' >&2; exit 3");
    fixture->cleanup[fixture->cleanups++] = missing;
    add_cleanup(fixture, "kill -9 $$");
    add_cleanup(fixture, "head -c 300000 /dev/zero; exit 4");
    launch_waiting(fixture);
    go(fixture);
    assert_ends(fixture, 9);
    assert_true(logged(fixture, "/bin/sh exited with status 3: it is \\\"busy\\\"\""));
    assert_true(logged(fixture, "cannot run the cleanup command /nowhere/delete: error 2"));
    assert_true(logged(fixture, "/bin/sh was killed by signal 9"));
    assert_true(logged(fixture, "/bin/sh exited with status 4"));
}

/* What holds a cleanup command's output open does not hold up the monitor. */
static void a_cleanup_that_leaves_something(void **state) {
    struct fixture *fixture = *state;
    add_cleanup(fixture, "sleep 1000 & echo $! > stray");
    launch_waiting(fixture);
    go(fixture);
    assert_ends(fixture, 9);
    pid_t stray = atoi(content(fixture, "stray"));
    assert_int_equal(kill(stray, SIGKILL), 0);
    assert_true(gone(stray));
}

/* ---- the control FIFO ---- */

static void orders_that_make_no_sense(void **state) {
    struct fixture *fixture = *state;
    launch_waiting(fixture);
    order(fixture, "nonsense\n\n9 1 1\n1 0 0\n1 80\n0 0 0 0\n-1 0 0\n1 99999 1\n");
    order(fixture, "0123456789012345678901234567890123456789 and so on\n1 8");
    order(fixture, "0 24");
    order(fixture, "\n2 0 0\n");
    assert_true(logged(fixture, "makes no sense: nonsense\""));
    assert_true(logged(fixture, "makes no sense: 0 0 0 0\""));
    assert_true(logged(fixture, "is too long: 0123456789"));
    assert_true(logged(fixture, "no terminal to resize to 80x24"));
    assert_true(logged(fixture, "no log that could be reopened"));
    go(fixture);
    assert_ends(fixture, 9);
}

/* A flood of them fills neither the disk nor the time. */
static void the_log_is_bounded(void **state) {
    struct fixture *fixture = *state;
    char flood[4001];
    struct stat status;
    launch_waiting(fixture);
    for (size_t i = 0; i < sizeof(flood) - 1; i++)
        flood[i] = i % 4 == 3 ? '\n' : 'x';
    flood[sizeof(flood) - 1] = '\0';
    for (int i = 0; i < 3; i++)
        order(fixture, flood);
    order(fixture, "the end\n");
    assert_true(logged(fixture, "the end"));
    assert_int_equal(fstatat(fixture->plan.directory_fd, "shim-log.json", &status, 0), 0);
    assert_in_range(status.st_size, 1, 64 * 1024);
    go(fixture);
    assert_ends(fixture, 9);
}

/* The monitor keeps a FIFO alive while writers come and go, until it is told to let go. */
static void standard_input_is_closed_by_order(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(mkfifoat(fixture->plan.directory_fd, "input", 0600), 0);
    int input = openat(fixture->plan.directory_fd, "input", O_RDWR | O_CLOEXEC);
    int reader = openat(fixture->plan.directory_fd, "input", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int output = open_output(fixture, "output");
    fixture->plan.streams[0] = input;
    fixture->plan.keep = 1;
    fixture->plan.pid_file = NULL;
    /* Opened again to read only, so that the monitor is the one that still could write. */
    launch(fixture, "exec < input; read line; echo got $line; echo > ready; cat; exit 9");
    assert_int_equal(write(input, "first\n", 6), 6);
    close(input);
    close(reader);
    while (!content(fixture, "ready"))
        sched_yield();
    order(fixture, "0 0 0\n0 0 0\n");
    assert_ends(fixture, 9);
    assert_content(fixture, "output", "got first\n");
    close(output);
}

static void what_is_not_kept_is_let_go(void **state) {
    struct fixture *fixture = *state;
    char path[64], target[64] = "";
    int output = open_output(fixture, "output");
    launch_waiting(fixture);
    for (int fd = 0; fd <= 2; fd++) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)fixture->pid, fd);
        assert_true(readlink(path, target, sizeof(target) - 1) > 0);
        assert_string_equal(target, "/dev/null");
    }
    close(output);
    go(fixture);
    assert_ends(fixture, 9);
}

/* ---- a process that is not the monitor's child ---- */

static pid_t start_helper(struct fixture *fixture) {
    assert_int_equal(mkfifoat(fixture->plan.directory_fd, "request", 0600), 0);
    assert_int_equal(mkfifoat(fixture->plan.directory_fd, "answer", 0600), 0);
    pid_t helper = fork();
    if (helper == 0) {
        if (fchdir(fixture->plan.directory_fd) == 0)
            execl("/bin/sh", "sh", "-c",
                  "read x < request; sh -c 'read x < go; exit 9' & echo $! > .pid.runtime; "
                  "echo > answer; wait $!",
                  NULL);
        _exit(127);
    }
    return helper;
}

static void a_process_from_elsewhere(void **state) {
    struct fixture *fixture = *state;
    pid_t helper = start_helper(fixture);
    launch(fixture, "echo > request; read x < answer");
    go(fixture);
    assert_ends(fixture, 9);
    assert_int_equal(WEXITSTATUS(reap(helper)), 9);
}

/* ---- adoption ---- */

/* Kills the monitor, which leaves its process to us. */
static void lose_monitor(struct fixture *fixture) {
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    assert_int_equal(kill(fixture->pid, SIGKILL), 0);
    reap(fixture->pid);
}

static int adopt(struct fixture *fixture) {
    fixture->plan.command = NULL;
    fixture->plan.pid_file = NULL;
    fixture->pid = launch_monitor(&fixture->plan, &fixture->error);
    return fixture->pid;
}

static void an_adopted_process(void **state) {
    struct fixture *fixture = *state;
    struct shim_identity monitor;
    add_cleanup(fixture, "echo cleaned > cleaned");
    launch_waiting(fixture);
    pid_t process = recorded_pid(fixture);
    lose_monitor(fixture);
    assert_true(adopt(fixture) > 0);
    assert_int_equal(identity_read_monitor(fixture->plan.directory_fd, &monitor, NULL), 0);
    assert_int_equal(monitor.pid, fixture->pid);
    go(fixture);
    assert_int_equal(WEXITSTATUS(reap(process)), 9);
    assert_ends(fixture, 9);
    assert_content(fixture, "cleaned", "cleaned\n");
    assert_null(content(fixture, "exitUnknown"));
}

static void an_adopted_process_that_is_killed(void **state) {
    struct fixture *fixture = *state;
    launch_waiting(fixture);
    pid_t process = recorded_pid(fixture);
    lose_monitor(fixture);
    assert_true(adopt(fixture) > 0);
    kill(process, SIGTERM);
    assert_int_equal(WTERMSIG(reap(process)), SIGTERM);
    assert_ends(fixture, 143);
}

/* Its new parent never reaps it: it is over all the same. */
static void an_adopted_process_that_nobody_reaps(void **state) {
    struct fixture *fixture = *state;
    launch_waiting(fixture);
    pid_t process = recorded_pid(fixture);
    lose_monitor(fixture);
    assert_true(adopt(fixture) > 0);
    go(fixture);
    assert_ends(fixture, 9);
    assert_int_equal(WEXITSTATUS(reap(process)), 9);
}

/* To whom it does not show them, the kernel says 0 for the codes of zombies. The last test, because
 * the capability does not come back. */
static void a_code_that_may_not_be_seen(void **state) {
    struct fixture *fixture = *state;
    launch_waiting(fixture);
    pid_t process = recorded_pid(fixture);
    lose_monitor(fixture);
    assert_int_equal(prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0), 0);
    assert_true(adopt(fixture) > 0);
    go(fixture);
    assert_int_equal(WEXITSTATUS(reap(fixture->pid)), 0);
    assert_null(content(fixture, "exitStatus"));
    assert_non_null(content(fixture, "exitUnknown"));
    assert_int_equal(WEXITSTATUS(reap(process)), 9);
}

static void nobody_to_adopt(void **state) {
    struct fixture *fixture = *state;
    launch_waiting(fixture);
    char *monitor_before, *start = strdup(content(fixture, "starttime"));
    pid_t process = recorded_pid(fixture);
    lose_monitor(fixture);
    monitor_before = strdup(content(fixture, "monitor"));

    char *stale = strdup(start);
    stale[0] = stale[0] == '9' ? '8' : '9';
    put(fixture, "starttime", stale);
    assert_int_equal(adopt(fixture), -ESRCH);
    assert_string_equal(fixture->error.message, "the process is gone");
    stale[0] = start[0];
    stale[strlen(stale) - 2] = 'x'; /* another boot */
    put(fixture, "starttime", stale);
    assert_int_equal(adopt(fixture), -ESRCH);
    assert_int_equal(fixture->error.reason, SHIM_REASON_NOT_RUNNING);
    assert_content(fixture, "monitor", monitor_before);

    kill(process, SIGKILL);
    reap(process);
    put(fixture, "starttime", start);
    assert_int_equal(adopt(fixture), -ESRCH);
    free(start);
    free(stale);
    free(monitor_before);
}

/* ---- a full disk ---- */

/* Room for the status was set aside when there was some. */
static void a_full_disk_loses_no_status(void **state) {
    struct fixture *fixture = *state;
    char path[96];
    snprintf(path, sizeof(path), "%s/small", fixture->directory);
    assert_int_equal(mkdir(path, 0700), 0);
    if (mount("tmpfs", path, "tmpfs", 0, "size=64k,mode=0700") < 0) {
        print_message("# not allowed to mount: not tested\n");
        return;
    }
    struct fixture full = *fixture;
    full.plan.directory_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    full.plan.pid_file = NULL;
    full.plan.command = full.command;
    full.plan.cleanup = full.cleanup;
    assert_int_equal(mkfifoat(full.plan.directory_fd, "exit", 0600), 0);
    full.exit_fd = openat(full.plan.directory_fd, "exit", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    launch(&full, "read x < ../go; exit 9");
    int fd = openat(full.plan.directory_fd, "filling", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fd, path, sizeof(path)) > 0)
        ;
    assert_int_equal(errno, ENOSPC);
    go(fixture);
    await_exit(&full);
    assert_content(&full, "exitStatus", "9\n");
    reap(full.pid);
    close(fd);
    close(full.exit_fd);
    close(full.plan.directory_fd);
    assert_int_equal(umount2(path, MNT_DETACH), 0);
}

/* As long as it cannot be written, nobody is told that it was. */
static void a_status_that_cannot_be_written_yet(void **state) {
    struct fixture *fixture = *state;
    struct rlimit before;
    launch_waiting(fixture);
    assert_int_equal(
        prlimit(fixture->pid, RLIMIT_FSIZE, &(struct rlimit){0, RLIM_INFINITY}, &before), 0);
    pid_t process = recorded_pid(fixture);
    go(fixture);
    assert_true(gone(process));
    assert_null(content(fixture, "exitStatus"));
    assert_int_equal(prlimit(fixture->pid, RLIMIT_FSIZE, &before, NULL), 0);
    await_exit(fixture);
    assert_content(fixture, "exitStatus", "9\n");
    reap(fixture->pid);
}

static void the_directory_is_removed(void **state) {
    struct fixture *fixture = *state;
    launch_waiting(fixture);
    nftw(fixture->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    go(fixture);
    await_exit(fixture);
    reap(fixture->pid);
}

/* ---- cost ---- */

static bool freestanding(pid_t pid) {
    return !strstr(proc(pid, "maps"), "libc");
}

/* Some of them, because what they share counts only in part. */
static void private_memory_is_little(void **state) {
    enum { OTHERS = 19 };
    struct fixture *fixture = *state;
    void *others[OTHERS];
    /* Pages of a program that was just built count as dirty until they are on the disk. */
    int program = open(fixture->monitor, O_RDONLY | O_CLOEXEC);
    assert_int_equal(fsync(program), 0);
    close(program);
    for (int i = 0; i < OTHERS; i++) {
        setup(&others[i]);
        launch_waiting(others[i]);
    }
    launch_waiting(fixture);
    /* As after a long life: much was read and logged. */
    for (int i = 0; i < 200; i++)
        order(fixture, "what\n1 80 24\n0 0 0\n");
    order(fixture, "the end\n");
    assert_true(logged(fixture, "the end"));
    long dirty = proc_number(fixture->pid, "smaps_rollup", "Private_Dirty:");
    long pss = proc_number(fixture->pid, "smaps_rollup", "Pss:");
    print_message("# private dirty %ld KiB, Pss %ld KiB\n", dirty, pss);
    if (freestanding(fixture->pid)) {
        assert_in_range(dirty, 1, 16);
        assert_in_range(pss, 1, 24);
    }
    go(fixture);
    assert_ends(fixture, 9);
    for (int i = 0; i < OTHERS; i++) {
        go(others[i]);
        assert_ends(others[i], 9);
    }
    for (int i = 0; i < OTHERS; i++)
        teardown(&others[i]);
}

/* It sleeps in one call without a time limit: nothing but an event can wake it. */
static void nothing_wakes_an_idle_monitor(void **state) {
    struct fixture *fixture = *state;
    long number;
    unsigned long fds, count, limit = 1;
    launch_waiting(fixture);
    for (int i = 0; i < PATIENCE; i++) {
        struct timespec pause = {.tv_nsec = 1000000};
        if (sscanf(proc(fixture->pid, "syscall"), "%ld %lx %lx %lx", &number, &fds, &count,
                   &limit) == 4 &&
            number == SYS_ppoll)
            break;
        nanosleep(&pause, NULL);
    }
    assert_int_equal(number, SYS_ppoll);
    assert_int_equal(limit, 0);
    long switches = proc_number(fixture->pid, "status", "\nvoluntary_ctxt_switches:");
    order(fixture, "x\n");
    assert_true(logged(fixture, "no sense: x"));
    long after = proc_number(fixture->pid, "status", "\nvoluntary_ctxt_switches:");
    assert_in_range(after - switches, 0, 2);
    go(fixture);
    assert_ends(fixture, 9);
}

/* Mounts of these tests are nobody else's. */
static int in_private_mounts(void **state) {
    (void)state;
    if (unshare(CLONE_NEWNS) == 0)
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    return 0;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(three_descriptors_and_no_more),
        TEST(streams_may_come_in_any_order),
        TEST(the_environment_is_what_was_given),
        TEST(a_group_of_its_own_in_the_monitors_session),
        TEST(signals_and_umask_are_plain),
        TEST(nothing_inheritable),
        TEST(files_are_private),
        TEST(capabilities_at_rest),
        TEST(a_cleanup_command_of_another_user),
        TEST(signals_do_not_end_a_monitor),
        TEST(orphans_are_reaped),
        TEST(the_order_of_things_at_the_end),
        TEST(a_cleanup_that_hangs),
        TEST(a_cleanup_that_never_stops_talking),
        TEST(a_cleanup_that_fails),
        TEST(a_cleanup_that_leaves_something),
        TEST(orders_that_make_no_sense),
        TEST(the_log_is_bounded),
        TEST(standard_input_is_closed_by_order),
        TEST(what_is_not_kept_is_let_go),
        TEST(a_process_from_elsewhere),
        TEST(an_adopted_process),
        TEST(an_adopted_process_that_is_killed),
        TEST(an_adopted_process_that_nobody_reaps),
        TEST(nobody_to_adopt),
        TEST(a_full_disk_loses_no_status),
        TEST(a_status_that_cannot_be_written_yet),
        TEST(the_directory_is_removed),
        TEST(private_memory_is_little),
        TEST(nothing_wakes_an_idle_monitor),
        TEST(a_code_that_may_not_be_seen),
    };
    return cmocka_run_group_tests(tests, in_private_mounts, NULL);
}
