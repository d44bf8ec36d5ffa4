/* SPDX-License-Identifier: Apache-2.0 */
/* Which files are read, when, and which are believed; what comes out of them. */
#include "config_fixture.h"

#define P "plugin: x\n"

static void without_a_file_there_are_defaults(void **state) {
    struct fixture *fixture = *state;
    load(fixture);
    assert_false(fixture->config->present);
    assert_string_equal(fixture->config->path, fixture->main_file);
    assert_string_equal(fixture->config->runtimes_dir, path_in(fixture, "runtimes.d"));
    assert_string_equal(fixture->config->state_dir, "/run/state");
    assert_string_equal(fixture->config->plugin_dir, "/usr/lib/plugins");
    assert_string_equal(fixture->config->default_runtime, "crun");
    assert_int_equal(fixture->config->log_level, SHIM_LOG_INFO);
    assert_int_equal(fixture->config->log_format, CONFIG_LOG_TEXT);
    assert_null(config_origin(fixture->config, "state-dir").file);
    put(fixture, "shimhost.yaml", "");
    load(fixture);
    assert_true(fixture->config->present);
    assert_string_equal(fixture->config->state_dir, "/run/state");
    fixture->defaults.path = path_in(fixture, "no/such/directory/shimhost.yaml");
    load(fixture);
    assert_false(fixture->config->present);
}

static void a_file_that_is_named_must_exist(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(
        config_load(fixture->main_file, &fixture->defaults, &fixture->config, &fixture->problems),
        -ENOENT);
    assert_null(fixture->config);
    assert_problem(fixture, 0, "shimhost.yaml",
                   "there is no such file; expected the configuration that was asked for");
}

static void values_know_where_they_come_from(void **state) {
    struct fixture *fixture = *state;
    put(fixture, "shimhost.yaml", "version: 1\nstate-dir: /s\nlog:\n  format: json\n");
    put(fixture, "runtimes.d/crun.yaml", "timeouts: { spawn: 1s }\n" P "env:\n  A: b\n");
    const struct runtime_config *runtime = load_runtime(fixture, NULL);
    struct config_origin origin = config_origin(fixture->config, "state-dir");
    assert_string_equal(origin.file, fixture->main_file);
    assert_int_equal(origin.line, 2);
    origin = config_origin(fixture->config, "log.format");
    assert_int_equal(origin.line, 4);
    assert_int_equal(origin.column, 3);
    assert_null(config_origin(fixture->config, "log.level").file);
    assert_null(config_origin(fixture->config, "no-such-key").file);
    assert_string_equal(runtime->name, "crun");
    assert_string_equal(runtime_config_origin(runtime, "plugin").file, runtime->file);
    assert_int_equal(runtime_config_origin(runtime, "timeouts.spawn").line, 1);
    assert_null(runtime_config_origin(runtime, "timeouts.drain").file);
    assert_string_equal(runtime->env[0].origin.file, runtime->file);
    assert_int_equal(runtime->env[0].origin.line, 4);
    assert_string_equal(runtime->shim.name, "crun");
    assert_string_equal(runtime->shim.source, runtime->file);
    assert_int_equal(runtime->shim.size, sizeof(struct shim_runtime));
}

static void relative_paths_survive_a_change_of_directory(void **state) {
    struct fixture *fixture = *state;
    char *here = getcwd(NULL, 0);
    put(fixture, "shimhost.yaml", "version: 1\n");
    put(fixture, "runtimes.d/it.yaml", P);
    assert_int_equal(chdir(fixture->directory), 0);
    assert_int_equal(
        config_load("shimhost.yaml", &fixture->defaults, &fixture->config, &fixture->problems), 0);
    assert_int_equal(chdir(here), 0);
    free(here);
    const struct runtime_config *runtime = NULL;
    assert_int_equal(config_runtime(fixture->config, "it", &runtime, &fixture->problems), 0);
    assert_string_equal(runtime->file, path_in(fixture, "runtimes.d/it.yaml"));
}

