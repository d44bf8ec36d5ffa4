/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include "text.h"

/* A whole word that is a number. */
static bool number(const char *value, uint64_t limit, uint64_t *ret_number) {
    return text_number(&value, limit, ret_number) && !*value;
}

static bool flag(const char *value, bool *ret_flag) {
    *ret_flag = text_equal(value, "1");
    return *ret_flag || text_equal(value, "0");
}

static bool milliseconds(const char *value, int64_t *ret_time) {
    uint64_t result;
    if (!number(value, INT64_MAX / 1000000, &result))
        return false;
    *ret_time = (int64_t)result;
    return true;
}

static bool descriptor(const char *value, int *ret_fd) {
    uint64_t result;
    if (!number(value, INT32_MAX, &result) || result < 3)
        return false;
    *ret_fd = (int)result;
    return true;
}

static bool status(const char *value, const char **ret_status) {
    *ret_status = value;
    return text_equal(value, "created") || text_equal(value, "running");
}

/* A name in the working directory. */
static bool file_name(const char *value, const char **ret_name) {
    *ret_name = value;
    for (const char *at = value; *at; at++)
        if (*at == '/')
            return false;
    return *value;
}

static bool keep(const char *value, unsigned *ret_keep) {
    for (; *value >= '0' && *value <= '2'; value++) {
        *ret_keep |= 1u << (*value - '0');
        if (*++value != ',')
            return !*value;
    }
    return false;
}

/* Words that are KEY=VALUE and nothing more. */
static bool read_word(struct plan *plan, const char *word) {
    const char *value;
    if ((value = text_after(word, "ready=")))
        return descriptor(value, &plan->ready_fd);
    if ((value = text_after(word, "status=")))
        return status(value, &plan->status);
    if ((value = text_after(word, "pid-file=")))
        return file_name(value, &plan->pid_file);
    if ((value = text_after(word, "spawn-timeout=")))
        return milliseconds(value, &plan->spawn_timeout);
    if ((value = text_after(word, "cleanup-timeout=")))
        return milliseconds(value, &plan->cleanup_timeout);
    if ((value = text_after(word, "keep=")))
        return keep(value, &plan->keep);
    if ((value = text_after(word, "direct=")))
        return flag(value, &plan->direct);
    if ((value = text_after(word, "adopt=")))
        return flag(value, &plan->adopt);
    return false;
}

/* Words that a command follows. Moves the command one place down, over the word itself, which makes
 * room for a NULL behind it. Returns how many arguments the command has, or 0: it is no such word,
 * or a bad one. */
static int read_command(struct plan *plan, char **words, int left) {
    const char *value = text_after(words[0], "launch=");
    bool launch = value;
    if (!value)
        value = text_after(words[0], "cleanup=");
    uint64_t count;
    if (!value || !number(value, (uint64_t)left - 1, &count) || count == 0)
        return 0;
    if (launch ? (plan->launch != NULL) : (plan->cleanup_count == PLAN_CLEANUPS))
        return 0;
    memmove(words, words + 1, count * sizeof(*words));
    words[count] = NULL;
    if (launch)
        plan->launch = words;
    else
        plan->cleanup[plan->cleanup_count++] = words;
    return (int)count;
}

const char *plan_read(struct plan *plan, int argc, char **argv, char **environment) {
    *plan = (struct plan){.environment = environment, .status = "running", .ready_fd = -1};
    if (argc < 2)
        return "the name of the process";
    plan->name = argv[1];
    for (int i = 2; i < argc; i++) {
        if (read_word(plan, argv[i]))
            continue;
        int count = read_command(plan, argv + i, argc - i);
        if (!count)
            return argv[i];
        i += count;
    }
    if (plan->adopt ? plan->launch != NULL : plan->launch == NULL)
        return "either launch or adopt";
    if (plan->launch && plan->direct == (plan->pid_file != NULL))
        return "either direct or pid-file";
    return NULL;
}
