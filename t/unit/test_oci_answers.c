/* SPDX-License-Identifier: Apache-2.0 */
/* The OCI helper: what it makes of a runtime's answers, errors and versions. */
#include "oci_fixture.h"

static const struct shim_oci_runtime plain = {.size = sizeof(plain), .name = "mine"};

static struct oci_fixture *opened(void **state, const struct shim_oci_runtime *runtime) {
    struct oci_fixture *fixture = *state;
    assert_int_equal(shim_oci_open(&fixture->context, runtime, &fixture->error), 0);
    return fixture;
}

/* ------------------------------------------------------------------------------------ errors */

static void messages_are_understood(void **state) {
    static const struct {
        const char *message;
        uint32_t reason;
    } cases[] = {
        {"runc create failed: unable to start container process: exec: \"/bin/x\": stat /bin/x: no "
         "such file or directory",
         SHIM_REASON_NOT_FOUND},
        {"runc run failed: unable to start container process: exec: \"x\": executable file not "
         "found in $PATH",
         SHIM_REASON_NOT_FOUND},
        {"exec failed: unable to start container process: exec: \"/etc\": permission denied",
         SHIM_REASON_NOT_EXECUTABLE},
        {"exec failed: unable to start container process: exec: \"/etc\": is a directory",
         SHIM_REASON_NOT_EXECUTABLE},
        {"runc run failed: unable to start container process: exec: \"/bin/x/y\": stat /bin/x/y: "
         "not a directory",
         SHIM_REASON_NOT_FOUND},
        {"runc run failed: unable to start container process: exec: \"/loop\": stat /loop: too "
         "many levels of symbolic links",
         SHIM_REASON_NOT_EXECUTABLE},
        {"runc run failed: unable to start container process: exec: \"/xx\": stat /xx: file name "
         "too long",
         SHIM_REASON_NOT_EXECUTABLE},
        {"open executable: Not a directory", SHIM_REASON_NOT_FOUND},
        {"open executable: Too many levels of symbolic links", SHIM_REASON_NOT_EXECUTABLE},
        {"open executable: File name too long", SHIM_REASON_NOT_EXECUTABLE},
        {"executable file `/bin/x` not found in $PATH: No such file or directory",
         SHIM_REASON_NOT_FOUND},
        {"executable file `x` not found in $PATH: Permission denied", SHIM_REASON_NOT_EXECUTABLE},
        {"open executable: Permission denied", SHIM_REASON_NOT_EXECUTABLE},
        {"open executable: Operation not permitted", SHIM_REASON_NOT_EXECUTABLE},
        {"container does not exist", SHIM_REASON_NOT_RUNNING},
        {"error opening file `/run/crun/x/status`: No such file or directory",
         SHIM_REASON_NOT_RUNNING},
        {"invalid rootfs: stat /nonexist/x: no such file or directory", SHIM_REASON_NONE},
        {"make `/nonexist/x` private: No such file or directory", SHIM_REASON_NONE},
        {"error mounting \"x\" to rootfs at \"/x\": permission denied", SHIM_REASON_NONE},
        {"", SHIM_REASON_NONE},
    };
    struct oci_fixture *fixture = opened(state, &plain);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(shim_oci_reason(&fixture->context, cases[i].message), cases[i].reason);
}

static void an_author_s_phrases_come_first(void **state) {
    static const struct shim_oci_phrase phrases[] = {
        {SHIM_REASON_NOT_EXECUTABLE, "does not", "exist"},
        {SHIM_REASON_NOT_FOUND, "lost", NULL},
        {0, NULL, NULL},
    };
    static const struct shim_oci_runtime runtime = {
        .size = sizeof(runtime), .name = "mine", .phrases = phrases};
    struct oci_fixture *fixture = opened(state, &runtime);
    const struct shim_context *context = &fixture->context;
    assert_int_equal(shim_oci_reason(context, "container does not exist"),
                     SHIM_REASON_NOT_EXECUTABLE);
    assert_int_equal(shim_oci_reason(context, "exist, does not"), SHIM_REASON_NONE);
    assert_int_equal(shim_oci_reason(context, "it is lost"), SHIM_REASON_NOT_FOUND);
}

static void a_failed_spawn_says_what_kind_of_failure_it_is(void **state) {
    struct oci_fixture *fixture = opened(state, &plain);
    fixture->process.flags = SHIM_PROCESS_EXEC;
    fixture->launch_result = -ECHILD;
    fixture->launch_message = "the runtime's exec failed: exec: \"x\": executable file not found "
                              "in $PATH";
    assert_int_equal(shim_oci_spawn(&fixture->context, &fixture->process, &fixture->error),
                     -ECHILD);
    assert_int_equal(fixture->error.reason, SHIM_REASON_NOT_FOUND);
    assert_string_equal(fixture->error.message, fixture->launch_message);
}

