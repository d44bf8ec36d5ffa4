/* SPDX-License-Identifier: Apache-2.0 */
/* Looks into a shared object without loading it. */
#ifndef SHIMHOST_CHECK_ELF_H
#define SHIMHOST_CHECK_ELF_H

#include <shimhost/plugin.h>

/* Calls `each` for every symbol that the file defines and offers to others, without those that
 * linkers add by themselves. A non-zero return ends it and is returned. -ENOEXEC: it has no table
 * of dynamic symbols, or a broken one. */
int elf_exports(const char *path, int (*each)(const char *name, void *user), void *user,
                struct shim_error *error);

#endif
