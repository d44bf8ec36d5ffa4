/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A runtime without containers: it speaks the OCI command line, and its containers are plain
 * processes. It is there for tests, because it fails on demand, and for benchmarks, because it
 * costs next to nothing.
 *
 *   fake-runtime [--root DIR] [--log FILE] ...
 * create|run|start|state|kill|delete|exec|pause|resume|ps ...
 *
 * FAKE_RUNTIME_FAULT=SUBCOMMAND:FAULT[,SUBCOMMAND:FAULT]... makes a subcommand fail:
 *   exit=N        exits with N and an error in the log, before it does anything
 *   kill=N        dies of signal N, before it does anything
 *   hang          hangs, before it does anything
 *   hang-late     hangs when the process is there, but not its pid file
 *   no-pid-file   succeeds without writing the pid file
 *   bad-pid-file  writes something else into it
 *   pid=N         writes somebody else's pid into it
 *   stray         leaves a second process, in a session of its own, and hangs
 *   dead          the process is over before the pid file is written
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json.h"

#define DEFAULT_ROOT "/run/fake-runtime"

/* What the command line says. Options that mean nothing here are taken and forgotten. */
struct request {
    const char *root, *log;
    const char *subcommand;
    const char *bundle, *pid_file, *process_file;
    bool detach, force, all;
    const char *id;
    char **rest; /* after the id */
};

/* ---- errors ---- */

/* Says it on stderr and in the log, as runtimes do, and exits with 1. */
static __attribute__((noreturn, format(printf, 2, 3))) void die(const struct request *request,
                                                                const char *format, ...) {
    char message[512], line[700];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    for (char *at = message; *at; at++)
        if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ')
            *at = '\'';
    int length = snprintf(
        line, sizeof(line),
        "{\"level\":\"error\",\"msg\":\"%s\",\"time\":\"2017-01-31T00:00:00Z\"}\n", message);
    int fd =
        request->log ? open(request->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (fd >= 0 && write(fd, line, (size_t)length) < 0)
        perror(request->log);
    dprintf(2, "fake-runtime: %s\n", message);
    exit(1);
}

/* The fault that is asked of this subcommand, or "". */
static const char *fault(const struct request *request) {
    const char *at = getenv("FAKE_RUNTIME_FAULT");
    size_t length = strlen(request->subcommand);
    while (at && *at) {
        if (strncmp(at, request->subcommand, length) == 0 && at[length] == ':')
            return at + length + 1;
        at = strchr(at, ',');
        at = at ? at + 1 : NULL;
    }
    return "";
}

/* The value of FAULT=N, or NULL; or "" for a fault without a value. */
static const char *fault_is(const struct request *request, const char *name) {
    const char *at = fault(request);
    size_t length = strlen(name);
    if (strncmp(at, name, length) != 0)
        return NULL;
    return at[length] == '=' ? at + length + 1 : at[length] == ',' || !at[length] ? "" : NULL;
}

static __attribute__((noreturn)) void hang(void) {
    for (;;)
        pause();
}

static void fail_early(const struct request *request) {
    const char *value;
    if ((value = fault_is(request, "exit"))) {
        if (atoi(value) == 1)
            die(request, "the %s was asked to fail", request->subcommand);
        exit(atoi(value));
    }
    if ((value = fault_is(request, "kill")))
        kill(getpid(), atoi(value));
    if (fault_is(request, "hang"))
        hang();
}

/* ---- files ---- */

static char *read_whole(const struct request *request, const char *path) {
    size_t length = 0, capacity = 65536;
    char *text = malloc(capacity);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 0;
    do {
        if (got >= 0 && text && length + 1 == capacity)
            text = realloc(text, capacity *= 2);
        if (!text)
            abort();
        if (fd >= 0)
            got = read(fd, text + length, capacity - length - 1);
        if (got > 0)
            length += (size_t)got;
    } while (got > 0);
    if (got < 0)
        die(request, "cannot read %s: %s", path, strerror(errno));
    close(fd);
    text[length] = '\0';
    return text;
}

static void write_text(const struct request *request, const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd) < 0)
        die(request, "cannot write %s: %s", path, strerror(errno));
}