static void say_ill(const struct shim_context *context, char *health, size_t size) {
    (void)context;
    snprintf(health, size, "not on this machine");
}

static void a_failed_spawn_says_that_it_could_not_work(void **state) {
    static const struct shim_oci_runtime runtime = {
        .size = sizeof(runtime), .name = "mine", .check_health = say_ill};
    struct oci_fixture *fixture = opened(state, &runtime);
    fixture->process.flags = SHIM_PROCESS_EXEC;
    fixture->launch_result = -ECHILD;
    fixture->launch_message = "it failed";
    assert_int_equal(shim_oci_spawn(&fixture->context, &fixture->process, &fixture->error),
                     -ECHILD);
    assert_string_equal(fixture->error.message, "it failed (not on this machine)");
}

static void the_last_words_are_told(void **state) {
    static const struct answer script[] = {
        {"pause", 1, "a warning\n  the cause \n\n", NULL},
        {"resume", 1, "not this", "but this"},
        {"start", 137, "", NULL},
        {NULL, 0, NULL, NULL},
    };
    struct oci_fixture *fixture = opened(state, &plain);
    const struct shim_context *context = &fixture->context;
    fixture->script = script;
    assert_int_equal(shim_oci_pause(context, &fixture->process, &fixture->error), -EIO);
    assert_string_equal(fixture->error.message, "mine pause: the cause");
    assert_int_equal(shim_oci_resume(context, &fixture->process, &fixture->error), -EIO);
    assert_string_equal(fixture->error.message, "mine resume: but this");
    /* What the log holds from before is about something else. */
    assert_int_equal(shim_oci_pause(context, &fixture->process, &fixture->error), -EIO);
    assert_string_equal(fixture->error.message, "mine pause: the cause");
    assert_int_equal(shim_oci_start(context, &fixture->process, &fixture->error), -EIO);
    assert_string_equal(fixture->error.message, "mine start: exit status 137, without a word");
}

/* ------------------------------------------------------------------------------------ answers */

static void states_are_understood(void **state) {
    struct answer script[] = {{"state", 0, NULL, NULL}, {NULL, 0, NULL, NULL}};
    static const struct {
        const char *text;
        int result;
        uint32_t status;
    } cases[] = {
        {"{\"status\":\"created\"}", 0, SHIM_STATUS_CREATED},
        {"{\"status\": \"running\", \"pid\": 1}", 0, SHIM_STATUS_RUNNING},
        {"{\"status\":\"paused\"}", 0, SHIM_STATUS_PAUSED},
        {"{\"status\":\"stopped\"}", 0, SHIM_STATUS_STOPPED},
        {"{\"status\":\"dreaming\"}", -EBADMSG, 99},
        {"{\"status\":7}", -EBADMSG, 99},
        {"{}", -EBADMSG, 99},
        {"", -EBADMSG, 99},
    };
    struct oci_fixture *fixture = opened(state, &plain);
    fixture->script = script;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint32_t status = 99;
        script[0].text = cases[i].text;
        assert_int_equal(shim_oci_state(&fixture->context, &fixture->process, &status, NULL),
                         cases[i].result);
        assert_int_equal(status, cases[i].status);
    }
    /* A warning must not get into the answer. */
    assert_int_equal(fixture->run_flags, 0);
}

static void an_unknown_container_is_not_running(void **state) {
    static const struct answer script[] = {{"state", 1, "", "container does not exist"},
                                           {NULL, 0, NULL, NULL}};
    struct oci_fixture *fixture = opened(state, &plain);
    uint32_t status;
    fixture->script = script;
    assert_int_equal(shim_oci_state(&fixture->context, &fixture->process, &status, &fixture->error),
                     -ESRCH);
    assert_int_equal(fixture->error.reason, SHIM_REASON_NOT_RUNNING);
}

struct pids {
    struct shim_pid_list list; /* first */
    long sum;
    int count;
};

static int add_pid(struct shim_pid_list *list, pid_t pid) {
    struct pids *pids = (struct pids *)list;
    pids->sum += pid;
    pids->count++;
    return 0;
}

static void pids_are_read(void **state) {
    struct answer script[] = {{"ps", 0, NULL, NULL}, {NULL, 0, NULL, NULL}};
    struct pids pids = {.list = {.size = sizeof(pids.list), .add = add_pid}};
    struct oci_fixture *fixture = opened(state, &plain);
    const struct shim_context *context = &fixture->context;
    fixture->script = script;
    script[0].text = "[\n  12,\n  30\n]\n";
    assert_int_equal(shim_oci_processes(context, &fixture->process, &pids.list, NULL), 0);
    assert_int_equal(pids.sum, 42);
    assert_int_equal(pids.count, 2);
    script[0].text = "null";
    assert_int_equal(shim_oci_processes(context, &fixture->process, &pids.list, NULL), 0);
    assert_int_equal(pids.count, 2);
    script[0].text = "PID\n12\n";
    assert_int_equal(shim_oci_processes(context, &fixture->process, &pids.list, NULL), -EBADMSG);
    script[0].text = "[99999999999999999999]";
    assert_int_equal(shim_oci_processes(context, &fixture->process, &pids.list, NULL), -EBADMSG);
}

