/* SPDX-License-Identifier: Apache-2.0 */
/* Stream targets: what they are read as, what is refused, and what becomes of them for a launch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "engine/stream_set.h"
#include "engine/stream_target.h"

struct fixture {
    char directory[64];
    struct runtime_config config;
    struct runtime runtime;
    struct spawn_streams wanted;
    struct process process;
    char *targets[3];
    struct stream_set set;
    struct shim_error error;
};

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    strcpy(fixture->directory, "/tmp/shimhost-streams-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    fixture->config.streams.max_size = 1000000;
    fixture->config.streams.max_files = 3;
    fixture->config.timeouts.drain = 2500;
    fixture->runtime.config = &fixture->config;
    fixture->process.runtime = &fixture->runtime;
    fixture->process.streams = &fixture->wanted;
    fixture->set = (struct stream_set){.fds = {-1, -1, -1}};
    *state = fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    int parent = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tree_remove_at(parent, fixture->directory + strlen("/tmp/"), 2, NULL);
    close(parent);
    streams_close(&fixture->set);
    for (int i = 0; i < 3; i++)
        free(fixture->targets[i]);
    free(fixture);
    return 0;
}

/* Opens three targets, in which % stands for the directory. */
static int open_targets(struct fixture *fixture, const char *in, const char *out, const char *err) {
    const char *const targets[3] = {in, out, err};
    for (int i = 0; i < 3; i++) {
        const char *place = targets[i] ? strchr(targets[i], '%') : NULL;
        free(fixture->targets[i]);
        fixture->targets[i] = NULL;
        if (place)
            assert_true(asprintf(&fixture->targets[i], "%.*s%s%s", (int)(place - targets[i]),
                                 targets[i], fixture->directory, place + 1) > 0);
        else
            fixture->targets[i] = targets[i] ? strdup(targets[i]) : NULL;
        fixture->process.record.targets[i] = fixture->targets[i];
    }
    streams_close(&fixture->set);
    fixture->error = (struct shim_error)ERROR_NONE;
    return streams_open(&fixture->process, &fixture->set, &fixture->error);
}

static void refused(struct fixture *fixture, const char *in, const char *out, const char *err,
                    const char *says) {
    assert_true(open_targets(fixture, in, out, err) < 0);
    if (!strstr(fixture->error.message, says))
        fail_msg("\"%s\" is missing in: %s", says, fixture->error.message);
    assert_int_equal(fixture->set.n_words, 0);
    assert_int_equal(fixture->set.n_descriptors, 0);
}

/* The value of the word KEY=VALUE, or NULL. */
static const char *word(const struct fixture *fixture, const char *key) {
    size_t length = strlen(key);
    for (size_t i = 0; i < fixture->set.n_words; i++)
        if (strncmp(fixture->set.words[i], key, length) == 0 &&
            fixture->set.words[i][length] == '=')
            return fixture->set.words[i] + length + 1;
    return NULL;
}

static void has_word(const struct fixture *fixture, const char *key, const char *value) {
    const char *found = word(fixture, key);
    if (!found || !value)
        assert_true(found == value);
    else
        assert_string_equal(found, value);
}

static void path_of(const struct fixture *fixture, const char *name, char path[128]) {
    snprintf(path, 128, "%s/%s", fixture->directory, name);
}

static void make_fifo(const struct fixture *fixture, const char *name) {
    char path[128];
    path_of(fixture, name, path);
    assert_int_equal(mkfifo(path, 0600), 0);
}

/* ------------------------------------------------------------------------------ reading */

