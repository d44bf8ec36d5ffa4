/* SPDX-License-Identifier: Apache-2.0 */
/* Plugin process: which processes are a container's, and that no stranger ever is. */
#include "directory_fixture.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "plugins/process/members.h"
#include "process/identity.h"

/* A leader of a session with a child in it, both waiting for a signal. */
struct family {
    pid_t leader, child;
};

static void wait_for_ever(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        pause();
}

static struct family make_family(void) {
    struct family family;
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    family.leader = fork();
    if (family.leader == 0) {
        setsid();
        pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, 0);
            for (;;)
                pause();
        }
        if (write(pipe_fds[1], &child, sizeof(child)) != sizeof(child))
            _exit(1);
        wait_for_ever();
    }
    assert_int_equal(read(pipe_fds[0], &family.child, sizeof(family.child)), sizeof(pid_t));
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return family;
}

static void end_family(struct family family) {
    kill(family.leader, SIGKILL);
    kill(family.child, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

/* Writes down a process as the monitor does; `shift` makes another start time of it. */
static void record(const struct directory *directory, pid_t pid, int shift) {
    struct shim_identity identity = {.size = sizeof(identity)};
    char text[128];
    assert_int_equal(identity_of(pid, &identity, NULL), 0);
    int length = snprintf(text, sizeof(text), "%d\n", (int)pid);
    put_bytes(directory, "pid", text, (size_t)length);
    length = snprintf(text, sizeof(text), "%llu\n%s\n",
                      (unsigned long long)identity.start_time + (unsigned)shift, identity.boot_id);
    put_bytes(directory, "starttime", text, (size_t)length);
}

static int belongs(const struct census *census, pid_t pid) {
    for (size_t i = 0; i < census->count; i++)
        if (census->all[i].pid == pid)
            return census->all[i].belongs;
    return -1;
}

static size_t count_belonging(const struct census *census) {
    size_t count = 0;
    for (size_t i = 0; i < census->count; i++)
        count += census->all[i].belongs != 0;
    return count;
}

static void mark(struct census *census, const struct directory *directory) {
    census_clear(census);
    assert_int_equal(census_take(census), 0);
    census_mark_process(census, directory->fd);
}

static void a_session_is_the_container_s(void **state) {
    struct directory *directory = *state;
    struct census census = {NULL, 0, 0};
    struct family family = make_family();
    record(directory, family.leader, 0);
    mark(&census, directory);
    assert_int_equal(belongs(&census, family.leader), 1);
    assert_int_equal(belongs(&census, family.child), 1);
    assert_int_equal(belongs(&census, getpid()), 0);
    assert_int_equal(count_belonging(&census), 2);
    assert_int_equal(census_signal(&census, 0, 0), 2);
    census_clear(&census);
    end_family(family);
}

static void another_start_time_is_a_stranger(void **state) {
    struct directory *directory = *state;
    struct census census = {NULL, 0, 0};
    struct family family = make_family();
    record(directory, family.leader, 1);
    mark(&census, directory);
    assert_int_equal(count_belonging(&census), 0);
    census_clear(&census);
    end_family(family);
}

static void another_boot_s_processes_are_gone(void **state) {
    static const char starttime[] = "1\n00000000-0000-0000-0000-000000000000\n";
    struct directory *directory = *state;
    struct census census = {NULL, 0, 0};
    put_bytes(directory, "pid", "1\n", 2);
    put_bytes(directory, "starttime", starttime, strlen(starttime));
    put_bytes(directory, "monitor", "1\n1\nanother\n", 12);
    mark(&census, directory);
    assert_int_equal(count_belonging(&census), 0);
    census_clear(&census);
}

/* Without a leader, a session is ours if it is older than the record of the leader's end. */
static void what_outlives_its_leader_must_be_proven(void **state) {
    struct directory *directory = *state;
    struct census census = {NULL, 0, 0};
    struct family family = make_family();
    record(directory, family.leader, 0);
    /* In the census the end has to be later than the start by a clock tick. */
    usleep(30000);
    kill(family.leader, SIGKILL);
    assert_int_equal(waitpid(family.leader, NULL, 0), family.leader);
    mark(&census, directory);
    assert_int_equal(count_belonging(&census), 0);
    put_bytes(directory, "exitStatus", "137\n", 4);
    mark(&census, directory);
    assert_int_equal(belongs(&census, family.child), 1);
    assert_int_equal(count_belonging(&census), 1);
    assert_int_equal(census_signal(&census, SIGKILL, 5000), 1);
    mark(&census, directory);
    assert_int_equal(count_belonging(&census), 0);
    census_clear(&census);
}

static void garbage_marks_nobody(void **state) {
    static const char *const texts[] = {"", "1", "x\n", "-1\n1\nboot\n", "99999999999999\n"};
    struct directory *directory = *state;
    struct census census = {NULL, 0, 0};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        put_bytes(directory, "pid", texts[i], strlen(texts[i]));
        put_bytes(directory, "starttime", texts[i], strlen(texts[i]));
        put_bytes(directory, "monitor", texts[i], strlen(texts[i]));
        mark(&census, directory);
        assert_int_equal(count_belonging(&census), 0);
    }
    census_clear(&census);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DIRECTORY_TEST(a_session_is_the_container_s),
        DIRECTORY_TEST(another_start_time_is_a_stranger),
        DIRECTORY_TEST(another_boot_s_processes_are_gone),
        DIRECTORY_TEST(what_outlives_its_leader_must_be_proven),
        DIRECTORY_TEST(garbage_marks_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
