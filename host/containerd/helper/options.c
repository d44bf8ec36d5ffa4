/* SPDX-License-Identifier: Apache-2.0 */
/* Which runtime, and how: out of containerd's options, which come in two types, and of the name by
 * which the shim was called. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "containerd/bundle.h"
#include "containerd/helper/helper.h"
#include "runtime.pb-c.h"

#define RUNC_OPTIONS "containerd.runc.v1.Options"
#define RUNTIME_OPTIONS "runtimeoptions.v1.Options"

void choice_clear(struct choice *choice) {
    free(choice->config);
    free(choice->runtime);
    free(choice->binary);
    free(choice->root);
    *choice = (struct choice){NULL};
}

static int out_of_memory(struct shim_error *error) {
    return error_set(error, -ENOMEM, "out of memory");
}

static int set_text(char **member, const char *text, struct shim_error *error) {
    if (!text || !*text)
        return 0;
    free(*member);
    *member = strdup(text);
    return *member ? 0 : out_of_memory(error);
}

/* ---------------------------------------------------------------------------- runc's options */

static int take_runc(const Pb__RuncOptions *options, struct choice *choice,
                     struct shim_error *error) {
    choice->systemd_cgroup = options->systemd_cgroup;
    choice->no_pivot_root = options->no_pivot_root;
    choice->no_new_keyring = options->no_new_keyring;
    choice->has_owner = options->io_uid != 0 || options->io_gid != 0;
    choice->owner = (struct stream_owner){.uid = options->io_uid, .gid = options->io_gid};
    int r = set_text(&choice->binary, options->binary_name, error);
    return r < 0 ? r : set_text(&choice->root, options->root, error);
}

/* ---------------------------------------------------------------------------- our own */

/* "/etc/shimhost/runtimes.d/crun.yaml" is the runtime crun of "/etc/shimhost/shimhost.yaml"; any
 * other path is that of a configuration. */
static int take_path(const char *path, struct choice *choice, struct shim_error *error) {
    static const char folder[] = "/runtimes.d/", suffix[] = ".yaml";
    const char *at = strstr(path, folder);
    const char *name = at ? at + strlen(folder) : NULL;
    size_t length = name ? strlen(name) : 0;
    if (!name || strchr(name, '/') || length <= strlen(suffix) ||
        strcmp(name + length - strlen(suffix), suffix) != 0)
        return set_text(&choice->config, path, error);
    free(choice->config);
    free(choice->runtime);
    choice->runtime = strndup(name, length - strlen(suffix));
    if (!choice->runtime ||
        asprintf(&choice->config, "%.*s/shimhost.yaml", (int)(at - path), path) < 0)
        return out_of_memory(error);
    return 0;
}

static int parse_boolean(const char *value, bool *ret) {
    if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
        return -EINVAL;
    *ret = value[0] == 't';
    return 0;
}

static int take_number(const char *value, uint32_t *ret, struct choice *choice) {
    uint64_t number;
    int r = parse_decimal(value, strlen(value), UINT32_MAX, &number);
    if (r < 0)
        return r;
    *ret = (uint32_t)number;
    choice->has_owner = true;
    return 0;
}

/* One of our own options. containerd 1.7 and later send what stands in its config.toml. */
static int take_pair(const char *key, const char *value, struct choice *choice,
                     struct shim_error *error) {
    int r;
    if (strcasecmp(key, "Runtime") == 0)
        r = set_text(&choice->runtime, value, error);
    else if (strcasecmp(key, "ConfigPath") == 0)
        r = take_path(value, choice, error);
    else if (strcasecmp(key, "BinaryName") == 0)
        r = set_text(&choice->binary, value, error);
    else if (strcasecmp(key, "Root") == 0)
        r = set_text(&choice->root, value, error);
    else if (strcasecmp(key, "SystemdCgroup") == 0)
        r = parse_boolean(value, &choice->systemd_cgroup);
    else if (strcasecmp(key, "NoPivotRoot") == 0)
        r = parse_boolean(value, &choice->no_pivot_root);
    else if (strcasecmp(key, "NoNewKeyring") == 0)
        r = parse_boolean(value, &choice->no_new_keyring);
    else if (strcasecmp(key, "IoUid") == 0)
        r = take_number(value, &choice->owner.uid, choice);
    else if (strcasecmp(key, "IoGid") == 0)
        r = take_number(value, &choice->owner.gid, choice);
    else {
        log_write(SHIM_LOG_WARNING, NULL, "the runtime option %s is not known and ignored", key);
        return 0;
    }
    if (r == -EINVAL || r == -ERANGE)
        return error_set(error, r, "the runtime option %s: `%s` is not what it takes", key, value);
    return r;
}

