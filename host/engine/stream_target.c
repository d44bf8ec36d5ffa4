/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stream_target.h"

#include <string.h>

#include "base/error.h"
#include "config/nearest.h"
#include "config/value.h"

const char *const stream_names[3] = {"stdin", "stdout", "stderr"};

#define EXPECTED                                                                                   \
    "inherit, null, pipe, file:PATH, fifo:PATH, k8s-file:PATH, json-file:PATH or journald"

static const struct {
    const char *name;
    enum target_kind kind;
    bool path;
} kinds[] = {
    {"null", TARGET_NULL, false},         {"inherit", TARGET_INHERIT, false},
    {"file", TARGET_FILE, true},          {"fifo", TARGET_FIFO, true},
    {"k8s-file", TARGET_K8S_FILE, true},  {"json-file", TARGET_JSON_FILE, true},
    {"journald", TARGET_JOURNALD, false}, {"pipe", TARGET_PIPE, false},
    {"terminal", TARGET_TERMINAL, false},
};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

static int unknown(const char *text, size_t length, struct shim_error *error) {
    char word[32];
    struct nearest nearest = {.wanted = word};
    if (length >= sizeof(word))
        return error_set(error, -EINVAL, "`%s`: expected " EXPECTED, text);
    memcpy(word, text, length);
    word[length] = '\0';
    for (size_t i = 0; i < N_KINDS; i++)
        nearest_offer(&nearest, kinds[i].name);
    if (nearest.found)
        return error_set(error, -EINVAL, "`%s`: unknown; did you mean %s? Expected " EXPECTED, text,
                         nearest.found);
    return error_set(error, -EINVAL, "`%s`: expected " EXPECTED, text);
}

int stream_target_parse(const char *text, struct stream_target *ret_target,
                        struct shim_error *error) {
    size_t length = strcspn(text, ":"), i = 0;
    while (i < N_KINDS &&
           (strlen(kinds[i].name) != length || memcmp(kinds[i].name, text, length) != 0))
        i++;
    if (i == N_KINDS)
        return unknown(text, length, error);
    const char *path = text[length] ? text + length + 1 : NULL;
    if (!kinds[i].path && path)
        return error_set(error, -EINVAL, "`%s`: %s takes no path", text, kinds[i].name);
    if (kinds[i].path && (!path || !*path))
        return error_set(error, -EINVAL, "`%s`: a path is missing; expected %s:PATH", text,
                         kinds[i].name);
    if (path && *path != '/')
        return error_set(error, -EINVAL, "`%s`: expected an absolute path", text);
    *ret_target = (struct stream_target){.kind = kinds[i].kind, .text = text, .path = path};
    return 0;
}

/* ------------------------------------------------------------------------------ together */

static int misplaced(const struct stream_target targets[3], int index, const char *expected,
                     struct shim_error *error) {
    return error_set(error, -EINVAL, "%s: `%s`: %s", stream_names[index], targets[index].text,
                     expected);
}

static bool is_plain(const struct stream_target *target) {
    return target->kind == TARGET_TERMINAL || target->kind == TARGET_NULL ||
           target->kind == TARGET_PIPE;
}

static int check_terminal(const struct stream_target targets[3], struct shim_error *error) {
    const struct stream_target *output = &targets[1];
    if (!is_plain(&targets[0]) && targets[0].kind != TARGET_FIFO)
        return misplaced(targets, 0,
                         "with a terminal, the input can only be fifo:PATH besides the terminal",
                         error);
    if (output->kind == TARGET_INHERIT || output->kind == TARGET_FILE)
        return misplaced(targets, 1,
                         "with a terminal, the output can only be fifo:PATH, k8s-file:PATH, "
                         "json-file:PATH or journald besides the terminal",
                         error);
    if (!is_plain(&targets[2]) && strcmp(targets[2].text, output->text) != 0)
        return misplaced(targets, 2,
                         "a terminal has one output, stdout; leave stderr out, or let it be the "
                         "same",
                         error);
    return 0;
}

