/* SPDX-License-Identifier: Apache-2.0 */
/* Only one can wait at a time. */
#include "life.h"

static int broken(const struct shim_context *context, const struct shim_process *process,
                  int64_t timeout, int32_t *ret_exit_status, struct shim_error *error) {
    struct flock lock;
    memset(&lock, 0, sizeof(lock));
    lock.l_type = F_WRLCK;
    int fd = openat(process->directory_fd, "waiting", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int r = fcntl(fd, F_SETLK, &lock) == 0
                ? life_wait(context, process, timeout, ret_exit_status, error)
                : context->services->fail(error, -EBUSY, SHIM_REASON_NONE, "somebody waits");
    close(fd);
    return r;
}
#undef LIFE_WAIT
#define LIFE_WAIT broken

LIFE_PLUGIN("broken-wait-alone");
