/* SPDX-License-Identifier: Apache-2.0 */
/* Every type of value in a configuration file: what it takes, and what it refuses. */
#include "config_fixture.h"

#define P "plugin: x\n"
#define A_DURATION "expected a duration as in 500ms, 30s, 2m or 1h"
#define A_SIZE "expected a size as in 64KiB, 10MiB or 1GiB, or unlimited"
#define A_PATH "expected an absolute path"
#define A_PLUGIN "expected the name of a plugin in plugin-dir, or an absolute path of one"
#define AN_ITEM "expected a single value, or \"\" for an empty one"

struct refusal {
    const char *text, *rest;
};

static void refuse_all(struct fixture *fixture, const struct refusal *refusals, size_t count) {
    for (size_t i = 0; i < count; i++)
        assert_refused(fixture, refusals[i].text, refusals[i].rest);
}

static void version_is_one(void **state) {
    struct fixture *fixture = *state;
    read_runtime(fixture, "version: 1\n" P);
    static const struct refusal refusals[] = {
        {P "version: 2\n",
         "2:10: version: `2` is a version that this program does not know; expected 1"},
        {P "version: 1.0\n",
         "2:10: version: `1.0` is a version that this program does not know; expected 1"},
        {P "version: '1'\n", "2:10: version: is a text in quotes; expected 1"},
        {P "version: [1]\n", "2:10: version: is a list; expected 1"},
        {P "version:\n", "2:9: version: has no value; expected 1"},
    };
    refuse_all(fixture, refusals, COUNT_OF(refusals));
}

static void paths_are_absolute(void **state) {
    struct fixture *fixture = *state;
    assert_string_equal(read_runtime(fixture, P "binary: /a b/ü\n")->binary, "/a b/ü");
    assert_null(read_runtime(fixture, P)->binary);
    static const struct refusal refusals[] = {
        {P "binary: true\n", "2:9: binary: `true` is not absolute; " A_PATH},
        {P "root: ./x\n", "2:7: root: `./x` is not absolute; " A_PATH},
        {P "root: ''\n", "2:7: root: `` is empty; " A_PATH},
        {P "root: ~\n", "2:7: root: has no value; " A_PATH},
        {P "root: null\n", "2:7: root: has no value; " A_PATH},
        {P "root: \"/a\\nb\"\n", "2:7: root: `/a\\x0ab` has a control character in it; " A_PATH},
        {P "root: { a: b }\n", "2:7: root: is a mapping; " A_PATH},
    };
    refuse_all(fixture, refusals, COUNT_OF(refusals));
}

static void long_paths_are_refused_and_cut_in_the_message(void **state) {
    struct fixture *fixture = *state;
    char text[PATH_MAX + 64] = P "root: /";
    memset(text + strlen(text), 'x', PATH_MAX);
    assert_refused(fixture, text,
                   "2:7: root: "
                   "`/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` "
                   "is longer than a path may be; " A_PATH);
    text[sizeof(P "root: ") - 1 + PATH_MAX - 1] = '\0';
    assert_int_equal(strlen(read_runtime(fixture, text)->root), PATH_MAX - 1);
}

