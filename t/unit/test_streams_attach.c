/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of a running process. None of them slows it, or costs anything once gone. */
#include "streams_fixture.h"

enum { NOBODY = 65534 };

static void attachable(struct job *job) {
    word(job, "stdout=copy");
    word(job, "stderr=copy");
    word(job, "stdin=pipe");
    word(job, "attach=1");
}

/* The listener takes clients in the order in which they connected: once the last one has been
 * served, all have. */
static void await_attached(int client) {
    struct received received = {0};
    tell(client, DATA, "hello\n", 6);
    receive_until(client, &received, "hello\n");
    free(received.output);
}

/* ---- output ---- */

static void all_clients_get_everything(void **state) {
    enum { SOME = 5 };
    struct job *job = *state;
    struct received received[SOME] = {0};
    int clients[SOME];
    attachable(job);
    start(job, "read x; echo $x; read x < go; echo one; echo two; exit 3");
    for (int i = 0; i < SOME; i++)
        clients[i] = attach(job);
    tell(clients[SOME - 1], DATA, "hello\n", 6);
    for (int i = 0; i < SOME; i++)
        receive_until(clients[i], &received[i], "hello\n");
    go(&job->base);
    for (int i = 0; i < SOME; i++) {
        receive_all(clients[i], &received[i]);
        assert_received(&received[i], "hello\none\ntwo\n");
    }
    assert_ends(&job->base, 3);
}

/* They are told how much they have missed, as soon as they read again. */
static void slow_clients_hold_up_nobody(void **state) {
    enum { SIZE = 3000000, SOME = 3 };
    struct job *job = *state;
    struct received received[SOME] = {0};
    int clients[SOME];
    attachable(job);
    start(job, "read x; echo $x; head -c 3000000 /dev/zero | tr '\\0' x; echo x > written; cat");
    for (int i = 0; i < SOME; i++)
        clients[i] = attach(job);
    tell(clients[SOME - 1], DATA, "hello\n", 6);
    await_text(job, "written", "x");
    assert_sleeps(job->base.pid);
    for (int i = 0; i < SOME; i++) {
        while (!received[i].lost)
            assert_true(receive(clients[i], &received[i]));
        assert_true(received[i].lost > SIZE / 2);
    }
    tell(clients[0], END, NULL, 0);
    for (int i = 0; i < SOME; i++) {
        receive_all(clients[i], &received[i]);
        assert_int_equal(received[i].size + received[i].lost, SIZE + 6);
        free(received[i].output);
    }
    assert_ends(&job->base, 0);
}

/* Also one who does not read before everything is over. */
static void a_slow_client_is_told_at_the_end(void **state) {
    enum { SIZE = 3000000 };
    struct job *job = *state;
    struct received received = {0};
    attachable(job);
    start(job, "read x; echo $x; read x < go; head -c 3000000 /dev/zero | tr '\\0' x; exit 4");
    int client = attach(job);
    await_attached(client);
    go(&job->base);
    assert_ends(&job->base, 4);
    receive_all(client, &received);
    assert_true(received.lost > SIZE / 2);
    assert_int_equal(received.size + received.lost, SIZE);
    free(received.output);
}

static void no_more_than_sixteen(void **state) {
    enum { MOST = 16 };
    struct job *job = *state;
    struct received received = {0};
    int clients[MOST];
    attachable(job);
    start(job, "exec cat");
    for (int i = 0; i < MOST; i++)
        clients[i] = attach(job);
    await_attached(clients[MOST - 1]);
    int refused = attach(job);
    /* Nobody reads it; whether it can still be sent depends on how quick the refusal was. */
    (void)!send(refused, "\0input", 6, MSG_NOSIGNAL);
    receive_all(refused, &received);
    assert_string_equal(received.notice, "too many clients are attached");
    assert_null(received.output);
    close(clients[0]); /* there is room again */
    int late = attach(job);
    await_attached(late);
    close(late);
    for (int i = 1; i < MOST; i++)
        close(clients[i]);
    int last = attach(job);
    await_attached(last);
    tell(last, END, NULL, 0);
    receive_all(last, &received);
    assert_ends(&job->base, 0);
}

