/* SPDX-License-Identifier: Apache-2.0 */
/* Ownership in C: cleanup attributes, and the steal helpers that give ownership away. */
#ifndef SHIMHOST_BASE_FD_H
#define SHIMHOST_BASE_FD_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Closes `fd` if it is one, once, and returns -1. errno is left as it was. */
static inline int fd_close(int fd) {
    if (fd >= 0) {
        int saved = errno;
        close(fd);
        errno = saved;
    }
    return -1;
}

static inline void fd_cleanup(int *fd) {
    *fd = fd_close(*fd);
}

/* Copied: a pointer to something must not be accessed as if it were a `void *` (C11, 6.5). */
static inline void free_cleanup(void *pointer) {
    void *owned;
    memcpy(&owned, pointer, sizeof(owned));
    free(owned);
}

/* int fd AUTO_CLOSE = -1;   closed on leaving the block */
#define AUTO_CLOSE __attribute__((cleanup(fd_cleanup)))
/* char *text AUTO_FREE = NULL;   freed on leaving the block */
#define AUTO_FREE __attribute__((cleanup(free_cleanup)))

/* Takes the descriptor out of `*fd`, which no longer owns it. */
static inline int fd_steal(int *fd) {
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

/* Takes the pointer out of the one at `pointer`, of whatever type, which no longer owns it. */
static inline void *pointer_steal(void *pointer) {
    void *stolen, *none = NULL;
    memcpy(&stolen, pointer, sizeof(stolen));
    memcpy(pointer, &none, sizeof(none));
    return stolen;
}

#endif
