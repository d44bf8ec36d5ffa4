/* SPDX-License-Identifier: Apache-2.0 */
/* The small files of a process's directory: the input is their contents, one after the other, with
 * NULs between them; what is not there is no file. Whatever they hold, the answer is a state or a
 * sentence, and an exit status is only ever one that was written. */
#include "t/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "process/identity.h"
#include "process/pidfile.h"
#include "state/status.h"

static const char *const names[] = {"pid",         "starttime", "status",       "exitStatus",
                                    "exitUnknown", "monitor",   ".pid.runtime", "oomKilled"};

static bool put_files(const uint8_t *data, size_t size) {
    struct parts parts = {.at = data, .left = size};
    bool has_exit = false;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const uint8_t *part;
        size_t length;
        if (fuzz_part(&parts, 0, &part, &length) && length > 0) {
            fuzz_put(names[i], part, length);
            has_exit = has_exit || strcmp(names[i], "exitStatus") == 0;
        } else {
            unlinkat(fuzz_directory_fd(), names[i], 0);
        }
    }
    return has_exit;
}

static void check_identity(int r, const struct shim_identity *identity,
                           const struct shim_error *error) {
    if (r < 0) {
        CHECK(error->message[0]);
        return;
    }
    CHECK(identity->pid > 0);
    CHECK(memchr(identity->boot_id, 0, sizeof(identity->boot_id)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool has_exit = put_files(data, size);
    int fd = fuzz_directory_fd();
    struct shim_error error = ERROR_NONE;
    struct shim_identity identity = {.size = sizeof(identity)};
    check_identity(identity_read_process(fd, &identity, &error), &identity, &error);
    check_identity(identity_read_monitor(fd, &identity, &error), &identity, &error);
    uint32_t status;
    int r = status_read(fd, &status, &error);
    CHECK(r < 0 || status <= SHIM_STATUS_STOPPED);
    int32_t exit_status = -1;
    r = status_exit_read(fd, &exit_status, &error);
    CHECK(r < 0 || (has_exit && exit_status >= 0 && exit_status <= 255));
    char why[128];
    r = status_unknown_read(fd, why, sizeof(why), &error);
    CHECK(r >= 0 || r == -ENOENT || error.message[0]);
    uint64_t kills;
    r = status_oom_read(fd, &kills, &error);
    CHECK(r < 0 ? r == -ENOENT || error.message[0] : kills > 0);
    pid_t pid;
    r = pidfile_read(fd, ".pid.runtime", &pid, &error);
    CHECK(r < 0 || pid > 0);
    status_monitor_alive(fd, &identity, &error);
    struct shim_state state = {.size = sizeof(state)};
    struct shim_error problem = ERROR_NONE;
    r = status_load(fd, &state, &problem);
    CHECK(r == 0 || problem.message[0]);
    return 0;
}
