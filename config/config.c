/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/nearest.h"
#include "config/runtime.h"
#include "config/schema.h"
#include "config/value.h"

#define RUNTIMES_DIR "runtimes.d"
#define SHOWN_NAMES 20 /* runtimes that a message lists */

/* What grows behind a configuration that is constant to its users. */
struct config_cache {
    struct arena arena;               /* all that the configuration points to, but the runtimes */
    struct runtime_config **runtimes; /* sorted by name */
    size_t n_runtimes;
    const char *const *names; /* of the files, once listed */
    size_t n_names;
    bool listed;
};

static void free_config(struct config **config) {
    *config = config_free(*config);
}
#define AUTO_CONFIG __attribute__((cleanup(free_config)))

struct config *config_free(struct config *config) {
    if (!config)
        return NULL;
    struct config_cache *cache = config->cache;
    if (cache) {
        for (size_t i = 0; i < cache->n_runtimes; i++)
            runtime_free(cache->runtimes[i]);
        free(cache->runtimes);
        arena_clear(&cache->arena);
        free(cache);
    }
    free(config);
    return NULL;
}

/* ---------------------------------------------------------------------------------- shimhost.yaml
 */

/* Paths are absolute from the start: the program may change its directory before it reads a
 * runtime. */
static const char *absolute(const char *path, struct arena *arena) {
    if (*path == '/')
        return arena_copy(arena, path, strlen(path));
    char *here AUTO_FREE = getcwd(NULL, 0);
    return here ? arena_format(arena, "%s/%s", strcmp(here, "/") == 0 ? "" : here, path) : NULL;
}

static struct config *make_config(const char *path) {
    struct config *config AUTO_CONFIG = calloc(1, sizeof(*config));
    if (!config)
        return NULL;
    config->cache = calloc(1, sizeof(*config->cache));
    if (!config->cache)
        return NULL;
    struct arena *arena = &config->cache->arena;
    config->path = absolute(path, arena);
    if (!config->path)
        return NULL;
    int length = (int)(strrchr(config->path, '/') - config->path);
    config->runtimes_dir = arena_format(arena, "%.*s/" RUNTIMES_DIR, length, config->path);
    config->origins = arena_alloc(arena, schema_main.count * sizeof(*config->origins));
    return config->runtimes_dir && config->origins ? pointer_steal(&config) : NULL;
}

static struct schema_target target_of(struct config *config, struct config_problems *problems) {
    return (struct schema_target){.schema = &schema_main,
                                  .structure = config,
                                  .origins = (struct config_origin *)config->origins,
                                  .arena = &config->cache->arena,
                                  .problems = problems};
}

static int set_defaults(const struct schema_target *target,
                        const struct config_defaults *defaults) {
    /* A problem with one of these is the caller's fault; it is reported like one all the same. */
    const struct config_origin origin = {.file = "the defaults"};
    int result = schema_defaults(target);
    if (result == 0)
        result = schema_set(target, "state-dir", defaults->state_dir, &origin);
    if (result == 0)
        result = schema_set(target, "plugin-dir", defaults->plugin_dir, &origin);
    for (size_t i = 0; i < schema_main.count; i++)
        target->origins[i] = (struct config_origin){.file = NULL};
    return result;
}

static int read_main(struct config *config, bool must_exist, const struct schema_target *target) {
    struct arena arena ARENA_CLEAR = {NULL};
    struct source source;
    const struct node *root = NULL;
    int result = source_read(config->path, &arena, &source, target->problems);
    if (result == -ENOENT && !must_exist)
        return 0;
    if (result == -ENOENT)
        return problem_add(target->problems, -ENOENT, &(struct place){.file = config->path}, NULL,
                           "there is no such file; expected the configuration that was asked for");
    config->present = true;
    if (result == 0)
        result = document_read(&source, &arena, &root, target->problems);
    if (result == 0)
        result = schema_read(target, root, config->path);
    return result;
}

/* Reads shimhost.yaml into *ret_config, which is there even when there are problems, unless memory
 * or the defaults fail. */
