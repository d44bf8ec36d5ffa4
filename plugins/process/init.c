/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shimhost-process-init: what the plugin `process` runs.
 *
 *   [OPTION…] --program PATH -- ARGS     waits at the gate if there is one, then becomes PATH with
 * ARGS
 *   --sweep DIR | --stop DIR | --continue DIR | --list DIR
 *                                        kills, stops, continues or lists the group of the process
 * whose directory is DIR
 *
 * The group is known by more than its number: its members are of the process's group or session,
 * live in the session of its monitor or of its own, and were started after it. Each is signalled
 * through a pidfd.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define EXIT_BAD 126
#define EXIT_MISSING 127
#define GROUPS_MAX 256
#define LIMITS_MAX 32
#define READY_FILE ".ready"
#define DEATH_TIMEOUT 2000 /* milliseconds for a process to die of SIGKILL */
#define ROUNDS_MAX 1000

static void fail(int status, const char *what, const char *which) {
    dprintf(STDERR_FILENO, "shimhost-process-init: %s%s%s: %s\n", what, which ? " " : "",
            which ? which : "", strerror(errno));
    _exit(status);
}

static unsigned long number(const char *text, unsigned long max, const char *what) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end || *text == '-' || errno || value > max) {
        errno = EINVAL;
        fail(EXIT_BAD, what, text);
    }
    return value;
}

/* ---------------------------------------------------------------------- becoming the process */

struct limit {
    int resource;
    struct rlimit value;
};

struct plan {
    const char *program, *gate, *console, *cwd;
    long uid, gid, umask; /* -1: stays as it is */
    int no_new_privileges;
    gid_t groups[GROUPS_MAX];
    size_t n_groups;
    struct limit limits[LIMITS_MAX];
    size_t n_limits;
    char **environment;
    size_t n_environment;
};

static const struct {
    const char *name;
    int resource;
} resources[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

/* TYPE:SOFT:HARD */
static void add_limit(struct plan *plan, char *text) {
    char *soft = strchr(text, ':'), *hard = soft ? strchr(soft + 1, ':') : NULL;
    errno = EINVAL;
    if (!hard || plan->n_limits == LIMITS_MAX)
        fail(EXIT_BAD, "limit", text);
    *soft++ = *hard++ = '\0';
    for (size_t i = 0; i < sizeof(resources) / sizeof(*resources); i++)
        if (strcmp(resources[i].name, text) == 0) {
            plan->limits[plan->n_limits++] = (struct limit){
                resources[i].resource,
                {number(soft, ULONG_MAX, "limit"), number(hard, ULONG_MAX, "limit")}};
            return;
        }
    errno = EINVAL;
    fail(EXIT_BAD, "limit", text);
}

static void take_option(struct plan *plan, int option, char *value) {
    switch (option) {
    case 'p':
        plan->program = value;
        break;
    case 'g':
        plan->gate = value;
        break;
    case 'c':
        plan->console = value;
        break;
    case 'w':
        plan->cwd = value;
        break;
    case 'u':
        plan->uid = (long)number(value, UINT_MAX - 1, "uid");
        break;
    case 'i':
        plan->gid = (long)number(value, UINT_MAX - 1, "gid");
        break;
    case 'm':
        plan->umask = (long)number(value, 0777, "umask");
        break;
    case 'G':
        errno = E2BIG;
        if (plan->n_groups == GROUPS_MAX)
            fail(EXIT_BAD, "group", value);
        plan->groups[plan->n_groups++] = (gid_t)number(value, UINT_MAX - 1, "group");
        break;
    case 'l':
        add_limit(plan, value);
        break;
    case 'n':
        plan->no_new_privileges = 1;
        break;
    case 'e':
        plan->environment[plan->n_environment++] = value;
        break;
    default:
        _exit(EXIT_BAD); /* getopt has said why */
    }
}

/* Says that it waits, and waits for a byte. Being a writer, too, it can be told at any time from
 * then on. */
static void wait_at_gate(const char *gate) {
    char byte;
    int fd = open(gate, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    int ready = open(READY_FILE ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ready < 0)
        fail(EXIT_BAD, "cannot wait at", gate);
    dprintf(ready, "%ld\n", (long)getpid());
    close(ready);
    if (rename(READY_FILE ".new", READY_FILE) < 0)
        fail(EXIT_BAD, "cannot make", READY_FILE);
    ssize_t got;
    while ((got = read(fd, &byte, 1)) < 0 && errno == EINTR)
        ;
    if (got != 1)
        fail(EXIT_BAD, "cannot wait at", gate);
    close(fd);
}

/* Sends the master over the console socket, as the OCI runtimes do. */
static void send_master(int master, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.space = {0}};
    char name[] = "terminal";
    struct iovec slice = {name, sizeof(name)};
    struct msghdr message = {.msg_iov = &slice,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof(control.space)};
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        fail(EXIT_BAD, "console socket", path);
    }
    strcpy(address.sun_path, path);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &master, sizeof(int));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
        fail(EXIT_BAD, "console socket", path);
    close(fd);
}

