/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of control group version 2, out of files as the kernel writes them. */
#include "directory_fixture.h"

#include "containerd/stats.h"
#include "metrics.pb-c.h"

static Pb__Metrics2 *take(int directory_fd) {
    uint8_t *bytes = NULL;
    size_t length = stats_version_2(directory_fd, &bytes);
    assert_true(length > 0);
    Pb__Metrics2 *metrics = pb__metrics2__unpack(NULL, length, bytes);
    assert_non_null(metrics);
    free(bytes);
    return metrics;
}

static void processors_and_memory_are_as_the_files_say(void **state) {
    const struct directory *directory = *state;
    put_file(directory, "cpu.stat",
             "usage_usec 1000001\nuser_usec 600000\nsystem_usec 400001\nnr_periods 7\n"
             "nr_throttled 2\nthrottled_usec 30\nnr_bursts 9\n");
    put_file(
        directory, "memory.stat",
        "anon 4096\nfile 8192\nkernel 99\nkernel_stack 16384\nslab 1\nsock 2\nshmem 3\n"
        "file_mapped 4\nfile_dirty 5\nfile_writeback 6\nanon_thp 7\ninactive_anon 8\n"
        "active_anon 9\ninactive_file 10\nactive_file 11\nunevictable 12\nslab_reclaimable 13\n"
        "slab_unreclaimable 14\nworkingset_refault 17\npgfault 15\npgmajfault 16\npgrefill 18\n"
        "pgscan 19\npgsteal 20\npgactivate 21\npgdeactivate 22\npglazyfree 23\npglazyfreed 24\n"
        "thp_fault_alloc 25\nthp_collapse_alloc 26\n");
    put_file(directory, "memory.current", "123456789\n");
    put_file(directory, "memory.max", "268435456\n");
    put_file(directory, "memory.swap.current", "11\n");
    put_file(directory, "memory.swap.max", "max\n");
    put_file(directory, "memory.events",
             "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n");
    Pb__Metrics2 *metrics = take(directory->fd);
    assert_int_equal(metrics->cpu->usage_usec, 1000001);
    assert_int_equal(metrics->cpu->user_usec, 600000);
    assert_int_equal(metrics->cpu->system_usec, 400001);
    assert_int_equal(metrics->cpu->nr_periods, 7);
    assert_int_equal(metrics->cpu->nr_throttled, 2);
    assert_int_equal(metrics->cpu->throttled_usec, 30);
    const Pb__Memory2 *memory = metrics->memory;
    assert_int_equal(memory->anon, 4096);
    assert_int_equal(memory->file, 8192);
    assert_int_equal(memory->kernel_stack, 16384);
    assert_int_equal(memory->inactive_file, 10);
    assert_int_equal(memory->slab_unreclaimable, 14);
    assert_int_equal(memory->pgfault, 15);
    assert_int_equal(memory->pgmajfault, 16);
    assert_int_equal(memory->usage, 123456789);
    assert_int_equal(memory->usage_limit, 268435456);
    assert_int_equal(memory->swap_usage, 11);
    assert_true(memory->swap_limit == UINT64_MAX);
    assert_int_equal(metrics->memory_events->high, 2);
    assert_int_equal(metrics->memory_events->oom_kill, 5);
    pb__metrics2__free_unpacked(metrics, NULL);
}

static void no_limit_is_the_greatest_number(void **state) {
    const struct directory *directory = *state;
    put_file(directory, "pids.current", "3\n");
    put_file(directory, "pids.max", "max\n");
    put_file(directory, "memory.max", "max\n");
    Pb__Metrics2 *metrics = take(directory->fd);
    assert_int_equal(metrics->pids->current, 3);
    assert_true(metrics->pids->limit == UINT64_MAX);
    assert_true(metrics->memory->usage_limit == UINT64_MAX);
    pb__metrics2__free_unpacked(metrics, NULL);
    put_file(directory, "pids.max", "100\n");
    metrics = take(directory->fd);
    assert_int_equal(metrics->pids->limit, 100);
    pb__metrics2__free_unpacked(metrics, NULL);
}

/* A device that was never used has no figures; one whose line is new to us is passed over. */
static void devices_are_those_with_figures(void **state) {
    const struct directory *directory = *state;
    put_file(directory, "io.stat",
             "7:0 \n"
             "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n"
             "254:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=7\n");
    Pb__Metrics2 *metrics = take(directory->fd);
    assert_int_equal(metrics->io->n_usage, 2);
    assert_int_equal(metrics->io->usage[0]->major, 8);
    assert_int_equal(metrics->io->usage[0]->wbytes, 8192);
    assert_int_equal(metrics->io->usage[1]->major, 254);
    assert_int_equal(metrics->io->usage[1]->minor, 16);
    assert_int_equal(metrics->io->usage[1]->wios, 4);
    pb__metrics2__free_unpacked(metrics, NULL);
}

/* Controllers that are not there: no figures, but an answer. */
static void an_empty_directory_gives_empty_metrics(void **state) {
    const struct directory *directory = *state;
    Pb__Metrics2 *metrics = take(directory->fd);
    assert_int_equal(metrics->memory->usage, 0);
    assert_int_equal(metrics->cpu->usage_usec, 0);
    assert_int_equal(metrics->io->n_usage, 0);
    pb__metrics2__free_unpacked(metrics, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DIRECTORY_TEST(processors_and_memory_are_as_the_files_say),
        DIRECTORY_TEST(no_limit_is_the_greatest_number),
        DIRECTORY_TEST(devices_are_those_with_figures),
        DIRECTORY_TEST(an_empty_directory_gives_empty_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
