/* SPDX-License-Identifier: Apache-2.0 */
/* What plugins say of themselves. Each is asked in a process of its own, so that one which crashes,
 * calls exit() or does not return is a problem of its own line, and the others are still told. */
#ifndef SHIMHOST_COMMAND_FACTS_H
#define SHIMHOST_COMMAND_FACTS_H

#include <limits.h>

#include "command/command.h"

struct plugin_facts {
    bool opened; /* the next four are known */
    uint32_t abi;
    uint32_t entries; /* bit N: it has the entry plugin_entry_name(N) */
    char name[64], version[64], summary[256];
    char path[PATH_MAX];           /* of a file that was opened */
    struct shim_features features; /* of a runtime; its health is only what it said itself */
    char problem[1024];            /* why not everything is known, or empty */
    bool finished;                 /* private */
};

/* `name`: as of plugin_open(). */
void facts_of_file(const struct invocation *invocation, const char *plugin_dir, const char *name,
                   struct plugin_facts *ret_facts);

/* Of the plugin of a configured runtime, and of that runtime. After invocation_engine(). */
void facts_of_runtime(const struct invocation *invocation, const char *name,
                      struct plugin_facts *ret_facts);

#endif