static void only_the_runtimes_that_are_asked_for_are_read(void **state) {
    struct fixture *fixture = *state;
    put(fixture, "runtimes.d/b.yaml", P);
    put(fixture, "runtimes.d/a.yaml", P);
    put(fixture, "runtimes.d/bad.yaml", "nonsense\n");
    put(fixture, "runtimes.d/.hidden.yaml", "nonsense\n");
    put(fixture, "runtimes.d/other.yml", "nonsense\n");
    put(fixture, "runtimes.d/b.yaml~", "nonsense\n");
    put(fixture, "runtimes.d/.yaml", "nonsense\n");
    const struct runtime_config *b = load_runtime(fixture, "b");
    size_t count = 0;
    assert_ptr_equal(config_runtimes(fixture->config, &count)[0], b);
    assert_int_equal(count, 1);
    const struct runtime_config *again = NULL;
    assert_int_equal(unlink(path_in(fixture, "runtimes.d/b.yaml")), 0);
    assert_int_equal(config_runtime(fixture->config, "b", &again, &fixture->problems), 0);
    assert_ptr_equal(again, b);
    const char *const *names = NULL;
    assert_int_equal(config_runtime_names(fixture->config, &names, &count, &fixture->problems), 0);
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "bad");
    assert_int_equal(config_load_all(fixture->config, &fixture->problems), -EINVAL);
    assert_int_equal(fixture->problems.count, 1);
    const struct runtime_config *const *all = config_runtimes(fixture->config, &count);
    assert_int_equal(count, 2);
    assert_string_equal(all[0]->name, "a");
    assert_ptr_equal(all[1], b);
}

static void a_failure_is_not_kept(void **state) {
    struct fixture *fixture = *state;
    put(fixture, "runtimes.d/it.yaml", "plugin: [x]\n");
    load(fixture);
    const struct runtime_config *runtime = NULL;
    assert_int_equal(config_runtime(fixture->config, "it", &runtime, &fixture->problems), -EINVAL);
    put(fixture, "runtimes.d/it.yaml", P);
    assert_int_equal(config_runtime(fixture->config, "it", &runtime, &fixture->problems), 0);
    assert_string_equal(runtime->plugin, "x");
}

/* There is no runtime of this name, and the message ends like this. */
static void assert_missing(struct fixture *fixture, const char *name, const char *place,
                           const char *rest) {
    char expected[512];
    snprintf(expected, sizeof(expected),
             "%s; expected one that has a file in %s/runtimes.d: a, crun", rest,
             fixture->directory);
    const struct runtime_config *runtime = NULL;
    load(fixture);
    assert_int_equal(config_runtime(fixture->config, name, &runtime, &fixture->problems), -ENOENT);
    assert_problem(fixture, 0, place, expected);
    assert_int_equal(fixture->problems.count, 1);
    assert_null(runtime);
}

static void a_missing_runtime_names_the_others(void **state) {
    struct fixture *fixture = *state;
    put(fixture, "runtimes.d/crun.yaml", P);
    put(fixture, "runtimes.d/a.yaml", P);
    assert_missing(fixture, "crum", "runtimes.d",
                   "there is no runtime `crum` (did you mean `crun`?)");
    assert_missing(fixture, "nonsense", "runtimes.d", "there is no runtime `nonsense`");
    assert_missing(fixture, "../crun", "runtimes.d", "there is no runtime `../crun`");
    assert_missing(fixture, "", "runtimes.d", "there is no runtime ``");
    put(fixture, "shimhost.yaml", "{ default-runtime: nrud }\n");
    assert_missing(fixture, NULL, "shimhost.yaml",
                   "1:3: default-runtime: there is no default runtime `nrud`");
    assert_string_equal(config_nearest_runtime(fixture->config, "rcun"), "crun");
    assert_null(config_nearest_runtime(fixture->config, "nrud"));
}

static void broken_links_and_missing_directories_are_told(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(symlink("nowhere", path_in(fixture, "runtimes.d/it.yaml")), 0);
    load(fixture);
    const struct runtime_config *runtime = NULL;
    assert_int_equal(config_runtime(fixture->config, "it", &runtime, &fixture->problems), -ENOENT);
    assert_problem(fixture, 0, "runtimes.d/it.yaml",
                   "leads nowhere; expected a file, and no broken symbolic link");
    unlink(path_in(fixture, "runtimes.d/it.yaml"));
    rmdir(path_in(fixture, "runtimes.d"));
    load(fixture);
    assert_int_equal(config_load_all(fixture->config, &fixture->problems), 0);
    assert_int_equal(config_runtime(fixture->config, NULL, &runtime, &fixture->problems), -ENOENT);
    assert_non_null(strstr(fixture->problems.list[0].message, "/runtimes.d: none"));
}

