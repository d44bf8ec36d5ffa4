/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "containerd/bundle.h"
#include "containerd/helper/helper.h"
#include "containerd/helper_process.h"
#include "state/store.h"

static int default_state_dir(char **ret_path) {
    const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
    if (geteuid() == 0)
        return asprintf(ret_path, "/run/shimhost");
    if (runtime_dir && runtime_dir[0] == '/')
        return asprintf(ret_path, "%s/shimhost", runtime_dir);
    return asprintf(ret_path, "/run/user/%u/shimhost", (unsigned int)geteuid());
}

/* A container that was created with a configuration of its own keeps it. */
static char *noted_config(const char *bundle) {
    char *path;
    size_t length;
    int fd AUTO_CLOSE = bundle[0] ? open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0 || file_read_at(fd, BUNDLE_CONFIG, PATH_MAX, &path, &length, NULL) < 0)
        return NULL;
    return path;
}

static int load_config(const char *path, struct config **ret_config, struct shim_error *error) {
    struct config_problems problems = CONFIG_PROBLEMS_NONE;
    char *state_dir AUTO_FREE = NULL;
    if (default_state_dir(&state_dir) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    struct config_defaults defaults = {
        .path = CONFIG_FILE, .state_dir = state_dir, .plugin_dir = PLUGIN_DIR};
    if (!path)
        path = getenv("SHIMHOST_CONFIG");
    int r = config_load(path && *path ? path : NULL, &defaults, ret_config, &problems);
    if (r < 0)
        config_problems_error(&problems, error);
    config_problems_clear(&problems);
    return r;
}

/* The directory above the namespaces' is made with the same mode as they. */
static int name_state_dir(struct helper *helper, struct shim_error *error) {
    const char *namespace =
        helper->request->namespace_[0] ? helper->request->namespace_ : "default";
    char *above AUTO_FREE = NULL;
    if (asprintf(&above, "%s" STORE_NAMESPACES, helper->config->state_dir) < 0 ||
        asprintf(&helper->state_dir, "%s/%s", above, namespace) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    if (mkdir(above, 0700) < 0 && errno != EEXIST && errno != ENOENT)
        return error_set(error, -errno, "cannot make %s: %s", above, strerror(errno));
    return 0;
}

int helper_open(struct helper *helper, const char *path, struct shim_error *error) {
    char *noted AUTO_FREE = path ? NULL : noted_config(helper->request->bundle);
    int r = load_config(path ? path : noted, &helper->config, error);
    if (r < 0 || (r = name_state_dir(helper, error)) < 0)
        return r;
    log_setup(helper->request->debug ? SHIM_LOG_DEBUG : helper->config->log_level,
              helper->config->log_format == CONFIG_LOG_JSON ? LOG_JSON : LOG_TEXT);
    struct engine_options options = {
        .config = helper->config,
        .state_dir = helper->state_dir,
        /* The server says nothing there meanwhile: a line that can be read has nobody at the other
         * end any more, and nobody wants what is under way. */
        .cancel_fd = helper->request->line ? HELPER_LINE : -1,
        .guard = guard_open(helper->request->line),
    };
    return engine_open(&options, &helper->engine, error);
}

static void drop(char *text) {
    if (text != protobuf_c_empty_string)
        free(text);
}

void helper_close(struct helper *helper) {
    engine_close(helper->engine);
    config_free(helper->config);
    free(helper->state_dir);
    free(helper->response.pids);
    free(helper->response.text.data);
    drop(helper->response.runtime_name);
    drop(helper->response.runtime_version);
}

bool helper_container_exists(const struct helper *helper) {
    struct stat status;
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", helper->state_dir ? helper->state_dir : "",
                     helper->request->container);
    return n > 0 && n < (int)sizeof(path) && lstat(path, &status) == 0;
}

void helper_note_end(struct helper *helper, int32_t exit_status) {
    const char *process = helper->process ? helper->process : PROCESS_INIT;
    struct timespec when;
    struct stat status;
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s/%s/exitStatus", helper->state_dir,
                     helper->request->container, process);
    clock_gettime(CLOCK_REALTIME, &when);
    if (n > 0 && n < (int)sizeof(path) && lstat(path, &status) == 0)
        when = status.st_mtim;
    pb__timestamp__init(&helper->exited_at);
    helper->exited_at.seconds = when.tv_sec;
    helper->exited_at.nanos = (int32_t)when.tv_nsec;
    helper->response.exited = true;
    helper->response.exit_status = (uint32_t)exit_status;
    helper->response.exited_at = &helper->exited_at;
}
