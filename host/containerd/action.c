/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "containerd/actions.h"
#include "containerd/helper_process.h"

#define INPUT_MAX (4u << 20)

int action_input(uint8_t **ret, size_t *ret_length, struct shim_error *error) {
    uint8_t *bytes AUTO_FREE = NULL;
    size_t length = 0, room = 0;
    for (;;) {
        if (length == room) {
            room = room ? room * 2 : 4096;
            uint8_t *grown = room > INPUT_MAX ? NULL : realloc(bytes, room);
            if (!grown)
                return error_set(error, -EFBIG, "standard input is too long");
            bytes = grown;
        }
        ssize_t n = read(STDIN_FILENO, bytes + length, room - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* also where there is no standard input at all */
            break;
        length += (size_t)n;
    }
    *ret = pointer_steal(&bytes);
    *ret_length = length;
    return 0;
}

int action_output(const ProtobufCMessage *message, struct shim_error *error) {
    size_t length = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes AUTO_FREE = malloc(length + 1);
    if (!bytes)
        return error_set(error, -ENOMEM, "out of memory");
    protobuf_c_message_pack(message, bytes);
    for (size_t at = 0; at < length;) {
        ssize_t n = write(STDOUT_FILENO, bytes + at, length - at);
        if (n < 0 && errno != EINTR)
            return error_set(error, -errno, "cannot write the answer: %s", strerror(errno));
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

Pb__HelperResponse *action_helper(const Pb__HelperRequest *request, int64_t timeout) {
    struct helper_process helper;
    struct shim_error error = ERROR_NONE;
    if (helper_process_start(request, false, &helper, &error) < 0)
        return NULL;
    int pidfd AUTO_CLOSE = (int)syscall(SYS_pidfd_open, helper.pid, 0);
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    int64_t deadline = deadline_after(timeout);
    while (poll(&wait, 1, deadline_poll(deadline)) <= 0 && deadline_left(deadline) > 0)
        ;
    int status;
    if (!wait.revents)
        kill(-helper.pid, SIGKILL);
    while (waitpid(helper.pid, &status, 0) < 0 && errno == EINTR)
        ;
    Pb__HelperResponse *response = helper_process_response(&helper, status);
    fd_close(helper.request_fd);
    fd_close(helper.response_fd);
    return response;
}
