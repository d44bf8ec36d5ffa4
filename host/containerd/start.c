/* SPDX-License-Identifier: Apache-2.0 */
/* start: prints the address of the server that is to have the container, after starting it unless
 * the container's group has one already. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "containerd/actions.h"
#include "containerd/address.h"
#include "containerd/bootstrap.h"
#include "containerd/bundle.h"
#include "containerd/json_scan.h"
#include "containerd/serve.h"

#define CONFIG_MAX (16u << 20)
#define OOM_SCORE_MAX 1000

/* ---------------------------------------------------------------------------- the group */

/* Which containers share a server: those of a pod. */
static int find_group(int bundle_fd, const char *id, char *buffer, size_t size,
                      struct shim_error *error) {
    static const char *const keys[] = {"io.containerd.shimhost.v1.group",
                                       "io.containerd.runc.v2.group",
                                       "io.kubernetes.cri.sandbox-id"};
    char *config AUTO_FREE = NULL;
    size_t length;
    int r = file_read_at(bundle_fd, "config.json", CONFIG_MAX, &config, &length, error);
    if (r < 0)
        return error_context(error, "the bundle of container %s", id);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        r = json_scan_text(config, "annotations", keys[i], buffer, size);
        if (r > 0)
            return 0;
        if (r == -EBADMSG)
            return error_set(error, r,
                             "config.json of container %s: its annotation %s, or what is "
                             "before it, is not as expected",
                             id, keys[i]);
    }
    snprintf(buffer, size, "%s", id);
    return 0;
}

/* ---------------------------------------------------------------------------- the server */

static int read_number(const char *path, long *ret) {
    char text[32];
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return -EIO;
    text[n] = '\0';
    *ret = strtol(text, NULL, 10);
    return 0;
}

static void write_number(const char *path, long number) {
    char text[32];
    int length = snprintf(text, sizeof(text), "%ld", number);
    int fd AUTO_CLOSE = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, text, (size_t)length) < 0)
        return; /* not allowed here; it is no more than a preference */
}

/* The kernel is to prefer a server over containerd when memory is short. */
static void set_oom_score(pid_t pid) {
    char path[64];
    long score;
    snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)getppid());
    if (read_number(path, &score) < 0 || score + 1 > OOM_SCORE_MAX)
        return;
    snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
    write_number(path, score + 1);
}

static void move_to_cgroup(const char *cgroup, pid_t pid) {
    static const char *const hierarchies[] = {"", "/cpu", "/cpuacct", "/memory", "/pids"};
    char path[4096];
    for (size_t i = 0; cgroup && i < sizeof(hierarchies) / sizeof(*hierarchies); i++) {
        snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s/cgroup.procs", hierarchies[i], cgroup);
        write_number(path, pid);
    }
}

/* Tasks of one pod may share a core, those of different ones may not. */
static void isolate_core(void) {
#ifdef PR_SCHED_CORE
    const char *wanted = getenv("SCHED_CORE");
    if (wanted && *wanted)
        prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, PR_SCHED_CORE_SCOPE_PROCESS_GROUP, 0);
#endif
}

static int spawn_server(const struct arguments *arguments, const char *program, bool debugging,
                        int listener, pid_t *ret_pid) {
    static char namespace[] = "-namespace", id[] = "-id", address[] = "-address",
                debug[] = "-debug";
    char *argv[] = {(char *)(uintptr_t)program,
                    namespace,
                    (char *)(uintptr_t)arguments->namespace,
                    id,
                    (char *)(uintptr_t)arguments->id,
                    address,
                    (char *)(uintptr_t)arguments->address,
                    debugging ? debug : NULL,
                    NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    /* containerd waits for the end of our standard output, so the server must not have it. */
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions, listener, SERVE_LISTENER);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
    int r = posix_spawn(ret_pid, "/proc/self/exe", &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

static int start_server(const struct arguments *arguments, const char *program,
                        const struct bootstrap *bootstrap, int listener, struct shim_error *error) {
    pid_t pid;
    if (bootstrap->events_address && !getenv("TTRPC_ADDRESS"))
        setenv("TTRPC_ADDRESS", bootstrap->events_address, 1);
    isolate_core();
    int r = spawn_server(arguments, program, bootstrap->debug, listener, &pid);
    if (r < 0)
        return error_set(error, r, "cannot start the server: %s", strerror(-r));
    set_oom_score(pid);
    move_to_cgroup(bootstrap->shim_cgroup, pid);
    return 0;
}

/* ---------------------------------------------------------------------------- the action */

/* The name that the program was called by chooses a runtime for this container, whichever server
 * has it. */
static int note_runtime(int bundle_fd, const char *program, struct shim_error *error) {
    char name[80];
    if (!arguments_runtime(program, name, sizeof(name)))
        return 0;
    return file_write_at(bundle_fd, BUNDLE_RUNTIME, name, strlen(name), error);
}

static int listen_or_join(const struct arguments *arguments, const char *program, int bundle_fd,
                          const struct bootstrap *bootstrap, struct shim_error *error) {
    char group[512], path[ADDRESS_PATH_SIZE];
    int r = find_group(bundle_fd, arguments->id, group, sizeof(group), error);
    if (r < 0 || (r = note_runtime(bundle_fd, program, error)) < 0 ||
        (r = address_path(bootstrap->socket_directory, arguments->address, arguments->namespace,
                          group, path, error)) < 0)
        return r;
    int listener AUTO_CLOSE = address_listen(path, error);
    if (listener < 0 && listener != -EEXIST)
        return listener;
    r = address_write(bundle_fd, path, error);
    if (r == 0 && listener >= 0)
        r = start_server(arguments, program, bootstrap, listener, error);
    if (r == 0)
        return bootstrap_answer(bootstrap, path, error);
    if (listener >= 0)
        unlink(path);
    return r;
}

int action_start(const struct arguments *arguments, const char *program, struct shim_error *error) {
    struct bootstrap bootstrap __attribute__((cleanup(bootstrap_clear))) = BOOTSTRAP_NONE;
    int r = bootstrap_read(arguments, &bootstrap, error);
    if (r < 0)
        return r;
    int bundle_fd AUTO_CLOSE = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (bundle_fd < 0)
        return error_set(error, -errno, "cannot open the bundle: %s", strerror(errno));
    return listen_or_join(arguments, program, bundle_fd, &bootstrap, error);
}
