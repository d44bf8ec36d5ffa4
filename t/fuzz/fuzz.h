/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share. A target is a function that takes any bytes, does with them what the
 * product does with bytes that it cannot trust, and checks what must hold of any answer. Built with
 * `configure --enable-fuzzers` it is driven by libFuzzer; otherwise by driver.c, which replays the
 * target's corpus as an ordinary test.
 */
#ifndef SHIMHOST_T_FUZZ_FUZZ_H
#define SHIMHOST_T_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold; otherwise the program ends with the place and SIGABRT. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fuzz_failed(__FILE__, __LINE__, #condition);                                           \
    } while (0)
_Noreturn void fuzz_failed(const char *file, int line, const char *condition);

/* A private directory, mode 0700, that is made at the first call and removed at the end of the
 * program: its path, and a descriptor of it. */
const char *fuzz_directory(void);
int fuzz_directory_fd(void);

/* Makes a directory in it, unless it is there already. */
void fuzz_make_directory(const char *name);
/* Puts a file into it, in place of an older one. */
void fuzz_put(const char *name, const void *bytes, size_t size);
/* Reads one: a text that the caller frees, with a NUL behind it; NULL: there is none. */
char *fuzz_get(const char *name, size_t *ret_size);

/* The input in parts, for targets that need several: what is before the next `separator`, or the
 * rest. False: nothing is left. */
struct parts {
    const uint8_t *at;
    size_t left;
    bool ended;
};
bool fuzz_part(struct parts *parts, uint8_t separator, const uint8_t **ret_part, size_t *ret_size);

/* A copy with a NUL behind it, for the caller to free. */
char *fuzz_text(const uint8_t *data, size_t size);

#endif
