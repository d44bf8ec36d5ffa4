/* SPDX-License-Identifier: Apache-2.0 */
#include "config/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "config/schema.h"

#define STANDARD_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* A runtime and the memory that all of it is in. */
struct holder {
    struct runtime_config runtime; /* first: it is what others see */
    struct arena arena;
};

static void free_holder(struct holder **holder) {
    if (*holder)
        runtime_free(&(*holder)->runtime);
}

struct runtime_config *runtime_free(struct runtime_config *runtime) {
    if (runtime) {
        struct holder *holder = (struct holder *)runtime;
        arena_clear(&holder->arena);
        free(holder);
    }
    return NULL;
}

/* PATH and then the variables of `env`, as NAME=VALUE. A PATH in `env` replaces the standard one.
 */
static const char *const *make_environment(const struct runtime_config *runtime,
                                           struct arena *arena) {
    const char **list = arena_alloc(arena, (runtime->n_env + 2) * sizeof(*list));
    if (!list)
        return NULL;
    list[0] = "PATH=" STANDARD_PATH;
    size_t used = 1;
    for (size_t i = 0; i < runtime->n_env; i++) {
        const struct config_entry *entry = &runtime->env[i];
        const char *text = arena_format(arena, "%s=%s", entry->key, entry->value);
        if (!text)
            return NULL;
        if (strcmp(entry->key, "PATH") == 0)
            list[0] = text;
        else
            list[used++] = text;
    }
    return list;
}

/* The runtime as the ABI has it. */
static int make_shim(struct runtime_config *runtime, struct arena *arena) {
    const char *const *environment = make_environment(runtime, arena);
    if (!environment)
        return -ENOMEM;
    runtime->shim = (struct shim_runtime){
        .size = sizeof(runtime->shim),
        .flags = runtime->no_pivot_root ? SHIM_RUNTIME_NO_PIVOT_ROOT : 0,
        .name = runtime->name,
        .binary = runtime->binary,
        .args = runtime->args,
        .environment = environment,
        .root = runtime->root,
        .source = runtime->file,
        .spawn_timeout = runtime->timeouts.spawn,
        .signal_timeout = runtime->timeouts.signal,
        .delete_timeout = runtime->timeouts.delete,
    };
    return 0;
}

static int fill(struct holder *holder, struct config_problems *problems) {
    struct runtime_config *runtime = &holder->runtime;
    struct config_origin *origins =
        arena_alloc(&holder->arena, schema_runtime.count * sizeof(*origins));
    if (!origins)
        return problem_memory(problems, runtime->file);
    runtime->origins = origins;
    const struct schema_target target = {.schema = &schema_runtime,
                                         .structure = runtime,
                                         .origins = origins,
                                         .arena = &holder->arena,
                                         .problems = problems};
    struct arena arena ARENA_CLEAR = {NULL};
    struct source source;
    const struct node *root = NULL;
    int result = source_read(runtime->file, &arena, &source, problems);
    if (result == 0)
        result = document_read(&source, &arena, &root, problems);
    if (result == 0)
        result = schema_defaults(&target);
    if (result == 0)
        result = schema_read(&target, root, runtime->file);
    if (result == 0 && make_shim(runtime, &holder->arena) < 0)
        result = problem_memory(problems, runtime->file);
    return result;
}

int runtime_read(const char *directory, const char *name, struct runtime_config **ret_runtime,
                 struct config_problems *problems) {
    struct holder *holder __attribute__((cleanup(free_holder))) = calloc(1, sizeof(*holder));
    if (!holder)
        return problem_memory(problems, directory);
    struct runtime_config *runtime = &holder->runtime;
    runtime->name = arena_copy(&holder->arena, name, strlen(name));
    runtime->file = arena_format(&holder->arena, "%s/%s.yaml", directory, name);
    if (!runtime->name || !runtime->file)
        return problem_memory(problems, directory);
    size_t mark = problems_mark(problems);
    int result = fill(holder, problems);
    problems_sort(problems, mark);
    if (result == 0)
        result = problems_since(problems, mark);
    if (result < 0)
        return result;
    *ret_runtime = runtime;
    holder = NULL;
    return 0;
}

const char *config_option(const struct runtime_config *runtime, const char *key) {
    for (size_t i = 0; i < runtime->n_options; i++)
        if (strcmp(runtime->options[i].key, key) == 0)
            return runtime->options[i].value;
    return NULL;
}

struct config_origin runtime_config_origin(const struct runtime_config *runtime, const char *key) {
    return schema_origin(&schema_runtime, runtime->origins, key);
}