static int load(const char *path, const struct config_defaults *defaults,
                struct config **ret_config, struct config_problems *problems) {
    const char *wanted = path ? path : defaults->path;
    size_t mark = problems_mark(problems);
    struct config *config AUTO_CONFIG = make_config(wanted);
    if (!config)
        return problem_memory(problems, wanted);
    struct schema_target target = target_of(config, problems);
    int result = set_defaults(&target, defaults);
    if (result < 0)
        return result;
    result = read_main(config, path != NULL, &target);
    problems_sort(problems, mark);
    *ret_config = pointer_steal(&config);
    return result < 0 ? result : problems_since(problems, mark);
}

int config_load(const char *path, const struct config_defaults *defaults,
                struct config **ret_config, struct config_problems *problems) {
    struct config *config AUTO_CONFIG = NULL;
    int result = load(path, defaults, &config, problems);
    if (result == 0)
        *ret_config = pointer_steal(&config);
    return result;
}

int config_override(struct config *config, const char *key, const char *value, const char *origin,
                    struct config_problems *problems) {
    struct schema_target target = target_of(config, problems);
    const char *file = arena_copy(target.arena, origin, strlen(origin));
    if (!file)
        return problem_memory(problems, config->path);
    return schema_set(&target, key, value, &(struct config_origin){.file = file});
}

struct config_origin config_origin(const struct config *config, const char *key) {
    return schema_origin(&schema_main, config->origins, key);
}

/* ---------------------------------------------------------------------------------- runtimes */

const struct runtime_config *const *config_runtimes(const struct config *config,
                                                    size_t *ret_count) {
    *ret_count = config->cache->n_runtimes;
    return (const struct runtime_config *const *)config->cache->runtimes;
}

int config_runtime_names(const struct config *config, const char *const **ret_names,
                         size_t *ret_count, struct config_problems *problems) {
    struct config_cache *cache = config->cache;
    if (!cache->listed) {
        int result = source_list(config->runtimes_dir, &cache->arena, &cache->names,
                                 &cache->n_names, problems);
        if (result < 0)
            return result;
        cache->listed = true;
    }
    *ret_names = cache->names;
    *ret_count = cache->n_names;
    return 0;
}

const char *config_nearest_runtime(const struct config *config, const char *name) {
    struct config_problems ignored = CONFIG_PROBLEMS_NONE;
    struct nearest nearest = {.wanted = name};
    const char *const *names = NULL;
    size_t count = 0;
    if (config_runtime_names(config, &names, &count, &ignored) == 0)
        for (size_t i = 0; i < count; i++)
            if (value_is_name(names[i]))
                nearest_offer(&nearest, names[i]);
    config_problems_clear(&ignored);
    return nearest.found;
}

/* The names that runtimes can have, as a list for a person. NULL: out of memory. */
static const char *list_names(const char *const *names, size_t count, struct arena *arena) {
    const char *list = NULL;
    size_t shown_names = 0;
    for (size_t i = 0; i < count; i++) {
        if (!value_is_name(names[i]))
            continue;
        if (++shown_names > SHOWN_NAMES)
            return arena_format(arena, "%s, …", list);
        list = arena_format(arena, "%s%s%s", list ? list : "", list ? ", " : "", names[i]);
        if (!list)
            return NULL;
    }
    return list ? list : "none";
}

/* Where the wish for a runtime comes from: the file that names the default, or the directory. */
static struct place place_of_wish(const struct config *config, bool is_default) {
    struct config_origin origin = config_origin(config, "default-runtime");
    if (is_default && origin.file)
        return (struct place){.file = origin.file, .line = origin.line, .column = origin.column};
    return (struct place){.file = config->runtimes_dir};
}

/* There is such a name in runtimes.d, but nothing behind it. */
static int refuse_broken(const struct config *config, const char *name,
                         struct config_problems *problems) {
    struct arena arena ARENA_CLEAR = {NULL};
    const char *file = arena_format(&arena, "%s/%s.yaml", config->runtimes_dir, name);
    if (!file)
        return problem_memory(problems, config->runtimes_dir);
    return problem_add(problems, -ENOENT, &(struct place){.file = file}, NULL,
                       "leads nowhere; expected a file, and no broken symbolic link");
}

