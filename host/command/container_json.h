/* SPDX-License-Identifier: Apache-2.0 */
/* A container as JSON: the stable form that shimhost(1) documents under "JSON". */
#ifndef SHIMHOST_COMMAND_CONTAINER_JSON_H
#define SHIMHOST_COMMAND_CONTAINER_JSON_H

#include "base/json_out.h"
#include "engine/engine.h"

/* Does the process have a pid that means anything: is it created, running or paused? */
bool container_has_pid(const struct shim_state *state);

/* What `list` prints of each container. */
void container_json_brief(struct json_out *out, const struct container_info *info);

/* What `state` prints: the OCI state object and what shimhost adds to it. */
void container_json_state(struct json_out *out, const struct container_info *info);

#endif
