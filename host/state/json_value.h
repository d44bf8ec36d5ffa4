/* SPDX-License-Identifier: Apache-2.0 */
/* Single values out of a JSON text, found by their JSON pointers. */
#ifndef SHIMHOST_STATE_JSON_VALUE_H
#define SHIMHOST_STATE_JSON_VALUE_H

#include <stddef.h>

/* The service of that name in shimhost/plugin.h. The last text is kept, parsed, until another comes
 * or json_value_forget() is called, which the engine does after each call into a plugin. */
int json_value(const char *text, const char *pointer, char *buffer, size_t size, size_t *ret_count);
void json_value_forget(void);

#endif
