/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the word that somebody is likely to have meant. */
#ifndef SHIMHOST_CONFIG_NEAREST_H
#define SHIMHOST_CONFIG_NEAREST_H

#include <stddef.h>

/* A search: starts as {.wanted = "what was written"}; `found` is the nearest of the words offered
 * so far that is near enough (a third of its letters may differ), the first of equals, or NULL. */
struct nearest {
    const char *wanted;
    const char *found;
    size_t distance; /* of `found` */
};

/* Offers a word, which must live as long as the search. */
void nearest_offer(struct nearest *nearest, const char *word);

#endif