static void targets_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum target_kind kind;
        const char *path;
    } good[] = {
        {"null", TARGET_NULL, NULL},
        {"inherit", TARGET_INHERIT, NULL},
        {"pipe", TARGET_PIPE, NULL},
        {"terminal", TARGET_TERMINAL, NULL},
        {"journald", TARGET_JOURNALD, NULL},
        {"file:/a b:c", TARGET_FILE, "/a b:c"},
        {"fifo:/x", TARGET_FIFO, "/x"},
        {"k8s-file:/var/log/0.log", TARGET_K8S_FILE, "/var/log/0.log"},
        {"json-file:/j", TARGET_JSON_FILE, "/j"},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct stream_target target;
        assert_int_equal(stream_target_parse(good[i].text, &target, NULL), 0);
        assert_int_equal(target.kind, good[i].kind);
        assert_string_equal(target.text, good[i].text);
        if (good[i].path)
            assert_string_equal(target.path, good[i].path);
        else
            assert_null(target.path);
    }
}

static void bad_targets_are_refused_in_words(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"", "expected inherit, null"},
        {"nul", "did you mean null"},
        {"k8sfile:/x", "did you mean k8s-file"},
        {"fifo", "a path is missing"},
        {"fifo:", "expected fifo:PATH"},
        {"file:relative", "absolute"},
        {"null:/x", "null takes no path"},
        {"pipe:", "pipe takes no path"},
        {"journald:/x", "journald takes no path"},
        {"file /x", "xpected inherit"},
        {"FILE:/x", "did you mean file"},
        {"/x", "expected inherit"},
        {"a-word-that-is-much-longer-than-any-that-is-known", "expected inherit"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct shim_error error = ERROR_NONE;
        struct stream_target target;
        assert_int_equal(stream_target_parse(bad[i][0], &target, &error), -EINVAL);
        if (!strstr(error.message, bad[i][1]))
            fail_msg("\"%s\" is missing in: %s", bad[i][1], error.message);
    }
}

static void what_does_not_go_together_is_refused(void **state) {
    struct fixture *fixture = *state;
    refused(fixture, "k8s-file:%/x", NULL, NULL, "stdin: `k8s-file");
    refused(fixture, "journald", NULL, NULL, "cannot be read from");
    refused(fixture, NULL, "terminal", NULL, "no terminal");
    refused(fixture, NULL, "k8s-file:%/a", "k8s-file:%/b", "stdout has another log");
    refused(fixture, NULL, "k8s-file:%/a", "json-file:%/a", "stdout has another log");
    refused(fixture, NULL, "nonsense", NULL, "stdout: `nonsense`");
    refused(fixture, NULL, NULL, "file:x", "stderr: `file:x`");
    fixture->process.record.terminal = 1;
    refused(fixture, "inherit", "terminal", "terminal", "stdin: `inherit`");
    refused(fixture, "terminal", "inherit", "terminal", "stdout: `inherit`");
    refused(fixture, "terminal", "file:%/x", "terminal", "stdout: `file:");
    refused(fixture, "terminal", "terminal", "k8s-file:%/x", "a terminal has one output");
}