static void check_reads_everything(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(config_check(NULL, &fixture->defaults, &fixture->problems), 0);
    put(fixture, "shimhost.yaml", "nonsense: 1\ndefault-runtime: c\n");
    put(fixture, "runtimes.d/a.yaml", "plugin: x\n\troot: /x\nbinary: relative\n");
    put(fixture, "runtimes.d/b.yaml", "plugin: /b\nroot: x\n");
    put(fixture, "runtimes.d/-c.yaml", P);
    assert_int_equal(config_check(NULL, &fixture->defaults, &fixture->problems), -EINVAL);
    assert_int_equal(fixture->problems.count, 5);
    assert_problem(fixture, 0, "shimhost.yaml",
                   "1:1: unknown key `nonsense`; expected one of version, state-dir, plugin-dir, "
                   "default-runtime, log");
    assert_problem(fixture, 1, "runtimes.d",
                   "`-c.yaml` does not have the name of a runtime; expected letters, digits and "
                   "`_.-`, at most 76 long");
    assert_problem(fixture, 2, "runtimes.d/a.yaml",
                   "2:1: has a tab; expected spaces, YAML is not indented with tabs");
    assert_problem(fixture, 3, "runtimes.d/b.yaml",
                   "2:7: root: `x` is not absolute; expected an absolute path");
    assert_int_equal(fixture->problems.list[4].code, -ENOENT);
    assert_int_equal(fixture->problems.list[4].line, 2);
}

/* shimhost.yaml cannot be used, whatever is in it. */
static void assert_unusable(struct fixture *fixture, int code, const char *place,
                            const char *rest) {
    forget(fixture);
    assert_int_equal(config_load(NULL, &fixture->defaults, &fixture->config, &fixture->problems),
                     code);
    assert_null(fixture->config);
    assert_problem(fixture, 0, place, rest);
    assert_int_equal(fixture->problems.count, 1);
}

static void only_regular_files_are_read(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(mkfifo(fixture->main_file, 0644), 0);
    assert_unusable(fixture, -EINVAL, "shimhost.yaml", "is a FIFO; expected a regular file");
    unlink(fixture->main_file);
    assert_int_equal(mkdir(fixture->main_file, 0755), 0);
    assert_unusable(fixture, -EISDIR, "shimhost.yaml", "is a directory; expected a regular file");
    rmdir(fixture->main_file);
    assert_int_equal(symlink("/dev/null", fixture->main_file), 0);
    assert_unusable(fixture, -EINVAL, "shimhost.yaml", "is a device; expected a regular file");
    unlink(fixture->main_file);
    put(fixture, "real.yaml", "state-dir: /linked\n");
    assert_int_equal(symlink("real.yaml", fixture->main_file), 0);
    load(fixture);
    assert_string_equal(fixture->config->state_dir, "/linked");
    unlink(fixture->main_file);
    assert_int_equal(symlink("shimhost.yaml", fixture->main_file), 0);
    assert_unusable(fixture, -ELOOP, "shimhost.yaml",
                    "cannot open it: Too many levels of symbolic links");
}