static void resources_go_through_a_file(void **state) {
    struct oci_fixture *fixture = opened(state, &plain);
    assert_int_equal(shim_oci_update(&fixture->context, &fixture->process, "{}", NULL), 0);
    assert_line(fixture, 0, "",
                "--log /d/log.json --log-format json update --resources /d/.resources.json c1");
    assert_int_equal(faccessat(fixture->directory->fd, ".resources.json", F_OK, 0), -1);
}

static void checkpoints_have_flags(void **state) {
    struct oci_fixture *fixture = opened(state, &plain);
    struct shim_checkpoint checkpoint = {
        .size = sizeof(checkpoint),
        .flags = SHIM_CHECKPOINT_LEAVE_RUNNING | SHIM_CHECKPOINT_FILE_LOCKS,
        .image_path = "/i",
    };
    assert_int_equal(shim_oci_checkpoint(&fixture->context, &fixture->process, &checkpoint, NULL),
                     0);
    assert_line(fixture, 0, "",
                "--log /d/log.json --log-format json checkpoint --image-path /i --work-path /i "
                "--leave-running --file-locks c1");
    checkpoint.flags = 0x80;
    assert_int_equal(shim_oci_checkpoint(&fixture->context, &fixture->process, &checkpoint, NULL),
                     -EINVAL);
}

/* ------------------------------------------------------------------------------------ versions */

static void versions_are_compared(void **state) {
    static const char *const ascending[] = {
        "0.9",       "1.0-rc1",    "1.0.0-alpha.1", "1.0.0-beta1", "1.0.0-dev",
        "1.0.0-rc2", "1.0.0~rc10", "1.0.0-rc.95",   "1.0.0",       "1.1",
        "1.1.5",     "1.1.14",     "1.2.0-rc.1",    "1.2.0",       "20221219.0",
    };
    static const char *const same[][2] = {{"1.1", "1.1.0"},
                                          {"1.1.5+ds1", "1.1.5"},
                                          {"1.0.0-rc3", "1.0.0~rc3+ds"},
                                          {"1.0.0-rc3", "1.0.0-rc.3"},
                                          {"1.3.3-0ubuntu1~24.04.3", "1.3.3"},
                                          {"1.3.3-1", "1.3.3"},
                                          {"1.3.3-1~bpo12+1", "1.3.3"},
                                          {"1.3.3+ds1-1+deb12u1", "1.3.3"},
                                          {"1.3.3-4-g0a1b2c3", "1.3.3"},
                                          {"1.0.0-rc95-0ubuntu1", "1.0.0-rc95"},
                                          {"1.0.0~rc95-0ubuntu1~20.04", "1.0.0-rc95"}};
    (void)state;
    for (size_t i = 0; i < sizeof(ascending) / sizeof(*ascending); i++)
        for (size_t j = 0; j < sizeof(ascending) / sizeof(*ascending); j++) {
            int r = shim_oci_compare_versions(ascending[i], ascending[j]);
            assert_int_equal((r > 0) - (r < 0), (i > j) - (i < j));
        }
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
        assert_int_equal(shim_oci_compare_versions(same[i][0], same[i][1]), 0);
    assert_true(shim_oci_compare_versions("1.3.3-0.rc1", "1.3.3") < 0);
    assert_true(shim_oci_compare_versions("1.3.3-0~dev", "1.3.3") < 0);
}

static void versions_are_found(void **state) {
    struct answer script[] = {{"--version", 0, NULL, NULL}, {NULL, 0, NULL, NULL}};
    static const char *const cases[][2] = {
        {"runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\n", "1.1.5+ds1"},
        {"runc version 1.3.3-0ubuntu1~24.04.3\nspec: 1.2.1\n", "1.3.3-0ubuntu1~24.04.3"},
        {"crun version 1.8.1\ncommit: f8a096be\n", "1.8.1"},
        {"runsc version release-20240101.0\nspec: 1.1.0\n", "20240101.0"},
        {"runsc version 0.0~20221219.0\nspec: 1.0.2-dev\n", "20221219.0"},
        {"youki 0.3.0\n", "0.3.0"},
        {"runsc version unknown\nspec: 1.1.0\n", ""},
        {"", ""},
    };
    struct oci_fixture *fixture = opened(state, &plain);
    fixture->script = script;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct shim_features features = {.size = sizeof(features)};
        script[0].text = cases[i][0];
        assert_int_equal(shim_oci_features(&fixture->context, &features, NULL), 0);
        assert_string_equal(features.version, cases[i][1]);
        assert_string_equal(features.binary, fixture->binary);
    }
    assert_line(fixture, 0, "", "--version");
}

