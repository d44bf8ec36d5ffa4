/* SPDX-License-Identifier: Apache-2.0 */
#include "config/schema.h"

#include <errno.h>
#include <string.h>

#include "config/nearest.h"

/* Walks one file by the table. */
struct walk {
    const struct schema_target *target;
    const char *file;
    bool *seen; /* one for each key: it is there, right or wrong */
};

const struct schema_key *schema_find(const struct schema *schema, const char *path) {
    for (size_t i = 0; i < schema->count; i++)
        if (strcmp(schema->keys[i].path, path) == 0)
            return &schema->keys[i];
    return NULL;
}

/* The path within the section ("" is the file itself), or NULL: the key is not in it. */
static const char *within(const char *path, const char *section) {
    size_t length = strlen(section);
    if (length == 0)
        return path;
    return strncmp(path, section, length) == 0 && path[length] == '.' ? path + length + 1 : NULL;
}

/* The first key of the section `name`, or NULL: there is no such section. */
static const struct schema_key *find_section(const struct schema *schema, const char *name) {
    for (size_t i = 0; i < schema->count; i++)
        if (within(schema->keys[i].path, name))
            return &schema->keys[i];
    return NULL;
}

/* The word at this level that a path begins with: "log" of "log.level". */
static const char *first_word(struct arena *arena, const char *path) {
    return arena_copy(arena, path, strcspn(path, "."));
}

/* The word of the section nearest to a wrong key, or the path of a key of the same name elsewhere.
 */
static const char *suggest(const struct schema *schema, const char *section, const char *wrong,
                           struct arena *arena) {
    struct nearest nearest = {.wanted = wrong};
    const char *elsewhere = NULL;
    for (size_t i = 0; i < schema->count; i++) {
        const char *path = schema->keys[i].path;
        const char *rest = within(path, section);
        const char *word = rest ? first_word(arena, rest) : NULL;
        if (word)
            nearest_offer(&nearest, word);
        const char *last = strrchr(path, '.');
        if (strcmp(last ? last + 1 : path, wrong) == 0)
            elsewhere = path;
    }
    return nearest.found ? nearest.found : elsewhere;
}

/* The words of a section as a list: "stdout, stderr, max-size". */
static const char *list_words(const struct schema *schema, const char *section,
                              struct arena *arena) {
    const char *list = "", *before = "";
    for (size_t i = 0; i < schema->count; i++) {
        const char *rest = within(schema->keys[i].path, section);
        const char *word = rest ? first_word(arena, rest) : NULL;
        if (!word || strcmp(word, before) == 0)
            continue;
        list = arena_format(arena, "%s%s%s", list, *list ? ", " : "", word);
        if (!list)
            return "one that there is";
        before = word;
    }
    return list;
}

static void refuse_unknown(const struct walk *walk, const struct node *key, const char *section) {
    const struct schema *schema = walk->target->schema;
    struct arena arena ARENA_CLEAR = {NULL};
    struct config_problems *problems = walk->target->problems;
    const char *word = key->text;
    const char *meant = suggest(schema, section, word, &arena);
    if (schema_find(schema, word) && strchr(word, '.'))
        problem_add(problems, -EINVAL, &key->place, section,
                    "unknown key `%s`; expected %.*s: { %s: … }", word, (int)strcspn(word, "."),
                    word, strchr(word, '.') + 1);
    else if (meant)
        problem_add(problems, -EINVAL, &key->place, section,
                    "unknown key `%s` (did you mean `%s`?)", shown(word).text, meant);
    else
        problem_add(problems, -EINVAL, &key->place, section, "unknown key `%s`; expected one of %s",
                    shown(word).text, list_words(schema, section, &arena));
}

/* Reads what a key of the table has, and remembers where it stands. */
static int read_known(const struct walk *walk, const struct schema_key *key,
                      const struct node *node) {
    size_t index = (size_t)(key - walk->target->schema->keys);
    walk->seen[index] = true;
    int result = schema_read_value(walk->target, key, node);
    if (result == 0)
        walk->target->origins[index] = (struct config_origin){
            .file = walk->file, .line = node->key->place.line, .column = node->key->place.column};
    return result == -ENOMEM ? result : 0;
}

