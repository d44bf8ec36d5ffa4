/* SPDX-License-Identifier: Apache-2.0 */
/* A host made of nothing but a table of services, for tests of the OCI helper: what it runs and
 * launches is written down, and the answers are scripted. */
#ifndef SHIMHOST_T_UNIT_OCI_FIXTURE_H
#define SHIMHOST_T_UNIT_OCI_FIXTURE_H

#include <shimhost/oci.h>

#include "directory_fixture.h"
#include "state/json_value.h"

#define LINES 16

/* How a program ends that the helper runs. */
struct answer {
    const char *subcommand; /* a word in its command line; NULL ends the script */
    int exit_status;
    const char *text; /* what it prints, or NULL */
    const char *log;  /* its error in log.json, or NULL */
};

struct oci_fixture {
    struct shim_context context; /* first: services find the rest by it */
    struct shim_process process;
    struct shim_runtime runtime;
    struct directory *directory;
    char *lines[LINES]; /* command lines run, in their order; a launch begins with "launch: " */
    size_t n_lines;
    uint32_t run_flags;              /* of the last one that was run */
    const struct answer *script;     /* for run_command */
    bool is_over;                    /* what was launched */
    int launch_result;               /* of monitor_launch */
    uint32_t launch_flags;           /* SHIM_LAUNCH_*, of the last launch */
    const char *launch_message;      /* the error's, if it fails */
    const char *const (*options)[2]; /* pairs; a key of NULL ends them */
    char bundle[128], state_root[128], binary[128];
    struct shim_error error;
};

static inline struct oci_fixture *fixture_of(const struct shim_context *context) {
    return (struct oci_fixture *)(uintptr_t)context;
}

static inline void note(struct oci_fixture *fixture, const char *prefix, const char *const *argv) {
    char line[4096];
    size_t used = (size_t)snprintf(line, sizeof(line), "%s", prefix);
    for (; *argv; argv++)
        used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s",
                                 used > strlen(prefix) ? " " : "", *argv);
    assert_true(fixture->n_lines < LINES && used < sizeof(line));
    fixture->lines[fixture->n_lines++] = strdup(line);
}

static inline int SHIM_PRINTF(4, 5)
    mock_fail(struct shim_error *error, int code, uint32_t reason, const char *format, ...) {
    if (error) {
        error->code = code;
        error->reason = reason;
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof(error->message), format, arguments);
        va_end(arguments);
    }
    return code;
}

static inline void SHIM_PRINTF(4, 5)
    mock_log(const struct shim_context *context, const struct shim_process *process, int level,
             const char *format, ...) {
    (void)context;
    (void)process;
    (void)level;
    (void)format;
}

static inline int mock_option_at(const struct shim_context *context, size_t index,
                                 const char **ret_key, const char **ret_value) {
    const char *const(*options)[2] = fixture_of(context)->options;
    for (size_t i = 0; options && options[i][0]; i++)
        if (i == index) {
            *ret_key = options[i][0];
            *ret_value = options[i][1];
            return 0;
        }
    return -ENOENT;
}

static inline const char *mock_option(const struct shim_context *context, const char *key) {
    const char *name, *value;
    for (size_t i = 0; mock_option_at(context, i, &name, &value) == 0; i++)
        if (strcmp(name, key) == 0)
            return value;
    return NULL;
}

static inline int mock_file_read(int directory_fd, const char *name, size_t limit, char **ret_text,
                                 struct shim_error *error) {
    size_t length;
    return file_read_at(directory_fd, name, limit, ret_text, &length, error);
}

static inline void mock_text_free(char *text) {
    free(text);
}

/* Finds the answer for a command line; without one a program succeeds silently. */
static inline struct answer answer_to(const struct oci_fixture *fixture, const char *const *argv) {
    const struct answer *answer = fixture->script;
    for (; answer && answer->subcommand; answer++)
        for (size_t i = 1; argv[i]; i++)
            if (strcmp(argv[i], answer->subcommand) == 0)
                return *answer;
    return (struct answer){NULL, 0, NULL, NULL};
}

static inline int mock_run_command(const struct shim_context *context,
                                   const struct shim_process *process, const char *const *argv,
                                   int64_t timeout, uint32_t flags, struct shim_output *ret_output,
                                   struct shim_error *error) {
    struct oci_fixture *fixture = fixture_of(context);
    struct answer answer = answer_to(fixture, argv);
    (void)process;
    (void)timeout;
    (void)error;
    note(fixture, "", argv);
    fixture->run_flags = flags;
    if (answer.log)
        put_bytes(fixture->directory, "log.json", answer.log, strlen(answer.log));
    ret_output->exit_status = answer.exit_status;
    ret_output->text = strdup(answer.text ? answer.text : "");
    ret_output->length = strlen(ret_output->text);
    return 0;
}