/* Takes the quotes off. */
static char *unquote(char *value) {
    size_t length = strlen(value);
    if (length >= 2 && (value[0] == '"' || value[0] == '\'') && value[length - 1] == value[0]) {
        value[length - 1] = '\0';
        value++;
    }
    return value;
}

static char *trim(char *text) {
    text += strspn(text, " \t\r");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1]))
        text[--length] = '\0';
    return text;
}

/* TOML as far as it is needed: lines KEY = VALUE. Tables and whatever else are not ours. */
static int take_body(char *body, struct choice *choice, struct shim_error *error) {
    char *rest = body, *line;
    while ((line = strsep(&rest, "\n"))) {
        line = trim(line);
        char *equals = strchr(line, '=');
        if (!*line || *line == '#' || *line == '[' || !equals)
            continue;
        *equals = '\0';
        int r = take_pair(unquote(trim(line)), unquote(trim(equals + 1)), choice, error);
        if (r < 0)
            return r;
    }
    return 0;
}

static int take_runtime(const Pb__RuntimeOptions *options, struct choice *choice,
                        struct shim_error *error) {
    int r = options->config_path[0] ? take_path(options->config_path, choice, error) : 0;
    if (r < 0 || options->config_body.len == 0)
        return r;
    char *body AUTO_FREE =
        strndup((const char *)options->config_body.data, options->config_body.len);
    return body ? take_body(body, choice, error) : out_of_memory(error);
}

/* ---------------------------------------------------------------------------- all */

static int take_options(const Pb__Any *any, struct choice *choice, struct shim_error *error) {
    const char *type = strrchr(any->type_url, '/');
    type = type ? type + 1 : any->type_url;
    const ProtobufCMessageDescriptor *descriptor =
        strcmp(type, RUNC_OPTIONS) == 0      ? &pb__runc_options__descriptor
        : strcmp(type, RUNTIME_OPTIONS) == 0 ? &pb__runtime_options__descriptor
                                             : NULL;
    if (!descriptor) {
        if (type[0])
            log_write(SHIM_LOG_WARNING, NULL, "options of the type %s are not known and ignored",
                      type);
        return 0;
    }
    ProtobufCMessage *message =
        protobuf_c_message_unpack(descriptor, NULL, any->value.len, any->value.data);
    if (!message)
        return error_set(error, -EINVAL, "the runtime's options are malformed");
    int r = descriptor == &pb__runc_options__descriptor
                ? take_runc((const Pb__RuncOptions *)message, choice, error)
                : take_runtime((const Pb__RuntimeOptions *)message, choice, error);
    protobuf_c_message_free_unpacked(message, NULL);
    return r;
}

static int take_link(const char *bundle, struct choice *choice, struct shim_error *error) {
    char *name AUTO_FREE = NULL;
    size_t length;
    int fd AUTO_CLOSE = bundle[0] ? open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0 || file_read_at(fd, BUNDLE_RUNTIME, 256, &name, &length, NULL) < 0)
        return 0;
    return set_text(&choice->runtime, name, error);
}

int choice_read(const Pb__Any *options, const char *bundle, struct choice *ret,
                struct shim_error *error) {
    struct choice choice = {NULL};
    int r = take_link(bundle, &choice, error);
    if (r == 0 && options)
        r = take_options(options, &choice, error);
    if (r < 0) {
        choice_clear(&choice);
        return r;
    }
    *ret = choice;
    return 0;
}