static void plugins_are_names_or_paths(void **state) {
    struct fixture *fixture = *state;
    assert_string_equal(read_runtime(fixture, "plugin: a.B_c-9\n")->plugin, "a.B_c-9");
    assert_string_equal(read_runtime(fixture, "plugin: /x/y.so\n")->plugin, "/x/y.so");
    static const struct refusal refusals[] = {
        {"plugin: a/b\n", "1:9: plugin: `a/b` is not a name; " A_PLUGIN},
        {"plugin: ../b\n", "1:9: plugin: `../b` is not a name; " A_PLUGIN},
        {"plugin: ''\n", "1:9: plugin: `` is not a name; " A_PLUGIN},
        {"plugin:\n", "1:8: plugin: has no value; " A_PLUGIN},
        {"plugin: [x]\n", "1:9: plugin: is a list; " A_PLUGIN},
        {"binary: /x\n", "1:1: plugin: is missing; " A_PLUGIN},
        {"", "1:1: plugin: is missing; " A_PLUGIN},
        {"# nothing\n", "1:1: plugin: is missing; " A_PLUGIN},
    };
    refuse_all(fixture, refusals, COUNT_OF(refusals));
    char text[128] = "plugin: ";
    memset(text + 8, 'n', 76);
    assert_int_equal(strlen(read_runtime(fixture, text)->plugin), 76);
    text[84] = 'n';
    put(fixture, "runtimes.d/it.yaml", text);
    const struct runtime_config *runtime = NULL;
    load(fixture);
    assert_int_equal(config_runtime(fixture->config, "it", &runtime, &fixture->problems), -EINVAL);
}

static void the_default_runtime_is_a_name(void **state) {
    struct fixture *fixture = *state;
    assert_main_refused(fixture, "default-runtime: a/b\n",
                        "1:18: default-runtime: `a/b` is not a name; expected the name of a file "
                        "in runtimes.d, without its ending");
}

static void truth_is_true_or_false(void **state) {
    struct fixture *fixture = *state;
    assert_true(read_runtime(fixture, P "no-pivot-root: true\n")->no_pivot_root);
    assert_int_equal(read_runtime(fixture, P "no-pivot-root: true\n")->shim.flags,
                     SHIM_RUNTIME_NO_PIVOT_ROOT);
    assert_false(read_runtime(fixture, P "no-pivot-root: false\n")->no_pivot_root);
    assert_int_equal(read_runtime(fixture, P)->shim.flags, 0);
    static const struct refusal refusals[] = {
        {P "no-pivot-root: yes\n", "2:16: no-pivot-root: `yes` is not taken for a truth value "
                                   "here; expected true or false"},
        {P "no-pivot-root: Off\n", "2:16: no-pivot-root: `Off` is not taken for a truth value "
                                   "here; expected true or false"},
        {P "no-pivot-root: True\n",
         "2:16: no-pivot-root: `True` is neither; expected true or false"},
        {P "no-pivot-root: 'true'\n",
         "2:16: no-pivot-root: is a text in quotes; expected true or false"},
        {P "no-pivot-root:\n  - true\n", "3:3: no-pivot-root: is a list; expected true or false"},
    };
    refuse_all(fixture, refusals, COUNT_OF(refusals));
}

static void words_are_those_of_the_list(void **state) {
    struct fixture *fixture = *state;
    const struct runtime_config *runtime =
        read_runtime(fixture, P "on-monitor-death: adopt\nstreams: { stderr: drop }\n");
    assert_int_equal(runtime->on_monitor_death, CONFIG_MONITOR_DEATH_ADOPT);
    assert_int_equal(runtime->streams.stdout_gone, CONFIG_WHEN_GONE_BLOCK);
    assert_int_equal(runtime->streams.stderr_gone, CONFIG_WHEN_GONE_DROP);
    assert_int_equal(read_runtime(fixture, P)->on_monitor_death, CONFIG_MONITOR_DEATH_KILL);
    assert_refused(fixture, P "on-monitor-death: Kill\n",
                   "2:19: on-monitor-death: `Kill` is none of its values; expected kill or adopt");
    assert_refused(fixture, P "on-monitor-death: [kill]\n",
                   "2:19: on-monitor-death: is a list; expected kill or adopt");
    assert_main_refused(fixture, "log:\n  level: loud\n",
                        "2:10: log.level: `loud` is none of its values; expected error, warning, "
                        "info or debug");
    put(fixture, "shimhost.yaml", "log: { level: debug, format: json }\n");
    load(fixture);
    assert_int_equal(fixture->config->log_level, SHIM_LOG_DEBUG);
    assert_int_equal(fixture->config->log_format, CONFIG_LOG_JSON);
}

