/* SPDX-License-Identifier: Apache-2.0 */
/* Plugin process: from the process object to the plan, and back out of it. */
#include "oci_fixture.h"

#include "plugins/process/make_plan.h"
#include "plugins/process/plan.h"
#include "plugins/process/setup.h"

static int make(struct oci_fixture *fixture, const char *json, int wait) {
    put_bytes(fixture->directory, "process.json", json, strlen(json));
    return make_plan(&fixture->context, &fixture->process, wait, &fixture->error);
}

/* The plan is read from the working directory. */
static int try_to_read(struct oci_fixture *fixture, struct plan *plan, struct problem *problem) {
    int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(before >= 0);
    assert_int_equal(fchdir(fixture->directory->fd), 0);
    int r = plan_read(plan, problem);
    assert_int_equal(fchdir(before), 0);
    close(before);
    return r;
}

static void read_back(struct oci_fixture *fixture, struct plan *plan) {
    struct problem problem = {0};
    int r = try_to_read(fixture, plan, &problem);
    assert_string_equal(problem.what, "");
    assert_int_equal(r, 0);
}

static void the_least_is_a_command(void **state) {
    struct oci_fixture *fixture = *state;
    struct plan plan;
    assert_int_equal(make(fixture, "{\"args\": [\"true\"]}", 0), 0);
    read_back(fixture, &plan);
    assert_string_equal(plan.arguments[0], "true");
    assert_null(plan.arguments[1]);
    assert_null(plan.environment[0]);
    assert_string_equal(plan.directory, "/");
    assert_int_equal(plan.umask, -1);
    assert_int_equal(plan.wait, 0);
    assert_int_equal(plan.has_capabilities, 0);
    assert_int_equal(faccessat(fixture->directory->fd, PLAN_FILE, F_OK, 0), -1);
    plan_clear(&plan);
}

static void everything_arrives(void **state) {
    struct oci_fixture *fixture = *state;
    struct plan plan;
    assert_int_equal(
        make(fixture,
             "{\"args\": [\"sh\", \"\", \"a=b\\n\\\"\"], \"env\": [\"A=1\", \"B=\", \"C\"],"
             "\"cwd\": \"/tmp\", \"user\": {\"uid\": 7, \"gid\": 8, \"umask\": 63,"
             "\"additionalGids\": [1, 2]}, \"noNewPrivileges\": true, \"oomScoreAdj\": -5,"
             "\"consoleSize\": {\"height\": 24, \"width\": 80},"
             "\"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"soft\": 10, \"hard\": 20},"
             "{\"type\": \"RLIMIT_CPU\", \"soft\": 30, \"hard\": 18446744073709551615}],"
             "\"capabilities\": {\"bounding\": [\"CAP_KILL\", \"CAP_CHECKPOINT_RESTORE\"],"
             "\"ambient\": []}}",
             1),
        0);
    read_back(fixture, &plan);
    assert_string_equal(plan.arguments[1], "");
    assert_string_equal(plan.arguments[2], "a=b\n\"");
    assert_null(plan.arguments[3]);
    assert_string_equal(plan.environment[0], "A=1");
    assert_string_equal(plan.environment[1], "B=");
    assert_string_equal(plan.environment[2], "C");
    assert_null(plan.environment[3]);
    assert_string_equal(plan.directory, "/tmp");
    assert_int_equal(plan.uid, 7);
    assert_int_equal(plan.gid, 8);
    assert_int_equal(plan.umask, 077);
    assert_int_equal(plan.n_groups, 2);
    assert_int_equal(plan.groups[1], 2);
    assert_string_equal(plan.score, "-5");
    assert_int_equal(plan.no_new_privileges, 1);
    assert_int_equal(plan.rows, 24);
    assert_int_equal(plan.columns, 80);
    assert_int_equal(plan.n_limits, 2);
    assert_int_equal(plan.limits[0].resource, RLIMIT_NOFILE);
    assert_int_equal(plan.limits[0].limit.rlim_max, 20);
    assert_int_equal(plan.limits[1].limit.rlim_cur, 30);
    assert_int_equal(plan.limits[1].limit.rlim_max, RLIM_INFINITY);
    assert_int_equal(plan.wait, 1);
    assert_int_equal(plan.has_capabilities, 1);
    assert_int_equal(plan.bounding, 1ull << 5 | 1ull << 40);
    assert_int_equal(plan.ambient, 0);
    plan_clear(&plan);
}

static void long_values_arrive(void **state) {
    struct oci_fixture *fixture = *state;
    struct plan plan;
    const size_t length = 50000;
    char *json = test_malloc(length + 64), *at = json;
    at += sprintf(at, "{\"args\": [\"");
    memset(at, 'x', length);
    strcpy(at + length, "\"]}");
    assert_int_equal(make(fixture, json, 0), 0);
    read_back(fixture, &plan);
    assert_int_equal(strlen(plan.arguments[0]), length);
    plan_clear(&plan);
    test_free(json);
}

