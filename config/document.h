/* SPDX-License-Identifier: Apache-2.0 */
/* Turns the text of a YAML file into a tree. The only user of libyaml. */
#ifndef SHIMHOST_CONFIG_DOCUMENT_H
#define SHIMHOST_CONFIG_DOCUMENT_H

#include "config/source.h"

#define DOCUMENT_DEPTH 16         /* lists and mappings within each other */
#define DOCUMENT_NODES 10000      /* in all: lists, mappings, keys and values */
#define DOCUMENT_KEY_LONGEST 256u /* bytes of a key */

enum node_kind { NODE_SCALAR, NODE_SEQUENCE, NODE_MAPPING };

/* One value in the tree, and where it begins. */
struct node {
    enum node_kind kind;
    bool plain; /* of a scalar: written without quotes, so that null and true are no texts */
    struct place place;
    const char *text;         /* of a scalar: never NULL, no NUL in it */
    const struct node *key;   /* of what is in a mapping: its key, a scalar */
    const struct node *first; /* of a list or mapping: what is in it */
    const struct node *next;
};

/* Reads the one document of a file. *ret_root is the arena's, or NULL: the file holds nothing.
 * Refused, besides what is not YAML, which ends the file with one problem: bytes that are not
 * UTF-8, control characters, a second document, anchors, aliases, more than the limits above; and,
 * the rest of the file being read on: tags, merge keys, keys that are not plain words, duplicate
 * keys. Returns 0 if there is a tree, problems or not; or a negative errno with a problem. */
int document_read(const struct source *source, struct arena *arena, const struct node **ret_root,
                  struct config_problems *problems);

/* Does the node say nothing at all: `key:`, `~`, `null`? */
bool node_is_null(const struct node *node);

#endif
