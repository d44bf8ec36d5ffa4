/* SPDX-License-Identifier: Apache-2.0 */
/* The client of an attached process, when its monitor says anything at all. The input is packets,
 * each with its length in front. */
#include "t/fuzz/fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "stream/attach.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int pair[2], null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    CHECK(null_fd >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    while (size > 1) {
        size_t length = data[0] * 8u + 1;
        if (length > size - 1)
            length = size - 1;
        if (send(pair[1], data + 1, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
        data += length + 1;
        size -= length + 1;
    }
    close(pair[1]);
    const struct attach_options options = {
        .socket = pair[0],
        .input = -1,
        .output = null_fd,
        .errors = null_fd,
        .terminal = -1,
        .signal_fd = -1,
    };
    enum attach_outcome outcome;
    struct shim_error error = ERROR_NONE;
    int r = attach_run(&options, &outcome, &error);
    CHECK(r == 0 ? outcome == ATTACH_ENDED : error.message[0] != 0);
    close(pair[0]);
    close(null_fd);
    return 0;
}
