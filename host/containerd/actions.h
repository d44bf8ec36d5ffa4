/* SPDX-License-Identifier: Apache-2.0 */
/* What the program does and ends: start, delete, -info, and upgrade, which people call. All write
 * their answer to standard output, and nothing else: containerd reads standard error together with
 * it. */
#ifndef SHIMHOST_CONTAINERD_ACTIONS_H
#define SHIMHOST_CONTAINERD_ACTIONS_H

#include "containerd/arguments.h"
#include "helper.pb-c.h"

/* Finds the server of the container's group or starts it, and prints its address. */
int action_start(const struct arguments *arguments, const char *program, struct shim_error *error);

/* Removes what is left of a container and prints how it ended. Does not fail on what is gone. */
int action_delete(const struct arguments *arguments, struct shim_error *error);

/* Prints the runtime's name and version. */
int action_info(const struct arguments *arguments, struct shim_error *error);

/* Has all servers replace themselves by the program that is installed now, and prints how that
 * went. The namespace and the id, if there are any, say which servers alone. Negative: not every
 * server could. */
int action_upgrade(const struct arguments *arguments, struct shim_error *error);

/* Reads all of standard input, at most 4 MiB, into *ret, for the caller to free. */
int action_input(uint8_t **ret, size_t *ret_length, struct shim_error *error);

/* Writes a message to standard output. */
int action_output(const ProtobufCMessage *message, struct shim_error *error);

/* Runs a helper to its end, at most `timeout` milliseconds. NULL: it did not answer. */
Pb__HelperResponse *action_helper(const Pb__HelperRequest *request, int64_t timeout);

#endif
