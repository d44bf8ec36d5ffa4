/* SPDX-License-Identifier: Apache-2.0 */
#include "state/record.h"

#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "state/json.h"

static void strings_free(char **strings) {
    for (size_t i = 0; strings && strings[i]; i++)
        free(strings[i]);
    free(strings);
}

void container_record_clear(struct container_record *record) {
    free(record->id);
    free(record->bundle);
    free(record->runtime);
    free(record->runtime_binary);
    free(record->runtime_root);
    strings_free(record->runtime_args);
    free(record->created);
    free(record->oci_version);
    free(record->annotations);
    *record = (struct container_record){0};
}

static json_t *pack_strings(char *const *strings) {
    json_t *array = json_array();
    for (size_t i = 0; array && strings && strings[i]; i++)
        if (json_array_append_new(array, json_string(strings[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

/* Most containers have nothing of their own here, and then nothing is written. */
static int add_override(json_t *object, const struct container_record *record) {
    if (record->runtime_binary &&
        json_object_set_new(object, "runtimeBinary", json_string(record->runtime_binary)) < 0)
        return -1;
    if (record->runtime_root &&
        json_object_set_new(object, "runtimeRoot", json_string(record->runtime_root)) < 0)
        return -1;
    if (record->runtime_args &&
        json_object_set_new(object, "runtimeArgs", pack_strings(record->runtime_args)) < 0)
        return -1;
    return 0;
}

int container_record_write(int container_fd, const struct container_record *record,
                           struct shim_error *error) {
    json_t *annotations = NULL;
    int r = json_parse_object(record->annotations, "annotations", &annotations, error);
    if (r < 0)
        return r;
    json_t *object AUTO_JSON =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I}", "id", record->id, "bundle",
                  record->bundle, "runtime", record->runtime, "created", record->created,
                  "ociVersion", record->oci_version, "annotations", annotations, "rootUID",
                  (json_int_t)record->root_uid, "rootGID", (json_int_t)record->root_gid);
    if (!object || add_override(object, record) < 0)
        return error_set(error, -EINVAL, "cannot record container %s: a text in it is not UTF-8",
                         record->id);
    return json_write_object(container_fd, CONTAINER_FILE, object, error);
}

static int take_id(const json_t *object, const char *key, const char *what, uint32_t *ret,
                   struct shim_error *error) {
    const json_t *value = json_object_get(object, key);
    if (!value)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > UINT32_MAX)
        return error_set(error, -EBADMSG, "%s: `%s` is not a user or group id", what, key);
    *ret = (uint32_t)json_integer_value(value);
    return 0;
}

static int take_strings(const json_t *object, const char *key, const char *what, char ***ret,
                        struct shim_error *error) {
    const json_t *array = json_object_get(object, key);
    size_t count = json_array_size(array), i;
    if (!array || (json_is_array(array) && count == 0))
        return 0;
    if (!json_is_array(array))
        return error_set(error, -EBADMSG, "%s: `%s` is not a list", what, key);
    char **strings = calloc(count + 1, sizeof(*strings));
    if (!strings)
        return error_set(error, -ENOMEM, "%s: out of memory", what);
    const json_t *value;
    json_array_foreach(array, i, value) {
        const char *text = json_plain_string(value);
        if (!text || !(strings[i] = strdup(text))) {
            strings_free(strings);
            return error_set(error, -EBADMSG, "%s: `%s` holds something else than strings", what,
                             key);
        }
    }
    *ret = strings;
    return 0;
}

static int take_override(const json_t *object, struct container_record *record,
                         struct shim_error *error) {
    int r =
        json_take_string(object, "runtimeBinary", CONTAINER_FILE, &record->runtime_binary, error);
    if (r < 0 && r != -ENOENT)
        return r;
    r = json_take_string(object, "runtimeRoot", CONTAINER_FILE, &record->runtime_root, error);
    if (r < 0 && r != -ENOENT)
        return r;
    return take_strings(object, "runtimeArgs", CONTAINER_FILE, &record->runtime_args, error);
}

static int container_record_fill(const json_t *object, struct container_record *record,
                                 struct shim_error *error) {
    const struct {
        const char *key;
        char **member;
    } strings[] = {{"id", &record->id},
                   {"bundle", &record->bundle},
                   {"runtime", &record->runtime},
                   {"created", &record->created},
                   {"ociVersion", &record->oci_version}};
    for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++) {
        int r = json_take_string(object, strings[i].key, CONTAINER_FILE, strings[i].member, error);
        if (r == -ENOENT)
            return error_set(error, -EBADMSG, "%s: `%s` is missing", CONTAINER_FILE,
                             strings[i].key);
        if (r < 0)
            return r;
    }
    const json_t *annotations = json_object_get(object, "annotations");
    record->annotations = annotations ? json_text(annotations) : strdup("{}");
    if (!record->annotations)
        return error_set(error, -ENOMEM, "%s: out of memory", CONTAINER_FILE);
    int r = take_override(object, record, error);
    if (r < 0)
        return r;
    r = take_id(object, "rootUID", CONTAINER_FILE, &record->root_uid, error);
    return r < 0 ? r : take_id(object, "rootGID", CONTAINER_FILE, &record->root_gid, error);
}

int container_record_read(int container_fd, struct container_record *ret_record,
                          struct shim_error *error) {
    json_t *object AUTO_JSON = NULL;
    int r = json_read_object(container_fd, CONTAINER_FILE, CONTAINER_FILE, &object, error);
    if (r < 0)
        return r;
    struct container_record record = {0};
    r = container_record_fill(object, &record, error);
    if (r < 0) {
        container_record_clear(&record);
        return r;
    }
    *ret_record = record;
    return 0;
}

void process_record_clear(struct process_record *record) {
    for (int i = 0; i < 3; i++)
        free(record->targets[i]);
    strings_free(record->runtime_args);
    free(record->checkpoint);
    *record = (struct process_record){0};
}

static const char *const stream_keys[3] = {"stdin", "stdout", "stderr"};

/* What a bundle has under the names that are ours means nothing to anybody. */
static void remove_foreign(json_t *object) {
    json_object_del(object, "checkpoint");
    for (int i = 0; i < 3; i++)
        json_object_del(object, stream_keys[i]);
}

int process_record_write(int process_fd, const char *process_json,
                         const struct process_record *record, struct shim_error *error) {
    json_t *object AUTO_JSON = NULL;
    int r = json_parse_object(process_json, PROCESS_FILE, &object, error);
    if (r < 0)
        return r;
    json_t *arguments = pack_strings(record->runtime_args);
    json_t *extra AUTO_JSON =
        json_pack("{s:b, s:o, s:b, s:s*, s:I, s:I}", "exec", record->exec, "runtimeArgs", arguments,
                  "noPivotRoot", record->no_pivot_root, "checkpoint", record->checkpoint, "rootUID",
                  (json_int_t)record->root_uid, "rootGID", (json_int_t)record->root_gid);
    for (int i = 0; extra && i < 3; i++)
        if (record->targets[i] &&
            json_object_set_new(extra, stream_keys[i], json_string(record->targets[i])) < 0)
            return error_set(error, -EINVAL, "%s: the target of %s is not UTF-8", PROCESS_FILE,
                             stream_keys[i]);
    remove_foreign(object);
    if (!extra || json_object_update(object, extra) < 0)
        return error_set(error, -EINVAL, "%s: an argument or a path is not UTF-8", PROCESS_FILE);
    return json_write_object(process_fd, PROCESS_FILE, object, error);
}

static int process_record_fill(const json_t *object, struct process_record *record,
                               struct shim_error *error) {
    record->exec = json_is_true(json_object_get(object, "exec"));
    record->no_pivot_root = json_is_true(json_object_get(object, "noPivotRoot"));
    record->terminal = json_is_true(json_object_get(object, "terminal"));
    for (int i = 0; i < 3; i++) {
        int r = json_take_string(object, stream_keys[i], PROCESS_FILE, &record->targets[i], error);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    int r = json_take_string(object, "checkpoint", PROCESS_FILE, &record->checkpoint, error);
    if (r < 0 && r != -ENOENT)
        return r;
    if ((r = take_id(object, "rootUID", PROCESS_FILE, &record->root_uid, error)) < 0 ||
        (r = take_id(object, "rootGID", PROCESS_FILE, &record->root_gid, error)) < 0)
        return r;
    return take_strings(object, "runtimeArgs", PROCESS_FILE, &record->runtime_args, error);
}

int process_record_read(int process_fd, struct process_record *ret_record,
                        struct shim_error *error) {
    json_t *object AUTO_JSON = NULL;
    int r = json_read_object(process_fd, PROCESS_FILE, PROCESS_FILE, &object, error);
    if (r < 0)
        return r;
    struct process_record record = {0};
    r = process_record_fill(object, &record, error);
    if (r < 0) {
        process_record_clear(&record);
        return r;
    }
    *ret_record = record;
    return 0;
}

int record_check_object(const char *text, const char *what, int *ret_terminal,
                        struct shim_error *error) {
    json_t *object AUTO_JSON = NULL;
    int r = json_parse_object(text, what, &object, error);
    if (r < 0)
        return r;
    if (ret_terminal)
        *ret_terminal = json_is_true(json_object_get(object, "terminal"));
    return 0;
}

int record_set_terminal(const char *process_json, bool terminal, char **ret_json,
                        struct shim_error *error) {
    json_t *object AUTO_JSON = NULL;
    int r = json_parse_object(process_json, "the process object", &object, error);
    if (r < 0)
        return r;
    char *text = json_object_set_new(object, "terminal", json_boolean(terminal)) < 0
                     ? NULL
                     : json_text(object);
    if (!text)
        return error_set(error, -ENOMEM, "out of memory");
    *ret_json = text;
    return 0;
}