static inline void mock_output_free(struct shim_output *output) {
    free(output->text);
    output->text = NULL;
}

static inline int mock_runtime_error(const struct shim_process *process, const char *log_name,
                                     char *buffer, size_t size) {
    char *text = NULL;
    if (mock_file_read(process->directory_fd, log_name, 4096, &text, NULL) < 0)
        return -ENOENT;
    int length = snprintf(buffer, size, "%s", text);
    free(text);
    return length;
}

static inline int mock_monitor_launch(const struct shim_context *context,
                                      const struct shim_process *process,
                                      const struct shim_launch *launch, struct shim_error *error) {
    struct oci_fixture *fixture = fixture_of(context);
    (void)process;
    note(fixture, "launch: ", launch->command);
    for (size_t i = 0; launch->cleanup && launch->cleanup[i]; i++)
        note(fixture, "cleanup: ", launch->cleanup[i]);
    fixture->launch_flags = launch->flags;
    assert_string_equal(launch->pid_file, ".pid.runtime");
    return fixture->launch_result < 0 ? mock_fail(error, fixture->launch_result, SHIM_REASON_NONE,
                                                  "%s", fixture->launch_message)
                                      : 0;
}

static inline int mock_process_load(const struct shim_context *context,
                                    const struct shim_process *process,
                                    struct shim_state *ret_state, struct shim_error *error) {
    (void)process;
    (void)error;
    ret_state->status = fixture_of(context)->is_over ? SHIM_STATUS_STOPPED : SHIM_STATUS_RUNNING;
    return 0;
}

static const struct shim_services mock_services = {
    .size = sizeof(struct shim_services),
    .version = SHIM_ABI_VERSION,
    .fail = mock_fail,
    .log = mock_log,
    .option = mock_option,
    .option_at = mock_option_at,
    .json_value = json_value,
    .file_read = mock_file_read,
    .text_free = mock_text_free,
    .file_write = file_write_at,
    .run_command = mock_run_command,
    .output_free = mock_output_free,
    .runtime_error = mock_runtime_error,
    .monitor_launch = mock_monitor_launch,
    .process_load = mock_process_load,
};

static const char *const no_words[] = {NULL};

/* A directory with a bundle, a place for the runtime's state and a program in it. */
static inline int oci_setup(void **state) {
    struct directory *directory;
    assert_int_equal(directory_setup(state), 0);
    directory = *state;
    struct oci_fixture *fixture = test_calloc(1, sizeof(*fixture));
    fixture->directory = directory;
    snprintf(fixture->bundle, sizeof(fixture->bundle), "%s/bundle", directory->path);
    snprintf(fixture->state_root, sizeof(fixture->state_root), "%s/roots", directory->path);
    snprintf(fixture->binary, sizeof(fixture->binary), "%s/runtime", directory->path);
    assert_int_equal(mkdir(fixture->bundle, 0700) | mkdir(fixture->state_root, 0700), 0);
    put_bytes(directory, "runtime", "", 0);
    put_bytes(directory, "bundle/config.json", "{}", 2);
    assert_int_equal(chmod(fixture->binary, 0700), 0);
    fixture->runtime = (struct shim_runtime){
        .size = sizeof(fixture->runtime),
        .name = "mine",
        .binary = fixture->binary,
        .args = no_words,
        .environment = no_words,
        .source = "/etc/mine.yaml",
        .spawn_timeout = 30000,
        .signal_timeout = 5000,
        .delete_timeout = 10000,
    };
    fixture->process = (struct shim_process){
        .size = sizeof(fixture->process),
        .container = "c1",
        .id = "init",
        .bundle = fixture->bundle,
        .directory = "/d",
        .directory_fd = directory->fd,
        .cancel_fd = -1,
        .runtime_args = no_words,
    };
    fixture->context = (struct shim_context){
        .size = sizeof(fixture->context),
        .services = &mock_services,
        .runtime = &fixture->runtime,
    };
    fixture->error.size = sizeof(fixture->error);
    *state = fixture;
    return 0;
}

static inline int oci_teardown(void **state) {
    struct oci_fixture *fixture = *state;
    void *directory = fixture->directory;
    shim_oci_close(&fixture->context);
    for (size_t i = 0; i < fixture->n_lines; i++)
        free(fixture->lines[i]);
    test_free(fixture);
    return directory_teardown(&directory);
}

#define OCI_TEST(function) cmocka_unit_test_setup_teardown(function, oci_setup, oci_teardown)

/* The next command line must be this one, which stands without the program's path. */
static inline void assert_line(struct oci_fixture *fixture, size_t index, const char *prefix,
                               const char *words) {
    char expected[4096];
    snprintf(expected, sizeof(expected), "%s%s %s", prefix, fixture->binary, words);
    assert_true(index < fixture->n_lines);
    assert_string_equal(fixture->lines[index], expected);
}

#endif
