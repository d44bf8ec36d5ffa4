/* SPDX-License-Identifier: Apache-2.0 */
#include "containerd/arguments.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define PREFIX "containerd-shim-"
#define OWN "shimhost"
#define FD_MAX 65535

static bool is_action(const char *word) {
    return strcmp(word, "start") == 0 || strcmp(word, "delete") == 0 ||
           strcmp(word, "upgrade") == 0;
}

/* One that takes no word after it. */
static bool *find_boolean(struct arguments *arguments, const char *name, size_t length) {
    const struct {
        const char *name;
        bool *value;
    } flags[] = {
        {"debug", &arguments->debug},
        {"v", &arguments->version},
        {"version", &arguments->version},
        {"info", &arguments->info},
    };
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (strlen(flags[i].name) == length && strncmp(flags[i].name, name, length) == 0)
            return flags[i].value;
    return NULL;
}

static int set_fd(const char *text, int *ret) {
    uint64_t number;
    int r = parse_decimal(text, strlen(text), FD_MAX, &number);
    if (r == 0)
        *ret = (int)number;
    return r;
}

/* 0: set; 1: a name that is not known. */
static int set_value(struct arguments *arguments, const char *name, size_t length,
                     const char *value) {
    const struct {
        const char *name;
        const char **value;
    } flags[] = {
        {"namespace", &arguments->namespace}, {"id", &arguments->id},
        {"address", &arguments->address},     {"publish-binary", &arguments->publish_binary},
        {"bundle", &arguments->bundle},       {"runtime", &arguments->runtime},
        {"timeout", &arguments->timeout},
    };
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (strlen(flags[i].name) == length && strncmp(flags[i].name, name, length) == 0) {
            *flags[i].value = value;
            return 0;
        }
    if (length == 6 && strncmp(name, "resume", length) == 0)
        return set_fd(value, &arguments->resume);
    if (length == 5 && strncmp(name, "check", length) == 0)
        return set_fd(value, &arguments->check);
    return 1;
}

/* An unknown flag: is the word after it its value? Not if it looks like a flag, and not if it is
 * the action. */
static bool takes_next(int left, char **argv) {
    return left > 1 && argv[1][0] != '-' && !(left == 2 && is_action(argv[1]));
}

static int read_flag(int *at, int argc, char **argv, struct arguments *arguments,
                     struct shim_error *error) {
    const char *word = argv[*at], *name = word + (word[1] == '-' ? 2 : 1);
    const char *value = strchr(name, '=');
    size_t length = value ? (size_t)(value++ - name) : strlen(name);
    bool *boolean = find_boolean(arguments, name, length);
    if (boolean) {
        *boolean = !value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
        return 0;
    }
    bool next = !value && *at + 1 < argc;
    int r = set_value(arguments, name, length, value ? value : next ? argv[*at + 1] : "");
    if (r < 0)
        return error_set(error, r, "%s: expected a number of a descriptor", word);
    if (r == 0 && !value && !next)
        return error_set(error, -EINVAL, "%s: its value is missing", word);
    if (r == 0 ? next : !value && takes_next(argc - *at, argv + *at))
        ++*at;
    return 0;
}

int arguments_read(int argc, char **argv, struct arguments *ret, struct shim_error *error) {
    struct arguments arguments = {.namespace = "",
                                  .id = "",
                                  .address = "",
                                  .publish_binary = "",
                                  .bundle = "",
                                  .runtime = "",
                                  .timeout = "",
                                  .action = "",
                                  .resume = -1,
                                  .check = -1};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            arguments.action = argv[i];
            break;
        }
        int r = read_flag(&i, argc, argv, &arguments, error);
        if (r < 0)
            return r;
    }
    if (arguments.namespace[0] && !id_valid(arguments.namespace))
        return error_set(error, -EINVAL, "-namespace: this is no namespace of containerd");
    if (arguments.id[0] && !id_valid(arguments.id))
        return error_set(error, -EINVAL, "-id: this is no id of containerd");
    *ret = arguments;
    return 0;
}

const char *arguments_runtime(const char *program, char *buffer, size_t size) {
    const char *name = strrchr(program, '/');
    name = name ? name + 1 : program;
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return NULL;
    name += strlen(PREFIX);
    if (strncmp(name, OWN "-", strlen(OWN "-")) == 0 && strchr(name + strlen(OWN "-"), '-'))
        name += strlen(OWN "-");
    const char *end = strrchr(name, '-');
    size_t length = end ? (size_t)(end - name) : 0;
    if (length == 0 || length >= size || (length == strlen(OWN) && !strncmp(name, OWN, length)))
        return NULL;
    memcpy(buffer, name, length);
    buffer[length] = '\0';
    return buffer;
}
