/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the characters of a file before its grammar. */
#ifndef SHIMHOST_CONFIG_ENCODING_H
#define SHIMHOST_CONFIG_ENCODING_H

#include "config/source.h"

/* The length of the UTF-8 character at `at` (of `left` bytes), and which it is; 0: it is none. */
size_t encoding_character(const char *at, size_t left, uint32_t *ret_character);

/* May this character be in a YAML file as it is? */
bool encoding_is_printable(uint32_t character);

/* Takes a byte order mark off the front, and refuses what is not UTF-8, NULs and control
 * characters. Returns 0, or -EINVAL with one problem, the first. */
int encoding_check(struct source *source, struct config_problems *problems);

#endif
