/* SPDX-License-Identifier: Apache-2.0 */
/* From an OCI process object to a plan for shimhost-process-init. */
#ifndef SHIMHOST_PROCESS_MAKE_PLAN_H
#define SHIMHOST_PROCESS_MAKE_PLAN_H

#include <shimhost/plugin.h>

/* Reads process.json and writes PLAN_FILE, both in the process's directory. `wait`: the process is
 * only to be created. -EINVAL: what is wrong in the process object, by its JSON pointer. */
int make_plan(const struct shim_context *context, const struct shim_process *process, int wait,
              struct shim_error *error);

#endif
