/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the file and of what it says about itself. */
#include <ctype.h>
#include <dlfcn.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "check/elf.h"
#include "check/kit.h"

void check_loads(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct plugin_file *file;
    int r = plugin_open(NULL, kit->request->file, &file, &error);
    kit_must(kit, r, "load", &error);
    plugin_close(file);
}

static void check_line(struct kit *kit, const char *what, const char *text) {
    if (!*text)
        kit_fail(kit, "%s is empty", what);
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7F)
            kit_fail(kit, "%s has a control character in it: %s", what, text);
    if (text[0] == ' ' || text[strlen(text) - 1] == ' ')
        kit_fail(kit, "%s begins or ends with a space", what);
}

/* The host works with the descriptor for as long as the plugin is loaded. */
static void check_same_again(struct kit *kit, const struct shim_plugin *plugin) {
    struct shim_error error = ERROR_NONE;
    struct plugin_file *again;
    kit_must(kit, plugin_open(NULL, kit->request->file, &again, &error), "load again", &error);
    if (plugin_descriptor(again) != plugin)
        kit_fail(kit, "%s() returns another descriptor each time; it has to be static",
                 SHIM_PLUGIN_SYMBOL);
}

void check_descriptor(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct plugin_file *file;
    kit_must(kit, plugin_open(NULL, kit->request->file, &file, &error), "load", &error);
    const struct shim_plugin *plugin = plugin_descriptor(file);
    check_line(kit, "the name", plugin->name);
    check_line(kit, "the version", plugin->version);
    check_line(kit, "the summary", plugin->summary);
    size_t allowed = strspn(plugin->name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (plugin->name[allowed])
        kit_fail(kit, "the name is `%s`; it may have only a-z, 0-9 and -", plugin->name);
    if (strchr(plugin->version, ' '))
        kit_fail(kit, "the version is `%s`; it may have no spaces", plugin->version);
    if (plugin->size % sizeof(void *))
        kit_fail(kit,
                 "size is %u, which no struct shim_plugin has; it is to be sizeof(struct "
                 "shim_plugin)",
                 plugin->size);
    if (SHIM_HAS(struct shim_plugin, plugin, pause) != SHIM_HAS(struct shim_plugin, plugin, resume))
        kit_fail(kit, "it has only one of pause and resume");
    if (SHIM_HAS(struct shim_plugin, plugin, restore) &&
        !SHIM_HAS(struct shim_plugin, plugin, checkpoint))
        kit_fail(kit, "it has restore, but not checkpoint");
    check_same_again(kit, plugin);
}

static int add_name(const char *name, void *user) {
    if (strcmp(name, SHIM_PLUGIN_SYMBOL) == 0)
        return 0;
    struct text *others = user;
    return text_appendf(others, "%s%s", others->length ? ", " : "", name);
}

void check_exports(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct text others AUTO_TEXT = TEXT_EMPTY;
    kit_must(kit, elf_exports(kit->request->file, add_name, &others, &error), "exports", &error);
    if (others.length)
        kit_fail(kit,
                 "beside %s it exports %.1500s; compile with -fvisibility=hidden, or make them "
                 "static",
                 SHIM_PLUGIN_SYMBOL, others.data);
}

void check_symbols(struct kit *kit) {
    void *handle = dlopen(kit->request->file, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        kit_fail(kit, "%s", dlerror());
    dlclose(handle);
}

static void check_terminated(struct kit *kit, const char *what, const char *text, size_t size) {
    if (!memchr(text, '\0', size))
        kit_fail(kit, "%s is not terminated by a NUL", what);
}

static bool is_date(const char *text) {
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; i < sizeof(form); i++)
        if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
            return false;
    return true;
}

void check_features(struct kit *kit) {
    struct shim_error error = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    const struct runtime *runtime = kit_runtime(kit, engine);
    if (!SHIM_HAS(struct shim_plugin, runtime->plugin, features))
        kit_skip(kit, "it has no features");
    struct shim_features features = {.size = sizeof(features)};
    int r = PLUGIN_CALL(runtime, features, &features, &error);
    kit_must(kit, r, "features", &error);
    check_terminated(kit, "version", features.version, sizeof(features.version));
    check_terminated(kit, "health", features.health, sizeof(features.health));
    check_terminated(kit, "warning", features.warning, sizeof(features.warning));
    check_terminated(kit, "table_date", features.table_date, sizeof(features.table_date));
    if (features.table_date[0] && !is_date(features.table_date))
        kit_fail(kit, "table_date is `%s`, expected YYYY-MM-DD", features.table_date);
    if (features.warning[0] && !features.table_date[0])
        kit_fail(kit, "there are warnings, and no table_date to say how old they are");
    if (strchr(features.health, '\n'))
        kit_fail(kit, "health has more than one line: %s", features.health);
    engine_close(engine);
}