static void durations_have_units(void **state) {
    struct fixture *fixture = *state;
    const struct runtime_config *runtime = read_runtime(
        fixture, P "timeouts: { spawn: 500ms, signal: '7s', delete: 2m, drain: 1h }\n");
    assert_int_equal(runtime->timeouts.spawn, 500);
    assert_int_equal(runtime->timeouts.signal, 7000);
    assert_int_equal(runtime->timeouts.delete, 120000);
    assert_int_equal(runtime->timeouts.drain, 3600000);
    assert_int_equal(runtime->shim.spawn_timeout, 500);
    assert_int_equal(runtime->shim.signal_timeout, 7000);
    assert_int_equal(runtime->shim.delete_timeout, 120000);
    assert_int_equal(read_runtime(fixture, P "timeouts: { drain: 0s }\n")->timeouts.drain, 0);
    assert_int_equal(read_runtime(fixture, P "timeouts: { spawn: 24h }\n")->timeouts.spawn,
                     86400000);
}

static void wrong_durations_are_refused(void **state) {
    static const struct {
        const char *written, *shown, *wrong;
    } cases[] = {
        {"30", "30", "has no unit, and a bare number could mean anything; " A_DURATION},
        {"-5s", "-5s", "is negative; " A_DURATION},
        {"30 parsecs", "30 parsecs", "has an unknown unit; " A_DURATION},
        {"1.5s", "1.5s", "is not a whole number; " A_DURATION},
        {"soon", "soon", "does not begin with a number; " A_DURATION},
        {"+5s", "+5s", "does not begin with a number; " A_DURATION},
        {"''", "", "is empty; " A_DURATION},
        {"1m30s", "1m30s", "has an unknown unit; " A_DURATION},
        {"1S", "1S", "has an unknown unit; " A_DURATION},
        {"9223372036854775808ms", "9223372036854775808ms", "is too large; " A_DURATION},
        {"9223372036854775807h", "9223372036854775807h", "is too large; " A_DURATION},
        {"25h", "25h", "is too large; " A_DURATION ", at most 24h"},
        {"0s", "0s", "is too small; " A_DURATION ", at least 1ms"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[128], rest[256];
        snprintf(text, sizeof(text), P "timeouts:\n  spawn: %s\n", cases[i].written);
        snprintf(rest, sizeof(rest), "3:10: timeouts.spawn: `%s` %s", cases[i].shown,
                 cases[i].wrong);
        assert_refused(*state, text, rest);
    }
    assert_refused(*state, P "timeouts: { spawn: }\n",
                   "2:20: timeouts.spawn: has no value; " A_DURATION);
}

static void sizes_have_units(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *text;
        int64_t bytes;
    } sizes[] = {{"1024B", 1024},        {"64KiB", 65536},        {"10MiB", 10485760},
                 {"1GiB", 1073741824},   {"1TiB", 1099511627776}, {"4kB", 4000},
                 {"4KB", 4000},          {"2MB", 2000000},        {"3GB", 3000000000},
                 {"1TB", 1000000000000}, {"unlimited", 0}};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        char text[64];
        snprintf(text, sizeof(text), P "streams: { max-size: %s }\n", sizes[i].text);
        assert_int_equal(read_runtime(fixture, text)->streams.max_size, sizes[i].bytes);
    }
    assert_int_equal(read_runtime(fixture, P)->streams.max_size, 10485760);
    static const struct refusal refusals[] = {
        {P "streams: { max-size: 10 }\n", "2:22: streams.max-size: `10` has no unit, and a bare "
                                          "number could mean anything; " A_SIZE},
        {P "streams: { max-size: 1mib }\n",
         "2:22: streams.max-size: `1mib` has an unknown unit; " A_SIZE},
        {P "streams: { max-size: 1B }\n",
         "2:22: streams.max-size: `1B` is too small; " A_SIZE ", at least 1KiB"},
        {P "streams: { max-size: 2TiB }\n",
         "2:22: streams.max-size: `2TiB` is too large; " A_SIZE ", at most 1TiB"},
        {P "streams: { max-size: 9999999999TiB }\n",
         "2:22: streams.max-size: `9999999999TiB` is too large; " A_SIZE},
    };
    refuse_all(fixture, refusals, COUNT_OF(refusals));
}

