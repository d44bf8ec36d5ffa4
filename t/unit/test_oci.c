/* SPDX-License-Identifier: Apache-2.0 */
/* The OCI helper: which command lines it makes, and what it makes of a runtime's answers. */
#include "oci_fixture.h"

#define LOG "--log /d/log.json --log-format json"
#define PID "--pid-file /d/.pid.runtime"

static const struct shim_oci_runtime plain = {.size = sizeof(plain), .name = "mine"};

static struct oci_fixture *opened(void **state, const struct shim_oci_runtime *runtime) {
    struct oci_fixture *fixture = *state;
    assert_int_equal(shim_oci_open(&fixture->context, runtime, &fixture->error), 0);
    return fixture;
}

static int spawn(struct oci_fixture *fixture, uint32_t flags) {
    fixture->process.flags = flags;
    return shim_oci_spawn(&fixture->context, &fixture->process, &fixture->error);
}

/* ------------------------------------------------------------------------------------ spawning */

/* Without a known state directory the runtime is asked whether the id is free. */
static const struct answer unknown[] = {{"state", 1, "container does not exist\n", NULL},
                                        {NULL, 0, NULL, NULL}};

static void create_is_a_create(void **state) {
    struct oci_fixture *fixture = opened(state, &plain);
    char expected[256];
    fixture->script = unknown;
    assert_int_equal(spawn(fixture, 0), 0);
    assert_line(fixture, 0, "", LOG " state c1");
    snprintf(expected, sizeof(expected), LOG " create --bundle %s " PID " c1", fixture->bundle);
    assert_line(fixture, 1, "launch: ", expected);
    assert_line(fixture, 2, "cleanup: ", LOG " delete --force c1");
    assert_int_equal(fixture->n_lines, 3);
    assert_int_equal(fixture->launch_flags, SHIM_LAUNCH_CREATED);
}

static void run_is_one_call(void **state) {
    struct oci_fixture *fixture = opened(state, &plain);
    char expected[256];
    fixture->script = unknown;
    assert_int_equal(spawn(fixture, SHIM_PROCESS_START), 0);
    snprintf(expected, sizeof(expected), LOG " run --detach --bundle %s " PID " c1",
             fixture->bundle);
    assert_line(fixture, 1, "launch: ", expected);
    assert_int_equal(fixture->launch_flags, 0);
}

static void add_global(const struct shim_context *context, struct shim_oci_words *words) {
    shim_oci_add_format(words, "--%s=%d", context->runtime->name, 1);
}

static void add_word(const struct shim_context *context, const struct shim_process *process,
                     const char *subcommand, struct shim_oci_words *words) {
    (void)context;
    shim_oci_add_format(words, "--%s-of=%s", subcommand, process->id);
}

static void everything_has_its_place(void **state) {
    static const struct shim_oci_runtime runtime = {
        .size = sizeof(runtime),
        .name = "mine",
        .global_words = add_global,
        .command_words = add_word,
    };
    static const char *const args[] = {"--yaml", "1", NULL};
    static const char *const more[] = {"--extra", "2", NULL};
    struct oci_fixture *fixture = opened(state, &runtime);
    char expected[512];
    fixture->script = unknown;
    fixture->runtime.args = args;
    fixture->runtime.root = "/r";
    fixture->process.runtime_args = more;
    assert_int_equal(spawn(fixture, SHIM_PROCESS_TERMINAL | SHIM_PROCESS_NO_PIVOT_ROOT), 0);
    snprintf(expected, sizeof(expected),
             "--yaml 1 --mine=1 --root /r " LOG " create --bundle %s " PID
             " --no-pivot --console-socket @console-socket@ --extra 2 --create-of=init c1",
             fixture->bundle);
    assert_line(fixture, 1, "launch: ", expected);
}

static void no_pivot_root_may_come_from_the_file(void **state) {
    struct oci_fixture *fixture = opened(state, &plain);
    fixture->script = unknown;
    fixture->runtime.flags = SHIM_RUNTIME_NO_PIVOT_ROOT;
    assert_int_equal(spawn(fixture, 0), 0);
    assert_non_null(strstr(fixture->lines[1], " --no-pivot c1"));
}

static void exec_says_all_in_process_json(void **state) {
    struct oci_fixture *fixture = opened(state, &plain);
    assert_int_equal(spawn(fixture, SHIM_PROCESS_EXEC | SHIM_PROCESS_TERMINAL), 0);
    assert_line(fixture, 0, "launch: ",
                LOG " exec --detach --process /d/process.json " PID
                    " --console-socket @console-socket@ c1");
    assert_int_equal(fixture->n_lines, 1);
}

