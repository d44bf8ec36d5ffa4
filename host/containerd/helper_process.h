/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A helper: a program that reads one request on its standard input, writes one response to its
 * standard output, and ends. Both are memory files, so there is nothing to wait for but its end.
 */
#ifndef SHIMHOST_CONTAINERD_HELPER_PROCESS_H
#define SHIMHOST_CONTAINERD_HELPER_PROCESS_H

#include <shimhost/plugin.h>

#include "helper.pb-c.h"

/* What the response file begins with. A response counts only when its mark is written, which is
 * done last; until then the file holds what the helper is at, for the case that it does not come
 * back: "plugin crun in its entry spawn". */
#define HELPER_MARK_RESPONSE 2
#define HELPER_MARK_NOTE 1

struct helper_process {
    pid_t pid; /* also its process group */
    int response_fd;
};

/* Starts a helper. The caller waits for it, and closes response_fd. */
int helper_process_start(const Pb__HelperRequest *request, struct helper_process *ret,
                         struct shim_error *error);

/* Its response, after its end with the given wait status, for the caller to free. NULL: none. */
Pb__HelperResponse *helper_process_response(const struct helper_process *helper, int status);

/* Fills `buffer` with what a helper without a response was at, or an empty text. */
void helper_process_note(const struct helper_process *helper, char *buffer, size_t size);

#endif
