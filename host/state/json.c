/* SPDX-License-Identifier: Apache-2.0 */
#include "state/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

/* A config.json of real images stays below 1 MiB. */
#define JSON_FILE_MAX (4u << 20)
#define JSON_FILE_MOST 4096 /* what most files of a state directory stay below */

/* ---- numbers that an int64 does not hold ---- */

/* jansson's integers are of int64, OCI's of uint64 as well: no limit is 18446744073709551615. What
 * only an uint64 holds is a string here, with a NUL before its digits. No document can have such a
 * string, as NULs are refused in it; and so nothing else that is written begins like this. */
#define LARGE_MARK "\"\\u0000"

static bool is_large(const char *number, size_t length) {
    char *end;
    errno = 0;
    return *number >= '1' && *number <= '9' && strtoull(number, &end, 10) > INT64_MAX &&
           errno == 0 && end == number + length;
}

/* Of what begins there: a string, a number, or one other character. */
static size_t token_length(const char *text) {
    size_t length = strspn(text, "+-.0123456789Ee");
    if (*text != '"')
        return length > 0 ? length : 1;
    for (length = 1; text[length] && text[length] != '"'; length++)
        if (text[length] == '\\' && text[length + 1])
            length++;
    return text[length] ? length + 1 : length;
}

/* NULL: there is none. */
static const char *find_large(const char *text, size_t *ret_length) {
    for (; *text; text += *ret_length) {
        *ret_length = token_length(text);
        if (is_large(text, *ret_length))
            return text;
    }
    return NULL;
}

/* Leaves the last digit of each, so that all else stays in its line and column. */
static void blank_large(char *text) {
    size_t length;
    for (const char *large = text; (large = find_large(large, &length)); large += length)
        memset(text + (large - text), ' ', length - 1);
}

static void mark_large(const char *text, char *marked) {
    size_t length;
    for (const char *large; (large = find_large(text, &length)); text = large + length) {
        marked = mempcpy(marked, text, (size_t)(large - text));
        marked = stpcpy(marked, LARGE_MARK);
        marked = mempcpy(marked, large, length);
        *marked++ = '"';
    }
    strcpy(marked, text);
}

/* In what jansson has written. */
static void unmark_large(char *text) {
    char *to = strstr(text, LARGE_MARK);
    for (const char *from = to, *next; from; from = next) {
        from += strlen(LARGE_MARK);
        size_t length = strcspn(from, "\"");
        memmove(to, from, length);
        to += length;
        from += length + 1;
        next = strstr(from, LARGE_MARK);
        length = next ? (size_t)(next - from) : strlen(from) + 1;
        memmove(to, from, length);
        to += length;
    }
}

/* ---- reading and writing ---- */

json_t *json_parse(const char *text, size_t flags, json_error_t *ret_problem) {
    json_t *value = json_loads(text, flags, ret_problem);
    if (value || json_error_code(ret_problem) != json_error_numeric_overflow)
        return value;
    char *changed AUTO_FREE = malloc(2 * strlen(text) + 1); /* a mark is shorter than a number */
    if (!changed)
        return NULL;
    /* First all else that is wrong, and NULs, are told where they are. */
    blank_large(strcpy(changed, text));
    value = json_loads(changed, flags, ret_problem);
    if (!value)
        return NULL;
    json_decref(value);
    mark_large(text, changed);
    return json_loads(changed, flags | JSON_ALLOW_NUL, ret_problem);
}

int json_parse_object(const char *text, const char *what, json_t **ret_object,
                      struct shim_error *error) {
    json_error_t problem;
    json_t *value = json_parse(text, JSON_REJECT_DUPLICATES, &problem);
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
    if (r < 0)
        return error_pass(error, r, &problem);
    if (strlen(text) != length)
        return error_set(error, -EBADMSG, "%s: has a NUL byte in it; expected a JSON object", what);
    return json_parse_object(text, what, ret_object, error);
}

int json_write_object(int directory_fd, const char *name, const json_t *object,
                      struct shim_error *error) {
    char *text AUTO_FREE = json_text(object);
    if (!text)
        return error_set(error, -ENOMEM, "cannot write %s: out of memory", name);
    size_t length = strlen(text);
    text[length] = '\n'; /* in place of the NUL: file_write_at() takes a length */
    return file_write_at(directory_fd, name, text, length + 1, error);
}

const char *json_plain_string(const json_t *value) {
    const char *text = json_string_value(value);
    return text && !*text && json_string_length(value) > 0 ? NULL : text;
}

int json_take_string(const json_t *object, const char *key, const char *what, char **ret,
                     struct shim_error *error) {
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return -ENOENT;
    const char *text = json_plain_string(value);
    if (!text)
        return error_set(error, -EBADMSG, "%s: `%s` is not a string", what, key);
    char *copy = strdup(text);
    if (!copy)
        return error_set(error, -ENOMEM, "%s: out of memory", what);
    free(*ret);
    *ret = copy;
    return 0;
}

char *json_text(const json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text)
        unmark_large(text);
    return text;
}