static void holes_are_told(void **state) {
    static const struct shim_oci_hole holes[] = {
        {"CVE-3", NULL, NULL, "all"},
        {"CVE-2", "1.2", "1.3", "some"},
        {"CVE-2", "1.4-rc1", "1.4-rc3", "some"},
        {"CVE-1", NULL, "1.2.1", "old"},
        {NULL, NULL, NULL, NULL},
    };
    static const struct shim_oci_runtime runtime = {
        .size = sizeof(runtime), .name = "mine", .holes = holes, .holes_date = "2026-01-02"};
    static const struct answer script[] = {{"--version", 0, "mine version 1.2\n", NULL},
                                           {NULL, 0, NULL, NULL}};
    struct oci_fixture *fixture = opened(state, &runtime);
    struct shim_features features = {.size = sizeof(features)};
    fixture->script = script;
    assert_int_equal(shim_oci_features(&fixture->context, &features, NULL), 0);
    assert_string_equal(
        features.warning,
        "CVE-3: all; no fixed version is known\nCVE-2: some; fixed in 1.3\nCVE-1: old; fixed in "
        "1.2.1\ndistributions repair without changing the number: ask yours about these");
    assert_string_equal(features.table_date, "2026-01-02");
    assert_string_equal(features.health, "");
}

static void what_a_distribution_has_made_of_a_repaired_version_has_no_hole(void **state) {
    static const struct shim_oci_hole holes[] = {{"CVE-1", "1.3.0-rc.1", "1.3.3", "old"},
                                                 {NULL, NULL, NULL, NULL}};
    static const struct shim_oci_runtime runtime = {
        .size = sizeof(runtime), .name = "mine", .holes = holes};
    struct answer script[] = {{"--version", 0, NULL, NULL}, {NULL, 0, NULL, NULL}};
    struct oci_fixture *fixture = opened(state, &runtime);
    struct shim_features features = {.size = sizeof(features)};
    fixture->script = script;
    script[0].text = "mine version 1.3.3-0ubuntu1~24.04.3\n";
    assert_int_equal(shim_oci_features(&fixture->context, &features, NULL), 0);
    assert_string_equal(features.warning, "");
    script[0].text = "mine version 1.3.2-0ubuntu1~24.04.3\n";
    assert_int_equal(shim_oci_features(&fixture->context, &features, NULL), 0);
    assert_non_null(strstr(features.warning, "CVE-1: old"));
}

static void a_runtime_that_does_not_run_is_ill(void **state) {
    static const struct answer script[] = {{"--version", 1, "no library\n", NULL},
                                           {NULL, 0, NULL, NULL}};
    struct oci_fixture *fixture = opened(state, &plain);
    struct shim_features features = {.size = sizeof(features)};
    fixture->script = script;
    assert_int_equal(shim_oci_features(&fixture->context, &features, NULL), 0);
    assert_string_equal(features.health, "mine --version: no library");
}

/* A host that was built against an older header has less room. */
static void no_more_is_written_than_there_is_room_for(void **state) {
    struct oci_fixture *fixture = opened(state, &plain);
    struct shim_features features;
    memset(&features, 'x', sizeof(features));
    features.size = offsetof(struct shim_features, binary);
    assert_int_equal(shim_oci_features(&fixture->context, &features, NULL), 0);
    assert_int_equal(features.size, offsetof(struct shim_features, binary));
    assert_string_equal(features.health, "");
    assert_int_equal(features.binary[0], 'x');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        OCI_TEST(messages_are_understood),
        OCI_TEST(an_author_s_phrases_come_first),
        OCI_TEST(a_failed_spawn_says_what_kind_of_failure_it_is),
        OCI_TEST(a_failed_spawn_says_that_it_could_not_work),
        OCI_TEST(the_last_words_are_told),
        OCI_TEST(states_are_understood),
        OCI_TEST(an_unknown_container_is_not_running),
        OCI_TEST(pids_are_read),
        OCI_TEST(resources_go_through_a_file),
        OCI_TEST(checkpoints_have_flags),
        cmocka_unit_test(versions_are_compared),
        OCI_TEST(versions_are_found),
        OCI_TEST(holes_are_told),
        OCI_TEST(what_a_distribution_has_made_of_a_repaired_version_has_no_hole),
        OCI_TEST(a_runtime_that_does_not_run_is_ill),
        OCI_TEST(no_more_is_written_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