static void take_terminal(const char *console) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        fail(EXIT_BAD, "cannot make a terminal", NULL);
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        fail(EXIT_BAD, "cannot open the terminal", NULL);
    send_master(master, console);
    close(master);
    setpgid(0, getpgid(getppid())); /* a leader of a group cannot begin a session */
    if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
        fail(EXIT_BAD, "cannot take the terminal", NULL);
    for (int fd = 0; fd <= 2; fd++)
        if (dup2(slave, fd) < 0)
            fail(EXIT_BAD, "cannot take the terminal", NULL);
}

static void become_user(const struct plan *plan) {
    if (plan->gid >= 0 || plan->n_groups) {
        /* Whoever is nobody special may stay who he is. */
        if (setgroups(plan->n_groups, plan->groups) < 0 && (errno != EPERM || plan->n_groups))
            fail(EXIT_BAD, "cannot set the additional groups", NULL);
    }
    if (plan->gid >= 0 && setresgid((gid_t)plan->gid, (gid_t)plan->gid, (gid_t)plan->gid) < 0)
        fail(EXIT_BAD, "cannot become the group", NULL);
    if (plan->uid >= 0 && setresuid((uid_t)plan->uid, (uid_t)plan->uid, (uid_t)plan->uid) < 0)
        fail(EXIT_BAD, "cannot become the user", NULL);
}

