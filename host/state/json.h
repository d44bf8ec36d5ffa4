/* SPDX-License-Identifier: Apache-2.0 */
/* jansson with our errors and cleanup attributes. For the files of host/state/ alone. */
#ifndef SHIMHOST_STATE_JSON_H
#define SHIMHOST_STATE_JSON_H

#include <jansson.h>
#include <shimhost/plugin.h>

static inline void json_cleanup(json_t **value) {
    json_decref(*value);
}
#define AUTO_JSON __attribute__((cleanup(json_cleanup)))

/* json_loads() that also takes integers which only an uint64 holds. These are no integers to
 * jansson then; json_text() and json_write_object() write them as they were. */
json_t *json_parse(const char *text, size_t flags, json_error_t *ret_problem);

/* The text of a string; NULL for all else, also for such a number. Valid while `value` is. */
const char *json_plain_string(const json_t *value);

/* Parses a text that must be one JSON object; `what` names it in the error (-EBADMSG). */
int json_parse_object(const char *text, const char *what, json_t **ret_object,
                      struct shim_error *error);

/* Reads and parses the file `name` of a directory; `what` names it. */
int json_read_object(int directory_fd, const char *name, const char *what, json_t **ret_object,
                     struct shim_error *error);

/* Writes `object` to the file `name` of a directory, atomically. */
int json_write_object(int directory_fd, const char *name, const json_t *object,
                      struct shim_error *error);

/* The text of a member, a copy for the caller, in *ret. Missing is -ENOENT without an error,
 * another type -EBADMSG. */
int json_take_string(const json_t *object, const char *key, const char *what, char **ret,
                     struct shim_error *error);

/* The text of any value, for the caller to free. NULL: out of memory. */
char *json_text(const json_t *value);

#endif