static const char *state_path(const struct request *request, const char *name) {
    static char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s%s%s", request->root, request->id, *name ? "/" : "", name);
    return path;
}

static void write_number(const struct request *request, const char *path, long number) {
    char text[24];
    snprintf(text, sizeof(text), "%ld", number);
    write_text(request, path, text);
}

/* ---- processes ---- */

/* A process to be, out of config.json or process.json. */
struct program {
    char **argv, **environment;
    const char *directory;
    char path[PATH_MAX]; /* of the executable */
};

static const char *search_path(char **environment) {
    for (; environment && *environment; environment++)
        if (strncmp(*environment, "PATH=", 5) == 0)
            return *environment + 5;
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* The words of crun, which tests know. */
static void find_program(const struct request *request, struct program *program) {
    const char *name = program->argv[0];
    bool searched = !strchr(name, '/');
    const char *at = searched ? search_path(program->environment) : "";
    do {
        size_t length = strcspn(at, ":");
        snprintf(program->path, sizeof(program->path), "%.*s%s%s", (int)length, at,
                 searched ? "/" : "", name);
        if (access(program->path, X_OK) == 0)
            return;
        if (errno == EACCES)
            die(request, "open executable: Permission denied");
        at += length + (at[length] == ':');
    } while (*at);
    die(request, "executable file `%s` not found in $PATH: No such file or directory", name);
}

static void read_program(const struct request *request, const char *process,
                         struct program *program) {
    program->argv = json_strings(json_member(process, "args"));
    program->environment = json_strings(json_member(process, "env"));
    program->directory = json_string(json_member(process, "cwd"));
    if (!program->argv || !program->argv[0])
        die(request, "process.args is empty");
    find_program(request, program);
}

/* Becomes the program. Does not return. */
static __attribute__((noreturn)) void become(const struct program *program) {
    static char *nothing[] = {NULL};
    if (program->directory && chdir(program->directory) < 0)
        _exit(127);
    execve(program->path, program->argv, program->environment ? program->environment : nothing);
    _exit(errno == ENOENT ? 127 : 126);
}

static void start_stray(void) {
    if (fork() == 0) {
        setsid();
        hang();
    }
}

/* The process exists. Writes its pid file, unless asked to do it wrong. */
static void announce(const struct request *request, pid_t pid) {
    const char *value;
    if (fault_is(request, "dead")) {
        siginfo_t end;
        kill(pid, SIGKILL);
        waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT);
    }
    if (fault_is(request, "hang-late"))
        hang();
    if (fault_is(request, "stray")) {
        start_stray();
        hang();
    }
    if (!request->pid_file || fault_is(request, "no-pid-file"))
        return;
    if (fault_is(request, "bad-pid-file"))
        write_text(request, request->pid_file, "tomorrow\n");
    else if ((value = fault_is(request, "pid")))
        write_text(request, request->pid_file, value);
    else
        write_number(request, request->pid_file, pid);
}

static pid_t recorded_pid(const struct request *request) {
    if (access(state_path(request, ""), F_OK) < 0)
        die(request, "container `%s` does not exist", request->id);
    return (pid_t)atoi(read_whole(request, state_path(request, "pid")));
}

/* Lives, and is no zombie. */
static bool alive(pid_t pid) {
    char path[40], text[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    const char *end = strrchr(text, ')');
    return end && end[1] == ' ' && end[2] != 'Z' && end[2] != 'X';
}

/* ---- subcommands ---- */

/* Waits in the child for `start`, which opens the FIFO. */
static __attribute__((noreturn)) void wait_for_start(const char *fifo,
                                                     const struct program *program) {
    char byte;
    setsid();
    int fd = open(fifo, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &byte, 1) < 0)
        _exit(127);
    become(program);
}

