/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities: none is passed on, and while the monitor only watches it has next to none itself.
 *
 * That takes nothing from the cleanup commands: a program that is executed by user 0 gets all that
 * the bounding set allows, whatever its parent had (capabilities(7)). Where this is not so, with
 * other securebits or no_new_privs, the monitor keeps what it has; for the same reason it does not
 * set no_new_privs. Getting at the program is another matter: it may be in a directory that another
 * user keeps to himself. What opens that is kept, but not in effect.
 */
#include "monitor.h"

#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

#define TO_GET_AT_COMMANDS (1u << CAP_DAC_OVERRIDE)

struct capabilities {
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

static int get(struct capabilities *capabilities) {
    capabilities->header =
        (struct __user_cap_header_struct){.version = _LINUX_CAPABILITY_VERSION_3};
    return sys_capget(&capabilities->header, capabilities->data);
}

static int set(struct capabilities *capabilities) {
    capabilities->header.pid = 0;
    return sys_capset(&capabilities->header, capabilities->data);
}

/* What is inheritable, and with it what is ambient, would raise a runtime's children above what it
 * gave them (CVE-2022-27650). Permitted and effective stay. */
int privileges_begin(void) {
    struct capabilities now;
    int result = get(&now);
    if (result < 0 || (now.data[0].inheritable | now.data[1].inheritable) == 0)
        return result;
    now.data[0].inheritable = now.data[1].inheritable = 0;
    return set(&now);
}

static bool commands_get_them_back(void) {
    return sys_geteuid() == 0 && sys_prctl(PR_GET_NO_NEW_PRIVS, 0) == 0 &&
           (sys_prctl(PR_GET_SECUREBITS, 0) & (int)SECBIT_NOROOT) == 0;
}

void privileges_rest(const struct monitor *monitor) {
    struct capabilities now;
    if (!commands_get_them_back() || get(&now) < 0)
        return;
    /* Cleanup commands that take too long are killed; logs may be in a directory of another user.
     */
    uint32_t needed = 1u << CAP_KILL;
    if (monitor->streams.log.fd >= 0)
        needed |= 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER;
    if (monitor->foreign) /* the kernel does not show everybody how it ended */
        needed |= 1u << CAP_SYS_PTRACE;
    now.data[0].effective &= needed;
    if (monitor->plan->cleanup_count)
        needed |= TO_GET_AT_COMMANDS;
    now.data[0].permitted &= needed;
    now.data[1].permitted = now.data[1].effective = 0;
    int result = set(&now);
    if (result < 0)
        log_line(monitor, "info", "cannot drop capabilities: error %d", -result);
}

void privileges_raise(void) {
    struct capabilities now;
    if (get(&now) < 0)
        return;
    now.data[0].effective |= now.data[0].permitted & TO_GET_AT_COMMANDS;
    set(&now);
}
