/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: how they grow, and how a runtime spells them. */
#include "internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const usual_words[] = {
    "create",       "run",          "exec",        "restore",          "start",
    "delete",       "state",        "pause",       "resume",           "update",
    "ps",           "checkpoint",   "events",      "--root",           "--log",
    "--log-format", "--bundle",     "--pid-file",  "--console-socket", "--no-pivot",
    "--detach",     "--process",    "--force",     "--resources",      "--format",
    "--stats",      "--image-path", "--work-path", "--leave-running",  "--tcp-established",
    "--file-locks", "--version",
};

const char *shim_oci_usual_word(size_t index) {
    return index < sizeof(usual_words) / sizeof(*usual_words) ? usual_words[index] : NULL;
}

static void add_take(struct shim_oci_words *words, char *word) {
    if (word && words->count + 2 > words->room) {
        size_t room = words->room ? 2 * words->room : 32;
        char **argv = (char **)realloc(words->argv, room * sizeof(*argv));
        if (argv) {
            words->argv = argv;
            words->room = room;
        } else {
            free(word);
            word = NULL;
        }
    }
    if (!word) {
        words->failed = 1;
        return;
    }
    words->argv[words->count++] = word;
    words->argv[words->count] = NULL;
}

void shim_oci_add(struct shim_oci_words *words, const char *word) {
    add_take(words, strdup(word));
}

void shim_oci_add_format(struct shim_oci_words *words, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *word = length < 0 ? NULL : (char *)malloc((size_t)length + 1);
    if (word) {
        va_start(arguments, format);
        vsnprintf(word, (size_t)length + 1, format, arguments);
        va_end(arguments);
    }
    add_take(words, word);
}

void oci_words_free(struct shim_oci_words *words) {
    for (size_t i = 0; i < words->count; i++)
        free(words->argv[i]);
    free(words->argv);
}

const char *const *oci_words_argv(const struct shim_oci_words *words) {
    return words->failed ? NULL : (const char *const *)words->argv;
}

const char *oci_spelling(const struct shim_context *context, const char *usual) {
    const struct shim_oci_word *word = oci_of(context)->runtime.words;
    for (; word && word->usual; word++)
        if (strcmp(word->usual, usual) == 0)
            return word->here;
    return strcmp(usual, "events") == 0 ? "" : usual;
}

int oci_has(const struct shim_context *context, const char *usual) {
    return *oci_spelling(context, usual) != '\0';
}

void oci_add_option(const struct shim_context *context, struct shim_oci_words *words,
                    const char *option, const char *value) {
    const char *here = oci_spelling(context, option);
    size_t length = strlen(here);
    if (length == 0)
        return;
    if (value && here[length - 1] == '=') {
        shim_oci_add_format(words, "%s%s", here, value);
        return;
    }
    shim_oci_add(words, here);
    if (value)
        shim_oci_add(words, value);
}

void oci_add_file(const struct shim_context *context, const struct shim_process *process,
                  struct shim_oci_words *words, const char *option, const char *name) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s", process->directory, name) < 0) {
        words->failed = 1;
        return;
    }
    oci_add_option(context, words, option, path);
    free(path);
}

int oci_check_binary(const struct shim_context *context, struct shim_error *error) {
    const struct oci *oci = oci_of(context);
    const char *source = context->runtime->source ? context->runtime->source : "its YAML file";
    if (!oci->binary)
        return oci_fail(context, error, -ENOENT, SHIM_REASON_NONE,
                        "%s was not found; install it, or set `binary:` in %s", oci->runtime.name,
                        source);
    if (access(oci->binary, X_OK) == 0)
        return 0;
    int problem = errno;
    return oci_fail(context, error, -problem, SHIM_REASON_NONE,
                    "cannot execute %s: %s; install %s, or correct `binary:` in %s", oci->binary,
                    strerror(problem), oci->runtime.name, source);
}

int oci_begin(const struct shim_context *context, const struct shim_process *process,
              const char *subcommand, struct shim_oci_words *words, struct shim_error *error) {
    const struct oci *oci = oci_of(context);
    const struct shim_runtime *runtime = context->runtime;
    const char *here = oci_spelling(context, subcommand);
    if (!*here)
        return oci_fail(context, error, -ENOTSUP, SHIM_REASON_UNSUPPORTED,
                        "runtime %s does not support %s", runtime->name, subcommand);
    int r = oci_check_binary(context, error);
    if (r < 0)
        return r;
    shim_oci_add(words, oci->binary);
    for (size_t i = 0; runtime->args && runtime->args[i]; i++)
        shim_oci_add(words, runtime->args[i]);
    if (oci->runtime.global_words)
        oci->runtime.global_words(context, words);
    if (runtime->root && subcommand[0] != '-')
        oci_add_option(context, words, "--root", runtime->root);
    if (process && oci_has(context, "--log")) {
        oci_add_file(context, process, words, "--log", OCI_LOG);
        oci_add_option(context, words, "--log-format", "json");
    }
    shim_oci_add(words, here);
    return 0;
}

void oci_finish(const struct shim_context *context, const struct shim_process *process,
                const char *subcommand, const char *const *operands, struct shim_oci_words *words) {
    const struct shim_oci_runtime *runtime = &oci_of(context)->runtime;
    if (runtime->command_words)
        runtime->command_words(context, process, subcommand, words);
    shim_oci_add(words, process->container);
    for (; operands && *operands; operands++)
        shim_oci_add(words, *operands);
}
