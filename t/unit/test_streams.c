/* SPDX-License-Identifier: Apache-2.0 */
/* What the monitor copies to FIFOs and programs, what it does at the end, and what that costs. */
#include "streams_fixture.h"

/* ---- FIFOs and programs ---- */

/* Reads until there is nothing, for the moment. */
static size_t read_what_is_there(int fd, char *bytes, size_t room) {
    size_t size = 0;
    ssize_t got;
    while ((got = read(fd, bytes + size, room - size)) > 0)
        size += (size_t)got;
    return size;
}

static void dropped_when_nobody_reads(void **state) {
    enum { SIZE = 300000 };
    struct job *job = *state;
    static char bytes[SIZE];
    unsigned long lost = 0;
    char *notice = NULL;
    copy_to_fifo(job, "drop");
    start(job, "head -c 300000 /dev/zero; echo x > written; read x < go; exit 4");
    await_text(job, "written", "x");
    await_text(job, "shim-log.json", "nobody takes what goes to stdout");
    assert_sleeps(job->base.pid);
    /* A reader comes: it is told, though nothing more is written. */
    int reader = open_in(job, "fifo", O_RDONLY | O_NONBLOCK);
    size_t size = 0;
    for (int i = 0; i < PATIENCE && !notice; i++, breathe()) {
        size += read_what_is_there(reader, bytes + size, sizeof(bytes) - size);
        notice = memmem(bytes, size, "\n[shimhost: ", 12);
    }
    assert_non_null(notice);
    assert_int_equal(sscanf(notice, "\n[shimhost: %lu bytes lost]\n", &lost), 1);
    assert_int_equal((size_t)(notice - bytes) + lost, SIZE);
    go(&job->base);
    assert_ends(&job->base, 4);
    await_text(job, "shim-log.json", "bytes of stdout were lost in all");
    close(reader);
}

/* Without a reader the process waits, and nothing is lost to the readers to come. */
static void blocked_until_somebody_reads(void **state) {
    struct job *job = *state;
    struct growing text = {0};
    char bytes[1000];
    int fifo = copy_to_fifo(job, "block");
    start(job, "seq 100000 199999; echo x > written; exit 4");
    await_full(fifo);
    assert_sleeps(job->base.pid);
    assert_null(content(&job->base, "written"));
    int reader = open_in(job, "fifo", O_RDONLY);
    assert_int_equal(read(reader, bytes, sizeof(bytes)), sizeof(bytes));
    grow(&text, bytes, sizeof(bytes));
    close(reader);
    assert_sleeps(job->base.pid);
    assert_null(content(&job->base, "written"));
    reader = open_in(job, "fifo", O_RDONLY);
    while (text.size < 700000) {
        ssize_t got = read(reader, bytes, sizeof(bytes));
        assert_true(got > 0);
        grow(&text, bytes, (size_t)got);
    }
    assert_ends(&job->base, 4);
    const char *at = text.bytes;
    for (long i = 100000; i < 200000; i++, at += 7)
        assert_int_equal(atol(at), i);
    close(reader);
    free(text.bytes);
}

/* A log and a FIFO that blocks, both whole. */
static void two_sinks(void **state) {
    struct job *job = *state;
    struct growing text = {0};
    size_t size = 0;
    int fifo = copy_to_fifo(job, "block");
    word(job, "log-format=raw");
    word(job, "log-path=%s/log", job->base.directory);
    word(job, "log-fd=%d", descriptor(job, open_in(job, "log", O_WRONLY | O_APPEND | O_CREAT)));
    start(job, "exec seq 100000 199999");
    await_full(fifo);
    assert_sleeps(job->base.pid);
    int reader = open_in(job, "fifo", O_RDONLY);
    while (text.size < 700000) {
        char bytes[10000];
        ssize_t got = read(reader, bytes, sizeof(bytes));
        assert_true(got > 0);
        grow(&text, bytes, (size_t)got);
    }
    assert_ends(&job->base, 0);
    char *log = slurp(job, "log", &size);
    assert_int_equal(size, text.size);
    assert_memory_equal(log, text.bytes, size);
    free(log);
    close(reader);
    free(text.bytes);
}

