/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is taken piece by piece and given back at once. */
#ifndef SHIMHOST_CONFIG_ARENA_H
#define SHIMHOST_CONFIG_ARENA_H

#include <stddef.h>

struct arena_block;

/* Starts as {NULL}. */
struct arena {
    struct arena_block *blocks;
};

/* `size` bytes of zeros, aligned for anything, which stay the arena's; or NULL: out of memory. */
void *arena_alloc(struct arena *arena, size_t size);

/* The first `length` bytes of `text` and a NUL; or NULL: out of memory. */
char *arena_copy(struct arena *arena, const char *text, size_t length);

/* A formatted text; or NULL: out of memory. */
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Gives everything back; the arena is empty and may be used again. */
void arena_clear(struct arena *arena);

/* struct arena arena ARENA_CLEAR = {NULL};   cleared on leaving the block */
#define ARENA_CLEAR __attribute__((cleanup(arena_clear)))

#endif
