/* SPDX-License-Identifier: Apache-2.0 */
#include "config/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/fd.h"
#include "config/encoding.h"
#include "config/value.h"

/* The reading of one file. */
struct reader {
    yaml_parser_t parser;
    const struct source *source;
    struct arena *arena;
    struct config_problems *problems;
    size_t nodes;
};

static int read_node(struct reader *reader, const yaml_event_t *event, unsigned int depth,
                     struct node **ret_node);

static struct place place_of(const struct reader *reader, yaml_mark_t mark) {
    return (struct place){.file = reader->source->path,
                          .line = (unsigned int)mark.line + 1,
                          .column = (unsigned int)mark.column + 1};
}

bool node_is_null(const struct node *node) {
    return node->kind == NODE_SCALAR && node->plain && value_is_null(node->text);
}

/* Is there a tab at this place? libyaml's own words for it help nobody. */
static bool is_tab(const struct source *source, yaml_mark_t mark) {
    const char *at = source->text, *end = at + source->length;
    for (size_t line = 0; line < mark.line; line++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (!at)
            return false;
        at++;
    }
    for (size_t column = 0; column < mark.column && at < end; column++)
        for (at++; at < end && ((unsigned char)*at & 0xc0) == 0x80;)
            at++;
    return at < end && *at == '\t';
}

/* What the parser could not make out. */
static int syntax_problem(struct reader *reader) {
    const yaml_parser_t *parser = &reader->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        return problem_memory(reader->problems, reader->source->path);
    struct place place = place_of(reader, parser->problem_mark);
    if (is_tab(reader->source, parser->problem_mark))
        return problem_add(reader->problems, -EINVAL, &place, NULL,
                           "has a tab; expected spaces, YAML is not indented with tabs");
    if (!parser->context)
        return problem_add(reader->problems, -EINVAL, &place, NULL, "is not YAML: %s",
                           parser->problem);
    return problem_add(reader->problems, -EINVAL, &place, NULL, "is not YAML: %s, %s in line %zu",
                       parser->problem, parser->context, parser->context_mark.line + 1);
}

static const char *anchor_of(const yaml_event_t *event) {
    const yaml_char_t *anchor =
        event->type == YAML_SCALAR_EVENT           ? event->data.scalar.anchor
        : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor
        : event->type == YAML_MAPPING_START_EVENT  ? event->data.mapping_start.anchor
        : event->type == YAML_ALIAS_EVENT          ? event->data.alias.anchor
                                                   : NULL;
    return (const char *)anchor;
}

static bool has_tag(const yaml_event_t *event) {
    return event->type == YAML_SCALAR_EVENT           ? event->data.scalar.tag
           : event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.tag
           : event->type == YAML_MAPPING_START_EVENT  ? event->data.mapping_start.tag
                                                      : NULL;
}

/* The next event, which the caller deletes. An anchor or alias ends the file: a few lines of them
 * grow into gigabytes. */
static int next_event(struct reader *reader, yaml_event_t *ret_event) {
    if (!yaml_parser_parse(&reader->parser, ret_event))
        return syntax_problem(reader);
    const char *anchor = anchor_of(ret_event);
    struct place place = place_of(reader, ret_event->start_mark);
    if (anchor) {
        bool alias = ret_event->type == YAML_ALIAS_EVENT;
        int result = problem_add(reader->problems, -EINVAL, &place, NULL,
                                 "has the %s `%c%s`; expected the value itself, anchors and "
                                 "aliases are not supported",
                                 alias ? "alias" : "anchor", alias ? '*' : '&', shown(anchor).text);
        yaml_event_delete(ret_event);
        return result;
    }
    if (has_tag(ret_event))
        problem_add(reader->problems, -EINVAL, &place, NULL,
                    "has a tag; expected the value alone, without `!`");
    return 0;
}

static void event_cleanup(yaml_event_t *event) {
    yaml_event_delete(event);
}
#define AUTO_EVENT __attribute__((cleanup(event_cleanup)))

static int read_scalar(struct reader *reader, const yaml_event_t *event, struct node *node) {
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    if (memchr(text, '\0', length))
        return problem_add(reader->problems, -EINVAL, &node->place, NULL,
                           "has a NUL character in it; expected text");
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = arena_copy(reader->arena, text, length);
    return node->text ? 0 : problem_memory(reader->problems, reader->source->path);
}

/* Can this be a key? If not, it is refused and the value left out of the tree. */
static bool check_key(struct reader *reader, const struct node *key) {
    if (key->kind != NODE_SCALAR)
        problem_add(reader->problems, -EINVAL, &key->place, NULL,
                    "has a %s as a key; expected a word",
                    key->kind == NODE_MAPPING ? "mapping" : "list");
    else if (key->plain && strcmp(key->text, "<<") == 0)
        problem_add(
            reader->problems, -EINVAL, &key->place, NULL,
            "has the merge key `<<`; expected the keys themselves, merging is not supported");
    else if (!*key->text)
        problem_add(reader->problems, -EINVAL, &key->place, NULL,
                    "has an empty key; expected a word");
    else if (strlen(key->text) > DOCUMENT_KEY_LONGEST)
        problem_add(reader->problems, -EINVAL, &key->place, NULL,
                    "has the key `%s` of %zu bytes; expected at most %u", shown(key->text).text,
                    strlen(key->text), DOCUMENT_KEY_LONGEST);
    else
        return true;
    return false;
}