/* As another user, by whom the directory and the socket can be reached. */
static int attach_as_another(const struct job *job) {
    int directory_fd = job->base.plan.directory_fd;
    assert_int_equal(fchmod(directory_fd, 0711), 0);
    assert_int_equal(seteuid(NOBODY), 0);
    assert_int_equal(faccessat(directory_fd, "attach", W_OK, AT_EACCESS), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(fchmodat(directory_fd, "attach", 0666, 0), 0);
    assert_int_equal(seteuid(NOBODY), 0);
    int client = attach(job);
    assert_int_equal(seteuid(0), 0);
    return client;
}

static void another_user_is_refused(void **state) {
    struct job *job = *state;
    struct received received = {0};
    if (geteuid() != 0) {
        print_message("# not allowed to be another user: not tested\n");
        return;
    }
    attachable(job);
    start(job, "exec cat");
    int refused = attach_as_another(job), client = attach(job);
    (void)!send(refused, "\0input", 6, MSG_NOSIGNAL);
    receive_all(refused, &received);
    assert_string_equal(received.notice, "it is another user's");
    assert_null(received.output);
    tell(client, DATA, "hello\n", 6);
    tell(client, END, NULL, 0);
    receive_all(client, &received);
    assert_received(&received, "hello\n");
    await_text(job, "shim-log.json", "refused a client: it is another user's");
    assert_ends(&job->base, 0);
}

/* Whoever hangs up costs nothing any more, whatever he has done before. */
static void clients_that_hang_up(void **state) {
    struct job *job = *state;
    attachable(job);
    start(job, "read x < go; cat; exit 4");
    for (int i = 0; i < 40; i++) {
        int client = attach(job);
        if (i % 2)
            tell(client, DATA, "line\n", 5);
        close(client);
    }
    assert_sleeps(job->base.pid);
    int client = attach(job);
    tell(client, END, NULL, 0);
    go(&job->base);
    struct received received = {0};
    receive_all(client, &received);
    assert_int_equal(received.size, 20 * 5);
    free(received.output);
    assert_ends(&job->base, 4);
}

static void packets_that_make_no_sense(void **state) {
    struct job *job = *state;
    struct received received = {0};
    attachable(job);
    start(job, "exec cat");
    int good = attach(job), bad = attach(job);
    for (int i = 0; i < 10 && send(bad, "\77garbage", 8, MSG_NOSIGNAL) == 8; i++)
        ;
    receive_all(bad, &received);
    assert_null(received.output);
    await_text(job, "shim-log.json", "dropped a client");
    await_attached(good);
    tell(good, END, NULL, 0);
    receive_all(good, &received);
    assert_ends(&job->base, 0);
}

/* The monitor closes a connection with packets in it that it has not read: the client still gets
 * the last output, and no reset. */
static void the_end_is_no_reset(void **state) {
    struct job *job = *state;
    struct received received = {0};
    char bytes[32 * 1024] = {0};
    attachable(job);
    start(job, "read x < go; echo end; exit 4");
    int client = attach(job);
    for (int i = 0; i < 5; i++) /* more than the pipe holds */
        tell(client, DATA, bytes, sizeof(bytes));
    assert_sleeps(job->base.pid);
    go(&job->base);
    receive_all(client, &received);
    assert_received(&received, "end\n");
    assert_ends(&job->base, 4);
}

/* ---- input ---- */

/* A client need not wait until the process has read what it sent. */
static void input_of_a_client_that_leaves(void **state) {
    struct job *job = *state;
    attachable(job);
    start(job, "read x < go; cat > input; exit 4");
    int client = attach(job);
    send_numbers(client, 0, 15000); /* the pipe is full, more waits, the rest is still unread */
    close(client);
    int other = attach(job);
    assert_sleeps(job->base.pid);
    go(&job->base);
    await_text(job, "input", "014999\n");
    tell(other, END, NULL, 0);
    struct received received = {0};
    receive_all(other, &received);
    assert_ends(&job->base, 4);
    size_t size;
    char *input = slurp(job, "input", &size);
    assert_int_equal(size, 15000 * 7);
    assert_numbers(input, 0, 15000);
    free(input);
}

/* Several clients type ahead of a process that does not read yet. */
static void input_of_several(void **state) {
    enum { SOME = 4, EACH = 15000 };
    struct job *job = *state;
    int clients[SOME], next[SOME] = {0};
    size_t size;
    attachable(job);
    start(job, "read x < go; cat > input; exit 4");
    for (int i = 0; i < SOME; i++)
        clients[i] = attach(job);
    for (int i = 0; i < SOME; i++)
        send_numbers(clients[i], i * EACH, (i + 1) * EACH);
    assert_sleeps(job->base.pid);
    order(job, "0 0 0\n"); /* the end comes after what waits */
    go(&job->base);
    for (int i = 0; i < SOME; i++) {
        struct received received = {0};
        receive_all(clients[i], &received);
    }
    assert_ends(&job->base, 4);
    char *input = slurp(job, "input", &size);
    assert_int_equal(size % 7, 0);
    assert_in_range(size, 9000 * 7, SOME * EACH * 7);
    for (size_t at = 0; at < size; at += 7) {
        int number = atoi(input + at), client = number / EACH;
        assert_in_range(client, 0, SOME - 1);
        assert_int_equal(number % EACH, next[client]++); /* each one's in its order, none missing */
    }
    free(input);
}

static void the_end_of_input(void **state) {
    struct job *job = *state;
    struct received received = {0};
    attachable(job);
    start(job, "cat; echo end; exit 4");
    int client = attach(job);
    tell(client, DATA, "one\n", 4);
    tell(client, END, NULL, 0);
    tell(client, END, NULL, 0);
    tell(client, DATA, "two\n", 4);
    receive_all(client, &received);
    assert_received(&received, "one\nend\n");
    assert_ends(&job->base, 4);
}

/* The process closes its standard input, with input waiting for it. */
static void input_that_nobody_reads(void **state) {
    struct job *job = *state;
    struct received received = {0};
    attachable(job);
    start(job, "read x < go; exec < /dev/null; echo closed; read x < go; exit 4");
    int client = attach(job);
    send_numbers(client, 0, 25000);
    go(&job->base);
    receive_until(client, &received, "closed\n");
    assert_sleeps(job->base.pid);
    tell(client, DATA, "more\n", 5);
    go(&job->base);
    receive_all(client, &received);
    assert_received(&received, "closed\n");
    assert_ends(&job->base, 4);
}

/* ---- the client that is waited for ---- */

static void nothing_is_lost_to_the_owner(void **state) {
    struct job *job = *state;
    struct received received = {0};
    attachable(job);
    word(job, "await-attach=1");
    start(job, "seq 1000000 1299999; echo x > written; read x < go; exit 4");
    assert_sleeps(job->base.pid); /* nobody has attached */
    int client = attach(job);
    assert_sleeps(job->base.pid); /* it does not read */
    assert_null(content(&job->base, "written"));
    receive_until(client, &received, "1299999\n");
    assert_sleeps(job->base.pid);
    go(&job->base);
    receive_all(client, &received);
    assert_int_equal(received.lost, 0);
    assert_int_equal(received.size, 300000 * 8);
    free(received.output);
    assert_ends(&job->base, 4);
}

/* Once the owner has left, nobody is waited for. */
static void an_owner_who_leaves(void **state) {
    struct job *job = *state;
    attachable(job);
    word(job, "await-attach=1");
    start(job, "seq 1000000 1299999; echo x > written; read x < go; exit 4");
    int client = attach(job);
    assert_sleeps(job->base.pid);
    assert_null(content(&job->base, "written"));
    close(client);
    await_text(job, "written", "x");
    assert_sleeps(job->base.pid);
    go(&job->base);
    assert_ends(&job->base, 4);
}

static void an_owner_who_comes_late(void **state) {
    struct job *job = *state;
    struct received received = {0};
    attachable(job);
    word(job, "await-attach=1");
    word(job, "drain-timeout=%d", 100 * PATIENCE);
    start(job, "echo one; echo two >&2; exit 4");
    await_exit(&job->base);
    assert_content(&job->base, "exitStatus", "4\n");
    assert_sleeps(job->base.pid);
    int client = attach(job);
    receive_all(client, &received);
    assert_received(&received, "one\ntwo\n");
    assert_ends(&job->base, 4);
}

/* How much a process has written in all. */
static size_t written_by(pid_t pid) {
    char path[32];
    size_t written = 0;
    snprintf(path, sizeof(path), "/proc/%d/io", pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "rchar: %*u wchar: %zu", &written), 1);
    fclose(file);
    return written;
}

