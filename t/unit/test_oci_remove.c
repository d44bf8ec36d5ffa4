/* SPDX-License-Identifier: Apache-2.0 */
/* The OCI helper: what belongs to someone else, and what is removed. */
#include "oci_fixture.h"

#define DELETE "--log /d/log.json --log-format json delete --force c1"

/* A runtime that keeps a directory for each container in state_root. */
static struct oci_fixture *opened(void **state, struct shim_oci_runtime *runtime) {
    struct oci_fixture *fixture = *state;
    fixture->runtime.root = NULL;
    runtime->size = sizeof(*runtime);
    runtime->name = "mine";
    runtime->state_root = fixture->state_root;
    fixture->runtime.root = fixture->state_root;
    assert_int_equal(shim_oci_open(&fixture->context, runtime, &fixture->error), 0);
    fixture->runtime.root = NULL; /* keeps the command lines short */
    return fixture;
}

static void make_state(const struct oci_fixture *fixture) {
    assert_int_equal(mkdirat(fixture->directory->fd, "roots/c1", 0700), 0);
}

static void a_container_that_is_there_is_left_alone(void **state) {
    struct shim_oci_runtime runtime = {0};
    struct oci_fixture *fixture = opened(state, &runtime);
    make_state(fixture);
    assert_int_equal(shim_oci_spawn(&fixture->context, &fixture->process, &fixture->error),
                     -EEXIST);
    assert_non_null(strstr(fixture->error.message, "already has a container of this id"));
    assert_non_null(strstr(fixture->error.message, fixture->state_root));
    assert_int_equal(fixture->n_lines, 0);
}

static void a_container_is_seen_by_any_name(void **state) {
    struct shim_oci_runtime runtime = {.state_name = "x-@id@:@id@.state"};
    struct oci_fixture *fixture = opened(state, &runtime);
    put_bytes(fixture->directory, "roots/x-c1:c1.state", "", 0);
    assert_int_equal(shim_oci_spawn(&fixture->context, &fixture->process, NULL), -EEXIST);
}

static void a_free_id_costs_no_call(void **state) {
    struct shim_oci_runtime runtime = {0};
    struct oci_fixture *fixture = opened(state, &runtime);
    assert_int_equal(shim_oci_spawn(&fixture->context, &fixture->process, &fixture->error), 0);
    assert_memory_equal(fixture->lines[0], "launch: ", strlen("launch: "));
}

/* Whoever does not say where it keeps its containers is asked. */
static void a_container_that_answers_is_left_alone(void **state) {
    struct oci_fixture *fixture = *state;
    static const struct shim_oci_runtime runtime = {.size = sizeof(runtime), .name = "mine"};
    assert_int_equal(shim_oci_open(&fixture->context, &runtime, NULL), 0);
    assert_int_equal(shim_oci_spawn(&fixture->context, &fixture->process, &fixture->error),
                     -EEXIST);
    assert_int_equal(fixture->n_lines, 1);
}

static void a_failed_spawn_is_undone(void **state) {
    struct shim_oci_runtime runtime = {0};
    struct oci_fixture *fixture = opened(state, &runtime);
    fixture->launch_result = -EPIPE;
    fixture->launch_message = "monitor died";
    assert_int_equal(shim_oci_spawn(&fixture->context, &fixture->process, &fixture->error), -EPIPE);
    /* The launch has cleaned up: nothing is left to be deleted. */
    assert_int_equal(fixture->n_lines, 2);
    assert_string_equal(fixture->error.message, "monitor died");
}

static void what_the_runtime_does_not_know_costs_no_call(void **state) {
    struct shim_oci_runtime runtime = {0};
    struct oci_fixture *fixture = opened(state, &runtime);
    assert_int_equal(shim_oci_remove(&fixture->context, &fixture->process, &fixture->error), 0);
    assert_int_equal(fixture->n_lines, 0);
}

