/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "state/json.h"
#include "state/record.h"

#define CONFIG_FILE_NAME "config.json"

/* A relative root is meant from the old bundle. */
static int make_root_absolute(json_t *config, const char *bundle, struct shim_error *error) {
    json_t *root = json_object_get(config, "root");
    const char *path = json_plain_string(json_object_get(root, "path"));
    if (!path)
        return error_set(error, -EINVAL, "bundle %s: `root.path` is missing in its config.json",
                         bundle);
    if (path[0] != '/' && json_object_set_new(root, "path", json_sprintf("%s/%s", bundle, path)))
        return error_set(error, -ENOMEM, "bundle %s: out of memory", bundle);
    return 0;
}

int bundle_vary(const char *path, const char *const *argv, int directory_fd,
                struct shim_error *error) {
    json_t *config AUTO_JSON = NULL;
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, -errno, "bundle %s: %s", path, strerror(errno));
    int r = json_read_object(fd, CONFIG_FILE_NAME, CONFIG_FILE_NAME, &config, error);
    if (r < 0)
        return error_context(error, "bundle %s", path);
    if ((r = make_root_absolute(config, path, error)) < 0)
        return r;
    json_t *process = json_object_get(config, "process");
    json_t *args = json_array();
    int failed = !json_is_object(process);
    for (size_t i = 0; argv[i]; i++)
        failed |= json_array_append_new(args, json_string(argv[i]));
    if (failed | json_object_set_new(process, "args", args) |
        json_object_set_new(process, "terminal", json_false()))
        return error_set(error, -EINVAL, "bundle %s: its config.json has no usable `process`",
                         path);
    return json_write_object(directory_fd, CONFIG_FILE_NAME, config, error);
}