/* It begins to read long after the deadline for all others. */
static void an_owner_who_is_slow_at_the_end(void **state) {
    struct job *job = *state;
    struct received received = {0};
    attachable(job);
    word(job, "await-attach=1");
    word(job, "drain-timeout=20");
    start(job, "exec seq 1000000 9999999");
    int client = attach(job);
    pid_t process = recorded_pid(&job->base);
    assert_sleeps(job->base.pid); /* the process has to wait */
    size_t written = written_by(process);
    assert_int_equal(kill(process, SIGKILL), 0);
    await_exit(&job->base);
    assert_content(&job->base, "exitStatus", "137\n");
    assert_sleeps(job->base.pid);
    receive_all(client, &received);
    assert_in_range(received.size, written, SIZE_MAX);
    assert_int_equal(received.lost, 0);
    free(received.output);
    assert_ends(&job->base, 137);
}

/* What others write after the deadline is nobody's, however much there is of it. */
static void an_owner_who_is_slow_beside_a_stray(void **state) {
    struct job *job = *state;
    struct received received = {0};
    attachable(job);
    word(job, "await-attach=1");
    word(job, "drain-timeout=20");
    start(job, "yes & echo $! > stray; read x < go; exit 4");
    int client = attach(job);
    go(&job->base);
    await_exit(&job->base);
    assert_sleeps(job->base.pid);
    receive_all(client, &received);
    assert_int_equal(received.lost, 0);
    free(received.output);
    assert_ends(&job->base, 4);
    await_text(job, "shim-log.json", "somebody still holds stdout open");
    assert_true(gone(atoi(content(&job->base, "stray")))); /* of SIGPIPE */
}

