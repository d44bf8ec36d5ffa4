/* SPDX-License-Identifier: Apache-2.0 */
#include "command/container_json.h"

#define OCI_VERSION "1.0.2" /* of the state object, where the bundle's own is not known */

bool container_has_pid(const struct shim_state *state) {
    return state->identity.pid > 0 && state->status != SHIM_STATUS_STOPPED &&
           state->status != SHIM_STATUS_UNKNOWN;
}

/* status, pid, exitStatus, exitUnknown, oomKilled: the same for a container and for each of its
 * processes. */
static void process_members(struct json_out *out, const struct process_info *process) {
    const struct shim_state *state = &process->state;
    json_out_text(out, "status", status_name(state->status));
    json_out_integer(out, "pid", container_has_pid(state) ? state->identity.pid : 0);
    if (state->exit_status >= 0)
        json_out_integer(out, "exitStatus", state->exit_status);
    else
        json_out_null(out, "exitStatus");
    if (process->unknown[0])
        json_out_text(out, "exitUnknown", process->unknown);
    if (process->oom_kills)
        json_out_boolean(out, "oomKilled", true);
}

/* An empty `created` is not known. */
static void container_members(struct json_out *out, const struct container_info *info) {
    json_out_text(out, "id", info->id);
    process_members(out, &info->init);
    json_out_text(out, "bundle", info->bundle);
    json_out_text(out, "runtime", info->runtime);
    json_out_text(out, "created", info->created[0] ? info->created : NULL);
    if (info->problem[0])
        json_out_text(out, "problem", info->problem);
}

static void process_object(struct json_out *out, const struct process_info *process) {
    json_out_object(out, NULL);
    json_out_text(out, "id", process->id);
    process_members(out, process);
    json_out_boolean(out, "terminal", process->terminal);
    json_out_boolean(out, "monitorAlive", process->monitor_alive);
    json_out_object_end(out);
}

void container_json_brief(struct json_out *out, const struct container_info *info) {
    json_out_object(out, NULL);
    container_members(out, info);
    json_out_object_end(out);
}

void container_json_state(struct json_out *out, const struct container_info *info) {
    json_out_object(out, NULL);
    json_out_text(out, "ociVersion", info->oci_version ? info->oci_version : OCI_VERSION);
    container_members(out, info);
    json_out_raw(out, "annotations", info->annotations ? info->annotations : "{}");
    json_out_array(out, "processes");
    process_object(out, &info->init);
    for (size_t i = 0; i < info->n_execs; i++)
        process_object(out, &info->execs[i]);
    json_out_array_end(out);
    json_out_object_end(out);
    json_out_finish(out);
}
