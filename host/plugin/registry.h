/* SPDX-License-Identifier: Apache-2.0 */
/* Finds, checks and opens plugin files. The only user of libltdl. */
#ifndef SHIMHOST_PLUGIN_REGISTRY_H
#define SHIMHOST_PLUGIN_REGISTRY_H

#include <shimhost/plugin.h>

struct plugin_file;

/* Opens the plugin NAME from the directory `plugin_dir`, or, if NAME is an absolute path, that
 * file. Refuses, in one sentence: relative paths; a file, or a directory above it, that someone
 * other than root or the caller owns or can write; what is not a shared object; one without the
 * symbol; another ABI; a missing mandatory entry. Runs the file's constructors, which may do
 * anything, but nothing before the ownership is proven. */
int plugin_open(const char *plugin_dir, const char *name, struct plugin_file **ret_file,
                struct shim_error *error);
struct plugin_file *plugin_close(struct plugin_file *file);

const struct shim_plugin *plugin_descriptor(const struct plugin_file *file);
const char *plugin_path(const struct plugin_file *file);

/* The names of the optional entries that a plugin has and those that it lacks: index 0 … until NULL
 * comes back. */
const char *plugin_entry_name(size_t index);
int plugin_has_entry(const struct shim_plugin *plugin, size_t index);

/* Calls `each` with the absolute path of every file in `plugin_dir` that ends in .so, by name. */
int plugin_list(const char *plugin_dir, int (*each)(const char *path, void *user), void *user,
                struct shim_error *error);

#endif
