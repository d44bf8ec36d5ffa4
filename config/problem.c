/* SPDX-License-Identifier: Apache-2.0 */
#include "config/problem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"

#define CUT_AFTER ((size_t)64) /* bytes of a user's text that a message shows */

void config_problems_clear(struct config_problems *problems) {
    if (!problems)
        return;
    for (size_t i = 0; i < problems->count; i++) {
        free((char *)problems->list[i].file);
        free((char *)problems->list[i].key);
        free((char *)problems->list[i].message);
    }
    free(problems->list);
    *problems = (struct config_problems)CONFIG_PROBLEMS_NONE;
}

int config_problems_error(const struct config_problems *problems, struct shim_error *error) {
    if (problems->count == 0)
        return problems->more ? error_set(error, -ENOMEM, "reading the configuration: no memory")
                              : error_set(error, -EIO, "reading the configuration failed");
    const struct config_problem *first = &problems->list[0];
    size_t others = problems->count - 1 + problems->more;
    if (others == 0)
        return error_set(error, first->code, "%s", first->message);
    return error_set(error, first->code, "%s (and %zu more problem%s: shimhost config check)",
                     first->message, others, others == 1 ? "" : "s");
}

/* How many bytes the control character at `at` has; 0: it is none. U+0080 to U+009F are some, too.
 */
static size_t control_length(const unsigned char *at) {
    if (at[0] < 0x20 || at[0] == 0x7f)
        return 1;
    return at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f ? 2 : 0;
}

struct shown shown(const char *text) {
    struct shown result = {{0}};
    size_t used = 0;
    const unsigned char *at = (const unsigned char *)text;
    while (*at && used < CUT_AFTER) {
        size_t length = control_length(at);
        if (length == 0) {
            result.text[used++] = (char)*at++;
            continue;
        }
        used += (size_t)snprintf(result.text + used, sizeof(result.text) - used, "\\x%02x",
                                 at[length - 1]);
        at += length;
    }
    if (!*at)
        return result;
    for (; used > 0 && (*at & 0xc0) == 0x80; at--) /* not in the middle of a character */
        used--;
    strcpy(result.text + used, "…");
    return result;
}

/* The beginning of a message, up to the text itself. */
static char *format_start(const struct place *place, const char *key) {
    char *start = NULL;
    char position[32] = "";
    if (place->line)
        snprintf(position, sizeof(position), "%u:%u:", place->line, place->column);
    int done = asprintf(&start, "%s:%s%s%s%s", place->file, position, key && *key ? " " : "",
                        key && *key ? shown(key).text : "", key && *key ? ":" : "");
    return done < 0 ? NULL : start;
}

/* Room for one more in the list. */
static struct config_problem *next_problem(struct config_problems *problems) {
    if (problems->count >= CONFIG_PROBLEMS_MAX)
        return NULL;
    if (problems->count % 10 == 0) {
        void *list =
            realloc(problems->list, (problems->count + 10) * sizeof(struct config_problem));
        if (!list)
            return NULL;
        problems->list = list;
    }
    return &problems->list[problems->count];
}

int problem_add(struct config_problems *problems, int code, const struct place *place,
                const char *key, const char *format, ...) {
    struct config_problem *problem = next_problem(problems);
    if (!problem) {
        problems->more++;
        return code;
    }
    char *text AUTO_FREE = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        text = NULL;
    char *start AUTO_FREE = format_start(place, key);
    char *file AUTO_FREE = strdup(place->file);
    char *key_copy AUTO_FREE = key && *key ? strdup(key) : NULL;
    char *message AUTO_FREE = NULL;
    if (!text || !start || !file || (key && *key && !key_copy) ||
        asprintf(&message, "%s %s", start, text) < 0) {
        message = NULL; /* what asprintf() leaves there is undefined */
        problems->more++;
        return code;
    }
    *problem = (struct config_problem){.code = code,
                                       .file = pointer_steal(&file),
                                       .line = place->line,
                                       .column = place->column,
                                       .key = pointer_steal(&key_copy),
                                       .message = pointer_steal(&message)};
    problems->count++;
    return code;
}

int problem_memory(struct config_problems *problems, const char *file) {
    return problem_add(problems, -ENOMEM, &(struct place){.file = file}, NULL,
                       "there is not enough memory to read it");
}

size_t problems_mark(const struct config_problems *problems) {
    return problems->count + problems->more;
}

int problems_since(const struct config_problems *problems, size_t mark) {
    if (problems_mark(problems) == mark)
        return 0;
    /* Those that are not kept are like the others, or there was no memory for the first. */
    if (mark < problems->count)
        return problems->list[mark].code;
    return problems->count < CONFIG_PROBLEMS_MAX ? -ENOMEM : -EINVAL;
}

static int compare_places(const void *a, const void *b) {
    const struct config_problem *one = a, *other = b;
    if (one->line != other->line)
        return one->line < other->line ? -1 : 1;
    if (one->column != other->column)
        return one->column < other->column ? -1 : 1;
    return strcmp(one->message, other->message);
}

void problems_sort(struct config_problems *problems, size_t mark) {
    if (mark < problems->count)
        qsort(problems->list + mark, problems->count - mark, sizeof(*problems->list),
              compare_places);
}