static void files_that_others_can_write_are_refused(void **state) {
    struct fixture *fixture = *state;
    char rest[256];
    put(fixture, "shimhost.yaml", "version: 1\n");
    static const struct {
        mode_t mode;
        const char *who;
    } cases[] = {{0646, "everybody"}, {0664, "its group"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        snprintf(rest, sizeof(rest),
                 "%s can write it, and have programs run through it; expected only its owner: "
                 "chmod go-w '%s'",
                 cases[i].who, fixture->main_file);
        chmod(fixture->main_file, cases[i].mode);
        assert_unusable(fixture, -EPERM, "shimhost.yaml", rest);
    }
    chmod(fixture->main_file, 0644);
    chmod(fixture->directory, 0777);
    forget(fixture);
    assert_int_equal(config_load(NULL, &fixture->defaults, &fixture->config, &fixture->problems),
                     -EPERM);
    chmod(fixture->directory, 01777); /* nobody can replace what is in there */
    load(fixture);
    chmod(path_in(fixture, "runtimes.d"), 0775);
    assert_int_equal(config_load_all(fixture->config, &fixture->problems), -EPERM);
}

static void files_of_others_are_refused(void **state) {
    struct fixture *fixture = *state;
    put(fixture, "shimhost.yaml", "version: 1\n");
    if (geteuid() !=
        0) { /* what root can do to a file, others cannot: look at root's own instead */
        struct config_problems problems = CONFIG_PROBLEMS_NONE;
        fixture->defaults.path = "/etc/shadow";
        assert_int_equal(config_load(NULL, &fixture->defaults, &fixture->config, &problems),
                         -EACCES);
        config_problems_clear(&problems);
        return;
    }
    char rest[256];
    assert_int_equal(chown(fixture->main_file, 12345, (gid_t)-1), 0);
    snprintf(rest, sizeof(rest),
             "belongs to user 12345, who could have programs run through it; expected root: "
             "chown root '%s'",
             fixture->main_file);
    assert_unusable(fixture, -EPERM, "shimhost.yaml", rest);
    /* The caller's own, and root's as others see it. */
    assert_int_equal(seteuid(12345), 0);
    load(fixture);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(chown(fixture->main_file, 0, (gid_t)-1), 0);
    assert_int_equal(seteuid(12345), 0);
    load(fixture);
    assert_int_equal(seteuid(0), 0);
    chmod(fixture->main_file, 0600);
    assert_int_equal(seteuid(12345), 0);
    assert_unusable(fixture, -EACCES, "shimhost.yaml", "cannot open it: Permission denied");
    assert_int_equal(seteuid(0), 0);
}

static void the_command_line_comes_first(void **state) {
    struct fixture *fixture = *state;
    put(fixture, "shimhost.yaml", "state-dir: /s\n");
    load(fixture);
    struct config_problems *problems = &fixture->problems;
    assert_int_equal(config_override(fixture->config, "state-dir", "/o", "--state-dir", problems),
                     0);
    assert_int_equal(
        config_override(fixture->config, "log.level", "debug", "--log-level", problems), 0);
    assert_string_equal(fixture->config->state_dir, "/o");
    assert_int_equal(fixture->config->log_level, SHIM_LOG_DEBUG);
    assert_string_equal(config_origin(fixture->config, "state-dir").file, "--state-dir");
    assert_int_equal(config_origin(fixture->config, "state-dir").line, 0);
    assert_int_equal(config_override(fixture->config, "state-dir", "o", "--state-dir", problems),
                     -EINVAL);
    assert_string_equal(problems->list[0].message,
                        "--state-dir: state-dir: `o` is not absolute; expected an absolute path");
    assert_string_equal(fixture->config->state_dir, "/o");
    assert_int_equal(config_override(fixture->config, "nonsense", "o", "--nonsense", problems),
                     -EINVAL);
}

/* What config_show() writes. The caller frees it. */
static char *show(const struct fixture *fixture) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_int_equal(config_show(fixture->config, stream), 0);
    fclose(stream);
    return text;
}