static void counts_are_whole_numbers(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(read_runtime(fixture, P "streams: { max-files: 12 }\n")->streams.max_files,
                     12);
    static const struct refusal refusals[] = {
        {P "streams: { max-files: 0 }\n",
         "2:23: streams.max-files: `0` is too small; expected a whole number, at least 1"},
        {P "streams: { max-files: 1001 }\n",
         "2:23: streams.max-files: `1001` is too large; expected a whole number, at most 1000"},
        {P "streams: { max-files: 010 }\n", "2:23: streams.max-files: `010` begins with 0, which "
                                            "would make it octal; expected a whole number"},
        {P "streams: { max-files: 3x }\n",
         "2:23: streams.max-files: `3x` is not a whole number; expected a whole number"},
        {P "streams: { max-files: -3 }\n",
         "2:23: streams.max-files: `-3` is negative; expected a whole number"},
    };
    refuse_all(fixture, refusals, COUNT_OF(refusals));
}

static void lists_hold_texts(void **state) {
    struct fixture *fixture = *state;
    const struct runtime_config *runtime =
        read_runtime(fixture, P "args: [--debug, 5, true, '', \"a\\tb\"]\n");
    static const char *const expected[] = {"--debug", "5", "true", "", "a\tb"};
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_string_equal(runtime->args[i], expected[i]);
    assert_null(runtime->args[COUNT_OF(expected)]);
    assert_ptr_equal(runtime->shim.args, runtime->args);
    assert_null(read_runtime(fixture, P)->args[0]);
    assert_null(read_runtime(fixture, P "args: []\n")->args[0]);
    assert_null(read_runtime(fixture, P "args:\n")->args[0]);
    static const struct refusal refusals[] = {
        {P "args: --debug\n", "2:7: args: is a single value; expected a list of texts as in "
                              "[--debug, --log-level=info]"},
        {P "args: '--debug'\n", "2:7: args: is a text in quotes; expected a list of texts as in "
                                "[--debug, --log-level=info]"},
        {P "args: [a, {b: c}]\n", "2:11: args.1: is a mapping; " AN_ITEM},
        {P "args: [[a]]\n", "2:8: args.0: is a list; " AN_ITEM},
        {P "args:\n  - a\n  - ~\n", "4:5: args.1: has no value; " AN_ITEM},
    };
    refuse_all(fixture, refusals, COUNT_OF(refusals));
}

static void the_environment_begins_with_path(void **state) {
    struct fixture *fixture = *state;
    const char *standard = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    const char *const *environment = read_runtime(fixture, P)->shim.environment;
    assert_string_equal(environment[0], standard);
    assert_null(environment[1]);
    const struct runtime_config *runtime =
        read_runtime(fixture, P "env: { A: 1, _b2: '', C: \"x=y\\n\" }\n");
    environment = runtime->shim.environment;
    assert_string_equal(environment[0], standard);
    assert_string_equal(environment[1], "A=1");
    assert_string_equal(environment[2], "_b2=");
    assert_string_equal(environment[3], "C=x=y\n");
    assert_null(environment[4]);
    assert_int_equal(runtime->n_env, 3);
    assert_string_equal(runtime->env[0].key, "A");
    assert_string_equal(runtime->env[0].value, "1");
    environment = read_runtime(fixture, P "env: { A: 1, PATH: /bin, B: 2 }\n")->shim.environment;
    assert_string_equal(environment[0], "PATH=/bin");
    assert_string_equal(environment[1], "A=1");
    assert_string_equal(environment[2], "B=2");
    assert_null(environment[3]);
}

