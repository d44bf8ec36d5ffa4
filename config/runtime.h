/* SPDX-License-Identifier: Apache-2.0 */
/* One runtime's file. */
#ifndef SHIMHOST_CONFIG_RUNTIME_H
#define SHIMHOST_CONFIG_RUNTIME_H

#include "config/config.h"

/* Reads the runtime `name`, which is one, from DIRECTORY/NAME.yaml. Returns 0 and a runtime for
 * runtime_free(); or a negative errno with problems; without one for -ENOENT. */
int runtime_read(const char *directory, const char *name, struct runtime_config **ret_runtime,
                 struct config_problems *problems);

/* Returns NULL; NULL is fine. */
struct runtime_config *runtime_free(struct runtime_config *runtime);

#endif