static void that_it_does_not_exist_is_success(void **state) {
    static const struct answer script[] = {{"delete", 1, "container does not exist", NULL},
                                           {NULL, 0, NULL, NULL}};
    static const struct shim_oci_runtime runtime = {.size = sizeof(runtime), .name = "mine"};
    struct oci_fixture *fixture = *state;
    assert_int_equal(shim_oci_open(&fixture->context, &runtime, NULL), 0);
    fixture->script = script;
    assert_int_equal(shim_oci_remove(&fixture->context, &fixture->process, &fixture->error), 0);
    assert_line(fixture, 0, "", DELETE);
}

static void a_delete_that_did_nothing_is_noticed(void **state) {
    struct shim_oci_runtime runtime = {0};
    struct oci_fixture *fixture = opened(state, &runtime);
    make_state(fixture);
    assert_int_equal(shim_oci_remove(&fixture->context, &fixture->process, &fixture->error),
                     -EBUSY);
    assert_non_null(strstr(fixture->error.message, "something of c1 is still in"));
    assert_line(fixture, 0, "", DELETE);
}

static void a_delete_that_fails_is_an_error(void **state) {
    static const struct answer script[] = {{"delete", 1, "it is busy", NULL},
                                           {NULL, 0, NULL, NULL}};
    struct shim_oci_runtime runtime = {0};
    struct oci_fixture *fixture = opened(state, &runtime);
    make_state(fixture);
    fixture->script = script;
    assert_int_equal(shim_oci_remove(&fixture->context, &fixture->process, &fixture->error), -EIO);
    assert_string_equal(fixture->error.message, "mine delete: it is busy");
}

static void an_exec_has_nothing_of_its_own(void **state) {
    struct shim_oci_runtime runtime = {0};
    struct oci_fixture *fixture = opened(state, &runtime);
    make_state(fixture);
    fixture->process.flags = SHIM_PROCESS_EXEC;
    assert_int_equal(shim_oci_remove(&fixture->context, &fixture->process, &fixture->error), 0);
    assert_int_equal(fixture->n_lines, 0);
}

static void sweep(const struct shim_context *context, const struct shim_process *process,
                  struct shim_oci_words *words) {
    shim_oci_add(words, fixture_of(context)->binary);
    shim_oci_add_format(words, "sweep %s", process->container);
}

static void an_author_s_command_runs_too(void **state) {
    struct shim_oci_runtime runtime = {.cleanup_words = sweep};
    struct oci_fixture *fixture = opened(state, &runtime);
    assert_int_equal(shim_oci_spawn(&fixture->context, &fixture->process, &fixture->error), 0);
    assert_line(fixture, 1, "cleanup: ", DELETE);
    assert_line(fixture, 2, "cleanup: ", "sweep c1");
    assert_int_equal(shim_oci_remove(&fixture->context, &fixture->process, &fixture->error), 0);
    assert_line(fixture, 3, "", "sweep c1");
}

/* ------------------------------------------------------------------------------------ cgroups */

static char *foreseen(const struct oci_fixture *fixture) {
    char *text = NULL;
    if (mock_file_read(fixture->directory->fd, ".cgroups", 1 << 20, &text, NULL) < 0)
        return NULL;
    return text;
}

static void every_hierarchy_is_foreseen(void **state) {
    struct shim_oci_runtime runtime = {0};
    struct oci_fixture *fixture = opened(state, &runtime);
    assert_int_equal(shim_oci_spawn(&fixture->context, &fixture->process, &fixture->error), 0);
    FILE *mounts = fopen("/proc/self/mounts", "re");
    char *text = foreseen(fixture), line[1024], point[512], type[32], expected[600];
    assert_non_null(mounts);
    while (fgets(line, sizeof(line), mounts)) {
        if (sscanf(line, "%*s %511s %31s", point, type) != 2 || strncmp(type, "cgroup", 6) != 0)
            continue;
        snprintf(expected, sizeof(expected), "%s/c1\n", point);
        assert_true(text && strstr(text, expected));
    }
    fclose(mounts);
    free(text);
}