/* A program that is slow gets everything, one that is dead holds nobody up. */
static void a_program_that_dies(void **state) {
    struct job *job = *state;
    int pair[2];
    char bytes[5000];
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    word(job, "stdout=copy");
    int number = descriptor(job, pair[1]);
    assert_int_equal(fcntl(number, F_SETFL, O_NONBLOCK), 0);
    word(job, "stdout-program=%d", number);
    start(job, "seq 100000 199999; echo x > written; read x < go; exit 4");
    await_full(number);
    close(number); /* only the monitor has it now */
    job->base.plan.n_descriptors = 0;
    assert_sleeps(job->base.pid);
    assert_null(content(&job->base, "written"));
    assert_int_equal(read(pair[0], bytes, sizeof(bytes)), sizeof(bytes));
    close(pair[0]);
    await_text(job, "written", "x");
    await_text(job, "shim-log.json", "stdout cannot be written any more: error 32");
    assert_sleeps(job->base.pid);
    go(&job->base);
    assert_ends(&job->base, 4);
}

/* ---- the end ---- */

static void a_grandchild_holds_the_pipe(void **state) {
    struct job *job = *state;
    log_to(job, "k8s-file", "log");
    word(job, "drain-timeout=1500");
    start(job, "sleep 1000 & echo $! > stray; echo done; exit 3");
    await_exit(&job->base); /* before the pipe has ended */
    assert_content(&job->base, "exitStatus", "3\n");
    assert_sleeps(job->base.pid);
    await_text(job, "log", " stdout F done\n");
    assert_ends(&job->base, 3);
    await_text(job, "shim-log.json", "somebody still holds stdout open");
    pid_t stray = atoi(content(&job->base, "stray"));
    assert_int_equal(kill(stray, SIGKILL), 0);
    assert_true(gone(stray));
}

static void a_grandchild_lets_go(void **state) {
    struct job *job = *state;
    log_to(job, "k8s-file", "log");
    word(job, "drain-timeout=%d", 100 * PATIENCE);
    start(job, "(read x < go; echo more; printf last) & echo done; exit 3");
    await_exit(&job->base);
    go(&job->base);
    assert_ends(&job->base, 3);
    await_text(job, "log", " stdout F done\n");
    await_text(job, "log", " stdout F more\n");
    await_text(job, "log", " stdout P last\n");
}

/* Nobody reads the FIFO, ever. */
static void a_sink_that_stays_full(void **state) {
    struct job *job = *state;
    copy_to_fifo(job, "block");
    word(job, "drain-timeout=300");
    start(job, "head -c 100000 /dev/zero; exit 3");
    assert_ends(&job->base, 3);
    await_text(job, "shim-log.json", "stdout");
}

/* ---- cost ---- */

static long private_dirty(pid_t pid) {
    static char buffer[8192];
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t got = read(fd, buffer, sizeof(buffer) - 1);
    close(fd);
    assert_true(got > 0);
    buffer[got] = '\0';
    return strtol(strstr(buffer, "Private_Dirty:") + 14, NULL, 10);
}

static bool freestanding(pid_t pid) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    char *maps = read_all(fd, NULL);
    bool result = !strstr(maps, "libc");
    close(fd);
    free(maps);
    return result;
}

/* A moment after much has gone through, the monitor is as small as before. */
static void memory_is_given_back(void **state) {
    struct job *job = *state;
    long dirty = 0;
    log_to(job, "k8s-file", "log");
    word(job, "log-max-size=1000000");
    word(job, "log-max-files=2");
    start(job, "yes 'a line of no great length' | head -c 100000000; printf begun; echo x > "
               "written; read x < go; echo ' and ended'");
    await_text(job, "written", "x");
    for (int i = 0; i < PATIENCE && (dirty = private_dirty(job->base.pid)) > 32; i++)
        breathe();
    print_message("# private dirty %ld KiB\n", dirty);
    if (freestanding(job->base.pid))
        assert_in_range(dirty, 1, 32);
    assert_sleeps(job->base.pid);
    go(&job->base);
    assert_ends(&job->base, 0);
    char *log = slurp(job, "log", NULL);
    assert_non_null(strstr(log, "begun and ended\n")); /* that much of it was kept */
    free(log);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, job_setup, job_teardown)
    const struct CMUnitTest tests[] = {
        TEST(dropped_when_nobody_reads),
        TEST(blocked_until_somebody_reads),
        TEST(two_sinks),
        TEST(a_program_that_dies),
        TEST(a_grandchild_holds_the_pipe),
        TEST(a_grandchild_lets_go),
        TEST(a_sink_that_stays_full),
        TEST(memory_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
