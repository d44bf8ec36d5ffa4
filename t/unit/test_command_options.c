/* SPDX-License-Identifier: Apache-2.0 */
/* Options as data: what is stored where, and what is said of those that cannot be. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "command/options.h"

struct inner {
    const char *target;
    struct option_list items;
};

struct target {
    bool flag;
    const char *text;
    struct option_list list;
    struct option_duration duration;
    enum output_format format;
    struct inner inner;
};

#define INNER(name) offsetof(struct inner, name)
#define FIELD(name) offsetof(struct target, name)

static const struct option_spec inner_specs[] = {
    {OPTION_TEXT, 0, "target", "X", "", INNER(target), NULL},
    {OPTION_LIST, 'I', "item", "X", "", INNER(items), NULL},
    OPTIONS_DONE,
};

static const struct option_spec specs[] = {
    {OPTION_FLAG, 'f', "flag", NULL, "", FIELD(flag), NULL},
    {OPTION_TEXT, 't', "text", "TEXT", "", FIELD(text), NULL},
    {OPTION_LIST, 'l', "list", "X", "", FIELD(list), NULL},
    {OPTION_DURATION, 0, "duration", "D", "", FIELD(duration), NULL},
    {OPTION_FORMAT, 0, "format", "F", "", FIELD(format), NULL},
    {.kind = OPTION_GROUP, .group = inner_specs, .field = FIELD(inner)},
    OPTIONS_DONE,
};

#define WORDS_MAX 12

/* What was parsed from some words, and what came of it. */
struct parsed {
    char *argv[WORDS_MAX + 1];
    int argc, first;
    bool help;
    struct target target;
    struct shim_error error;
};

/* Parses the words, up to NULL. Returns what options_parse() does. */
static int parse(struct parsed *parsed, bool in_order, ...) {
    *parsed = (struct parsed){.argv = {(char *)"program"}, .argc = 1, .error = ERROR_NONE};
    va_list words;
    va_start(words, in_order);
    for (char *word; (word = va_arg(words, char *)) && parsed->argc < WORDS_MAX;)
        parsed->argv[parsed->argc++] = word;
    va_end(words);
    struct options_input input = {
        .specs = specs, .argc = parsed->argc, .argv = parsed->argv, .in_order = in_order};
    return options_parse(&input, &parsed->target, &parsed->first, &parsed->help, &parsed->error);
}

static void every_kind_is_stored(void **state) {
    (void)state;
    struct parsed parsed;
    assert_int_equal(parse(&parsed, false, "-f", "--text", "a", "-lx", "--list=y", "--duration",
                           "2m", "--format", "json", "ID", NULL),
                     0);
    assert_true(parsed.target.flag);
    assert_string_equal(parsed.target.text, "a");
    assert_int_equal(parsed.target.list.count, 2);
    assert_string_equal(parsed.target.list.items[0], "x");
    assert_string_equal(parsed.target.list.items[1], "y");
    assert_null(parsed.target.list.items[2]);
    assert_true(parsed.target.duration.given);
    assert_int_equal(parsed.target.duration.milliseconds, 120000);
    assert_int_equal(parsed.target.format, FORMAT_JSON);
    assert_int_equal(parsed.first, 10);
    assert_string_equal(parsed.argv[parsed.first], "ID");
    options_clear(specs, &parsed.target);
    assert_null(parsed.target.list.items);
}

static void a_group_has_its_own_structure(void **state) {
    (void)state;
    struct parsed parsed;
    assert_int_equal(parse(&parsed, false, "-I", "1", "--target", "t", "--item", "2", NULL), 0);
    assert_string_equal(parsed.target.inner.target, "t");
    assert_int_equal(parsed.target.inner.items.count, 2);
    options_clear(specs, &parsed.target);
    assert_null(parsed.target.inner.items.items);
}

static void options_may_follow_operands(void **state) {
    (void)state;
    struct parsed parsed;
    assert_int_equal(parse(&parsed, false, "ID", "-f", "OTHER", "--text", "a", NULL), 0);
    assert_true(parsed.target.flag);
    assert_int_equal(parsed.argc - parsed.first, 2);
    assert_string_equal(parsed.argv[parsed.first], "ID");
    assert_string_equal(parsed.argv[parsed.first + 1], "OTHER");
}

static void in_order_the_first_operand_ends_them(void **state) {
    (void)state;
    struct parsed parsed;
    assert_int_equal(parse(&parsed, true, "-f", "ID", "--", "--text", "a", NULL), 0);
    assert_null(parsed.target.text);
    assert_string_equal(parsed.argv[parsed.first], "ID");
    assert_string_equal(parsed.argv[parsed.first + 1], "--");
}

static void two_dashes_end_them(void **state) {
    (void)state;
    struct parsed parsed;
    assert_int_equal(parse(&parsed, false, "--", "-f", NULL), 0);
    assert_false(parsed.target.flag);
    assert_string_equal(parsed.argv[parsed.first], "-f");
}

static void help_comes_first(void **state) {
    (void)state;
    struct parsed parsed;
    assert_int_equal(parse(&parsed, false, "--help", "--nonsense", NULL), 0);
    assert_true(parsed.help);
    assert_int_equal(parse(&parsed, false, "-h", NULL), 0);
    assert_true(parsed.help);
}

static void assert_refused(struct parsed *parsed, int result, const char *message) {
    assert_int_equal(result, -EINVAL);
    assert_int_equal(parsed->error.code, -EINVAL);
    assert_string_equal(parsed->error.message, message);
    options_clear(specs, &parsed->target);
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    struct parsed parsed;
    assert_refused(&parsed, parse(&parsed, false, "--txet", "x", NULL),
                   "unknown option '--txet' (did you mean '--text'?)");
    assert_refused(&parsed, parse(&parsed, false, "--nonsense", NULL),
                   "unknown option '--nonsense'");
    assert_refused(&parsed, parse(&parsed, false, "-fz", NULL), "unknown option '-z'");
    assert_refused(&parsed, parse(&parsed, false, "--t", "x", NULL), "option '--t' is ambiguous");
    assert_refused(&parsed, parse(&parsed, false, "--list", "a", "--text", NULL),
                   "option '--text' needs an argument: TEXT");
    assert_refused(&parsed, parse(&parsed, false, "-t", NULL),
                   "option '-t' needs an argument: TEXT");
    assert_refused(&parsed, parse(&parsed, false, "--flag=yes", NULL),
                   "option '--flag' takes no argument");
    assert_refused(&parsed, parse(&parsed, false, "--help=me", NULL),
                   "option '--help' takes no argument");
    assert_refused(&parsed, parse(&parsed, false, "--format", "xml", NULL),
                   "--format: 'xml' is neither 'table' nor 'json'");
    /* The middle is the configuration's own way to say it. */
    assert_int_equal(parse(&parsed, false, "--duration", "30", NULL), -EINVAL);
    assert_non_null(strstr(parsed.error.message, "--duration: '30' has no unit"));
    assert_non_null(strstr(parsed.error.message, "expected a duration such as 500ms"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_stored),
        cmocka_unit_test(a_group_has_its_own_structure),
        cmocka_unit_test(options_may_follow_operands),
        cmocka_unit_test(in_order_the_first_operand_ends_them),
        cmocka_unit_test(two_dashes_end_them),
        cmocka_unit_test(help_comes_first),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
