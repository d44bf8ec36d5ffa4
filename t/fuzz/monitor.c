/* SPDX-License-Identifier: Apache-2.0 */
#include "t/fuzz/monitor.h"

#include <sys/mman.h>
#include <sys/socket.h>

void fuzz_monitor(struct monitor *monitor, struct plan *plan) {
    static char name[] = "shimhost-monitor", process[] = "c/init", adopt[] = "adopt=1";
    static char *arguments[] = {name, process, adopt, NULL};
    static char *environment[] = {NULL};
    CHECK(plan_read(plan, 3, arguments, environment) == NULL);
    CHECK(chdir(fuzz_directory()) == 0);
    monitor_init(monitor, plan);
    monitor->state = WATCHING;
}

static void give_back(char *buffer, size_t size) {
    if (buffer)
        munmap(buffer, size);
}

static void close_if(int fd) {
    if (fd >= 0)
        close(fd);
}

void fuzz_monitor_clear(struct monitor *monitor) {
    struct streams *streams = &monitor->streams;
    attach_close(monitor);
    if (streams->input != streams->outputs[0].source)
        close_if(streams->input);
    for (int i = 0; i < 2; i++) {
        close_if(streams->outputs[i].source);
        close_if(streams->outputs[i].sink);
        give_back(streams->outputs[i].buffer, PART_SIZE + READ_SIZE + COPY_PADDING);
    }
    close_if(streams->log.fd);
    close_if(monitor->control_fd);
    give_back(streams->log.records, RECORDS_SIZE + COPY_PADDING);
    give_back(streams->packet, PACKET_SIZE + 1);
    give_back(streams->waiting, PACKET_SIZE);
    unlink("shim-log.json");
}