static void wrong_variables_are_refused(void **state) {
    static const char *const a_variable =
        "is not the name of a variable; expected letters, digits and `_`, and no digit first";
    static const char *const names[] = {"2B", "A-B", "A B", "ä"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char text[64], rest[256];
        snprintf(text, sizeof(text), P "env: { %s: x }\n", names[i]);
        snprintf(rest, sizeof(rest), "2:8: env.%s: `%s` %s", names[i], names[i], a_variable);
        assert_refused(*state, text, rest);
    }
    static const struct refusal refusals[] = {
        {P "env: { A: }\n", "2:11: env.A: has no value; " AN_ITEM},
        {P "env: { A: [1] }\n", "2:11: env.A: is a list; " AN_ITEM},
        {P "env: [A, B]\n", "2:6: env: is a list; expected a mapping as in { NAME: value }"},
        {P "env: A=1\n", "2:6: env: is a single value; expected a mapping as in { NAME: value }"},
    };
    refuse_all(*state, refusals, COUNT_OF(refusals));
}

static void options_are_flattened_in_order(void **state) {
    struct fixture *fixture = *state;
    const struct runtime_config *runtime = read_runtime(
        fixture, P "options:\n  platform: kvm\n  network: { mode: host, ports: [80, {to: 81}] }\n"
                   "  nothing: {}\n  none: []\n  empty: \"\"\n  flag: false\n  tilde: \"~\"\n");
    static const struct config_entry expected[] = {
        {.key = "platform", .value = "kvm", .origin = {.line = 3}},
        {.key = "network.mode", .value = "host", .origin = {.line = 4}},
        {.key = "network.ports.0", .value = "80", .origin = {.line = 4}},
        {.key = "network.ports.1.to", .value = "81", .origin = {.line = 4}},
        {.key = "empty", .value = "", .origin = {.line = 7}},
        {.key = "flag", .value = "false", .origin = {.line = 8}},
        {.key = "tilde", .value = "~", .origin = {.line = 9}},
    };
    assert_int_equal(runtime->n_options, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_string_equal(runtime->options[i].key, expected[i].key);
        assert_string_equal(runtime->options[i].value, expected[i].value);
        assert_int_equal(runtime->options[i].origin.line, expected[i].origin.line);
        assert_string_equal(config_option(runtime, expected[i].key), expected[i].value);
    }
    assert_null(config_option(runtime, "network"));
    assert_null(config_option(runtime, "nothing"));
    assert_null(config_option(runtime, ""));
    assert_int_equal(read_runtime(fixture, P "options:\n")->n_options, 0);
    assert_int_equal(read_runtime(fixture, P "options: {}\n")->n_options, 0);
}

static void wrong_options_are_refused(void **state) {
    static const struct refusal refusals[] = {
        {P "options: [a]\n",
         "2:10: options: is a list; expected a mapping of what the plugin understands"},
        {P "options: a\n",
         "2:10: options: is a single value; expected a mapping of what the plugin understands"},
        {P "options: { x: { a.b: 1 } }\n",
         "2:17: options: the key `a.b` has a dot in it; expected a level for each part, as in "
         "a: { b: … }"},
        {P "options:\n  x: { y: ~ }\n",
         "3:11: x.y: has no value; expected a single value, or \"\" for an empty one"},
    };
    refuse_all(*state, refusals, COUNT_OF(refusals));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(version_is_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(paths_are_absolute, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_paths_are_refused_and_cut_in_the_message, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(plugins_are_names_or_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_default_runtime_is_a_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(truth_is_true_or_false, set_up, tear_down),
        cmocka_unit_test_setup_teardown(words_are_those_of_the_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(durations_have_units, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_durations_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes_have_units, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_are_whole_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_hold_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_environment_begins_with_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_variables_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(options_are_flattened_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_options_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("config_values", tests, NULL, NULL);
}
