/* SPDX-License-Identifier: Apache-2.0 */
#include "state/json.h"

#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

/* A config.json of real images stays below 1 MiB. */
#define JSON_FILE_MAX (4u << 20)
#define JSON_FILE_MOST 4096 /* what most files of a state directory stay below */

int json_parse_object(const char *text, const char *what, json_t **ret_object,
                      struct shim_error *error) {
    json_error_t problem;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
    if (!value)
        return error_set(error, -EBADMSG, "%s: line %d, column %d: %s; expected a JSON object",
                         what, problem.line, problem.column, problem.text);
    if (!json_is_object(value)) {
        json_decref(value);
        return error_set(error, -EBADMSG, "%s: this is JSON, but not an object", what);
    }
    *ret_object = value;
    return 0;
}

int json_read_object(int directory_fd, const char *name, const char *what, json_t **ret_object,
                     struct shim_error *error) {
    char most[JSON_FILE_MOST], *longer AUTO_FREE = NULL, *text = most;
    size_t length;
    struct shim_error problem = ERROR_NONE;
    int r = file_read_small_at(directory_fd, name, most, sizeof(most), &length, &problem);
    if (r == -EFBIG) {
        r = file_read_at(directory_fd, name, JSON_FILE_MAX, &longer, &length, &problem);
        text = longer;
    }
    if (r < 0) {
        if (error)
            *error = problem;
        return r;
    }
    if (strlen(text) != length)
        return error_set(error, -EBADMSG, "%s: has a NUL byte in it; expected a JSON object", what);
    return json_parse_object(text, what, ret_object, error);
}

int json_write_object(int directory_fd, const char *name, const json_t *object,
                      struct shim_error *error) {
    char *text AUTO_FREE = json_dumps(object, JSON_COMPACT);
    if (!text)
        return error_set(error, -ENOMEM, "cannot write %s: out of memory", name);
    size_t length = strlen(text);
    text[length] = '\n'; /* in place of the NUL: file_write_at() takes a length */
    return file_write_at(directory_fd, name, text, length + 1, error);
}

int json_take_string(const json_t *object, const char *key, const char *what, char **ret,
                     struct shim_error *error) {
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return -ENOENT;
    if (!json_is_string(value))
        return error_set(error, -EBADMSG, "%s: `%s` is not a string", what, key);
    char *copy = strdup(json_string_value(value));
    if (!copy)
        return error_set(error, -ENOMEM, "%s: out of memory", what);
    free(*ret);
    *ret = copy;
    return 0;
}

char *json_text(const json_t *value) {
    return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}