static void what_is_wrong_is_named(void **state) {
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"{}", "/args"},
        {"{\"args\": []}", "/args"},
        {"{\"args\": [[]]}", "/args/0"},
        {"{\"args\": [\"a\\u0000b\"]}", "/args"},
        {"{\"args\": [\"a\"], \"env\": [{}]}", "/env/0"},
        {"{\"args\": [\"a\"], \"cwd\": 7}", "/cwd"},
        {"{\"args\": [\"a\"], \"cwd\": \"tmp\"}", "/cwd"},
        {"{\"args\": [\"a\"], \"rlimits\": [{\"type\": \"RLIMIT_X\"}]}", "/rlimits/0/type"},
        {"{\"args\": [\"a\"], \"rlimits\": [{\"type\": \"RLIMIT_AS\", \"soft\": \"y\"}]}",
         "/rlimits/0/soft"},
        {"{\"args\": [\"a\"], \"rlimits\": [{\"type\": \"RLIMIT_AS\", \"soft\": 1}]}",
         "/rlimits/0/hard"},
        {"{\"args\": [\"a\"], \"rlimits\": [{\"soft\": 1, \"hard\": 1}]}", "/rlimits/0/type"},
        {"{\"args\": [\"a\"], \"rlimits\": {\"type\": 1}}", "/rlimits/0"},
        {"{\"args\": [\"a\"], \"rlimits\": 5}", "/rlimits"},
        {"{\"args\": [\"a\"], \"env\": \"A=1\"}", "/env"},
        {"{\"args\": [\"a\"], \"user\": 5}", "/user"},
        {"{\"args\": [\"a\"], \"noNewPrivileges\": 1}", "/noNewPrivileges"},
        {"{\"args\": [\"a\"], \"capabilities\": true}", "/capabilities"},
        {"{\"args\": [\"a\"], \"capabilities\": {\"bounding\": \"CAP_KILL\"}}",
         "/capabilities/bounding"},
    };
    struct oci_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(make(fixture, cases[i].json, 0), -EINVAL);
        assert_non_null(strstr(fixture->error.message, cases[i].says));
        assert_int_equal(faccessat(fixture->directory->fd, PLAN_FILE, F_OK, 0), -1);
    }
}

/* For setresuid(2), the last one of 32 bits means: as it is. */
static void what_is_no_id_is_named(void **state) {
    static const char *const fields[] = {"uid", "gid", "additionalGids"};
    static const char *const says[] = {"/user/uid is not a user id", "/user/gid is not a group id",
                                       "/user/additionalGids/0 is not a group id"};
    static const char *const ids[] = {"4294967295", "4294967296", "\"18446744073709551616\"",
                                      "-1",         "1.5",        "\"\"",
                                      "\"1 \"",     "\"root\"",   "true"};
    struct oci_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
        for (size_t field = 0; field < sizeof(fields) / sizeof(*fields); field++) {
            char json[128];
            snprintf(json, sizeof(json), "{\"args\": [\"a\"], \"user\": {\"%s\": %s%s%s}}",
                     fields[field], field == 2 ? "[" : "", ids[i], field == 2 ? "]" : "");
            assert_int_equal(make(fixture, json, 0), -EINVAL);
            assert_non_null(strstr(fixture->error.message, says[field]));
        }
}

static void the_highest_ids_arrive(void **state) {
    struct oci_fixture *fixture = *state;
    struct plan plan;
    assert_int_equal(make(fixture,
                          "{\"args\": [\"a\"], \"user\": {\"uid\": 4294967294,"
                          "\"gid\": 4294967294, \"additionalGids\": [4294967294]}}",
                          0),
                     0);
    read_back(fixture, &plan);
    assert_int_equal(plan.uid, 4294967294u);
    assert_int_equal(plan.gid, 4294967294u);
    assert_int_equal(plan.groups[0], 4294967294u);
    plan_clear(&plan);
}

static void any_number_of_groups_arrives(void **state) {
    struct oci_fixture *fixture = *state;
    struct plan plan;
    const size_t count = 1000;
    char *json = test_malloc(8 * count + 64);
    size_t used = (size_t)sprintf(json, "{\"args\": [\"a\"], \"user\": {\"additionalGids\": [1");
    for (size_t i = 1; i < count; i++)
        used += (size_t)sprintf(json + used, ",%zu", i + 1);
    strcpy(json + used, "]}}");
    assert_int_equal(make(fixture, json, 0), 0);
    read_back(fixture, &plan);
    assert_int_equal(plan.n_groups, count);
    assert_int_equal(plan.groups[count - 1], count);
    plan_clear(&plan);
    test_free(json);
}

static void a_later_limit_replaces_the_earlier(void **state) {
    struct oci_fixture *fixture = *state;
    struct plan plan;
    char json[4096], *at = json;
    at += sprintf(at, "{\"args\": [\"a\"], \"rlimits\": [");
    for (int i = 0; i <= PLAN_LIMITS; i++)
        at += sprintf(at, "{\"type\": \"RLIMIT_NOFILE\", \"soft\": %d, \"hard\": 99},", i);
    strcpy(at, "{\"type\": \"RLIMIT_AS\", \"soft\": 1, \"hard\": 2}]}");
    assert_int_equal(make(fixture, json, 0), 0);
    read_back(fixture, &plan);
    assert_int_equal(plan.n_limits, 2);
    assert_int_equal(plan.limits[0].limit.rlim_cur, PLAN_LIMITS);
    assert_int_equal(plan.limits[1].resource, RLIMIT_AS);
    plan_clear(&plan);
}