static void restore_takes_the_images(void **state) {
    struct oci_fixture *fixture = opened(state, &plain);
    char expected[256];
    fixture->script = unknown;
    fixture->process.checkpoint = "/images";
    /* What is restored pivots no more, and crun's restore has no such option. */
    fixture->process.flags |= SHIM_PROCESS_NO_PIVOT_ROOT;
    fixture->runtime.flags = SHIM_RUNTIME_NO_PIVOT_ROOT;
    assert_int_equal(shim_oci_restore(&fixture->context, &fixture->process, NULL), 0);
    snprintf(expected, sizeof(expected),
             LOG " restore --detach --image-path /images --work-path /d --bundle %s " PID " c1",
             fixture->bundle);
    assert_line(fixture, 1, "launch: ", expected);
}

/* ------------------------------------------------------------------------------------ spelling */

static void words_can_be_spelled_otherwise(void **state) {
    static const struct shim_oci_word words[] = {
        {"create", "make"},   {"--bundle", "-b="}, {"--no-pivot", ""},    {"--log", ""},
        {"--log-format", ""}, {"--force", ""},     {"--root", "--base="}, {NULL, NULL},
    };
    static const struct shim_oci_runtime runtime = {
        .size = sizeof(runtime), .name = "mine", .words = words};
    struct oci_fixture *fixture = opened(state, &runtime);
    char expected[256];
    fixture->script = unknown;
    fixture->runtime.root = "/r";
    assert_int_equal(spawn(fixture, SHIM_PROCESS_NO_PIVOT_ROOT), 0);
    snprintf(expected, sizeof(expected), "--base=/r make -b=%s " PID " c1", fixture->bundle);
    assert_line(fixture, 1, "launch: ", expected);
    assert_line(fixture, 2, "cleanup: ", "--base=/r delete c1");
}

/* Of a runtime that has no `run`. */
static struct oci_fixture *opened_without_run(void **state) {
    static const struct shim_oci_word words[] = {{"run", ""}, {NULL, NULL}};
    static const struct shim_oci_runtime runtime = {
        .size = sizeof(runtime), .name = "mine", .words = words};
    return opened(state, &runtime);
}

static void assert_status(struct oci_fixture *fixture, const char *expected) {
    char *status = NULL;
    assert_int_equal(mock_file_read(fixture->directory->fd, "status", 100, &status, NULL), 0);
    assert_string_equal(status, expected);
    free(status);
}

static void without_run_it_is_created_and_started(void **state) {
    struct oci_fixture *fixture = opened_without_run(state);
    fixture->script = unknown;
    assert_int_equal(spawn(fixture, SHIM_PROCESS_START), 0);
    assert_non_null(strstr(fixture->lines[1], " create "));
    assert_line(fixture, 3, "", LOG " start c1");
    assert_status(fixture, "running\n");
}

static void what_is_over_when_it_has_been_started_is_not_called_running(void **state) {
    struct oci_fixture *fixture = opened_without_run(state);
    fixture->script = unknown;
    fixture->is_over = true;
    assert_int_equal(spawn(fixture, SHIM_PROCESS_START), 0);
    assert_status(fixture, "stopped\n");
}

static void a_failed_start_leaves_nothing(void **state) {
    static const struct answer script[] = {{"state", 1, "container does not exist", NULL},
                                           {"start", 1, "it will not", NULL},
                                           {NULL, 0, NULL, NULL}};
    struct oci_fixture *fixture = opened_without_run(state);
    fixture->script = script;
    assert_int_equal(spawn(fixture, SHIM_PROCESS_START), -EIO);
    assert_string_equal(fixture->error.message, "mine start: it will not");
    assert_line(fixture, 4, "", LOG " delete --force c1");
    assert_int_equal(fixture->run_flags, SHIM_RUN_MERGE_ERRORS | SHIM_RUN_NO_CANCEL);
}

static void what_it_lacks_is_not_supported(void **state) {
    static const struct shim_oci_word words[] = {{"pause", ""}, {NULL, NULL}};
    static const struct shim_oci_runtime runtime = {
        .size = sizeof(runtime), .name = "mine", .words = words};
    struct oci_fixture *fixture = opened(state, &runtime);
    struct shim_output output = {.size = sizeof(output)};
    assert_int_equal(shim_oci_pause(&fixture->context, &fixture->process, &fixture->error),
                     -ENOTSUP);
    assert_int_equal(fixture->error.reason, SHIM_REASON_UNSUPPORTED);
    assert_string_equal(fixture->error.message, "runtime mine does not support pause");
    /* Which few runtimes have. */
    assert_int_equal(shim_oci_stats(&fixture->context, &fixture->process, &output, NULL), -ENOTSUP);
    assert_int_equal(fixture->n_lines, 0);
}

