/* SPDX-License-Identifier: Apache-2.0 */
/* What a race is to do: a text of one step a line. README.md of this folder lists the steps. */
#ifndef SHIMHOST_BENCH_SCRIPT_H
#define SHIMHOST_BENCH_SCRIPT_H

#include <stddef.h>

#define WORDS_MAX 64
#define STEPS_MAX 64
#define CANDIDATES_MAX 32

/* One line. */
struct step {
    int line;               /* for messages */
    char *words[WORDS_MAX]; /* the name of the step, then its arguments; NULL-terminated */
};

struct candidate {
    char *name;
    struct step steps[STEPS_MAX];
    size_t n_steps;
};

struct script {
    struct candidate candidates[CANDIDATES_MAX];
    size_t n_candidates;
};

/* Reads the file. On failure says why and exits. */
struct script *script_read(const char *path);

/* Copies words, with `{id}` and `{n}` replaced, into `words`, which stay valid until the next call.
 */
void script_expand(char *const *from, const char *id, int n, char **words);

#endif
