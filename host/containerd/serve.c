/* SPDX-License-Identifier: Apache-2.0 */
/* The server's life: set up, serve, end. */
#include "containerd/serve.h"

#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "containerd/server.h"

#define DELETED " (deleted)" /* what the kernel adds to the path of a file that is no more */
#define PROCESS_NAME "containerd-shim" /* as containerd's own: what ps and top show */

/* ---------------------------------------------------------------------------- the end */

void server_check_end(struct server *server) {
    if (!server->shut_down)
        return;
    if (server->tasks) { /* a new one has come in the last moment */
        server->shut_down = false;
        loop_timer_stop(&server->loop, &server->goodbye);
    } else if (!server->helpers && events_quiet(server) && connections_quiet(server)) {
        server->loop.ended = true;
    }
}

/* The socket's file, of the listening socket's own name. */
static void remove_socket(int listener) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof(name) - 1;
    if (getsockname(listener, (struct sockaddr *)&name, &size) == 0 && name.sun_path[0] == '/')
        unlink(name.sun_path);
}

/* ---------------------------------------------------------------------------- signals */

static void signals_ready(struct source *source, uint32_t events) {
    struct server *server = (struct server *)((char *)source - offsetof(struct server, signals));
    struct signalfd_siginfo signal;
    (void)events;
    if (read(source->fd, &signal, sizeof(signal)) != sizeof(signal))
        return;
    if (signal.ssi_signo == SIGCHLD)
        helpers_reap(server);
    else if (signal.ssi_signo == SIGHUP)
        upgrade_request(server);
    else if (!server->tasks) /* whoever ends a server that has containers ends them, too */
        server->loop.ended = true;
    else
        log_write(SHIM_LOG_WARNING, NULL, "signal %u is not heeded while there are containers",
                  signal.ssi_signo);
}

static int open_signals(struct server *server, struct shim_error *error) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_SETMASK, &set, NULL);
    for (int number = 1; number < NSIG;
         number++) /* what containerd ignores is not for containers */
        signal(number, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    server->signals = (struct source){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
                                      .ready = signals_ready};
    if (server->signals.fd < 0)
        return error_set(error, -errno, "cannot make a signalfd: %s", strerror(errno));
    return loop_add(&server->loop, &server->signals, EPOLLIN, error);
}

/* ---------------------------------------------------------------------------- set-up */

/* What is written to the bundle's FIFO appears in containerd's log. It is never waited for. */
static void open_log(void) {
    int null AUTO_CLOSE = open("/dev/null", O_RDWR | O_CLOEXEC);
    int log AUTO_CLOSE = open("log", O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(log >= 0 ? log : null, STDERR_FILENO);
}

int program_of(int proc_fd, char *path, size_t size) {
    ssize_t n = readlinkat(proc_fd, "exe", path, size - 1);
    if (n < 0)
        return -errno;
    path[n] = '\0';
    size_t length = (size_t)n, added = strlen(DELETED);
    if (length > added && strcmp(path + length - added, DELETED) == 0)
        path[length - added] = '\0';
    return 0;
}

static int find_program(char **ret_program, struct shim_error *error) {
    char path[PATH_MAX];
    int self AUTO_CLOSE = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = program_of(self, path, sizeof(path));
    if (r < 0)
        return error_set(error, r, "cannot find out the program's path: %s", strerror(-r));
    *ret_program = strdup(path);
    return *ret_program ? 0 : error_set(error, -ENOMEM, "out of memory");
}

/* A server has descriptors for every process and every client; containers get what there was. */
static void raise_limit(struct server *server) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    server->descriptors = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int set_up(struct server *server, struct shim_error *error) {
    if (server->arguments->resume < 0) /* what whoever started containerd forgot to close */
        close_range(SERVE_LISTENER + 1, ~0u, 0);
    raise_limit(server);
    int r = find_program(&server->program, error);
    if (r < 0 || (r = loop_open(&server->loop, error)) < 0 || (r = open_signals(server, error)) < 0)
        return r;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, PROCESS_NAME); /* it was executed as /proc/self/exe */
    events_open(server);
    if (server->arguments->resume >= 0) {
        if ((r = upgrade_resume(server, server->arguments->resume, error)) < 0)
            return r;
        close(server->arguments->resume);
    } else {
        open_log();
        server->listener.fd = SERVE_LISTENER;
        fcntl(SERVE_LISTENER, F_SETFD, FD_CLOEXEC);
        fcntl(SERVE_LISTENER, F_SETFL, O_NONBLOCK);
    }
    if (chdir("/") < 0)
        return error_set(error, -errno, "cannot change to the root directory");
    if ((r = connections_open(server, error)) < 0)
        return r;
    if (server->arguments->resume < 0)
        helpers_prepare(server);
    return 0;
}

int serve(const struct arguments *arguments, struct shim_error *error) {
    struct server server = {
        .arguments = arguments, .listener = SOURCE_NONE, .signals = SOURCE_NONE};
    /* A request of four megabytes must not stay in the heap for ever. */
    mallopt(M_TRIM_THRESHOLD, 64 << 10);
    mallopt(M_MMAP_THRESHOLD, 64 << 10);
    int r = set_up(&server, error);
    if (r == 0)
        r = loop_run(&server.loop, error);
    if (r == 0 && server.listener.fd >= 0)
        remove_socket(server.listener.fd);
    connections_close(&server);
    events_close(&server);
    helpers_abandon(&server);
    loop_drop(&server.loop, &server.signals);
    loop_close(&server.loop);
    free(server.program);
    return r;
}
