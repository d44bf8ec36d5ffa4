/* SPDX-License-Identifier: Apache-2.0 */
/* Structures of the ABI that a plugin hands in: they begin with their size as it knew it, and may
 * have grown since. */
#ifndef SHIMHOST_BASE_SIZED_H
#define SHIMHOST_BASE_SIZED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* How large a structure was when `field` was its last. */
#define SIZE_THROUGH(type, field) (offsetof(type, field) + sizeof(((type *)0)->field))

/* Copies between two structures of one type what both have of it. `to` keeps its size, and what it
 * has beyond `from`. */
static inline void sized_copy(void *to, const void *from) {
    uint32_t theirs, ours;
    memcpy(&theirs, to, sizeof(theirs));
    memcpy(&ours, from, sizeof(ours));
    uint32_t both = theirs < ours ? theirs : ours;
    memcpy((char *)to + sizeof(both), (const char *)from + sizeof(both), both - sizeof(both));
}

#endif
