/* SPDX-License-Identifier: Apache-2.0 */
/* What is no configuration file at all, keys that are none, and files made to do harm: one message
 * each, at the exact place. */
#include "config_fixture.h"

#define P "plugin: x\n"
#define NO_ANCHORS "; expected the value itself, anchors and aliases are not supported"
#define BYTES(text) text, sizeof(text) - 1

struct refusal {
    const char *text, *rest;
};

static void refuse_all(struct fixture *fixture, const struct refusal *refusals, size_t count) {
    for (size_t i = 0; i < count; i++)
        assert_refused(fixture, refusals[i].text, refusals[i].rest);
}

static void unknown_keys_name_what_was_meant(void **state) {
    static const struct refusal refusals[] = {
        {P "on-monitor-deth: kill\n",
         "2:1: unknown key `on-monitor-deth` (did you mean `on-monitor-death`?)"},
        {P "On_Monitor_Death: kill\n",
         "2:1: unknown key `On_Monitor_Death` (did you mean `on-monitor-death`?)"},
        {P "binarry: /x\n", "2:1: unknown key `binarry` (did you mean `binary`?)"},
        {P "agrs: []\n", "2:1: unknown key `agrs` (did you mean `args`?)"},
        {P "timeout: { spawn: 3s }\n", "2:1: unknown key `timeout` (did you mean `timeouts`?)"},
        {P "timeouts: { spwan: 3s }\n", "2:13: timeouts: unknown key `spwan` (did you mean "
                                        "`spawn`?)"},
        {P "spawn: 3s\n", "2:1: unknown key `spawn` (did you mean `timeouts.spawn`?)"},
        {P "nonsense: 1\n",
         "2:1: unknown key `nonsense`; expected one of version, plugin, binary, args, root, "
         "no-pivot-root, on-monitor-death, timeouts, streams, env, options"},
        {P "timeouts:\n  forever: 1\n", "3:3: timeouts: unknown key `forever`; expected one of "
                                        "spawn, signal, delete, drain"},
        {P "timeouts.spawn: 3s\n",
         "2:1: unknown key `timeouts.spawn`; expected timeouts: { spawn: … }"},
        {P "x.y: 3s\n", "2:1: unknown key `x.y`; expected one of version, plugin, binary, args, "
                        "root, no-pivot-root, on-monitor-death, timeouts, streams, env, options"},
    };
    refuse_all(*state, refusals, COUNT_OF(refusals));
    assert_main_refused(*state, "version: 1\nlog: { levle: info }\n",
                        "2:8: log: unknown key `levle` (did you mean `level`?)");
    assert_main_refused(*state, "state-dirr: /x\n",
                        "1:1: unknown key `state-dirr` (did you mean `state-dir`?)");
}

static void terminals_are_left_alone(void **state) {
    assert_main_refused(*state, "\"a\\e[31m\\x9bb\": 1\n",
                        "1:1: unknown key `a\\x1b[31m\\x9bb`; expected one of version, state-dir, "
                        "plugin-dir, default-runtime, log");
}

static void sections_are_mappings(void **state) {
    assert_main_refused(*state, "log: loud\n",
                        "1:6: log: is a single value; expected a mapping with level, format");
    assert_main_refused(*state, "log: [a]\n",
                        "1:6: log: is a list; expected a mapping with level, format");
    struct fixture *fixture = *state;
    put(fixture, "shimhost.yaml", "log:\n  # nothing said\n");
    load(fixture);
    assert_int_equal(fixture->config->log_level, SHIM_LOG_INFO);
}

static void duplicates_are_refused(void **state) {
    static const struct refusal refusals[] = {
        {P "root: /a\nplugin: y\n",
         "3:1: plugin: is a duplicate key; expected it once, and it is in line 1 already"},
        {P "env: { B: 1, A: 1, \"A\": 2 }\n",
         "2:20: A: is a duplicate key; expected it once, and it is in line 2 already"},
        {P "options:\n  x:\n    y: 1\n    y: 2\n",
         "5:5: y: is a duplicate key; expected it once, and it is in line 4 already"},
    };
    refuse_all(*state, refusals, COUNT_OF(refusals));
}

static void keys_are_words(void **state) {
    static const struct refusal refusals[] = {
        {P "<<: { binary: /x }\n", "2:1: has the merge key `<<`; expected the keys themselves, "
                                   "merging is not supported"},
        {P "options: { <<: { a: b } }\n", "2:12: has the merge key `<<`; expected the keys "
                                          "themselves, merging is not supported"},
        {P "? [a]\n: b\n", "2:3: has a list as a key; expected a word"},
        {P "{a: b}: c\n", "2:1: has a mapping as a key; expected a word"},
        {P "'': c\n", "2:1: has an empty key; expected a word"},
    };
    refuse_all(*state, refusals, COUNT_OF(refusals));
    assert_string_equal(config_option(read_runtime(*state, P "options: { '<<': x }\n"), "<<"), "x");
}