static void options_are_read(void **state) {
    struct fixture *fixture = *state;
    struct stream_target targets[3] = {{TARGET_NULL, "null", NULL},
                                       {TARGET_K8S_FILE, "k8s-file:/x", "/x"},
                                       {TARGET_NULL, "null", NULL}};
    struct log_options options;
    const char *const good[] = {"max-size=64KiB", "max-files=7", NULL};
    assert_int_equal(log_options_parse(good, &fixture->config, targets, &options, NULL), 0);
    assert_int_equal(options.max_size, 65536);
    assert_int_equal(options.max_files, 7);
    const char *const unlimited[] = {"max-size=unlimited", NULL};
    assert_int_equal(log_options_parse(unlimited, &fixture->config, targets, &options, NULL), 0);
    assert_int_equal(options.max_size, 0);
    assert_int_equal(options.max_files, 3);
    assert_int_equal(log_options_parse(NULL, &fixture->config, targets, &options, NULL), 0);
    assert_int_equal(options.max_size, 1000000);
    static const char *const bad[][2] = {
        {"max-size=1", "has no unit"},
        {"max-size=100B", "less than 1KiB"},
        {"max-size=", "expected a size"},
        {"max-files=0", "from 1 to 1000"},
        {"max-files=1001", "out of range"},
        {"max-files=x", "expected a number"},
        {"max-sise=1MiB", "expected max-size or max-files"},
        {"tag=x", "expected max-size"},
        {"max-size", "KEY=VALUE"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const char *const list[] = {bad[i][0], NULL};
        struct shim_error error = ERROR_NONE;
        assert_int_equal(log_options_parse(list, &fixture->config, targets, &options, &error),
                         -EINVAL);
        if (!strstr(error.message, bad[i][1]))
            fail_msg("\"%s\" is missing in: %s", bad[i][1], error.message);
    }
    targets[1] = targets[0];
    struct shim_error error = ERROR_NONE;
    assert_int_equal(log_options_parse(good, &fixture->config, targets, &options, &error), -EINVAL);
    assert_non_null(strstr(error.message, "neither stdout nor stderr goes to a log"));
}

/* ------------------------------------------------------------------------------ opening */

static void nothing_is_copied_where_nothing_has_to_be(void **state) {
    struct fixture *fixture = *state;
    make_fifo(fixture, "f");
    assert_int_equal(open_targets(fixture, "inherit", "file:%/out", "fifo:%/f"), 0);
    assert_null(word(fixture, "stdout"));
    assert_null(word(fixture, "stderr"));
    assert_null(word(fixture, "attach"));
    assert_non_null(word(fixture, "hold"));
    assert_int_equal(fixture->set.n_words, 1);
    assert_int_equal(open_targets(fixture, NULL, NULL, NULL), 0);
    assert_int_equal(fixture->set.n_words, 0);
    assert_int_equal(fixture->set.n_descriptors, 0);
}

static void everything_is_closed_on_exec(void **state) {
    struct fixture *fixture = *state;
    make_fifo(fixture, "in");
    make_fifo(fixture, "out");
    assert_int_equal(open_targets(fixture, "fifo:%/in", "fifo:%/out", "k8s-file:%/log"), 0);
    for (size_t i = 0; i < fixture->set.n_descriptors; i++) {
        assert_true(fcntl(fixture->set.descriptors[i], F_GETFD) & FD_CLOEXEC);
        assert_true(fixture->set.descriptors[i] > 3);
    }
    assert_true(fcntl(fixture->set.fds[0], F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fixture->set.fds[1], F_GETFD) & FD_CLOEXEC);
}

static void the_process_has_only_its_end_of_a_fifo(void **state) {
    struct fixture *fixture = *state;
    make_fifo(fixture, "in");
    make_fifo(fixture, "out");
    assert_int_equal(open_targets(fixture, "fifo:%/in", "fifo:%/out", NULL), 0);
    assert_int_equal(fcntl(fixture->set.fds[0], F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY);
    assert_int_equal(fcntl(fixture->set.fds[1], F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_WRONLY);
    int hold = atoi(word(fixture, "hold")), hold_input = atoi(word(fixture, "hold-stdin"));
    assert_int_equal(fcntl(hold, F_GETFL) & O_ACCMODE, O_RDWR);
    assert_int_equal(fcntl(hold_input, F_GETFL) & O_ACCMODE, O_WRONLY);
    /* A writer who leaves does not end the input while it is held, and then it does. */
    char path[128], byte;
    path_of(fixture, "in", path);
    int writer = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(write(writer, "x", 1), 1);
    close(writer);
    assert_int_equal(read(fixture->set.fds[0], &byte, 1), 1);
    struct pollfd input = {.fd = fixture->set.fds[0], .events = POLLIN};
    assert_int_equal(poll(&input, 1, 0), 0);
    for (size_t i = 0; i < fixture->set.n_descriptors; i++)
        if (fixture->set.descriptors[i] == hold_input) {
            close(hold_input);
            fixture->set.descriptors[i] = -1;
        }
    assert_int_equal(read(fixture->set.fds[0], &byte, 1), 0);
    /* A reader who leaves does not break the output, and the next one finds it. */
    path_of(fixture, "out", path);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    close(reader);
    assert_int_equal(write(fixture->set.fds[1], "y", 1), 1);
    reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(read(reader, &byte, 1), 1);
    close(reader);
}

static void a_policy_decides_about_copying(void **state) {
    struct fixture *fixture = *state;
    make_fifo(fixture, "f");
    fixture->config.streams.stdout_gone = CONFIG_WHEN_GONE_DROP;
    assert_int_equal(open_targets(fixture, NULL, "fifo:%/f", "fifo:%/f"), 0);
    has_word(fixture, "stdout", "copy");
    has_word(fixture, "stdout-gone", "drop");
    has_word(fixture, "drain-timeout", "2500");
    has_word(fixture, "attach", "1");
    assert_null(word(fixture, "stderr"));
    assert_int_equal(fixture->set.fds[1], -1);
    int fifo = atoi(word(fixture, "stdout-fifo"));
    assert_int_equal(fcntl(fifo, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR | O_NONBLOCK);
    fixture->wanted.when_gone[1] = "block"; /* what is asked for comes before the configuration */
    fixture->wanted.when_gone[2] = "drop";
    assert_int_equal(open_targets(fixture, NULL, "fifo:%/f", "fifo:%/f"), 0);
    assert_null(word(fixture, "stdout"));
    has_word(fixture, "stderr", "copy");
}

static void a_log_is_opened_for_the_monitor(void **state) {
    struct fixture *fixture = *state;
    char path[128];
    struct stat status;
    mode_t before = umask(077);
    fixture->process.record.root_uid = 100000;
    fixture->process.record.root_gid = 100001;
    assert_int_equal(open_targets(fixture, "pipe", "k8s-file:%/log", "k8s-file:%/log"), 0);
    umask(before);
    path_of(fixture, "log", path);
    has_word(fixture, "stdin", "pipe");
    has_word(fixture, "stdout", "copy");
    has_word(fixture, "stderr", "copy");
    has_word(fixture, "log-format", "k8s-file");
    has_word(fixture, "log-path", path);
    has_word(fixture, "log-streams", "both");
    has_word(fixture, "log-max-size", "1000000");
    has_word(fixture, "log-max-files", "3");
    has_word(fixture, "owner", "100000:100001");
    has_word(fixture, "await-attach", NULL);
    int fd = atoi(word(fixture, "log-fd"));
    assert_int_equal(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_WRONLY | O_APPEND);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(status.st_uid, geteuid()); /* it is the monitor's */
    fixture->config.streams.max_size = 0;
    assert_int_equal(open_targets(fixture, NULL, "pipe", "json-file:%/log"), 0);
    has_word(fixture, "log-format", "json-file");
    has_word(fixture, "log-streams", "stderr");
    has_word(fixture, "log-max-size", NULL);
}

static void a_terminal_replaces_the_three(void **state) {
    struct fixture *fixture = *state;
    fixture->process.record.terminal = 1;
    fixture->wanted.columns = 132;
    fixture->wanted.rows = 43;
    fixture->wanted.await_attach = true;
    assert_int_equal(open_targets(fixture, "terminal", "terminal", "terminal"), 0);
    has_word(fixture, "console", "1");
    has_word(fixture, "term", "132x43");
    has_word(fixture, "attach", "1");
    has_word(fixture, "await-attach", "1");
    has_word(fixture, "drain-timeout", "10000");
    for (int i = 0; i < 3; i++)
        assert_int_equal(fixture->set.fds[i], -1);
    make_fifo(fixture, "in");
    make_fifo(fixture, "out");
    fixture->wanted = (struct spawn_streams){.columns = 0};
    assert_int_equal(open_targets(fixture, "fifo:%/in", "fifo:%/out", "null"), 0);
    has_word(fixture, "term", NULL);
    assert_non_null(word(fixture, "stdin-fifo"));
    assert_non_null(word(fixture, "hold-stdin"));
    assert_non_null(word(fixture, "stdout-fifo"));
    has_word(fixture, "stdout-gone", "block");
    has_word(fixture, "stdout", NULL);
    assert_int_equal(open_targets(fixture, NULL, "json-file:%/log", "json-file:%/log"), 0);
    has_word(fixture, "log-streams", "stdout");
}

static void files_are_given_to_the_containers_root(void **state) {
    struct fixture *fixture = *state;
    struct stat status;
    char path[128];
    if (geteuid() != 0)
        return;
    make_fifo(fixture, "f");
    fixture->process.record.root_uid = 12345;
    fixture->process.record.root_gid = 54321;
    assert_int_equal(open_targets(fixture, NULL, "file:%/out", "fifo:%/f"), 0);
    path_of(fixture, "out", path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_uid, 12345);
    assert_int_equal(status.st_gid, 54321);
    assert_int_equal(status.st_mode & 07777, 0640);
    path_of(fixture, "f", path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_uid, 12345);
    /* What is only read stays whose it is. */
    path_of(fixture, "in", path);
    fd_close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(open_targets(fixture, "file:%/in", NULL, NULL), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_uid, geteuid());
}

/* Nothing may hang here: the alarm would end the program. */
static void what_is_not_what_it_should_be_is_refused(void **state) {
    struct fixture *fixture = *state;
    char path[128], link[128];
    alarm(30);
    make_fifo(fixture, "fifo");
    path_of(fixture, "file", path);
    fd_close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    path_of(fixture, "link", link);
    assert_int_equal(symlink(path, link), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", fixture->directory);
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
    refused(fixture, NULL, "file:%/link", NULL, "stdout: cannot open");
    refused(fixture, NULL, "file:%/link", NULL, "it is a symbolic link");
    refused(fixture, NULL, "fifo:%/link", NULL, "it is a symbolic link");
    refused(fixture, NULL, NULL, "k8s-file:%/link", "stderr: cannot open");
    refused(fixture, NULL, NULL, "k8s-file:%/link", "it is a symbolic link");
    refused(fixture, "file:%/link", NULL, NULL, "it is a symbolic link");
    refused(fixture, NULL, "file:%/fifo", NULL, "is a FIFO, not a file; say fifo:");
    refused(fixture, "file:%/fifo", NULL, NULL, "is a FIFO, not a file; say fifo:");
    refused(fixture, NULL, "k8s-file:%/fifo", NULL, "is a FIFO, not a file");
    refused(fixture, NULL, "fifo:%/file", NULL, "is a file, not a FIFO; say file:");
    refused(fixture, "fifo:%/file", NULL, NULL, "is a file, not a FIFO");
    refused(fixture, NULL, "fifo:%/socket", NULL, "is a socket, not a FIFO");
    refused(fixture, NULL, "file:%/socket", NULL, "is a socket, not a file");
    refused(fixture, NULL, "fifo:%", NULL, "is a directory, not a FIFO");
    refused(fixture, NULL, "file:/dev/null", NULL, "is a device, not a file");
    refused(fixture, NULL, "fifo:%/none", NULL, "mkfifo makes one");
    refused(fixture, "file:%/none", NULL, NULL, "No such file");
    refused(fixture, NULL, "file:%/nowhere/x", NULL, "there is no directory");
    refused(fixture, NULL, "json-file:%/nowhere/x", NULL, "there is no directory");
    close(server);
    alarm(0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(targets_are_read),
        TEST(bad_targets_are_refused_in_words),
        TEST(what_does_not_go_together_is_refused),
        TEST(options_are_read),
        TEST(nothing_is_copied_where_nothing_has_to_be),
        TEST(everything_is_closed_on_exec),
        TEST(the_process_has_only_its_end_of_a_fifo),
        TEST(a_policy_decides_about_copying),
        TEST(a_log_is_opened_for_the_monitor),
        TEST(a_terminal_replaces_the_three),
        TEST(files_are_given_to_the_containers_root),
        TEST(what_is_not_what_it_should_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
