/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "containerd/cgroup.h"
#include "containerd/stats.h"
#include "metrics.pb-c.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PER_CPU_MAX 4096u
#define DEVICES_MAX 256u

/* ---------------------------------------------------------------------------- memory */

#define MEMORY(file_name, field)                                                                   \
    { file_name, offsetof(Pb__Memory1, field) }

static const struct cgroup_field memory_fields[] = {
    MEMORY("cache", cache),
    MEMORY("rss", rss),
    MEMORY("rss_huge", rss_huge),
    MEMORY("mapped_file", mapped_file),
    MEMORY("dirty", dirty),
    MEMORY("writeback", writeback),
    MEMORY("pgpgin", pg_pg_in),
    MEMORY("pgpgout", pg_pg_out),
    MEMORY("pgfault", pg_fault),
    MEMORY("pgmajfault", pg_maj_fault),
    MEMORY("inactive_anon", inactive_anon),
    MEMORY("active_anon", active_anon),
    MEMORY("inactive_file", inactive_file),
    MEMORY("active_file", active_file),
    MEMORY("unevictable", unevictable),
    MEMORY("hierarchical_memory_limit", hierarchical_memory_limit),
    MEMORY("hierarchical_memsw_limit", hierarchical_swap_limit),
    MEMORY("total_cache", total_cache),
    MEMORY("total_rss", total_rss),
    MEMORY("total_rss_huge", total_rss_huge),
    MEMORY("total_mapped_file", total_mapped_file),
    MEMORY("total_dirty", total_dirty),
    MEMORY("total_writeback", total_writeback),
    MEMORY("total_pgpgin", total_pg_pg_in),
    MEMORY("total_pgpgout", total_pg_pg_out),
    MEMORY("total_pgfault", total_pg_fault),
    MEMORY("total_pgmajfault", total_pg_maj_fault),
    MEMORY("total_inactive_anon", total_inactive_anon),
    MEMORY("total_active_anon", total_active_anon),
    MEMORY("total_inactive_file", total_inactive_file),
    MEMORY("total_active_file", total_active_file),
    MEMORY("total_unevictable", total_unevictable),
};

static uint64_t memory_number(int fd, const char *kind, const char *name) {
    char file[64];
    snprintf(file, sizeof(file), "memory.%s%s", kind, name);
    return cgroup_number(fd, file);
}

static void memory_entry(int fd, const char *kind, Pb__MemoryEntry1 *entry) {
    pb__memory_entry1__init(entry);
    entry->limit = memory_number(fd, kind, "limit_in_bytes");
    entry->usage = memory_number(fd, kind, "usage_in_bytes");
    entry->max = memory_number(fd, kind, "max_usage_in_bytes");
    entry->failcnt = memory_number(fd, kind, "failcnt");
}

struct memory {
    Pb__Memory1 whole;
    Pb__MemoryEntry1 usage, swap, kernel, kernel_tcp;
    Pb__OomControl1 oom;
};

static void read_memory(const char *text, struct memory *memory, Pb__Metrics1 *metrics) {
    static const struct cgroup_field oom_fields[] = {
        {"oom_kill_disable", offsetof(Pb__OomControl1, oom_kill_disable)},
        {"under_oom", offsetof(Pb__OomControl1, under_oom)},
        {"oom_kill", offsetof(Pb__OomControl1, oom_kill)},
    };
    int fd AUTO_CLOSE = cgroup_open(text, "memory");
    if (fd < 0)
        return;
    pb__memory1__init(&memory->whole);
    cgroup_fields(fd, "memory.stat", memory_fields, COUNT(memory_fields), &memory->whole);
    memory_entry(fd, "", &memory->usage);
    memory_entry(fd, "memsw.", &memory->swap);
    memory_entry(fd, "kmem.", &memory->kernel);
    memory_entry(fd, "kmem.tcp.", &memory->kernel_tcp);
    memory->whole.usage = &memory->usage;
    memory->whole.swap = &memory->swap;
    memory->whole.kernel = &memory->kernel;
    memory->whole.kernel_tcp = &memory->kernel_tcp;
    metrics->memory = &memory->whole;
    pb__oom_control1__init(&memory->oom);
    cgroup_fields(fd, "memory.oom_control", oom_fields, COUNT(oom_fields), &memory->oom);
    metrics->memory_oom_control = &memory->oom;
}

/* ---------------------------------------------------------------------------- processors */

struct cpu {
    Pb__Cpu1 whole;
    Pb__CpuUsage1 usage;
    Pb__Throttle1 throttling;
    uint64_t per_cpu[PER_CPU_MAX];
};

static size_t read_numbers(const char *text, uint64_t *numbers, size_t max) {
    size_t count = 0;
    while (text && count < max) {
        char *end;
        uint64_t number = strtoull(text, &end, 10);
        if (end == text)
            break;
        numbers[count++] = number;
        text = end;
    }
    return count;
}