static void long_keys_are_refused_and_cut_in_the_message(void **state) {
    char text[512] = P "options: { ? ";
    memset(text + strlen(text), 'k', 300);
    strcat(text, " : 1 }\n");
    assert_refused(*state, text,
                   "2:14: has the key "
                   "`kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…` of 300 "
                   "bytes; expected at most 256");
}

static void what_is_not_yaml_is_refused(void **state) {
    static const struct refusal refusals[] = {
        {P "\tbinary: /x\n", "2:1: has a tab; expected spaces, YAML is not indented with tabs"},
        {P "timeouts:\n  drain: 1s\n\tspawn: 3s\n",
         "4:1: has a tab; expected spaces, YAML is not indented with tabs"},
        {P "binary: /x: y\n", "2:11: is not YAML: mapping values are not allowed in this context"},
        {P "timeouts: { spawn: 3s\n", "3:1: is not YAML: did not find expected ',' or '}', while "
                                      "parsing a flow mapping in line 2"},
        {P "root: 'x\n", "3:1: is not YAML: found unexpected end of stream, while scanning a "
                         "quoted scalar in line 2"},
        {P "root: @x\n", "2:7: is not YAML: found character that cannot start any token, while "
                         "scanning for the next token in line 2"},
        {P "---\n" P, "2:1: begins a second document; expected one in a file"},
        {"a word\n", "1:1: holds a single value; expected a mapping with version, plugin, binary, "
                     "args, root, no-pivot-root, on-monitor-death, timeouts, streams, env, "
                     "options"},
        {"- " P, "1:1: holds a list; expected a mapping with version, plugin, binary, args, root, "
                 "no-pivot-root, on-monitor-death, timeouts, streams, env, options"},
        {"plugin: !!str x\n", "1:9: has a tag; expected the value alone, without `!`"},
    };
    refuse_all(*state, refusals, COUNT_OF(refusals));
}