static pid_t create(const struct request *request) {
    struct program program;
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/config.json", request->bundle ? request->bundle : ".");
    read_program(request, json_member(read_whole(request, path), "process"), &program);
    if (mkdir(request->root, 0700) < 0 && errno != EEXIST)
        die(request, "cannot make %s: %s", request->root, strerror(errno));
    if (mkdir(state_path(request, ""), 0700) < 0)
        die(request, "container `%s`: %s", request->id, strerror(errno));
    if (mkfifo(state_path(request, "start"), 0600) < 0)
        die(request, "cannot make a FIFO: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        die(request, "cannot fork: %s", strerror(errno));
    if (pid == 0)
        wait_for_start(state_path(request, "start"), &program);
    write_number(request, state_path(request, "pid"), pid);
    if (request->bundle && realpath(request->bundle, path))
        write_text(request, state_path(request, "bundle"), path);
    announce(request, pid);
    return pid;
}

static int start(const struct request *request) {
    pid_t pid = recorded_pid(request);
    const char *fifo = state_path(request, "start");
    if (!alive(pid) || access(fifo, F_OK) < 0)
        die(request, "cannot start `%s`: it is not in the created state", request->id);
    int fd = open(fifo, O_WRONLY | O_CLOEXEC);
    /* A process that is over at once may have been deleted by now, and its FIFO with it. */
    if (fd < 0 || write(fd, "", 1) != 1 || (unlink(fifo) < 0 && errno != ENOENT))
        die(request, "cannot start `%s`: %s", request->id, strerror(errno));
    return 0;
}

static int wait_for(pid_t pid) {
    int status;
    if (waitpid(pid, &status, 0) < 0)
        return 1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(const struct request *request) {
    pid_t pid = create(request);
    start(request);
    return request->detach ? 0 : wait_for(pid);
}

static int execute(const struct request *request) {
    struct program program = {0};
    if (!alive(recorded_pid(request)))
        die(request, "cannot exec in a stopped container");
    if (request->process_file) {
        read_program(request, read_whole(request, request->process_file), &program);
    } else {
        program.argv = request->rest;
        program.environment = environ;
        if (!program.argv[0])
            die(request, "there is no command to execute");
        find_program(request, &program);
    }
    pid_t pid = fork();
    if (pid < 0)
        die(request, "cannot fork: %s", strerror(errno));
    if (pid == 0) {
        setsid();
        become(&program);
    }
    announce(request, pid);
    return request->detach ? 0 : wait_for(pid);
}

static const char *status_word(const struct request *request, pid_t pid) {
    if (!alive(pid))
        return "stopped";
    if (access(state_path(request, "start"), F_OK) == 0)
        return "created";
    return access(state_path(request, "paused"), F_OK) == 0 ? "paused" : "running";
}

static int state(const struct request *request) {
    pid_t pid = recorded_pid(request);
    const char *status = status_word(request, pid);
    const char *bundle = read_whole(request, state_path(request, "bundle"));
    printf(
        "{\"ociVersion\":\"1.0.2\",\"id\":\"%s\",\"pid\":%d,\"status\":\"%s\",\"bundle\":\"%s\"}\n",
        request->id, strcmp(status, "stopped") == 0 ? 0 : (int)pid, status, bundle);
    return 0;
}

static int signal_number(const struct request *request, const char *name) {
    if (!name)
        return SIGTERM;
    if (name[0] >= '0' && name[0] <= '9')
        return atoi(name);
    if (strncmp(name, "SIG", 3) == 0)
        name += 3;
    for (int number = 1; number < SIGRTMIN; number++) {
        const char *known = sigabbrev_np(number);
        if (known && strcmp(known, name) == 0)
            return number;
    }
    die(request, "unknown signal `%s`", name);
}

static int send_signal(const struct request *request) {
    pid_t pid = recorded_pid(request);
    int number = signal_number(request, request->rest[0]);
    if (request->all)
        kill(-pid, number);
    else if (!alive(pid) || kill(pid, number) < 0)
        die(request, "container `%s` is not running", request->id);
    return 0;
}

static void kill_and_wait(pid_t pid) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd end = {.fd = fd, .events = POLLIN};
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    if (fd >= 0)
        poll(&end, 1, 5000);
}

static int delete (const struct request *request) {
    static const char *const files[] = {"start", "pid", "bundle", "paused"};
    if (request->force && access(state_path(request, ""), F_OK) < 0)
        return 0;
    /* One that was killed while it created a container has not written who that is. */
    bool unfinished = request->force && access(state_path(request, "pid"), F_OK) < 0;
    pid_t pid = unfinished ? 0 : recorded_pid(request);
    if (alive(pid) && !request->force)
        die(request, "cannot delete `%s`: it is %s", request->id, status_word(request, pid));
    if (alive(pid))
        kill_and_wait(pid);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlink(state_path(request, files[i]));
    if (rmdir(state_path(request, "")) < 0)
        die(request, "cannot remove `%s`: %s", request->id, strerror(errno));
    return 0;
}

static int pause_or_resume(const struct request *request, int number) {
    pid_t pid = recorded_pid(request);
    if (!alive(pid) || kill(-pid, number) < 0)
        die(request, "container `%s` is not running", request->id);
    if (number == SIGSTOP)
        write_text(request, state_path(request, "paused"), "");
    else
        unlink(state_path(request, "paused"));
    return 0;
}

/* ---- command line ---- */

/* Takes an option that has a value, as "--name value" or "--name=value". */
static bool take(char ***words, const char *name, const char **ret_value) {
    const char *word = **words;
    size_t length = strlen(name);
    if (strncmp(word, name, length) != 0)
        return false;
    if (word[length] == '=') {
        *ret_value = word + length + 1;
        return true;
    }
    if (word[length] || !(*words)[1])
        return false;
    *ret_value = *++*words;
    return true;
}

static bool take_flag(const char *word, const char *first, const char *second, bool *ret_flag) {
    if (strcmp(word, first) != 0 && strcmp(word, second) != 0)
        return false;
    *ret_flag = true;
    return true;
}

static bool take_option(struct request *request, char ***words) {
    static const char *const ignored[] = {"--log-format",   "--cgroup-manager", "--console-socket",
                                          "--preserve-fds", "--format",         "--rootless",
                                          "--criu"};
    const char *nothing;
    if (take(words, "--root", &request->root) || take(words, "--log", &request->log) ||
        take(words, "--bundle", &request->bundle) || take(words, "-b", &request->bundle) ||
        take(words, "--pid-file", &request->pid_file) ||
        take(words, "--process", &request->process_file) ||
        take(words, "-p", &request->process_file))
        return true;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        if (take(words, ignored[i], &nothing))
            return true;
    return take_flag(**words, "--detach", "-d", &request->detach) ||
           take_flag(**words, "--force", "-f", &request->force) ||
           take_flag(**words, "--all", "-a", &request->all) || **words[0] == '-';
}

static void read_command_line(struct request *request, char **words) {
    for (; *words && !request->id; words++) {
        if ((*words)[0] == '-' && take_option(request, &words))
            continue;
        if (!request->subcommand)
            request->subcommand = *words;
        else
            request->id = *words;
    }
    request->rest = words;
}

static int dispatch(const struct request *request) {
    const char *word = request->subcommand;
    if (strcmp(word, "create") == 0)
        return create(request) > 0 ? 0 : 1;
    if (strcmp(word, "run") == 0)
        return run(request);
    if (strcmp(word, "start") == 0)
        return start(request);
    if (strcmp(word, "exec") == 0)
        return execute(request);
    if (strcmp(word, "state") == 0)
        return state(request);
    if (strcmp(word, "kill") == 0)
        return send_signal(request);
    if (strcmp(word, "delete") == 0)
        return delete (request);
    if (strcmp(word, "pause") == 0)
        return pause_or_resume(request, SIGSTOP);
    if (strcmp(word, "resume") == 0)
        return pause_or_resume(request, SIGCONT);
    if (strcmp(word, "ps") == 0)
        return printf("[%d]\n", (int)recorded_pid(request)) < 0;
    die(request, "unknown subcommand `%s`", word);
}

int main(int argc, char **argv) {
    struct request request = {.root = DEFAULT_ROOT};
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("fake-runtime version 1.0.0") < 0;
    read_command_line(&request, argv + 1);
    if (!request.subcommand || !request.id) {
        dprintf(
            2,
            "usage: fake-runtime [--root DIR] [--log FILE] SUBCOMMAND [OPTION]... ID [ARG]...\n");
        return 2;
    }
    fail_early(&request);
    return dispatch(&request);
}
