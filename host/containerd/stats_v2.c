/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "containerd/cgroup.h"
#include "containerd/stats.h"
#include "metrics.pb-c.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DEVICES_MAX 256u

#define MEMORY(file_name, field)                                                                   \
    { file_name, offsetof(Pb__Memory2, field) }

static const struct cgroup_field memory_fields[] = {
    MEMORY("anon", anon),
    MEMORY("file", file),
    MEMORY("kernel_stack", kernel_stack),
    MEMORY("slab", slab),
    MEMORY("sock", sock),
    MEMORY("shmem", shmem),
    MEMORY("file_mapped", file_mapped),
    MEMORY("file_dirty", file_dirty),
    MEMORY("file_writeback", file_writeback),
    MEMORY("anon_thp", anon_thp),
    MEMORY("inactive_anon", inactive_anon),
    MEMORY("active_anon", active_anon),
    MEMORY("inactive_file", inactive_file),
    MEMORY("active_file", active_file),
    MEMORY("unevictable", unevictable),
    MEMORY("slab_reclaimable", slab_reclaimable),
    MEMORY("slab_unreclaimable", slab_unreclaimable),
    MEMORY("pgfault", pgfault),
    MEMORY("pgmajfault", pgmajfault),
};

#define CPU(field)                                                                                 \
    { #field, offsetof(Pb__Cpu2, field) }

static const struct cgroup_field cpu_fields[] = {
    CPU(usage_usec), CPU(user_usec),    CPU(system_usec),
    CPU(nr_periods), CPU(nr_throttled), CPU(throttled_usec),
};

#define EVENT(field)                                                                               \
    { #field, offsetof(Pb__MemoryEvents2, field) }

static const struct cgroup_field event_fields[] = {
    EVENT(low), EVENT(high), EVENT(max), EVENT(oom), EVENT(oom_kill),
};

static void read_memory(int fd, Pb__Memory2 *memory) {
    pb__memory2__init(memory);
    cgroup_fields(fd, "memory.stat", memory_fields, COUNT(memory_fields), memory);
    memory->usage = cgroup_number(fd, "memory.current");
    memory->usage_limit = cgroup_number(fd, "memory.max");
    memory->swap_usage = cgroup_number(fd, "memory.swap.current");
    memory->swap_limit = cgroup_number(fd, "memory.swap.max");
}

struct devices {
    Pb__IoEntry2 entries[DEVICES_MAX];
    Pb__IoEntry2 *list[DEVICES_MAX];
    Pb__Io2 whole;
};

/* A line "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6". */
static bool read_device(const char *line, Pb__IoEntry2 *entry) {
    unsigned long long major, minor, values[4];
    pb__io_entry2__init(entry);
    if (sscanf(line, "%llu:%llu rbytes=%llu wbytes=%llu rios=%llu wios=%llu", &major, &minor,
               &values[0], &values[1], &values[2], &values[3]) != 6)
        return false;
    entry->major = major;
    entry->minor = minor;
    entry->rbytes = values[0];
    entry->wbytes = values[1];
    entry->rios = values[2];
    entry->wios = values[3];
    return true;
}

static void read_devices(int fd, struct devices *devices) {
    char *text AUTO_FREE = cgroup_text(fd, "io.stat");
    size_t count = 0;
    for (char *line = text; line && *line && count < DEVICES_MAX;) {
        char *end = line + strcspn(line, "\n");
        devices->list[count] = &devices->entries[count];
        count += read_device(line, &devices->entries[count]);
        line = *end ? end + 1 : end;
    }
    pb__io2__init(&devices->whole);
    devices->whole.n_usage = count;
    devices->whole.usage = devices->list;
}

size_t stats_version_2(int fd, uint8_t **ret) {
    struct devices *devices AUTO_FREE = calloc(1, sizeof(*devices));
    if (!devices)
        return 0;
    Pb__Memory2 memory;
    Pb__Cpu2 cpu = PB__CPU2__INIT;
    Pb__PidsStat pids = PB__PIDS_STAT__INIT;
    Pb__MemoryEvents2 events = PB__MEMORY_EVENTS2__INIT;
    Pb__Metrics2 metrics = PB__METRICS2__INIT;
    read_memory(fd, &memory);
    cgroup_fields(fd, "cpu.stat", cpu_fields, COUNT(cpu_fields), &cpu);
    cgroup_fields(fd, "memory.events", event_fields, COUNT(event_fields), &events);
    read_devices(fd, devices);
    pids.current = cgroup_number(fd, "pids.current");
    pids.limit = cgroup_number(fd, "pids.max"); /* other than in version 1, where 0 is no limit */
    metrics.memory = &memory;
    metrics.cpu = &cpu;
    metrics.pids = &pids;
    metrics.memory_events = &events;
    metrics.io = &devices->whole;
    *ret = malloc(pb__metrics2__get_packed_size(&metrics) + 1);
    return *ret ? pb__metrics2__pack(&metrics, *ret) : 0;
}