static void become(const struct plan *plan, char **argv) {
    for (size_t i = 0; i < plan->n_limits; i++)
        if (setrlimit(plan->limits[i].resource, &plan->limits[i].value) < 0)
            fail(EXIT_BAD, "cannot set a limit", NULL);
    if (plan->umask >= 0)
        umask((mode_t)plan->umask);
    become_user(plan);
    if (chdir(plan->cwd) < 0)
        fail(EXIT_BAD, "cannot go to", plan->cwd);
    if (plan->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        fail(EXIT_BAD, "cannot give up privileges", NULL);
    execve(plan->program, argv, plan->environment);
    fail(errno == ENOENT ? EXIT_MISSING : EXIT_BAD, "cannot execute", plan->program);
}

/* ---------------------------------------------------------------------- the group */

struct stat_line {
    char state;
    long parent, group, session;
    unsigned long long start;
};

static int read_stat(long pid, struct stat_line *line) {
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    const char *at = strrchr(text, ')');
    return at && sscanf(at + 1,
                        " %c %ld %ld %ld %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                        "%*d %llu",
                        &line->state, &line->parent, &line->group, &line->session,
                        &line->start) == 5
               ? 0
               : -1;
}

/* The first number in a file of the directory, or 0: there is none. */
static unsigned long long read_number(int directory, const char *name) {
    char text[128];
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    return strtoull(text, NULL, 10);
}

/* Is the file's second line the id of this boot? Of another boot, nothing lives any more. */
static int of_this_boot(int directory) {
    char text[128] = "", boot[64] = "";
    int fd = openat(directory, "starttime", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int boot_fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    ssize_t m = boot_fd < 0 ? -1 : read(boot_fd, boot, 36);
    if (fd >= 0)
        close(fd);
    if (boot_fd >= 0)
        close(boot_fd);
    return n > 0 && m == 36 && strstr(text, boot);
}

struct members {
    long leader, monitor;
    unsigned long long start;
};

static int is_member(const struct members *group, const struct stat_line *line) {
    if (line->start < group->start || line->state == 'Z' || line->state == 'X')
        return 0;
    return (line->group == group->leader && line->session == group->monitor) ||
           line->session == group->leader;
}

/* Sends `signal` to a member, or prints its pid for signal 0. 1: it was one. */
static int visit(const struct members *group, long pid, int signal) {
    struct stat_line line;
    int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (pidfd < 0)
        return 0;
    int member = read_stat(pid, &line) == 0 && is_member(group, &line);
    if (member && signal) {
        struct pollfd end = {.fd = pidfd, .events = POLLIN};
        syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
        if (signal == SIGKILL)
            poll(&end, 1, DEATH_TIMEOUT);
    } else if (member) {
        printf("%ld\n", pid);
    }
    close(pidfd);
    return member;
}

static int visit_all(const struct members *group, int signal) {
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    int count = 0;
    if (!proc)
        fail(1, "cannot read", "/proc");
    while ((entry = readdir(proc))) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (pid > 0 && !*end)
            count += visit(group, pid, signal);
    }
    closedir(proc);
    return count;
}

/* A member that was about to fork may leave a child that one round has missed; the last round finds
 * none. Whoever does not even die of SIGKILL is held by the kernel. */
static int deal_with_group(const char *path, int signal) {
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        fail(1, "cannot open", path);
    struct members group = {(long)read_number(directory, "pid"),
                            (long)read_number(directory, "monitor"),
                            read_number(directory, "starttime")};
    if (group.leader > 0 && group.monitor > 0 && group.start > 0 && of_this_boot(directory)) {
        int before = visit_all(&group, signal);
        for (int round = 0; signal == SIGKILL && before > 0 && round < ROUNDS_MAX; round++)
            before = visit_all(&group, signal);
    }
    close(directory);
    return 0;
}

/* ---------------------------------------------------------------------- main */

static const struct option options[] = {
    {"program", 1, NULL, 'p'},
    {"gate", 1, NULL, 'g'},
    {"console", 1, NULL, 'c'},
    {"cwd", 1, NULL, 'w'},
    {"uid", 1, NULL, 'u'},
    {"gid", 1, NULL, 'i'},
    {"umask", 1, NULL, 'm'},
    {"group", 1, NULL, 'G'},
    {"limit", 1, NULL, 'l'},
    {"env", 1, NULL, 'e'},
    {"no-new-privileges", 0, NULL, 'n'},
    {"sweep", 1, NULL, 'S'},
    {"stop", 1, NULL, 'T'},
    {"continue", 1, NULL, 'C'},
    {"list", 1, NULL, 'L'},
    {NULL, 0, NULL, 0},
};

int main(int argc, char **argv) {
    struct plan plan = {.cwd = "/", .uid = -1, .gid = -1, .umask = -1};
    plan.environment = calloc((size_t)argc + 1, sizeof(*plan.environment));
    if (!plan.environment)
        fail(EXIT_BAD, "out of memory", NULL);
    int option;
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        if (option == 'S')
            return deal_with_group(optarg, SIGKILL);
        if (option == 'T')
            return deal_with_group(optarg, SIGSTOP);
        if (option == 'C')
            return deal_with_group(optarg, SIGCONT);
        if (option == 'L')
            return deal_with_group(optarg, 0);
        take_option(&plan, option, optarg);
    }
    if (!plan.program || optind == argc) {
        dprintf(STDERR_FILENO, "shimhost-process-init: a program and its arguments are needed\n");
        return EXIT_BAD;
    }
    if (plan.gate)
        wait_at_gate(plan.gate);
    if (plan.console)
        take_terminal(plan.console);
    become(&plan, argv + optind);
}
