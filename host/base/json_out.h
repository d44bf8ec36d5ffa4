/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON to a stream, piece by piece, with nothing held in memory: commas, indentation and
 * escapes are its own affair. What it writes is valid JSON in UTF-8 whatever bytes it is given:
 * those that are not UTF-8 become U+FFFD.
 *
 * `key` names a member of an object; it is NULL for an array's element and for the outermost value.
 * None of these functions fails: ask ferror() of the stream at the end.
 */
#ifndef SHIMHOST_BASE_JSON_OUT_H
#define SHIMHOST_BASE_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json_out {
    FILE *stream;
    bool compact;       /* everything on one line */
    bool inside;        /* private: something stands before the next value on its level */
    unsigned int depth; /* private */
};

void json_out_object(struct json_out *out, const char *key);
void json_out_object_end(struct json_out *out);
void json_out_array(struct json_out *out, const char *key);
void json_out_array_end(struct json_out *out);

/* NULL becomes null. */
void json_out_text(struct json_out *out, const char *key, const char *value);
void json_out_integer(struct json_out *out, const char *key, int64_t value);
void json_out_boolean(struct json_out *out, const char *key, bool value);
void json_out_null(struct json_out *out, const char *key);

/* Writes `json`, which is JSON already, as it is. */
void json_out_raw(struct json_out *out, const char *key, const char *json);

/* Ends the line that the outermost value stands on. */
void json_out_finish(struct json_out *out);

#endif
