/* SPDX-License-Identifier: Apache-2.0 */
#include "process/launch_words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

#define PLAIN_WORDS 16 /* more than there are words without a command behind them */

static size_t vector_length(const char *const *vector) {
    size_t length = 0;
    while (vector && vector[length])
        length++;
    return length;
}

static size_t cleanup_count(const struct launch_plan *plan) {
    size_t count = 0;
    while (plan->cleanup && plan->cleanup[count])
        count++;
    return count;
}

/* An upper bound, the final NULL included. */
static size_t word_count(const struct launch_plan *plan) {
    size_t count = PLAIN_WORDS + vector_length(plan->command) + vector_length(plan->words);
    for (size_t i = 0; i < cleanup_count(plan); i++)
        count += 1 + vector_length(plan->cleanup[i]);
    return count;
}

/* What does not fit is left out, and seen by launch_words_make() from `used`. */
static __attribute__((format(printf, 2, 3))) void add(struct launch_words *words,
                                                      const char *format, ...) {
    size_t room = sizeof(words->text) - words->used;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(words->text + words->used, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room) {
        words->used = sizeof(words->text);
        return;
    }
    words->argv[words->count++] = words->text + words->used;
    words->used += (size_t)length + 1;
}

static void add_vector(struct launch_words *words, const char *const *vector) {
    for (; vector && *vector; vector++)
        words->argv[words->count++] = *vector;
}

/* To the monitor 0 is no limit, and SHIM_FOREVER is not a number. */
static void add_timeout(struct launch_words *words, const char *key, int64_t timeout) {
    if (timeout >= 0)
        add(words, "%s=%" PRId64, key, timeout > 0 ? timeout : 1);
}

static void add_keep(struct launch_words *words, unsigned int keep) {
    static const char *const lists[8] = {NULL, "0", "1", "0,1", "2", "0,2", "1,2", "0,1,2"};
    if (lists[keep & 7])
        add(words, "keep=%s", lists[keep & 7]);
}

static void add_launch(struct launch_words *words, const struct launch_plan *plan) {
    if (plan->pid_file)
        add(words, "pid-file=%s", plan->pid_file);
    else
        add(words, "direct=1");
    add(words, "status=%s", plan->created ? "created" : "running");
    add_timeout(words, "spawn-timeout", plan->spawn_timeout);
    add(words, "launch=%zu", vector_length(plan->command));
    add_vector(words, plan->command);
}

int launch_words_make(struct launch_words *words, const struct launch_plan *plan, int ready_fd,
                      struct shim_error *error) {
    words->count = words->used = 0;
    words->argv = NULL;
    if (cleanup_count(plan) > LAUNCH_CLEANUPS_MAX)
        return error_set(error, -E2BIG, "a monitor takes at most %d cleanup commands",
                         LAUNCH_CLEANUPS_MAX);
    words->argv = calloc(word_count(plan), sizeof(*words->argv));
    if (!words->argv)
        return error_set(error, -ENOMEM, "out of memory while launching a monitor");
    words->argv[words->count++] = "shimhost-monitor";
    add(words, "%s/%s", plan->container, plan->process);
    add(words, "ready=%d", ready_fd);
    add_timeout(words, "cleanup-timeout", plan->cleanup_timeout);
    add_keep(words, plan->keep);
    add_vector(words, plan->words);
    if (plan->command)
        add_launch(words, plan);
    else
        add(words, "adopt=1");
    if (plan->unclean)
        add(words, "unclean=1");
    for (size_t i = 0; i < cleanup_count(plan); i++) {
        add(words, "cleanup=%zu", vector_length(plan->cleanup[i]));
        add_vector(words, plan->cleanup[i]);
    }
    if (words->used == sizeof(words->text)) {
        launch_words_clear(words);
        return error_set(error, -E2BIG,
                         "the names of the process's files are too long for a monitor");
    }
    return 0;
}

void launch_words_clear(struct launch_words *words) {
    free(words->argv);
    words->argv = NULL;
}
