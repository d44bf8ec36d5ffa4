/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the two kinds of files, as tables, and what works on any such table. */
#ifndef SHIMHOST_CONFIG_SCHEMA_H
#define SHIMHOST_CONFIG_SCHEMA_H

#include "config/document.h"

/* What a key takes, and the field that it fills. */
enum schema_type {
    SCHEMA_VERSION,     /* 1; fills nothing */
    SCHEMA_PATH,        /* an absolute path: const char * */
    SCHEMA_NAME,        /* a name as containers have it: const char * */
    SCHEMA_PLUGIN,      /* a name or an absolute path: const char * */
    SCHEMA_BOOL,        /* bool */
    SCHEMA_WORD,        /* one of `words`: int */
    SCHEMA_DURATION,    /* int64_t, milliseconds */
    SCHEMA_SIZE,        /* int64_t, bytes; or one of `words` */
    SCHEMA_COUNT,       /* int64_t */
    SCHEMA_STRING_LIST, /* const char *const *, NULL-terminated */
    SCHEMA_ENVIRONMENT, /* const struct config_entry *, and at `count_offset` a size_t */
    SCHEMA_OPTIONS,     /* the same, of any shape, flattened */
};

/* A word and the value that it stands for. The last of a list has no text. */
struct schema_word {
    const char *text;
    int value;
};

struct schema_key {
    const char *path; /* "log.level": the key `level` of the section `log` */
    enum schema_type type;
    bool required;
    size_t offset, count_offset;
    const struct schema_word *words;
    int64_t minimum, maximum; /* of durations, sizes and counts */
    const char *standard;     /* the default, as a file would have it; NULL: none */
    const char *expected;     /* "expected " and this: what it takes */
    const char *about;
};

struct schema {
    const struct schema_key *keys; /* those of a section are together */
    size_t count;
};

extern const struct schema schema_main;    /* of a struct config */
extern const struct schema schema_runtime; /* of a struct runtime_config */

/* One structure that is being filled. */
struct schema_target {
    const struct schema *schema;
    void *structure;
    struct config_origin *origins; /* one for each key of the schema */
    struct arena *arena;           /* for all that the structure will point to */
    struct config_problems *problems;
};

/* Fills in every default. Returns 0, or -ENOMEM with a problem. */
int schema_defaults(const struct schema_target *target);

/* Fills in what a file says. `root` is a document's, or NULL; `file` lives as long as the
 * structure. Returns 0 when all of it was looked at, problems or not; or -ENOMEM with a problem. */
int schema_read(const struct schema_target *target, const struct node *root, const char *file);

/* Fills in one value from its text; `origin` is remembered as where it comes from, and begins a
 * problem. */
int schema_set(const struct schema_target *target, const char *path, const char *text,
               const struct config_origin *origin);

/* Where the value of a key comes from. */
struct config_origin schema_origin(const struct schema *schema, const struct config_origin *origins,
                                   const char *path);

/* Finds a key by its path; NULL: there is none. */
const struct schema_key *schema_find(const struct schema *schema, const char *path);

/* Reads one value of a key into the structure: what schema.c does for each key. The place of the
 * node is where problems are. Returns 0, -EINVAL or -ENOMEM with problems. */
int schema_read_value(const struct schema_target *target, const struct schema_key *key,
                      const struct node *node);

/* Writes what a structure holds as YAML, indented, each value with its origin as a comment. */
void schema_show(const struct schema *schema, const void *structure,
                 const struct config_origin *origins, unsigned int indent, FILE *stream);

#endif
