/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that are not our children: taken over from a monitor that died, or left elsewhere by
 * the runtime. */
#include "monitor.h"

/* The first 64 bytes of struct pidfd_info, which older headers lack (Linux 6.13; exit codes
 * since 6.15). */
struct pidfd_info {
    uint64_t mask;
    uint64_t cgroup;
    uint32_t pid, thread_group, parent;
    uint32_t user[8];
    int32_t exit_code; /* as wait() gives it */
};
#define PIDFD_INFO_EXIT_CODE (1ull << 3)
/* _IOWR(0xff, 11, struct pidfd_info) */
#define PIDFD_GET_INFORMATION ((3ul << 30) | (sizeof(struct pidfd_info) << 16) | (0xfful << 8) | 11)

_Static_assert(sizeof(struct pidfd_info) == 64, "the first version that the kernel knows");

static int take_over(struct monitor *monitor) {
    uint64_t start_time;
    int pid;
    int result = record_read_process(monitor, "", &pid, &start_time);
    if (result < 0)
        return result;
    monitor->pidfd = child_open(pid, start_time);
    if (monitor->pidfd < 0)
        return monitor->pidfd;
    monitor->process = pid;
    monitor->start_time = start_time;
    monitor->foreign = true;
    monitor->unclean = monitor->plan->unclean;
    return 0;
}

void adopt_begin(struct monitor *monitor) {
    int result = take_over(monitor);
    if (result == 0)
        result = record_monitor(monitor);
    if (result < 0) {
        monitor->failure = FAILED_SYSTEM;
        monitor->failure_number = -result;
        launch_tell(monitor);
        monitor->state = DONE;
        return;
    }
    event_adopted(monitor);
    sys_unlink("attach"); /* what it led to has died with the other monitor */
    streams_release(monitor);
    oom_begin(monitor);
    record_prepare_exit(monitor); /* if there is no room now, there may be later */
    launch_settle(monitor);
}

/* Does /proc show us all of the process? To others it says that the code is 0. Of a zombie that
 * link leads nowhere, but only who may see all is told so (proc(5), ptrace(2)). */
static bool is_shown(int pid) {
    char path_buffer[32], ignored[1];
    struct text path = TEXT_IN(path_buffer);
    text_print(&path, "/proc/%d/exe", pid);
    return sys_readlink(path.buffer, ignored, sizeof(ignored)) != -EACCES;
}

/* While a process is a zombie, its stat has the code. It is right unless threads outlived the first
 * one, so it is what is believed last. */
static int zombie_code(const struct monitor *monitor, int *ret_wait_status) {
    struct child_stat stat;
    int result = child_stat(monitor->process, &stat);
    if (result < 0)
        return result;
    if (stat.start_time != monitor->start_time || stat.state != 'Z')
        return -ESRCH;
    if (!is_shown(monitor->process))
        return -EACCES;
    *ret_wait_status = stat.exit_code;
    return 0;
}

int adopt_ended(struct monitor *monitor, bool last, int *ret_wait_status) {
    struct pidfd_info info = {.mask = PIDFD_INFO_EXIT_CODE};
    int result = sys_ioctl(monitor->pidfd, PIDFD_GET_INFORMATION, &info);
    if (result == -ESRCH) /* reaped while the kernel gathered it: by now its code is recorded */
        result = sys_ioctl(monitor->pidfd, PIDFD_GET_INFORMATION, &info);
    if (result == 0 && (info.mask & PIDFD_INFO_EXIT_CODE)) {
        *ret_wait_status = info.exit_code;
        return 0;
    }
    if (result == 0 && !last)
        return -EAGAIN;
    if (zombie_code(monitor, ret_wait_status) < 0)
        *ret_wait_status = -1;
    return 0;
}
