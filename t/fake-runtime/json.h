/* SPDX-License-Identifier: Apache-2.0 */
/* As much of JSON as the fake runtime needs, without a library: walking a text in place. */
#ifndef FAKE_RUNTIME_JSON_H
#define FAKE_RUNTIME_JSON_H

#include <stddef.h>

/* Where the value of a member of the object at `value` begins, or NULL. `value` may be NULL. */
const char *json_member(const char *value, const char *name);

/* The strings of the array at `value` as a NULL-terminated vector that is never freed; NULL if it
 * is no array. */
char **json_strings(const char *value);

/* The string at `value`, unescaped, never freed; NULL if it is none. */
char *json_string(const char *value);

#endif