static void bytes_that_are_no_text_are_refused(void **state) {
    static const struct {
        const char *bytes;
        size_t length;
        const char *rest;
    } cases[] = {
        {BYTES(P "root: \xff\xfe\n"), "2:7: byte 0xff is not UTF-8; expected a text file in UTF-8"},
        {BYTES(P "root: \xc0\xaf\n"), "2:7: byte 0xc0 is not UTF-8; expected a text file in UTF-8"},
        {BYTES(P "# ü \xed\xa0\x80\n"),
         "2:5: byte 0xed is not UTF-8; expected a text file in UTF-8"},
        {BYTES(P "# \xf4\x90\x80\x80\n"),
         "2:3: byte 0xf4 is not UTF-8; expected a text file in UTF-8"},
        {BYTES(P "root: /\xe2\x82"), "2:8: byte 0xe2 is not UTF-8; expected a text file in UTF-8"},
        {BYTES("\xff\xfep\0l\0u\0"), "1:1: byte 0xff is not UTF-8; expected a text file in UTF-8"},
        {BYTES(P "root: /a\0b\n"), "2:9: holds the control character 0x00; expected text"},
        {BYTES(P "# ü\x1b[31m\n"), "2:4: holds the control character 0x1b; expected text"},
        {BYTES(P "# \xc2\x9b\n"), "2:3: holds the control character 0x9b; expected text"},
        {BYTES(P "root: \"/\\0\"\n"), "2:7: has a NUL character in it; expected text"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_bytes_refused(*state, cases[i].bytes, cases[i].length, cases[i].rest);
}

static void columns_count_characters(void **state) {
    assert_refused(*state, "plugin: x # ü\noptions: { ü€😀: [\t] , a.b: 1 }\n",
                   "2:23: options: the key `a.b` has a dot in it; expected a level for each part, "
                   "as in a: { b: … }");
    assert_refused(*state, "\xef\xbb\xbfplugin: a/b\n",
                   "1:9: plugin: `a/b` is not a name; expected the name of a plugin in plugin-dir, "
                   "or an absolute path of one");
    assert_refused(*state, "plugin: x\r\nroot: y\r\n",
                   "2:7: root: `y` is not absolute; expected an absolute path");
}

static void a_bomb_of_aliases_is_one_message(void **state) {
    char bomb[1024] = "a: &a [x,x,x,x,x,x,x,x,x]\n";
    for (char c = 'b'; c <= 'i'; c++)
        sprintf(bomb + strlen(bomb), "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c - 1,
                c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1);
    assert_refused(*state, bomb, "1:4: has the anchor `&a`" NO_ANCHORS);
    static const struct refusal refusals[] = {
        {P "binary: *b\n", "2:9: has the alias `*b`" NO_ANCHORS},
        {P "options: &x { a: *x }\n", "2:10: has the anchor `&x`" NO_ANCHORS},
        {P "args: [&x a]\n", "2:8: has the anchor `&x`" NO_ANCHORS},
        {P "&key root: /x\n", "2:1: has the anchor `&key`" NO_ANCHORS},
    };
    refuse_all(*state, refusals, COUNT_OF(refusals));
}

static void depth_is_bounded(void **state) {
    static const struct { char open, close; } kinds[] = {{'[', ']'}, {'{', '}'}};
    for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) {
        enum { DEEP = 500000 };
        char *text = calloc(1, DEEP + 64);
        strcpy(text, P "options: { x: ");
        memset(text + strlen(text), kinds[kind].open, DEEP);
        assert_refused(*state, text, "2:29: is nested too deeply; expected at most 16 levels");
        free(text);
    }
    /* The mapping of the file and that of the options are two of the sixteen. */
    read_runtime(*state, P "options: { x: [[[[[[[[[[[[[[v]]]]]]]]]]]]]] }\n");
    assert_refused(*state, P "options: { x: [[[[[[[[[[[[[[[v]]]]]]]]]]]]]]] }\n",
                   "2:29: is nested too deeply; expected at most 16 levels");
}

/* A file that holds `count` values in one list, besides the five of its mapping. */
static char *many_values(size_t count) {
    char *text = malloc(64 + 2 * count);
    strcpy(text, P "args: [");
    char *end = text + strlen(text);
    for (size_t i = 0; i < count; i++)
        end = stpcpy(end, i ? ",a" : "a");
    strcpy(end, "]\n");
    return text;
}

static void the_number_of_values_is_bounded(void **state) {
    char *text = many_values(10000 - 5);
    assert_non_null(read_runtime(*state, text)->args[9994]);
    free(text);
    text = many_values(10000 - 4);
    assert_refused(*state, text,
                   "2:19998: holds more than 10000 values; expected a configuration file");
    free(text);
}

static void the_size_is_bounded(void **state) {
    struct fixture *fixture = *state;
    const size_t limit = 1024 * 1024;
    char *text = malloc(limit + 2);
    memset(text, '#', limit + 1);
    memcpy(text, P, sizeof(P) - 1);
    text[limit] = '\0';
    assert_string_equal(read_runtime(fixture, text)->plugin, "x");
    text[limit] = '#';
    text[limit + 1] = '\0';
    put(fixture, "runtimes.d/it.yaml", text);
    free(text);
    load(fixture);
    const struct runtime_config *runtime = NULL;
    assert_int_equal(config_runtime(fixture->config, "it", &runtime, &fixture->problems), -EFBIG);
    assert_problem(fixture, 0, "runtimes.d/it.yaml",
                   "is larger than 1 MiB; expected a configuration file");
}

static void every_problem_is_told_in_the_order_of_the_file(void **state) {
    struct fixture *fixture = *state;
    put(fixture, "runtimes.d/it.yaml",
        "plugin: [x]\ntimeouts: { spawn: 30 parsecs, signal: -5s }\non-monitor-death: mourn\n"
        "no-pivot-root: perhaps\nbinary: relative/path\nbinary: /x\nnonsense: 1\n");
    load(fixture);
    const struct runtime_config *runtime = NULL;
    assert_int_equal(config_runtime(fixture->config, "it", &runtime, &fixture->problems), -EINVAL);
    static const char *const keys[] = {
        "plugin",        "timeouts.spawn", "timeouts.signal", "on-monitor-death",
        "no-pivot-root", "binary",         "binary",          NULL};
    assert_int_equal(fixture->problems.count, COUNT_OF(keys));
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct config_problem *problem = &fixture->problems.list[i];
        assert_true(problem->key == keys[i] || strcmp(problem->key, keys[i]) == 0);
        assert_int_equal(problem->line, i < 2 ? i + 1 : i);
        assert_int_equal(problem->code, -EINVAL);
    }
    struct shim_error error = {.size = sizeof(error)};
    assert_int_equal(config_problems_error(&fixture->problems, &error), -EINVAL);
    assert_non_null(strstr(error.message, "it.yaml:1:9: plugin: is a list; "));
    assert_non_null(strstr(error.message, "(and 7 more problems: shimhost config check)"));
}

static void problems_are_capped(void **state) {
    struct fixture *fixture = *state;
    char text[4096] = P;
    for (int i = 0; i < 150; i++)
        sprintf(text + strlen(text), "unknown-%d: 1\n", i);
    put(fixture, "runtimes.d/it.yaml", text);
    load(fixture);
    const struct runtime_config *runtime = NULL;
    assert_int_equal(config_runtime(fixture->config, "it", &runtime, &fixture->problems), -EINVAL);
    assert_int_equal(fixture->problems.count, CONFIG_PROBLEMS_MAX);
    assert_int_equal(fixture->problems.more, 50);
    assert_int_equal(config_runtime(fixture->config, "it", &runtime, &fixture->problems), -EINVAL);
    assert_int_equal(fixture->problems.more, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unknown_keys_name_what_was_meant, set_up, tear_down),
        cmocka_unit_test_setup_teardown(terminals_are_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sections_are_mappings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(duplicates_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_are_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_keys_are_refused_and_cut_in_the_message, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_yaml_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_text_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(columns_count_characters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bomb_of_aliases_is_one_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(depth_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_number_of_values_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_size_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_problem_is_told_in_the_order_of_the_file, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(problems_are_capped, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("config_document", tests, NULL, NULL);
}