static int read_section(const struct walk *walk, const struct node *mapping, const char *section);

static int read_key(const struct walk *walk, const struct node *node, const char *section) {
    const struct schema *schema = walk->target->schema;
    const char *word = node->key->text;
    struct arena arena ARENA_CLEAR = {NULL};
    const char *path = *section ? arena_format(&arena, "%s.%s", section, word) : word;
    if (!path)
        return problem_memory(walk->target->problems, walk->file);
    const struct schema_key *key = strchr(word, '.') ? NULL : schema_find(schema, path);
    if (key)
        return read_known(walk, key, node);
    if (strchr(word, '.') || !find_section(schema, path)) {
        refuse_unknown(walk, node->key, section);
        return 0;
    }
    if (node->kind == NODE_MAPPING)
        return read_section(walk, node, path);
    if (!node_is_null(node))
        problem_add(walk->target->problems, -EINVAL, &node->place, path,
                    "is %s; expected a mapping with %s",
                    node->kind == NODE_SEQUENCE ? "a list" : "a single value",
                    list_words(schema, path, &arena));
    return 0;
}

static int read_section(const struct walk *walk, const struct node *mapping, const char *section) {
    for (const struct node *node = mapping->first; node; node = node->next) {
        int result = read_key(walk, node, section);
        if (result < 0)
            return result;
    }
    return 0;
}

int schema_read(const struct schema_target *target, const struct node *root, const char *file) {
    struct arena arena ARENA_CLEAR = {NULL};
    struct walk walk = {.target = target, .file = file};
    walk.seen = arena_alloc(&arena, target->schema->count * sizeof(*walk.seen));
    if (!walk.seen)
        return problem_memory(target->problems, file);
    if (root && root->kind != NODE_MAPPING) {
        problem_add(target->problems, -EINVAL, &root->place, NULL,
                    "holds %s; expected a mapping with %s",
                    root->kind == NODE_SEQUENCE ? "a list" : "a single value",
                    list_words(target->schema, "", &arena));
        return 0;
    }
    int result = root ? read_section(&walk, root, "") : 0;
    for (size_t i = 0; result == 0 && i < target->schema->count; i++)
        if (target->schema->keys[i].required && !walk.seen[i])
            problem_add(target->problems, -EINVAL,
                        &(struct place){.file = file, .line = 1, .column = 1},
                        target->schema->keys[i].path, "is missing; expected %s",
                        target->schema->keys[i].expected);
    return result;
}

int schema_set(const struct schema_target *target, const char *path, const char *text,
               const struct config_origin *origin) {
    const struct schema_key *key = schema_find(target->schema, path);
    const struct place place = {.file = origin->file, .line = origin->line};
    if (!key)
        return problem_add(target->problems, -EINVAL, &place, NULL, "unknown key `%s`",
                           shown(path).text);
    const struct node node = {.kind = NODE_SCALAR, .plain = true, .place = place, .text = text};
    int result = schema_read_value(target, key, &node);
    if (result == 0)
        target->origins[key - target->schema->keys] = *origin;
    return result;
}

int schema_defaults(const struct schema_target *target) {
    static const struct node nothing = {.kind = NODE_MAPPING, .place = {.file = "the defaults"}};
    static const struct node no_items = {.kind = NODE_SEQUENCE, .place = {.file = "the defaults"}};
    for (size_t i = 0; i < target->schema->count; i++) {
        const struct schema_key *key = &target->schema->keys[i];
        const struct node standard = {
            .kind = NODE_SCALAR, .plain = true, .place = nothing.place, .text = key->standard};
        const struct node *node = key->standard                     ? &standard
                                  : key->type == SCHEMA_STRING_LIST ? &no_items
                                  : key->type == SCHEMA_ENVIRONMENT ? &nothing
                                  : key->type == SCHEMA_OPTIONS     ? &nothing
                                                                    : NULL;
        int result = node ? schema_read_value(target, key, node) : 0;
        if (result < 0)
            return result;
    }
    return 0;
}

struct config_origin schema_origin(const struct schema *schema, const struct config_origin *origins,
                                   const char *path) {
    const struct schema_key *key = schema_find(schema, path);
    return key ? origins[key - schema->keys] : (struct config_origin){.file = NULL};
}