/* Says that there is no such runtime, and which there are. */
static int refuse_missing(const struct config *config, const char *name, bool is_default,
                          struct config_problems *problems) {
    struct arena arena ARENA_CLEAR = {NULL};
    const char *const *names = NULL;
    size_t count = 0;
    int result = config_runtime_names(config, &names, &count, problems);
    if (result < 0)
        return result;
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return refuse_broken(config, name, problems);
    const char *list = list_names(names, count, &arena);
    if (!list)
        return problem_memory(problems, config->runtimes_dir);
    const char *meant = config_nearest_runtime(config, name);
    struct place place = place_of_wish(config, is_default);
    return problem_add(problems, -ENOENT, &place, place.line ? "default-runtime" : NULL,
                       "there is no%s runtime `%s`%s%s%s; expected one that has a file in %s: %s",
                       is_default ? " default" : "", shown(name).text,
                       meant ? " (did you mean `" : "", meant ? meant : "", meant ? "`?)" : "",
                       config->runtimes_dir, list);
}

/* Where `name` is, or else belongs, in the sorted list. */
static size_t find_slot(const struct config_cache *cache, const char *name, bool *ret_found) {
    size_t low = 0, high = cache->n_runtimes;
    *ret_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(cache->runtimes[middle]->name, name);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int insert_runtime(const struct config *config, struct runtime_config *runtime_take,
                          size_t slot, struct config_problems *problems) {
    struct config_cache *cache = config->cache;
    void *list = reallocarray(cache->runtimes, cache->n_runtimes + 1, sizeof(*cache->runtimes));
    if (!list) {
        runtime_free(runtime_take);
        return problem_memory(problems, config->path);
    }
    cache->runtimes = list;
    memmove(cache->runtimes + slot + 1, cache->runtimes + slot,
            (cache->n_runtimes - slot) * sizeof(*cache->runtimes));
    cache->runtimes[slot] = runtime_take;
    cache->n_runtimes++;
    return 0;
}

int config_runtime(const struct config *config, const char *name,
                   const struct runtime_config **ret_runtime, struct config_problems *problems) {
    struct config_cache *cache = config->cache;
    bool is_default = !name, found = false;
    if (is_default)
        name = config->default_runtime;
    if (!value_is_name(name))
        return refuse_missing(config, name, is_default, problems);
    size_t slot = find_slot(cache, name, &found);
    if (!found) {
        struct runtime_config *runtime = NULL;
        int result = runtime_read(config->runtimes_dir, name, &runtime, problems);
        if (result == -ENOENT)
            return refuse_missing(config, name, is_default, problems);
        if (result == 0)
            result = insert_runtime(config, runtime, slot, problems);
        if (result < 0)
            return result;
    }
    *ret_runtime = cache->runtimes[slot];
    return 0;
}

/* A file whose name no runtime can have. */
static void refuse_name(const struct config *config, const char *name,
                        struct config_problems *problems) {
    problem_add(problems, -EINVAL, &(struct place){.file = config->runtimes_dir}, NULL,
                "`%s.yaml` does not have the name of a runtime; expected letters, digits and "
                "`_.-`, at most 76 long",
                shown(name).text);
}

int config_load_all(const struct config *config, struct config_problems *problems) {
    const char *const *names = NULL;
    size_t count = 0;
    size_t mark = problems_mark(problems);
    int result = config_runtime_names(config, &names, &count, problems);
    if (result < 0)
        return result;
    for (size_t i = 0; i < count; i++) {
        const struct runtime_config *runtime = NULL;
        if (value_is_name(names[i]))
            config_runtime(config, names[i], &runtime, problems);
        else
            refuse_name(config, names[i], problems);
    }
    return problems_since(problems, mark);
}

int config_check(const char *path, const struct config_defaults *defaults,
                 struct config_problems *problems) {
    size_t mark = problems_mark(problems);
    struct config *config AUTO_CONFIG = NULL;
    int result = load(path, defaults, &config, problems);
    if (!config)
        return result;
    const char *const *names = NULL;
    size_t count = 0;
    bool named = config_origin(config, "default-runtime").file != NULL, found = false;
    if (config_runtime_names(config, &names, &count, problems) < 0)
        return problems_since(problems, mark);
    config_load_all(config, problems);
    for (size_t i = 0; i < count; i++)
        found = found || strcmp(names[i], config->default_runtime) == 0;
    if (named && !found)
        refuse_missing(config, config->default_runtime, true, problems);
    return problems_since(problems, mark);
}