static void read_cpu(const char *text, struct cpu *cpu, Pb__Metrics1 *metrics) {
    static const struct cgroup_field usage_fields[] = {
        {"user", offsetof(Pb__CpuUsage1, user)},
        {"system", offsetof(Pb__CpuUsage1, kernel)},
    };
    static const struct cgroup_field throttle_fields[] = {
        {"nr_periods", offsetof(Pb__Throttle1, periods)},
        {"nr_throttled", offsetof(Pb__Throttle1, throttled_periods)},
        {"throttled_time", offsetof(Pb__Throttle1, throttled_time)},
    };
    int account AUTO_CLOSE = cgroup_open(text, "cpuacct"), fd AUTO_CLOSE = cgroup_open(text, "cpu");
    if (account < 0)
        return;
    pb__cpu1__init(&cpu->whole);
    pb__cpu_usage1__init(&cpu->usage);
    pb__throttle1__init(&cpu->throttling);
    cpu->usage.total = cgroup_number(account, "cpuacct.usage");
    cgroup_fields(account, "cpuacct.stat", usage_fields, COUNT(usage_fields), &cpu->usage);
    /* Clock ticks, but the message has nanoseconds. */
    uint64_t tick = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    cpu->usage.user *= tick;
    cpu->usage.kernel *= tick;
    char *each AUTO_FREE = cgroup_text(account, "cpuacct.usage_percpu");
    cpu->usage.per_cpu = cpu->per_cpu;
    cpu->usage.n_per_cpu = read_numbers(each, cpu->per_cpu, PER_CPU_MAX);
    if (fd >= 0)
        cgroup_fields(fd, "cpu.stat", throttle_fields, COUNT(throttle_fields), &cpu->throttling);
    cpu->whole.usage = &cpu->usage;
    cpu->whole.throttling = &cpu->throttling;
    metrics->cpu = &cpu->whole;
}

/* ---------------------------------------------------------------------------- devices */

struct entries {
    Pb__BlkioEntry1 entries[DEVICES_MAX];
    Pb__BlkioEntry1 *list[DEVICES_MAX];
    char operations[DEVICES_MAX][16];
    size_t count;
};

struct blkio {
    Pb__Blkio1 whole;
    struct entries bytes, operations;
};

/* Lines "8:0 Read 4096"; the total at the end has another form. */
static void read_entries(int fd, const char *file, struct entries *entries) {
    char *text AUTO_FREE = cgroup_text(fd, file);
    for (char *line = text; line && *line && entries->count < DEVICES_MAX;) {
        unsigned long long major, minor, value;
        char *end = line + strcspn(line, "\n"), *operation = entries->operations[entries->count];
        if (sscanf(line, "%llu:%llu %15s %llu", &major, &minor, operation, &value) == 4) {
            Pb__BlkioEntry1 *entry = &entries->entries[entries->count];
            pb__blkio_entry1__init(entry);
            entry->op = operation;
            entry->major = major;
            entry->minor = minor;
            entry->value = value;
            entries->list[entries->count++] = entry;
        }
        line = *end ? end + 1 : end;
    }
}

static void read_blkio(const char *text, struct blkio *blkio, Pb__Metrics1 *metrics) {
    int fd AUTO_CLOSE = cgroup_open(text, "blkio");
    if (fd < 0)
        return;
    pb__blkio1__init(&blkio->whole);
    read_entries(fd, "blkio.throttle.io_service_bytes_recursive", &blkio->bytes);
    read_entries(fd, "blkio.throttle.io_serviced_recursive", &blkio->operations);
    blkio->whole.n_io_service_bytes_recursive = blkio->bytes.count;
    blkio->whole.io_service_bytes_recursive = blkio->bytes.list;
    blkio->whole.n_io_serviced_recursive = blkio->operations.count;
    blkio->whole.io_serviced_recursive = blkio->operations.list;
    metrics->blkio = &blkio->whole;
}

static void read_pids(const char *text, Pb__PidsStat *pids, Pb__Metrics1 *metrics) {
    int fd AUTO_CLOSE = cgroup_open(text, "pids");
    if (fd < 0)
        return;
    pb__pids_stat__init(pids);
    pids->current = cgroup_number(fd, "pids.current");
    uint64_t limit = cgroup_number(fd, "pids.max");
    pids->limit = limit == UINT64_MAX ? 0 : limit; /* as containerd's own: 0 is no limit */
    metrics->pids = pids;
}

size_t stats_version_1(const char *text, uint8_t **ret) {
    struct parts {
        struct memory memory;
        struct cpu cpu;
        struct blkio blkio;
        Pb__PidsStat pids;
    } *parts AUTO_FREE = calloc(1, sizeof(*parts));
    if (!parts)
        return 0;
    Pb__Metrics1 metrics = PB__METRICS1__INIT;
    read_memory(text, &parts->memory, &metrics);
    read_cpu(text, &parts->cpu, &metrics);
    read_blkio(text, &parts->blkio, &metrics);
    read_pids(text, &parts->pids, &metrics);
    if (!metrics.memory && !metrics.cpu && !metrics.pids)
        return 0;
    *ret = malloc(pb__metrics1__get_packed_size(&metrics) + 1);
    return *ret ? pb__metrics1__pack(&metrics, *ret) : 0;
}
