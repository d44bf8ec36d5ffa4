/* SPDX-License-Identifier: Apache-2.0 */
/* For unit tests of what is passed on. */
#ifndef SHIMHOST_T_UNIT_CAPABILITIES_H
#define SHIMHOST_T_UNIT_CAPABILITIES_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All that we have becomes inheritable, and one ambient; or none is any more. */
static inline void set_inheritable(bool all) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    syscall(SYS_capget, &header, data);
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        data[i].inheritable = all ? data[i].permitted : 0;
    syscall(SYS_capset, &header, data);
    if (all)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0);
}

#endif