static void show_tells_values_and_origins(void **state) {
    struct fixture *fixture = *state;
    put(fixture, "shimhost.yaml", "log: { format: json }\n");
    put(fixture, "runtimes.d/it.yaml",
        P "args: [--a, \"ü\\n\\x9b\\\"\", 'yes']\ntimeouts: { spawn: 90s, drain: 0s }\n"
          "streams: { max-size: unlimited }\nenv: { A: 1 }\noptions: { a: { b: [c] } }\n");
    load_runtime(fixture, "it");
    config_override(fixture->config, "state-dir", "/o", "--state-dir", &fixture->problems);
    char expected[4096];
    const char *d = fixture->directory;
    snprintf(expected, sizeof(expected),
             "version: 1  # default\n"
             "state-dir: /o  # from --state-dir\n"
             "plugin-dir: /usr/lib/plugins  # default\n"
             "default-runtime: crun  # default\n"
             "log:\n"
             "  level: info  # default\n"
             "  format: json  # from %s/shimhost.yaml:1\n"
             "runtimes:\n"
             "  it:\n"
             "    version: 1  # default\n"
             "    plugin: x  # from %s/runtimes.d/it.yaml:1\n"
             "    binary: null  # default\n"
             "    args:  # from %s/runtimes.d/it.yaml:2\n"
             "      - \"--a\"\n"
             "      - \"ü\\n\\x9b\\\"\"\n"
             "      - \"yes\"\n"
             "    root: null  # default\n"
             "    no-pivot-root: false  # default\n"
             "    on-monitor-death: kill  # default\n"
             "    timeouts:\n"
             "      spawn: 90s  # from %s/runtimes.d/it.yaml:3\n"
             "      signal: 5s  # default\n"
             "      delete: 10s  # default\n"
             "      drain: 0s  # from %s/runtimes.d/it.yaml:3\n"
             "    streams:\n"
             "      stdout: block  # default\n"
             "      stderr: block  # default\n"
             "      max-size: unlimited  # from %s/runtimes.d/it.yaml:4\n"
             "      max-files: 3  # default\n"
             "    env:  # from %s/runtimes.d/it.yaml:5\n"
             "      A: \"1\"  # from %s/runtimes.d/it.yaml:5\n"
             "    options:  # from %s/runtimes.d/it.yaml:6\n"
             "      a.b.0: c  # from %s/runtimes.d/it.yaml:6\n",
             d, d, d, d, d, d, d, d, d, d);
    char *text = show(fixture);
    assert_string_equal(text, expected);
    free(text);
}

static void a_stream_that_fails_is_told(void **state) {
    struct fixture *fixture = *state;
    load(fixture);
    FILE *full = fopen("/dev/full", "w");
    setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(config_show(fixture->config, full), -EIO);
    fclose(full);
}

static void what_is_shipped_is_right_and_names_every_key(void **state) {
    struct fixture *fixture = *state;
    static const char *const files[] = {"shimhost.yaml", "runtimes.d/crun.yaml",
                                        "runtimes.d/runc.yaml"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char path[PATH_MAX], *text = calloc(1, 65536);
        snprintf(path, sizeof(path), CONFIG_SOURCE "/%s", files[i]);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_true(read(fd, text, 65535) > 0);
        close(fd);
        put(fixture, files[i], text);
        struct config_key key;
        for (size_t k = 0; config_key_at(i > 0, k, &key) == 0; k++) {
            const char *word = strrchr(key.path, '.') ? strrchr(key.path, '.') + 1 : key.path;
            char line[128];
            snprintf(line, sizeof(line), "%s:%s%s", word, key.standard ? " " : "",
                     key.standard ? key.standard : "");
            if (!strstr(text, line))
                print_error("%s does not show %s\n", files[i], line);
            assert_non_null(strstr(text, line));
        }
        free(text);
    }
    assert_int_equal(config_check(NULL, &fixture->defaults, &fixture->problems), 0);
    assert_string_equal(load_runtime(fixture, "runc")->plugin, "runc");
    assert_string_equal(load_runtime(fixture, NULL)->binary, "/usr/bin/crun");
    struct config_key key;
    assert_int_equal(config_key_at(true, 1000, &key), -ENOENT);
}

static void errors_of_an_empty_list_are_errors(void **state) {
    (void)state;
    struct config_problems problems = CONFIG_PROBLEMS_NONE;
    struct shim_error error = {.size = sizeof(error)};
    assert_int_equal(config_problems_error(&problems, &error), -EIO);
    assert_true(*error.message);
    config_problems_clear(&problems);
    config_problems_clear(NULL);
    assert_null(config_free(NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_file_there_are_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_named_must_exist, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_know_where_they_come_from, set_up, tear_down),
        cmocka_unit_test_setup_teardown(relative_paths_survive_a_change_of_directory, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(only_the_runtimes_that_are_asked_for_are_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_failure_is_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_runtime_names_the_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_links_and_missing_directories_are_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(check_reads_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_regular_files_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_others_can_write_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_of_others_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_command_line_comes_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(show_tells_values_and_origins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stream_that_fails_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_shipped_is_right_and_names_every_key, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(errors_of_an_empty_list_are_errors, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