static int compare_keys(const void *a, const void *b) {
    const struct node *one = *(const struct node *const *)a;
    const struct node *other = *(const struct node *const *)b;
    int order = strcmp(one->text, other->text);
    if (order != 0)
        return order;
    if (one->place.line != other->place.line)
        return one->place.line < other->place.line ? -1 : 1;
    return one->place.column < other->place.column ? -1 : one->place.column > other->place.column;
}

/* Sorted by text and then by place, the same key stands beside itself. */
static int check_duplicates(struct reader *reader, const struct node *mapping, size_t count) {
    if (count < 2)
        return 0;
    const struct node **keys AUTO_FREE = calloc(count, sizeof(struct node *));
    if (!keys)
        return problem_memory(reader->problems, reader->source->path);
    size_t used = 0;
    for (const struct node *node = mapping->first; node; node = node->next)
        keys[used++] = node->key;
    qsort(keys, used, sizeof(struct node *), compare_keys);
    for (size_t i = 1, first = 0; i < used; i++)
        if (strcmp(keys[i]->text, keys[first]->text) != 0)
            first = i;
        else
            problem_add(reader->problems, -EINVAL, &keys[i]->place, keys[i]->text,
                        "is a duplicate key; expected it once, and it is in line %u already",
                        keys[first]->place.line);
    return 0;
}

/* Reads what is in a list or, in pairs, in a mapping up to its end. */
static int read_children(struct reader *reader, struct node *parent, unsigned int depth) {
    const struct node **link = &parent->first;
    const struct node *key = NULL;
    bool mapping = parent->kind == NODE_MAPPING, at_key = mapping;
    size_t count = 0;
    for (;; at_key = mapping && !at_key) {
        yaml_event_t event AUTO_EVENT = {0};
        int result = next_event(reader, &event);
        if (result < 0)
            return result;
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
            return mapping ? check_duplicates(reader, parent, count) : 0;
        struct node *node = NULL;
        result = read_node(reader, &event, depth, &node);
        if (result < 0)
            return result;
        if (at_key) {
            key = check_key(reader, node) ? node : NULL;
        } else if (key || !mapping) {
            node->key = key;
            *link = node;
            link = &node->next;
            count++;
        }
    }
}

static int read_node(struct reader *reader, const yaml_event_t *event, unsigned int depth,
                     struct node **ret_node) {
    struct place place = place_of(reader, event->start_mark);
    if (++reader->nodes > DOCUMENT_NODES)
        return problem_add(reader->problems, -EINVAL, &place, NULL,
                           "holds more than %d values; expected a configuration file",
                           DOCUMENT_NODES);
    struct node *node = arena_alloc(reader->arena, sizeof(*node));
    if (!node)
        return problem_memory(reader->problems, reader->source->path);
    node->place = place;
    int result = 0;
    if (event->type == YAML_SCALAR_EVENT) {
        result = read_scalar(reader, event, node);
    } else if (depth >= DOCUMENT_DEPTH) {
        result = problem_add(reader->problems, -EINVAL, &place, NULL,
                             "is nested too deeply; expected at most %d levels", DOCUMENT_DEPTH);
    } else {
        node->kind = event->type == YAML_MAPPING_START_EVENT ? NODE_MAPPING : NODE_SEQUENCE;
        result = read_children(reader, node, depth + 1);
    }
    if (result == 0)
        *ret_node = node;
    return result;
}

/* One event of the frame around the root: the beginning of the stream, a document, their ends. */
static int next_frame(struct reader *reader, yaml_event_type_t *ret_type, struct place *ret_place) {
    yaml_event_t event AUTO_EVENT = {0};
    int result = next_event(reader, &event);
    if (result == 0) {
        *ret_type = event.type;
        *ret_place = place_of(reader, event.start_mark);
    }
    return result;
}

static int read_root(struct reader *reader, struct node **ret_root) {
    yaml_event_type_t type = YAML_NO_EVENT;
    struct place place;
    int result = next_frame(reader, &type, &place); /* the stream begins */
    if (result == 0)
        result = next_frame(reader, &type, &place);
    if (result < 0 || type == YAML_STREAM_END_EVENT)
        return result;
    yaml_event_t event AUTO_EVENT = {0};
    result = next_event(reader, &event);
    if (result == 0)
        result = read_node(reader, &event, 0, ret_root);
    if (result == 0)
        result = next_frame(reader, &type, &place); /* the document ends */
    if (result == 0)
        result = next_frame(reader, &type, &place);
    if (result == 0 && type != YAML_STREAM_END_EVENT)
        result = problem_add(reader->problems, -EINVAL, &place, NULL,
                             "begins a second document; expected one in a file");
    return result;
}

int document_read(const struct source *source, struct arena *arena, const struct node **ret_root,
                  struct config_problems *problems) {
    struct source text = *source;
    int result = encoding_check(&text, problems);
    if (result < 0)
        return result;
    struct reader reader = {.source = &text, .arena = arena, .problems = problems};
    if (!yaml_parser_initialize(&reader.parser))
        return problem_memory(problems, source->path);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.text, text.length);
    struct node *root = NULL;
    result = read_root(&reader, &root);
    yaml_parser_delete(&reader.parser);
    if (result == 0)
        *ret_root = root && !node_is_null(root) ? root : NULL;
    return result;
}