static void a_configured_path_is_foreseen(void **state) {
    static const char config[] = "{\"process\": {\"rlimits\": [{\"hard\": 18446744073709551615}]},"
                                 "\"linux\": {\"cgroupsPath\": \"/no-such-slice/deep\"}}";
    struct shim_oci_runtime runtime = {0};
    struct oci_fixture *fixture = opened(state, &runtime);
    put_bytes(fixture->directory, "bundle/config.json", config, strlen(config));
    assert_int_equal(shim_oci_spawn(&fixture->context, &fixture->process, &fixture->error), 0);
    char *text = foreseen(fixture);
    assert_true(!text || (strstr(text, "/no-such-slice/deep\n") && !strstr(text, "/c1\n")));
    free(text);
}

/* systemd's own form, and one that leads out. */
static void other_paths_are_not(void **state) {
    static const char *const paths[] = {"system.slice:shimhost:c1", "../../elsewhere"};
    struct shim_oci_runtime runtime = {0};
    struct oci_fixture *fixture = opened(state, &runtime);
    for (size_t i = 0; i < 2; i++) {
        char config[128];
        snprintf(config, sizeof(config), "{\"linux\": {\"cgroupsPath\": \"%s\"}}", paths[i]);
        put_bytes(fixture->directory, "bundle/config.json", config, strlen(config));
        assert_int_equal(shim_oci_spawn(&fixture->context, &fixture->process, &fixture->error), 0);
        assert_null(foreseen(fixture));
    }
}

/* The list names directories; only in a cgroup file system is one ever removed. */
static void nothing_else_is_removed(void **state) {
    struct shim_oci_runtime runtime = {0};
    struct oci_fixture *fixture = opened(state, &runtime);
    char list[256];
    snprintf(list, sizeof(list), "%s/keep\n/\n\nrelative\n", fixture->directory->path);
    assert_int_equal(mkdirat(fixture->directory->fd, "keep", 0700), 0);
    put_bytes(fixture->directory, ".cgroups", list, strlen(list));
    assert_int_equal(shim_oci_remove(&fixture->context, &fixture->process, &fixture->error), 0);
    assert_int_equal(faccessat(fixture->directory->fd, "keep", F_OK, 0), 0);
}

/* A list that was cut short may name another's. */
static void a_list_that_is_cut_short_removes_nothing(void **state) {
    struct shim_oci_runtime runtime = {0};
    struct oci_fixture *fixture = opened(state, &runtime);
    static const char list[] = "/sys/fs/cgroup/no-such/c1\n/sys/fs/cgroup/no-such/deep/c1\n";
    const size_t first = strcspn(list, "\n") + 1;
    for (size_t length = 0; length < sizeof(list); length++) {
        struct shim_error error = ERROR_NONE;
        put_bytes(fixture->directory, ".cgroups", list, length);
        int expected = length == first || length == sizeof(list) - 1 ? 0 : -EBADMSG;
        assert_int_equal(shim_oci_remove(&fixture->context, &fixture->process, &error), expected);
        assert_int_equal(!!strstr(error.message, ".cgroups: it has been cut short"), !!expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        OCI_TEST(a_container_that_is_there_is_left_alone),
        OCI_TEST(a_container_is_seen_by_any_name),
        OCI_TEST(a_free_id_costs_no_call),
        OCI_TEST(a_container_that_answers_is_left_alone),
        OCI_TEST(a_failed_spawn_is_undone),
        OCI_TEST(what_the_runtime_does_not_know_costs_no_call),
        OCI_TEST(that_it_does_not_exist_is_success),
        OCI_TEST(a_delete_that_did_nothing_is_noticed),
        OCI_TEST(a_delete_that_fails_is_an_error),
        OCI_TEST(an_exec_has_nothing_of_its_own),
        OCI_TEST(an_author_s_command_runs_too),
        OCI_TEST(every_hierarchy_is_foreseen),
        OCI_TEST(a_configured_path_is_foreseen),
        OCI_TEST(other_paths_are_not),
        OCI_TEST(nothing_else_is_removed),
        OCI_TEST(a_list_that_is_cut_short_removes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