static void null_is_nothing(void **state) {
    struct oci_fixture *fixture = *state;
    struct plan plan;
    assert_int_equal(
        make(fixture,
             "{\"args\": [\"a\"], \"env\": null, \"user\": {\"uid\": null, \"gid\": null,"
             "\"additionalGids\": null, \"umask\": null}, \"oomScoreAdj\": null,"
             "\"noNewPrivileges\": null, \"rlimits\": null, \"capabilities\": null}",
             0),
        0);
    read_back(fixture, &plan);
    assert_int_equal(plan.uid, 0);
    assert_int_equal(plan.umask, -1);
    assert_null(plan.score);
    assert_int_equal(plan.has_capabilities, 0);
    plan_clear(&plan);
}

static void an_unknown_capability_is_ignored(void **state) {
    struct oci_fixture *fixture = *state;
    struct plan plan;
    assert_int_equal(make(fixture,
                          "{\"args\": [\"a\"], \"capabilities\": {\"bounding\":"
                          "[\"CAP_OF_TOMORROW\", \"CAP_KILL\"]}}",
                          0),
                     0);
    read_back(fixture, &plan);
    assert_int_equal(plan.has_capabilities, 1);
    assert_int_equal(plan.bounding, 1ull << 5);
    plan_clear(&plan);
}

static void a_plan_without_an_id_in_it_is_refused(void **state) {
    static const char *const keys[] = {PLAN_UID, PLAN_GID, PLAN_GROUP};
    static const char *const ids[] = {"4294967295", "4294967296", "-1", ""};
    struct oci_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
        for (size_t key = 0; key < sizeof(keys) / sizeof(*keys); key++) {
            struct problem problem = {0};
            struct plan plan;
            char text[64], says[64];
            int length =
                snprintf(text, sizeof(text), PLAN_ARGUMENT "=a%c%s=%s", '\0', keys[key], ids[i]);
            put_bytes(fixture->directory, PLAN_FILE, text, (size_t)length + 1);
            assert_int_equal(try_to_read(fixture, &plan, &problem), -1);
            snprintf(says, sizeof(says), "the plan has a bad item \"%s\"", keys[key]);
            assert_string_equal(problem.what, says);
            assert_int_equal(problem.code, EINVAL);
            plan_clear(&plan);
        }
}

static void commands_are_found_as_a_shell_does(void **state) {
    char *arguments[] = {NULL, NULL}, path[] = "PATH=/nowhere:/etc:/bin", other[] = "X=1";
    char *environment[] = {other, path, NULL};
    struct plan plan = {.arguments = arguments, .environment = environment};
    struct problem problem;
    const char *found = NULL;
    (void)state;
    arguments[0] = (char[]){"sh"};
    assert_int_equal(setup_find_command(&plan, &found, &problem), 0);
    assert_string_equal(found, "/bin/sh");
    free((char *)(uintptr_t)found);
    arguments[0] = (char[]){"/bin/sh"};
    assert_int_equal(setup_find_command(&plan, &found, &problem), 0);
    assert_ptr_equal(found, arguments[0]);
    arguments[0] = (char[]){"passwd-that-is-nowhere"};
    assert_int_equal(setup_find_command(&plan, &found, &problem), -1);
    assert_string_equal(problem.what, MESSAGE_NOT_FOUND ": passwd-that-is-nowhere");
    assert_int_equal(problem.code, ENOENT);
    /* It is there, in /etc, but not to be executed. */
    arguments[0] = (char[]){"passwd"};
    path[strlen("PATH=/nowhere:/etc")] = '\0';
    assert_int_equal(setup_find_command(&plan, &found, &problem), -1);
    assert_string_equal(problem.what, MESSAGE_NOT_EXECUTABLE ": passwd");
    arguments[0] = (char[]){"/etc"};
    assert_int_equal(setup_find_command(&plan, &found, &problem), -1);
    assert_int_equal(problem.code, EISDIR);
    arguments[0] = (char[]){""};
    assert_int_equal(setup_find_command(&plan, &found, &problem), -1);
    assert_int_equal(problem.code, ENOENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        OCI_TEST(the_least_is_a_command),
        OCI_TEST(everything_arrives),
        OCI_TEST(long_values_arrive),
        OCI_TEST(what_is_wrong_is_named),
        OCI_TEST(what_is_no_id_is_named),
        OCI_TEST(the_highest_ids_arrive),
        OCI_TEST(any_number_of_groups_arrives),
        OCI_TEST(a_later_limit_replaces_the_earlier),
        OCI_TEST(null_is_nothing),
        OCI_TEST(an_unknown_capability_is_ignored),
        OCI_TEST(a_plan_without_an_id_in_it_is_refused),
        cmocka_unit_test(commands_are_found_as_a_shell_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
