/* SPDX-License-Identifier: Apache-2.0 */
/* Stats: read here, without a helper, because kubelets ask for it all the time. */
#include "containerd/stats.h"

#include <stdlib.h>

#include "base/fd.h"
#include "containerd/cgroup.h"
#include "containerd/task.h"

void stats_answer(struct task *task, struct call *call) {
    static char type_1[] = "io.containerd.cgroups.v1.Metrics";
    static char type_2[] = "io.containerd.cgroups.v2.Metrics";
    uint8_t *bytes AUTO_FREE = NULL;
    if (!task->cgroup) {
        call_fail(call, RPC_NOT_FOUND, "cgroup of container %s: not found", task->id);
        return;
    }
    bool unified = cgroup_unified(task->cgroup);
    int fd AUTO_CLOSE = unified ? cgroup_open(task->cgroup, NULL) : -1;
    size_t length = fd >= 0    ? stats_version_2(fd, &bytes)
                    : !unified ? stats_version_1(task->cgroup, &bytes)
                               : 0;
    if (length == 0) {
        call_fail(call, RPC_NOT_FOUND, "cgroup of container %s: not found", task->id);
        return;
    }
    Pb__Any any = PB__ANY__INIT;
    Pb__StatsResponse answer = PB__STATS_RESPONSE__INIT;
    any.type_url = unified ? type_2 : type_1;
    any.value = (ProtobufCBinaryData){.len = length, .data = bytes};
    answer.stats = &any;
    call_answer(call, &answer.base);
}
