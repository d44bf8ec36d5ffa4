/* SPDX-License-Identifier: Apache-2.0 */
/* What the host takes from a bundle's config.json. What a runtime demands of it is the runtime's
 * business. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "engine/engine.h"
#include "state/json.h"
#include "state/record.h"

#define CONFIG_FILE_NAME "config.json"

void bundle_clear(struct bundle *bundle) {
    free(bundle->path);
    free(bundle->oci_version);
    free(bundle->annotations);
    free(bundle->process);
    *bundle = (struct bundle){0};
}

/* The id on the host that a list of mappings gives to the container's id 0; 0 where there are no
 * mappings. */
static uint32_t mapped_root(const json_t *config, const char *mappings) {
    const json_t *linux_part = json_object_get(config, "linux");
    const json_t *mapping;
    size_t i;
    json_array_foreach(json_object_get(linux_part, mappings), i, mapping) {
        const json_t *inside = json_object_get(mapping, "containerID");
        const json_t *outside = json_object_get(mapping, "hostID");
        /* What no runtime takes is of no use to us either. */
        if (json_is_integer(inside) && json_integer_value(inside) == 0 &&
            json_is_integer(outside) && json_integer_value(outside) >= 0 &&
            json_integer_value(outside) < UINT32_MAX)
            return (uint32_t)json_integer_value(outside);
    }
    return 0;
}

/* null is as good as nothing, as it is to the runtimes. */
static const json_t *get(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static int bundle_fill(const json_t *config, const char *what, struct bundle *bundle,
                       struct shim_error *error) {
    int r = json_take_string(config, "ociVersion", what, &bundle->oci_version, error);
    if (r == -ENOENT)
        return error_set(error, -EINVAL,
                         "%s: `ociVersion` is missing; expected an OCI configuration", what);
    if (r < 0)
        return r;
    const json_t *annotations = get(config, "annotations");
    if (annotations && !json_is_object(annotations))
        return error_set(error, -EINVAL, "%s: `annotations` is not an object", what);
    const json_t *process = get(config, "process");
    if (process && !json_is_object(process))
        return error_set(error, -EINVAL, "%s: `process` is not an object", what);
    bundle->annotations = annotations ? json_text(annotations) : strdup("{}");
    bundle->process = process ? json_text(process) : strdup("{}");
    if (!bundle->annotations || !bundle->process)
        return error_set(error, -ENOMEM, "%s: out of memory", what);
    bundle->terminal = json_is_true(json_object_get(process, "terminal"));
    bundle->root_uid = mapped_root(config, "uidMappings");
    bundle->root_gid = mapped_root(config, "gidMappings");
    return 0;
}

static int bundle_parse(const char *path, char **ret_real, json_t **ret_config,
                        struct shim_error *error) {
    char *real AUTO_FREE = realpath(path, NULL);
    if (!real)
        return error_set(error, -errno, "bundle %s: %s; expected a directory with a config.json",
                         path, strerror(errno));
    int fd AUTO_CLOSE = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, -errno, "bundle %s: %s; expected a directory with a config.json",
                         path, strerror(errno));
    char what[PATH_MAX + 16];
    snprintf(what, sizeof(what), "%s/" CONFIG_FILE_NAME, real);
    int r = json_read_object(fd, CONFIG_FILE_NAME, what, ret_config, error);
    if (r < 0)
        return r == -EBADMSG ? r : error_context(error, "bundle %s", real);
    *ret_real = pointer_steal(&real);
    return 0;
}

int bundle_read(const char *path, struct bundle *ret_bundle, struct shim_error *error) {
    struct bundle bundle = {0};
    json_t *config AUTO_JSON = NULL;
    int r = bundle_parse(path, &bundle.path, &config, error);
    if (r < 0)
        return r;
    char what[PATH_MAX + 16];
    snprintf(what, sizeof(what), "%s/" CONFIG_FILE_NAME, bundle.path);
    r = bundle_fill(config, what, &bundle, error);
    if (r < 0) {
        bundle_clear(&bundle);
        return r;
    }
    *ret_bundle = bundle;
    return 0;
}

static json_t *strings_to_json(const char *const *strings) {
    json_t *array = json_array();
    for (size_t i = 0; array && strings && strings[i]; i++)
        if (json_array_append_new(array, json_string(strings[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

/* Puts NAME=VALUE into a list of such, in place of an older value of the same name. */
static int environment_set(json_t *list, const char *assignment) {
    size_t name = strcspn(assignment, "=");
    size_t i;
    json_t *value;
    json_array_foreach(list, i, value) {
        const char *old = json_string_value(value);
        if (old && strncmp(old, assignment, name) == 0 && old[name] == '=')
            return json_array_set_new(list, i, json_string(assignment));
    }
    return json_array_append_new(list, json_string(assignment));
}

/* As of `runc exec --user`, what is not said stays the bundle's, the additional groups, too. */
static int user_set(json_t *process, unsigned long uid, const unsigned long *gid) {
    json_t *user = json_object_get(process, "user");
    if (!json_is_object(user)) {
        user = json_pack("{s:i}", "gid", 0);
        if (!user || json_object_set_new(process, "user", user) < 0)
            return -1;
    }
    if (gid && json_object_set_new(user, "gid", json_integer((json_int_t)*gid)) < 0)
        return -1;
    return json_object_set_new(user, "uid", json_integer((json_int_t)uid));
}

static int parse_user(const char *text, json_t *process, struct shim_error *error) {
    const char *group = NULL;
    char *end;
    errno = 0;
    unsigned long uid = strtoul(text, &end, 10), gid = 0;
    int valid = end != text && text[0] != '-' && text[0] != '+' && errno == 0 && uid < UINT32_MAX;
    if (valid && *end == ':') {
        group = end + 1;
        gid = strtoul(group, &end, 10);
        valid = end != group && *group != '-' && *group != '+' && errno == 0 && gid < UINT32_MAX;
    }
    if (!valid || *end)
        return error_set(error, -EINVAL, "user `%s`: expected UID or UID:GID, in numbers", text);
    if (user_set(process, uid, group ? &gid : NULL) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    return 0;
}

int bundle_exec_process(const struct bundle *bundle, const struct exec_template *exec,
                        char **ret_json, struct shim_error *error) {
    json_t *process AUTO_JSON = NULL;
    int r = json_parse_object(bundle->process, "process of the bundle", &process, error);
    if (r < 0)
        return r;
    json_t *arguments = strings_to_json(exec->arguments);
    if (!arguments || json_object_set_new(process, "args", arguments) < 0 ||
        json_object_set_new(process, "terminal", json_boolean(exec->terminal)) < 0)
        return error_set(error, -EINVAL, "the command is not UTF-8");
    json_t *environment = json_object_get(process, "env");
    if (!environment || json_is_null(environment)) {
        environment = json_array();
        if (!environment || json_object_set_new(process, "env", environment) < 0)
            return error_set(error, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; exec->environment && exec->environment[i]; i++)
        if (!strchr(exec->environment[i], '=') || exec->environment[i][0] == '=' ||
            environment_set(environment, exec->environment[i]) < 0)
            return error_set(error, -EINVAL, "environment `%s`: expected NAME=VALUE, in UTF-8",
                             exec->environment[i]);
    if (exec->cwd && json_object_set_new(process, "cwd", json_string(exec->cwd)) < 0)
        return error_set(error, -EINVAL, "the working directory is not UTF-8");
    if (exec->user && (r = parse_user(exec->user, process, error)) < 0)
        return r;
    *ret_json = json_text(process);
    return *ret_json ? 0 : error_set(error, -ENOMEM, "out of memory");
}
