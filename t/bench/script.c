/* SPDX-License-Identifier: Apache-2.0 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

static struct step split(char *text, int line) {
    struct step step = {.line = line};
    size_t n = 0;
    char *rest = NULL;
    for (char *word = strtok_r(text, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
        if (n + 1 == WORDS_MAX)
            errx(2, "line %d: more than %d words", line, WORDS_MAX - 1);
        if (!(step.words[n++] = strdup(word)))
            err(2, "strdup");
    }
    return step;
}

static void add(struct script *script, struct step step) {
    if (strcmp(step.words[0], "candidate") == 0) {
        if (!step.words[1] || script->n_candidates == CANDIDATES_MAX)
            errx(2, "line %d: a candidate without a name, or one too many", step.line);
        script->candidates[script->n_candidates++].name = step.words[1];
        return;
    }
    struct candidate *candidate = script->candidates + script->n_candidates - 1;
    if (script->n_candidates == 0 || candidate->n_steps == STEPS_MAX)
        errx(2, "line %d: before the first candidate, or a step too many", step.line);
    candidate->steps[candidate->n_steps++] = step;
}

struct script *script_read(const char *path) {
    struct script *script = calloc(1, sizeof(*script));
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    if (!script || !file)
        err(2, "%s", path);
    for (int line = 1; getline(&text, &size, file) > 0; line++) {
        struct step step = split(text, line);
        if (step.words[0] && step.words[0][0] != '#')
            add(script, step);
    }
    free(text);
    fclose(file);
    if (script->n_candidates == 0)
        errx(2, "%s: no candidate", path);
    return script;
}

/* The word with every `{id}` and `{n}` replaced, in new memory. */
static char *expand(const char *word, const char *id, int n) {
    char *text = NULL, number[12];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        err(2, "open_memstream");
    snprintf(number, sizeof(number), "%d", n);
    while (*word) {
        const char *value = strncmp(word, "{id}", 4) == 0  ? id
                            : strncmp(word, "{n}", 3) == 0 ? number
                                                           : NULL;
        if (value) {
            fputs(value, out);
            word += value == id ? 4 : 3;
        } else {
            fputc(*word++, out);
        }
    }
    if (fclose(out) != 0)
        err(2, "open_memstream");
    return text;
}

void script_expand(char *const *from, const char *id, int n, char **words) {
    size_t i = 0;
    for (; i + 1 < WORDS_MAX && from[i]; i++) {
        free(words[i]);
        words[i] = expand(from[i], id, n);
    }
    for (; i < WORDS_MAX; i++) {
        free(words[i]);
        words[i] = NULL;
    }
}
