/* SPDX-License-Identifier: Apache-2.0 */
/* The types of the tables: how each reads its value out of a node. */
#include <errno.h>
#include <string.h>

#include "config/schema.h"
#include "config/value.h"

/* One value on its way into its field. */
struct reading {
    const struct schema_target *target;
    const struct schema_key *key;
    const char *path; /* of the node, for problems: the key's, or deeper */
    const struct node *node;
};

static void *field_of(const struct reading *reading) {
    return (char *)reading->target->structure + reading->key->offset;
}

/* Refuses the node's text: `wrong` is the end of a sentence that begins with it. */
static int refuse_text(const struct reading *reading, const char *wrong) {
    return problem_add(reading->target->problems, -EINVAL, &reading->node->place, reading->path,
                       "`%s` %s; expected %s", shown(reading->node->text).text, wrong,
                       reading->key->expected);
}

/* Refuses the node for being of another kind. */
static int refuse_kind(const struct reading *reading) {
    const struct node *node = reading->node;
    const char *is = node->kind == NODE_MAPPING    ? "is a mapping"
                     : node->kind == NODE_SEQUENCE ? "is a list"
                     : node_is_null(node)          ? "has no value"
                     : node->plain                 ? "is a single value"
                                                   : "is a text in quotes";
    return problem_add(reading->target->problems, -EINVAL, &node->place, reading->path,
                       "%s; expected %s", is, reading->key->expected);
}

static int no_memory(const struct reading *reading) {
    return problem_memory(reading->target->problems, reading->node->place.file);
}

/* Copies the node's text to where it stays. */
static int copy_text(const struct reading *reading, const char *text, const char **ret_copy) {
    char *copy = arena_copy(reading->target->arena, text, strlen(text));
    if (!copy)
        return no_memory(reading);
    *ret_copy = copy;
    return 0;
}

/* Is it a single value that is not nothing? */
static bool is_text(const struct node *node) {
    return node->kind == NODE_SCALAR && !node_is_null(node);
}

static int read_version(const struct reading *reading) {
    if (!is_text(reading->node) || !reading->node->plain)
        return refuse_kind(reading);
    if (strcmp(reading->node->text, "1") != 0)
        return refuse_text(reading, "is a version that this program does not know");
    return 0;
}

static int read_text(const struct reading *reading) {
    if (!is_text(reading->node))
        return refuse_kind(reading);
    const char *text = reading->node->text;
    bool name =
        reading->key->type == SCHEMA_NAME || (reading->key->type == SCHEMA_PLUGIN && *text != '/');
    if (name && !value_is_name(text))
        return refuse_text(reading, "is not a name");
    const char *wrong = name ? NULL : value_path(text);
    if (wrong)
        return refuse_text(reading, wrong);
    return copy_text(reading, text, field_of(reading));
}

static int read_bool(const struct reading *reading) {
    static const char *const others[] = {"yes", "no", "on", "off", "y", "n", "1", "0", NULL};
    if (!is_text(reading->node) || !reading->node->plain)
        return refuse_kind(reading);
    const char *text = reading->node->text;
    bool value = strcmp(text, "true") == 0;
    if (!value && strcmp(text, "false") != 0) {
        const char *wrong = "is neither";
        for (size_t i = 0; others[i]; i++)
            if (strcasecmp(text, others[i]) == 0)
                wrong = "is not taken for a truth value here";
        return refuse_text(reading, wrong);
    }
    *(bool *)field_of(reading) = value;
    return 0;
}

/* The word that the text is, or NULL. */
static const struct schema_word *find_word(const struct reading *reading) {
    const struct schema_word *word = reading->key->words;
    while (word && word->text && strcmp(word->text, reading->node->text) != 0)
        word++;
    return word && word->text ? word : NULL;
}

static int read_word(const struct reading *reading) {
    if (!is_text(reading->node))
        return refuse_kind(reading);
    const struct schema_word *word = find_word(reading);
    if (!word)
        return refuse_text(reading, "is none of its values");
    *(int *)field_of(reading) = word->value;
    return 0;
}

