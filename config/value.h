/* SPDX-License-Identifier: Apache-2.0 */
/* Reads single values out of their text. */
#ifndef SHIMHOST_CONFIG_VALUE_H
#define SHIMHOST_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each of these returns NULL and fills its result, or returns what is wrong with the text, as the
 * end of a sentence that begins with the text: "has no unit". */

/* "500ms", "30s", "2m", "1h" to milliseconds. */
const char *value_duration(const char *text, int64_t *ret_milliseconds);

/* "4096B", "10MiB", "1GiB", "10MB" to bytes. */
const char *value_size(const char *text, int64_t *ret_bytes);

/* A whole number without a sign. */
const char *value_count(const char *text, int64_t *ret_count);

/* The reverse: the shortest text that reads back as the same value. */
#define VALUE_TEXT_SIZE 32
void value_duration_text(int64_t milliseconds, char text[VALUE_TEXT_SIZE]);
void value_size_text(int64_t bytes, char text[VALUE_TEXT_SIZE]);

/* An absolute path, shorter than PATH_MAX, without control characters. */
const char *value_path(const char *text);

/* [A-Za-z0-9][A-Za-z0-9_.-]{0,75} */
bool value_is_name(const char *text);

/* [A-Za-z_][A-Za-z0-9_]* */
bool value_is_variable(const char *text);

/* Does YAML read this text, without quotes, as nothing? */
bool value_is_null(const char *text);

#endif