int stream_targets_check(const struct stream_target targets[3], bool terminal,
                         struct shim_error *error) {
    if (terminal)
        return check_terminal(targets, error);
    for (int i = 0; i < 3; i++)
        if (targets[i].kind == TARGET_TERMINAL)
            return misplaced(targets, i, "the process has no terminal", error);
    if (target_is_log_file(&targets[0]) || targets[0].kind == TARGET_JOURNALD)
        return misplaced(targets, 0,
                         "a log cannot be read from; expected inherit, null, pipe, file:PATH or "
                         "fifo:PATH",
                         error);
    if (target_is_log_file(&targets[1]) && target_is_log_file(&targets[2]) &&
        strcmp(targets[1].text, targets[2].text) != 0)
        return misplaced(targets, 2,
                         "stdout has another log; the two share one, or one of them has none",
                         error);
    return 0;
}

/* ------------------------------------------------------------------------------ options */

#define MAX_SIZE_LEAST 1024
#define MAX_FILES_MOST 1000

static int parse_max_size(const char *value, int64_t *ret_size, struct shim_error *error) {
    if (strcmp(value, "unlimited") == 0) {
        *ret_size = 0;
        return 0;
    }
    int64_t size;
    const char *wrong = value_size(value, &size);
    if (!wrong && size < MAX_SIZE_LEAST)
        wrong = "is less than 1KiB";
    if (wrong)
        return error_set(error, -EINVAL,
                         "log option max-size: `%s` %s; expected a size as in 64KiB, 10MiB or "
                         "1GiB, or unlimited",
                         value, wrong);
    *ret_size = size;
    return 0;
}

static int parse_max_files(const char *value, int64_t *ret_count, struct shim_error *error) {
    int64_t count;
    const char *wrong = value_count(value, &count);
    if (!wrong && (count < 1 || count > MAX_FILES_MOST))
        wrong = "is out of range";
    if (wrong)
        return error_set(error, -EINVAL,
                         "log option max-files: `%s` %s; expected a number from 1 to %d", value,
                         wrong, MAX_FILES_MOST);
    *ret_count = count;
    return 0;
}

static int unknown_option(const char *option, size_t length, const char *expected,
                          struct shim_error *error) {
    return error_set(error, -EINVAL, "log option `%.*s`: expected %s", (int)length, option,
                     expected);
}

/* What the driver of these targets understands, for a sentence; NULL: there is no driver. */
static const char *understood(const struct stream_target targets[3], bool *ret_file,
                              bool *ret_journal) {
    *ret_file = target_is_log_file(&targets[1]) || target_is_log_file(&targets[2]);
    *ret_journal = targets[1].kind == TARGET_JOURNALD || targets[2].kind == TARGET_JOURNALD;
    return *ret_file && *ret_journal ? "max-size, max-files or tag"
           : *ret_file               ? "max-size or max-files"
           : *ret_journal            ? "tag"
                                     : NULL;
}

static bool is_option(const char *option, size_t length, const char *name) {
    return strlen(name) == length && memcmp(option, name, length) == 0;
}

int log_options_parse(const char *const *list, const struct runtime_config *config,
                      const struct stream_target targets[3], struct log_options *ret_options,
                      struct shim_error *error) {
    struct log_options options = {config->streams.max_size, config->streams.max_files, NULL};
    bool file, journal;
    const char *expected = understood(targets, &file, &journal);
    for (; list && *list; list++) {
        const char *option = *list;
        size_t length = strcspn(option, "=");
        if (!expected)
            return error_set(error, -EINVAL,
                             "log option `%s`: neither stdout nor stderr goes to a log", option);
        if (!option[length])
            return error_set(error, -EINVAL, "log option `%s`: expected KEY=VALUE", option);
        const char *value = option + length + 1;
        int r = 0;
        if (file && is_option(option, length, "max-size"))
            r = parse_max_size(value, &options.max_size, error);
        else if (file && is_option(option, length, "max-files"))
            r = parse_max_files(value, &options.max_files, error);
        else if (journal && is_option(option, length, "tag"))
            options.tag = value;
        else
            r = unknown_option(option, length, expected, error);
        if (r < 0)
            return r;
    }
    *ret_options = options;
    return 0;
}