static int refuse_range(const struct reading *reading, int64_t value) {
    char bound[VALUE_TEXT_SIZE];
    bool low = value < reading->key->minimum;
    int64_t limit = low ? reading->key->minimum : reading->key->maximum;
    if (reading->key->type == SCHEMA_DURATION)
        value_duration_text(limit, bound);
    else if (reading->key->type == SCHEMA_SIZE)
        value_size_text(limit, bound);
    else
        snprintf(bound, sizeof(bound), "%lld", (long long)limit);
    return problem_add(reading->target->problems, -EINVAL, &reading->node->place, reading->path,
                       "`%s` is too %s; expected %s, at %s %s", shown(reading->node->text).text,
                       low ? "small" : "large", reading->key->expected, low ? "least" : "most",
                       bound);
}

static int read_number(const struct reading *reading) {
    if (!is_text(reading->node))
        return refuse_kind(reading);
    const char *text = reading->node->text;
    const struct schema_word *word = find_word(reading);
    int64_t value = word ? word->value : 0;
    const char *wrong = word                                    ? NULL
                        : reading->key->type == SCHEMA_DURATION ? value_duration(text, &value)
                        : reading->key->type == SCHEMA_SIZE     ? value_size(text, &value)
                                                                : value_count(text, &value);
    if (wrong)
        return refuse_text(reading, wrong);
    if (!word && (value < reading->key->minimum || value > reading->key->maximum))
        return refuse_range(reading, value);
    *(int64_t *)field_of(reading) = value;
    return 0;
}

static size_t count_children(const struct node *node) {
    size_t count = 0;
    for (const struct node *child = node->first; child; child = child->next)
        count++;
    return count;
}

/* Makes the copy of a reading one of a node further down; its path is put into a temporary arena.
 */
static int descend(const struct reading *reading, const struct node *node, const char *word,
                   struct arena *arena, struct reading *ret_reading) {
    const char *path = *reading->path ? arena_format(arena, "%s.%s", reading->path, word) : word;
    if (!path)
        return no_memory(reading);
    ret_reading->path = path;
    ret_reading->node = node;
    return 0;
}

static int refuse_item(const struct reading *reading, const char *expected) {
    const char *is = reading->node->kind == NODE_MAPPING    ? "is a mapping"
                     : reading->node->kind == NODE_SEQUENCE ? "is a list"
                                                            : "has no value";
    return problem_add(reading->target->problems, -EINVAL, &reading->node->place, reading->path,
                       "%s; expected %s", is, expected);
}

#define ITEM_EXPECTED "a single value, or \"\" for an empty one"

static int read_string_list(const struct reading *reading) {
    const struct node *node = reading->node;
    if (node->kind != NODE_SEQUENCE && !node_is_null(node))
        return refuse_kind(reading);
    struct arena arena ARENA_CLEAR = {NULL};
    const char **list =
        arena_alloc(reading->target->arena, (count_children(node) + 1) * sizeof(*list));
    if (!list)
        return no_memory(reading);
    int result = 0;
    size_t used = 0;
    for (const struct node *item = node->first; item; item = item->next, used++) {
        char number[24];
        snprintf(number, sizeof(number), "%zu", used);
        struct reading below = *reading;
        int done = descend(reading, item, number, &arena, &below);
        if (done == 0)
            done = is_text(item) ? copy_text(&below, item->text, &list[used])
                                 : refuse_item(&below, ITEM_EXPECTED);
        if (done == -ENOMEM)
            return done;
        if (done < 0)
            result = done;
    }
    if (result == 0)
        *(const char *const **)field_of(reading) = list;
    return result;
}

/* Entries on their way into a list that is long enough for all of them. */
struct entries {
    struct config_entry *list;
    size_t used;
    struct arena *arena; /* for paths in problems */
};

static int add_entry(const struct reading *reading, const char *key, struct entries *entries) {
    struct config_entry *entry = &entries->list[entries->used];
    int result = copy_text(reading, key, &entry->key);
    if (result == 0)
        result = copy_text(reading, reading->node->text, &entry->value);
    if (result < 0)
        return result;
    /* This name of the file is the structure's own and lives as long as it does. */
    entry->origin = (struct config_origin){.file = reading->node->place.file,
                                           .line = reading->node->place.line,
                                           .column = reading->node->place.column};
    entries->used++;
    return 0;
}