static void what_it_does_not_know_is_not_supported(void **state) {
    static const struct answer script[] = {{"resume", 1, "unknown command resume\n", NULL},
                                           {NULL, 0, NULL, NULL}};
    struct oci_fixture *fixture = opened(state, &plain);
    fixture->script = script;
    assert_int_equal(shim_oci_resume(&fixture->context, &fixture->process, &fixture->error),
                     -ENOTSUP);
    assert_int_equal(fixture->error.reason, SHIM_REASON_UNSUPPORTED);
}

/* ------------------------------------------------------------------------------------ programs */

static void a_missing_program_is_named(void **state) {
    struct oci_fixture *fixture = *state;
    fixture->runtime.binary = NULL;
    opened(state, &plain);
    assert_int_equal(spawn(fixture, 0), -ENOENT);
    assert_string_equal(fixture->error.message,
                        "mine was not found; install it, or set `binary:` in /etc/mine.yaml");
    assert_null(shim_oci_binary(&fixture->context));
}

static void a_program_that_cannot_be_executed_is_named(void **state) {
    struct oci_fixture *fixture = *state;
    fixture->runtime.binary = "/dev/null/nothing";
    opened(state, &plain);
    assert_int_equal(spawn(fixture, 0), -ENOTDIR);
    assert_non_null(strstr(fixture->error.message, "/dev/null/nothing"));
    assert_non_null(strstr(fixture->error.message, "/etc/mine.yaml"));
}

static void the_first_program_that_is_there_is_taken(void **state) {
    struct oci_fixture *fixture = *state;
    const char *const binaries[] = {"/nowhere/mine", fixture->binary, "/bin/sh", NULL};
    const struct shim_oci_runtime runtime = {
        .size = sizeof(runtime), .name = "mine", .binaries = binaries};
    fixture->runtime.binary = NULL;
    opened(state, &runtime);
    assert_string_equal(shim_oci_binary(&fixture->context), fixture->binary);
}

/* ------------------------------------------------------------------------------------ descriptions
 */

static void descriptions_of_other_sizes_are_taken(void **state) {
    struct oci_fixture *fixture = *state;
    static const char *const binaries[] = {"/bin/sh", NULL};
    struct {
        struct shim_oci_runtime known;
        char more[64];
    } larger = {.known = {.size = sizeof(larger), .name = "mine"}};
    struct shim_oci_runtime smaller = {
        .size = offsetof(struct shim_oci_runtime, binaries), .name = "mine", .binaries = binaries};
    assert_int_equal(shim_oci_open(&fixture->context, &larger.known, NULL), 0);
    shim_oci_close(&fixture->context);
    assert_int_equal(shim_oci_open(&fixture->context, &smaller, NULL), 0);
    /* It lies beyond what the author knew. */
    assert_null(shim_oci_description(&fixture->context)->binaries);
}

static void wrong_descriptions_are_refused(void **state) {
    struct oci_fixture *fixture = *state;
    struct shim_oci_runtime runtime = {.size = 8, .name = "mine"};
    assert_int_equal(shim_oci_open(&fixture->context, &runtime, NULL), -EINVAL);
    runtime = (struct shim_oci_runtime){.size = sizeof(runtime), .name = "mine", .flags = 1};
    assert_int_equal(shim_oci_open(&fixture->context, &runtime, NULL), -EINVAL);
    static const struct shim_oci_word words[] = {{"--no-pivot-root", ""}, {NULL, NULL}};
    runtime = (struct shim_oci_runtime){.size = sizeof(runtime), .name = "mine", .words = words};
    assert_int_equal(shim_oci_open(&fixture->context, &runtime, &fixture->error), -EINVAL);
    assert_non_null(strstr(fixture->error.message, "\"--no-pivot-root\""));
    runtime = (struct shim_oci_runtime){.size = sizeof(runtime)};
    assert_int_equal(shim_oci_open(&fixture->context, &runtime, NULL), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        OCI_TEST(create_is_a_create),
        OCI_TEST(run_is_one_call),
        OCI_TEST(everything_has_its_place),
        OCI_TEST(no_pivot_root_may_come_from_the_file),
        OCI_TEST(exec_says_all_in_process_json),
        OCI_TEST(restore_takes_the_images),
        OCI_TEST(words_can_be_spelled_otherwise),
        OCI_TEST(without_run_it_is_created_and_started),
        OCI_TEST(what_is_over_when_it_has_been_started_is_not_called_running),
        OCI_TEST(a_failed_start_leaves_nothing),
        OCI_TEST(what_it_lacks_is_not_supported),
        OCI_TEST(what_it_does_not_know_is_not_supported),
        OCI_TEST(a_missing_program_is_named),
        OCI_TEST(a_program_that_cannot_be_executed_is_named),
        OCI_TEST(the_first_program_that_is_there_is_taken),
        OCI_TEST(descriptions_of_other_sizes_are_taken),
        OCI_TEST(wrong_descriptions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
