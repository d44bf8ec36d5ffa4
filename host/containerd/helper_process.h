/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A helper: a program that reads one request on its standard input, writes one response to its
 * standard output, and ends. Both are memory files.
 *
 * It may have a line, a socket. On that it says by a byte that its response is there. One that is
 * started before there is a request waits for a byte that says so, which saves the time of its
 * beginning; and one that creates a container may stay until it is to be started: it waits for
 * another byte, then it starts the container, and its next response is that of the start. If the
 * other end is closed instead, it ends. Before a call of a plugin that may take longer than
 * HELPER_LIMIT it says how long: an int64_t, milliseconds, negative: as long as it takes.
 */
#ifndef SHIMHOST_CONTAINERD_HELPER_PROCESS_H
#define SHIMHOST_CONTAINERD_HELPER_PROCESS_H

#include <shimhost/plugin.h>
#include <stdbool.h>

#include "helper.pb-c.h"

/* What the response file begins with. A response counts only when its mark is written, which is
 * done last; until then the file holds what the helper is at, for the case that it does not come
 * back: "plugin crun in its entry spawn". */
#define HELPER_MARK_RESPONSE 2
#define HELPER_MARK_NOTE 1

/* Its argument, if the request is still to come. */
#define HELPER_WAITS "waits"

/* The descriptor of its end of the line. */
#define HELPER_LINE 3

/* How long one may take that does not say more, in milliseconds. It has deadlines of its own, out
 * of the runtime's configuration, which are those that count; this is for one that does not even
 * manage that. */
#define HELPER_LIMIT (10 * 60 * 1000)

struct helper_process {
    pid_t pid; /* also its process group */
    int request_fd;
    int response_fd;
    int line_fd; /* the other end of HELPER_LINE, or -1 */
};

/* Starts a helper. `request` may be NULL where there is to be a line. The caller waits for it, and
 * closes the descriptors. */
int helper_process_start(const Pb__HelperRequest *request, bool line, struct helper_process *ret,
                         struct shim_error *error);

/* Gives its request to one that was started without. */
int helper_process_ask(const struct helper_process *helper, const Pb__HelperRequest *request,
                       struct shim_error *error);

/* Its response, after its end with the given wait status (0 of one that stays), for the caller to
 * free. NULL: none. */
Pb__HelperResponse *helper_process_response(const struct helper_process *helper, int status);

/* Fills `buffer` with what a helper without a response was at, or an empty text. */
void helper_process_note(const struct helper_process *helper, char *buffer, size_t size);

#endif