static int read_variable(const struct reading *reading, const char *name, struct entries *entries) {
    if (!value_is_variable(name))
        return problem_add(reading->target->problems, -EINVAL, &reading->node->key->place,
                           reading->path,
                           "`%s` is not the name of a variable; expected letters, digits and `_`, "
                           "and no digit first",
                           shown(name).text);
    if (!is_text(reading->node))
        return refuse_item(reading, ITEM_EXPECTED);
    return add_entry(reading, name, entries);
}

static int read_environment(const struct reading *reading, struct entries *entries) {
    int result = 0;
    for (const struct node *item = reading->node->first; item; item = item->next) {
        struct reading below = *reading;
        int done = descend(reading, item, item->key->text, entries->arena, &below);
        if (done == 0)
            done = read_variable(&below, item->key->text, entries);
        if (done == -ENOMEM)
            return done;
        if (done < 0)
            result = done;
    }
    return result;
}

/* Flattens what is below a node of the options; paths begin below `options` itself. */
static int read_options(const struct reading *reading, struct entries *entries) {
    if (reading->node->kind == NODE_SCALAR && !*reading->path)
        return 0; /* `options:` with nothing behind it */
    if (node_is_null(reading->node))
        return refuse_item(reading, ITEM_EXPECTED);
    if (reading->node->kind == NODE_SCALAR)
        return add_entry(reading, reading->path, entries);
    int result = 0;
    size_t index = 0;
    for (const struct node *item = reading->node->first; item; item = item->next, index++) {
        char number[24];
        snprintf(number, sizeof(number), "%zu", index);
        struct reading below = *reading;
        int done =
            descend(reading, item, item->key ? item->key->text : number, entries->arena, &below);
        if (done == 0 && item->key && strchr(item->key->text, '.'))
            done = problem_add(reading->target->problems, -EINVAL, &item->key->place, "options",
                               "the key `%s` has a dot in it; expected a level for each part, as "
                               "in a: { b: … }",
                               shown(item->key->text).text);
        if (done == 0)
            done = read_options(&below, entries);
        if (done == -ENOMEM)
            return done;
        if (done < 0)
            result = done;
    }
    return result;
}

/* How many single values are below a node. */
static size_t count_values(const struct node *node) {
    size_t count = node->kind == NODE_SCALAR;
    for (const struct node *child = node->first; child; child = child->next)
        count += count_values(child);
    return count;
}

static int read_mapping(struct reading *reading) {
    const struct node *node = reading->node;
    if (node->kind != NODE_MAPPING && !node_is_null(node))
        return refuse_kind(reading);
    struct arena arena ARENA_CLEAR = {NULL};
    struct entries entries = {.arena = &arena};
    entries.list =
        arena_alloc(reading->target->arena, count_values(node) * sizeof(struct config_entry));
    if (!entries.list)
        return no_memory(reading);
    int result = 0;
    if (reading->key->type == SCHEMA_ENVIRONMENT) {
        result = read_environment(reading, &entries);
    } else {
        reading->path = "";
        result = read_options(reading, &entries);
    }
    if (result < 0)
        return result;
    *(const struct config_entry **)field_of(reading) = entries.list;
    *(size_t *)((char *)reading->target->structure + reading->key->count_offset) = entries.used;
    return 0;
}

int schema_read_value(const struct schema_target *target, const struct schema_key *key,
                      const struct node *node) {
    struct reading reading = {.target = target, .key = key, .path = key->path, .node = node};
    switch (key->type) {
    case SCHEMA_VERSION:
        return read_version(&reading);
    case SCHEMA_PATH:
    case SCHEMA_NAME:
    case SCHEMA_PLUGIN:
        return read_text(&reading);
    case SCHEMA_BOOL:
        return read_bool(&reading);
    case SCHEMA_WORD:
        return read_word(&reading);
    case SCHEMA_DURATION:
    case SCHEMA_SIZE:
    case SCHEMA_COUNT:
        return read_number(&reading);
    case SCHEMA_STRING_LIST:
        return read_string_list(&reading);
    case SCHEMA_ENVIRONMENT:
    case SCHEMA_OPTIONS:
        return read_mapping(&reading);
    }
    return -EINVAL;
}