/* The log gets it all the same. */
static void an_owner_who_never_comes(void **state) {
    struct job *job = *state;
    log_to(job, "raw", "log");
    word(job, "attach=1");
    word(job, "await-attach=1");
    word(job, "drain-timeout=300");
    start(job, "echo one; printf two; exit 4");
    assert_ends(&job->base, 4);
    assert_content(&job->base, "log", "one\ntwo");
}

/* The process does not wait for him for ever. */
static void an_owner_who_never_comes_to_one_that_lives(void **state) {
    struct job *job = *state;
    size_t size;
    log_to(job, "raw", "log");
    word(job, "attach=1");
    word(job, "await-attach=1");
    word(job, "drain-timeout=300");
    start(job, "seq 1000000 1299999; echo x > written; read x < go; exit 4");
    await_text(job, "written", "x");
    int client = attach(job); /* is one as any other */
    assert_sleeps(job->base.pid);
    go(&job->base);
    struct received received = {0};
    receive_all(client, &received);
    assert_ends(&job->base, 4);
    free(slurp(job, "log", &size));
    assert_int_equal(size, 300000 * 8);
}

/* Its host, which would have attached, is killed before it is told. */
static void an_owner_who_has_died(void **state) {
    struct job *job = *state;
    attachable(job);
    word(job, "await-attach=1");
    word(job, "drain-timeout=%d", 100 * PATIENCE);
    job->base.plan.pid_file = ".pid.runtime";
    set_script(&job->base, "{ seq 1000000 1299999; echo x > written; read x < go; exit 4; } &"
                           "echo $! > .pid.runtime; read x < go");
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* the monitor falls to us */
    pid_t host = fork();
    if (host == 0)
        _exit(launch_monitor(&job->base.plan, &job->base.error) < 0);
    await_text(job, ".pid.runtime", "\n");
    assert_int_equal(kill(host, SIGKILL), 0);
    reap(host);
    job->base.pid = atoi(content(&job->base, "monitor"));
    go(&job->base);
    await_text(job, "written", "x");
    go(&job->base);
    assert_ends(&job->base, 4);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, job_setup, job_teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_clients_get_everything),
        TEST(slow_clients_hold_up_nobody),
        TEST(a_slow_client_is_told_at_the_end),
        TEST(no_more_than_sixteen),
        TEST(another_user_is_refused),
        TEST(clients_that_hang_up),
        TEST(packets_that_make_no_sense),
        TEST(the_end_is_no_reset),
        TEST(input_of_a_client_that_leaves),
        TEST(input_of_several),
        TEST(the_end_of_input),
        TEST(input_that_nobody_reads),
        TEST(nothing_is_lost_to_the_owner),
        TEST(an_owner_who_leaves),
        TEST(an_owner_who_comes_late),
        TEST(an_owner_who_is_slow_at_the_end),
        TEST(an_owner_who_is_slow_beside_a_stray),
        TEST(an_owner_who_never_comes),
        TEST(an_owner_who_never_comes_to_one_that_lives),
        TEST(an_owner_who_has_died),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
