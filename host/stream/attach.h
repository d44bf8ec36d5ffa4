/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of an attached process: between its monitor's socket and the user's own streams.
 *
 * The socket is the SOCK_SEQPACKET socket `attach` in the process's directory. A packet begins with
 * its kind; from the monitor come output and notices, to the monitor go input, its end and the size
 * of the terminal. The monitor closes the connection after the last byte of output.
 */
#ifndef SHIMHOST_STREAM_ATTACH_H
#define SHIMHOST_STREAM_ATTACH_H

#include <shimhost/plugin.h>

#include "stream/detach_keys.h"

#define ATTACH_SOCKET "attach"
#define ATTACH_DATA_MAX (32u << 10) /* of a packet, its kind not counted */

enum attach_from_monitor { ATTACH_STDOUT = 1, ATTACH_STDERR = 2, ATTACH_NOTICE = 9 };
/* ATTACH_RESIZE is followed by two 16-bit numbers, least significant byte first: columns, rows. */
enum attach_to_monitor { ATTACH_INPUT = 0, ATTACH_INPUT_END = 1, ATTACH_RESIZE = 2 };

/* Connects to the monitor of the process whose directory is open. The caller closes *ret_socket.
 * -ENOENT: nothing of this process can be attached to; -ESRCH (SHIM_REASON_NOT_RUNNING): its
 * monitor is gone; -EACCES. Never blocks for long: the socket's queue is short, and its owner
 * quick. */
int attach_connect(int directory_fd, int *ret_socket, struct shim_error *error);

struct attach_options {
    int socket;
    int input;          /* what is sent to the process; -1: nothing, not even the end */
    int output, errors; /* where its output goes; notices go to `errors`, too */
    int terminal;       /* put into raw mode meanwhile, its size passed on; -1: none */
    const struct detach_keys *keys;
    int signal_fd; /* a signalfd that is read here, or -1 */
    /* A signal came. True: leave. */
    bool (*signalled)(int number, void *user);
    void *user;
};

enum attach_outcome {
    ATTACH_ENDED,    /* the monitor has nothing more to say */
    ATTACH_DETACHED, /* by the keys */
    ATTACH_LEFT,     /* because of a signal */
};

/* Passes bytes on until the outcome. All descriptors stay the caller's; the terminal is as it was
 * before. The end of `input` ends the process's input. What the process does not read is not read
 * from `input` either. Negative: an output could not be written, or the socket failed. Blocks. */
int attach_run(const struct attach_options *options, enum attach_outcome *ret_outcome,
               struct shim_error *error);

#endif
