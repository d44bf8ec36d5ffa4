/* SPDX-License-Identifier: Apache-2.0 */
/* The state directory: its directories, locks, records and small files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A string that a record may point to. */
#define TEXT(literal) ((char[]){literal})

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/sized.h"
#include "engine/engine.h"
#include "process/identity.h"
#include "state/json_value.h"
#include "state/record.h"
#include "state/status.h"
#include "state/store.h"

struct fixture {
    char root[64];
    struct store *store;
    struct shim_error error;
};

static int setup(void **state) {
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    strcpy(fixture->root, "/tmp/shimhost-state-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    char path[96];
    snprintf(path, sizeof(path), "%s/deep/state", fixture->root);
    assert_int_equal(store_open(path, &fixture->store, &fixture->error), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    store_close(fixture->store);
    int tmp AUTO_CLOSE = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(tree_remove_at(tmp, strrchr(fixture->root, '/') + 1, 8, &fixture->error), 0);
    free(fixture);
    return 0;
}

static int make(struct fixture *fixture, const char *id, int *ret_fd) {
    int lock;
    int r = store_container_make(fixture->store, id, ret_fd, &lock, &fixture->error);
    if (r == 0)
        fd_close(lock);
    return r;
}

static void store_is_private(void **state) {
    struct fixture *fixture = *state;
    struct stat status;
    assert_int_equal(stat(store_path(fixture->store), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    chmod(store_path(fixture->store), 0750);
    struct store *store;
    assert_int_equal(store_open(store_path(fixture->store), &store, &fixture->error), -EPERM);
    assert_non_null(strstr(fixture->error.message, "chmod 700"));
    if (geteuid() == 0) {
        chmod(store_path(fixture->store), 0700);
        assert_int_equal(chown(store_path(fixture->store), 12345, 0), 0);
        assert_int_equal(store_open(store_path(fixture->store), &store, &fixture->error), -EPERM);
        assert_non_null(strstr(fixture->error.message, "belongs to uid 12345"));
        assert_int_equal(chown(store_path(fixture->store), 0, 0), 0);
    }
    assert_int_equal(store_open("relative", &store, &fixture->error), -EINVAL);
    assert_int_equal(store_open("/proc/self/exe", &store, &fixture->error), -ENOTDIR);
}

static void ids_are_checked_before_paths_are_built(void **state) {
    struct fixture *fixture = *state;
    static const char *const bad[] = {"",   ".",   "..",  "../x",     "a/b", ".hidden",
                                      "-x", "a b", "a\n", "\x1b[31m", "ä"};
    int fd;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(make(fixture, bad[i], &fd), -EINVAL);
        assert_int_equal(store_container_open(fixture->store, bad[i], &fd, &fixture->error),
                         -EINVAL);
        assert_null(strchr(fixture->error.message, '\x1b'));
    }
    char long_id[78];
    memset(long_id, 'a', 77);
    long_id[77] = '\0';
    assert_int_equal(make(fixture, long_id, &fd), -EINVAL);
    long_id[76] = '\0';
    assert_int_equal(make(fixture, long_id, &fd), 0);
    fd_close(fd);
}

static void container_is_made_once(void **state) {
    struct fixture *fixture = *state;
    int fd, again;
    assert_int_equal(make(fixture, "one", &fd), 0);
    assert_int_equal(make(fixture, "one", &again), -EEXIST);
    assert_int_equal(store_container_remove(fixture->store, "one", &fixture->error), 0);
    assert_int_equal(store_container_open(fixture->store, "one", &again, &fixture->error), -ENOENT);
    fd_close(fd);
}

static void links_are_not_followed(void **state) {
    struct fixture *fixture = *state;
    char link[128];
    int fd;
    snprintf(link, sizeof(link), "%s/evil", store_path(fixture->store));
    assert_int_equal(symlink("/etc", link), 0);
    assert_true(store_container_open(fixture->store, "evil", &fd, &fixture->error) < 0);
    unlink(link);
}

/* Locks of one program do not meet each other through fcntl(2)'s old locks; these do. */
static void exclusive_lock_is_seen(void **state) {
    struct fixture *fixture = *state;
    int fd, lock;
    assert_int_equal(make(fixture, "one", &fd), 0);
    assert_int_equal(store_locked(fd), 0);
    assert_int_equal(store_lock(fixture->store, "one", fd, STORE_LOCK_SHARED, SHIM_FOREVER, -1,
                                &lock, &fixture->error),
                     0);
    assert_int_equal(store_locked(fd), 0);
    fd_close(lock);
    assert_int_equal(store_lock(fixture->store, "one", fd, STORE_LOCK_EXCLUSIVE, SHIM_FOREVER, -1,
                                &lock, &fixture->error),
                     0);
    assert_int_equal(store_locked(fd), 1);
    fd_close(lock);
    assert_int_equal(store_locked(fd), 0);
    fd_close(fd);
}

/* Who has given up is in nobody's way. */
static void waiting_for_a_lock_can_be_cancelled(void **state) {
    struct fixture *fixture = *state;
    int fd, lock, other, cancel_fd = eventfd(1, EFD_CLOEXEC);
    assert_int_equal(make(fixture, "one", &fd), 0);
    assert_int_equal(store_lock(fixture->store, "one", fd, STORE_LOCK_SHARED, SHIM_FOREVER,
                                cancel_fd, &lock, &fixture->error),
                     0);
    assert_int_equal(store_lock(fixture->store, "one", fd, STORE_LOCK_EXCLUSIVE, SHIM_FOREVER,
                                cancel_fd, &other, &fixture->error),
                     -ECANCELED);
    assert_int_equal(fixture->error.reason, SHIM_REASON_CANCELLED);
    assert_int_equal(store_try_lock(fixture->store, "one", fd, true, &other, &fixture->error), 0);
    assert_int_equal(store_lock(fixture->store, "one", fd, STORE_LOCK_SHARED, SHIM_FOREVER, -1,
                                &other, &fixture->error),
                     0);
    fd_close(other);
    fd_close(lock);
    fd_close(cancel_fd);
    fd_close(fd);
}

static void lock_of_a_removed_container_fails(void **state) {
    struct fixture *fixture = *state;
    int old, fresh, lock;
    assert_int_equal(make(fixture, "one", &old), 0);
    assert_int_equal(store_container_remove(fixture->store, "one", &fixture->error), 0);
    assert_int_equal(store_lock(fixture->store, "one", old, STORE_LOCK_EXCLUSIVE, SHIM_FOREVER, -1,
                                &lock, &fixture->error),
                     -ENOENT);
    assert_int_equal(make(fixture, "one", &fresh), 0);
    assert_int_equal(store_lock(fixture->store, "one", old, STORE_LOCK_EXCLUSIVE, SHIM_FOREVER, -1,
                                &lock, &fixture->error),
                     -ENOENT);
    fd_close(old);
    fd_close(fresh);
}

static int collect(const char *id, void *user) {
    strcat(user, id);
    strcat(user, " ");
    return 0;
}

static void list_is_sorted_and_hides(void **state) {
    struct fixture *fixture = *state;
    char names[128] = "", path[128];
    int fd;
    static const char *const ids[] = {"b", "a", "c"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(make(fixture, ids[i], &fd), 0);
        fd_close(fd);
    }
    snprintf(path, sizeof(path), "%s/.hidden", store_path(fixture->store));
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/file", store_path(fixture->store));
    fd_close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(store_containers(fixture->store, collect, names, &fixture->error), 0);
    assert_string_equal(names, "a b c ");
}

static void container_record_round_trip(void **state) {
    struct fixture *fixture = *state;
    int fd;
    assert_int_equal(make(fixture, "one", &fd), 0);
    struct container_record record = {.id = TEXT("one"),
                                      .bundle = TEXT("/b \"ü\""),
                                      .runtime = TEXT("crun"),
                                      .created = TEXT("2026-01-01T00:00:00Z"),
                                      .oci_version = TEXT("1.0.2"),
                                      .annotations = TEXT("{\"a\":\"b\"}"),
                                      .root_uid = 4294967294u};
    struct container_record read;
    assert_int_equal(container_record_read(fd, &read, &fixture->error), -ENOENT);
    assert_int_equal(container_record_write(fd, &record, &fixture->error), 0);
    assert_int_equal(container_record_read(fd, &read, &fixture->error), 0);
    assert_string_equal(read.bundle, record.bundle);
    assert_string_equal(read.annotations, record.annotations);
    assert_int_equal(read.root_uid, record.root_uid);
    container_record_clear(&read);
    fd_close(fd);
}

static void damaged_records_are_refused(void **state) {
    struct fixture *fixture = *state;
    static const char *const damaged[] = {
        "",
        "{",
        "[]",
        "7",
        "{\"id\":7}",
        "{\"id\":\"one\"}",
        "{\"a\":1,\"a\":2}",
        "{\"id\":\"one\",\"bundle\":\"/b\",\"runtime\":\"r\",\"created\":\"c\",\"ociVersion\":"
        "\"1\",\"rootUID\":-1}"};
    int fd;
    assert_int_equal(make(fixture, "one", &fd), 0);
    for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
        struct container_record read;
        assert_int_equal(
            file_write_at(fd, "container.json", damaged[i], strlen(damaged[i]), &fixture->error),
            0);
        assert_int_equal(container_record_read(fd, &read, &fixture->error), -EBADMSG);
        assert_non_null(strstr(fixture->error.message, "container.json"));
    }
    fd_close(fd);
}

static void process_record_round_trip(void **state) {
    struct fixture *fixture = *state;
    int fd;
    assert_int_equal(make(fixture, "one", &fd), 0);
    char *arguments[] = {TEXT("--a"), TEXT("b"), NULL};
    struct process_record record = {.exec = 1,
                                    .targets = {TEXT("null"), TEXT("file:/x"), NULL},
                                    .runtime_args = arguments,
                                    .checkpoint = TEXT("/images")};
    struct process_record read;
    assert_int_equal(
        process_record_write(fd, "{\"terminal\":true,\"args\":[\"sh\"]}", &record, &fixture->error),
        0);
    assert_int_equal(process_record_read(fd, &read, &fixture->error), 0);
    assert_int_equal(read.exec, 1);
    assert_int_equal(read.terminal, 1);
    assert_string_equal(read.targets[1], "file:/x");
    assert_null(read.targets[2]);
    assert_string_equal(read.runtime_args[1], "b");
    assert_null(read.runtime_args[2]);
    assert_string_equal(read.checkpoint, "/images");
    process_record_clear(&read);
    assert_int_equal(process_record_write(fd, "[]", &record, &fixture->error), -EBADMSG);
    fd_close(fd);
}

static void status_says_what_the_files_say(void **state) {
    struct fixture *fixture = *state;
    int fd;
    uint32_t status;
    assert_int_equal(make(fixture, "one", &fd), 0);
    assert_int_equal(status_read(fd, &status, &fixture->error), 0);
    assert_int_equal(status, SHIM_STATUS_UNKNOWN);
    for (uint32_t s = SHIM_STATUS_CREATED; s <= SHIM_STATUS_STOPPED; s++) {
        assert_int_equal(status_write(fd, s, &fixture->error), 0);
        assert_int_equal(status_read(fd, &status, &fixture->error), 0);
        assert_int_equal(status, s);
    }
    assert_int_equal(file_write_at(fd, "status", "dancing\n", 8, &fixture->error), 0);
    assert_int_equal(status_read(fd, &status, &fixture->error), -EBADMSG);
    fd_close(fd);
}

static void exit_status_is_written_once_and_read_strictly(void **state) {
    struct fixture *fixture = *state;
    static const char *const bad[] = {
        "", "\n", "256\n", "-1\n", " 7\n", "7x\n", "+7\n", "7\n7\n", "99999999999999999999\n"};
    int fd;
    int32_t value = 99;
    assert_int_equal(make(fixture, "one", &fd), 0);
    assert_int_equal(status_exit_read(fd, &value, &fixture->error), -ENOENT);
    assert_int_equal(status_exit_write(fd, 137, &fixture->error), 0);
    assert_int_equal(status_exit_write(fd, 0, &fixture->error), -EEXIST);
    assert_int_equal(status_exit_read(fd, &value, &fixture->error), 0);
    assert_int_equal(value, 137);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(file_write_at(fd, "exitStatus", bad[i], strlen(bad[i]), &fixture->error),
                         0);
        assert_int_equal(status_exit_read(fd, &value, &fixture->error), -EBADMSG);
        assert_int_equal(value, 137);
    }
    fd_close(fd);
}

static void a_spoiled_reason_is_an_error_with_words(void **state) {
    struct fixture *fixture = *state;
    struct shim_state loaded = {.size = sizeof(loaded)};
    char reason[256];
    int fd;
    memset(reason, 'x', sizeof(reason));
    assert_int_equal(make(fixture, "one", &fd), 0);
    assert_int_equal(file_write_at(fd, "exitUnknown", reason, sizeof(reason), &fixture->error), 0);
    assert_int_equal(status_load(fd, &loaded, &fixture->error), -EBADMSG);
    assert_non_null(strstr(fixture->error.message, "exitUnknown"));
    fd_close(fd);
}

static void write_identity(int fd, const struct shim_identity *identity) {
    char text[128];
    struct shim_error error = ERROR_NONE;
    int n = snprintf(text, sizeof(text), "%d\n", identity->pid);
    assert_int_equal(file_write_at(fd, "pid", text, (size_t)n, &error), 0);
    n = snprintf(text, sizeof(text), "%llu\n%s\n", (unsigned long long)identity->start_time,
                 identity->boot_id);
    assert_int_equal(file_write_at(fd, "starttime", text, (size_t)n, &error), 0);
}

static void load_tells_the_living_from_strangers(void **state) {
    struct fixture *fixture = *state;
    int fd;
    struct shim_state loaded = {.size = sizeof(loaded)};
    struct shim_identity self = {.size = sizeof(self)};
    assert_int_equal(make(fixture, "one", &fd), 0);
    assert_int_equal(status_load(fd, &loaded, &fixture->error), 0);
    assert_int_equal(loaded.status, SHIM_STATUS_UNKNOWN);
    assert_int_equal(identity_of(getpid(), &self, &fixture->error), 0);
    write_identity(fd, &self);
    assert_int_equal(status_load(fd, &loaded, &fixture->error), 0);
    assert_int_equal(loaded.status, SHIM_STATUS_UNKNOWN); /* no status: the spawn never finished */
    assert_int_equal(status_write(fd, SHIM_STATUS_RUNNING, &fixture->error), 0);
    assert_int_equal(status_load(fd, &loaded, &fixture->error), 0);
    assert_int_equal(loaded.status, SHIM_STATUS_RUNNING);
    assert_int_equal(loaded.identity.pid, getpid());

    struct shim_identity stranger = self;
    stranger.start_time++;
    write_identity(fd, &stranger);
    assert_int_equal(status_load(fd, &loaded, &fixture->error), 0);
    assert_int_equal(loaded.status, SHIM_STATUS_STOPPED);
    assert_int_equal(loaded.exit_status, -1);

    struct shim_identity before_reboot = self;
    before_reboot.boot_id[0] = before_reboot.boot_id[0] == '0' ? '1' : '0';
    write_identity(fd, &before_reboot);
    assert_int_equal(status_load(fd, &loaded, &fixture->error), 0);
    assert_int_equal(loaded.status, SHIM_STATUS_STOPPED);

    /* An end of somebody who lives is nothing to believe. */
    write_identity(fd, &self);
    assert_int_equal(status_exit_write(fd, 3, &fixture->error), 0);
    assert_int_equal(status_load(fd, &loaded, &fixture->error), -EBADMSG);
    write_identity(fd, &stranger);
    assert_int_equal(status_load(fd, &loaded, &fixture->error), 0);
    assert_int_equal(loaded.status, SHIM_STATUS_STOPPED);
    assert_int_equal(loaded.exit_status, 3);
    fd_close(fd);
}

static void assert_value(const char *text, const char *pointer, const char *expected) {
    char buffer[64];
    assert_int_equal(json_value(text, pointer, buffer, sizeof(buffer), NULL), strlen(expected));
    assert_string_equal(buffer, expected);
}

/* A caller of another edition: what he has more than we is his, and what he has not is not there.
 */
static void a_caller_keeps_his_size(void **state) {
    struct fixture *fixture = *state;
    struct {
        struct shim_state known;
        char beyond[8];
    } later = {.known = {.size = sizeof(later)}, .beyond = "beyond"};
    struct shim_state untouched = {.size = SIZE_THROUGH(struct shim_state, flags) - 1, .flags = 7};
    int fd;
    assert_int_equal(make(fixture, "one", &fd), 0);
    assert_int_equal(status_exit_write(fd, 3, &fixture->error), 0);
    assert_int_equal(status_load(fd, &later.known, &fixture->error), 0);
    assert_int_equal(later.known.exit_status, 3);
    assert_int_equal(later.known.size, sizeof(later));
    assert_string_equal(later.beyond, "beyond");
    assert_int_equal(status_load(fd, &untouched, &fixture->error), -EINVAL);
    assert_non_null(strstr(fixture->error.message, "a state of "));
    assert_int_equal(untouched.flags, 7);
    fd_close(fd);
}

static void copies_are_of_what_both_have(void **state) {
    (void)state;
    struct grown {
        uint32_t size, first, later;
    } ours = {sizeof(ours), 1, 2}, theirs = {SIZE_THROUGH(struct grown, first), 0, 9};
    sized_copy(&theirs, &ours);
    assert_int_equal(theirs.size, SIZE_THROUGH(struct grown, first));
    assert_int_equal(theirs.first, 1);
    assert_int_equal(theirs.later, 9);
    ours = (struct grown){SIZE_THROUGH(struct grown, first), 3, 4};
    theirs.size = sizeof(theirs);
    sized_copy(&theirs, &ours);
    assert_int_equal(theirs.size, sizeof(theirs));
    assert_int_equal(theirs.first, 3);
    assert_int_equal(theirs.later, 9);
}

static void json_pointers_find_values(void **state) {
    (void)state;
    const char *text = "{\"a\":{\"b/c\":[1,\"two\",true,null,{\"~\":2.5}]},\"\":\"empty\"}";
    char buffer[16];
    size_t count = 0;
    assert_int_equal(json_value(text, "/a/b~1c/0", buffer, sizeof(buffer), NULL), 1);
    assert_string_equal(buffer, "1");
    assert_int_equal(json_value(text, "/a/b~1c/1", buffer, sizeof(buffer), NULL), 3);
    assert_string_equal(buffer, "two");
    assert_int_equal(json_value(text, "/a/b~1c/4/~0", buffer, sizeof(buffer), NULL), 3);
    assert_string_equal(buffer, "2.5");
    assert_int_equal(json_value(text, "/", buffer, sizeof(buffer), NULL), 5);
    assert_int_equal(json_value(text, "/a/b~1c", buffer, sizeof(buffer), &count), -ENOTSUP);
    assert_int_equal(count, 5);
    assert_int_equal(json_value(text, "/a/x", buffer, sizeof(buffer), NULL), -ENOENT);
    assert_int_equal(json_value(text, "/a/b~1c/9", buffer, sizeof(buffer), NULL), -ENOENT);
    assert_int_equal(json_value(text, "/a/b~1c/-1", buffer, sizeof(buffer), NULL), -ENOENT);
    assert_int_equal(json_value(text, "/a/b~1c/1", buffer, 3, NULL), -E2BIG);
    assert_int_equal(json_value("{", "/a", buffer, sizeof(buffer), NULL), -EBADMSG);
}

/* Only a text that is the same gives the same values, wherever it is. */
static void values_are_those_of_the_text(void **state) {
    char text[] = "[1,2]", other[] = "[1,2]";
    (void)state;
    assert_value(text, "/0", "1");
    assert_value(other, "/1", "2");
    text[1] = '3';
    assert_value(text, "/0", "3");
    strcpy(text, "[3");
    assert_int_equal(json_value(text, "/0", other, sizeof(other), NULL), -EBADMSG);
    strcpy(text, "[3]");
    assert_value(text, "/0", "3");
    json_value_forget();
    json_value_forget();
    assert_value(text, "/0", "3");
}

/* ---- numbers that an int64 does not hold ---- */

#define UNLIMITED "18446744073709551615"

static void large_numbers_are_found(void **state) {
    (void)state;
    assert_value("[" UNLIMITED "]", "/0", UNLIMITED);
    assert_value(UNLIMITED, "", UNLIMITED);
    assert_value("[9223372036854775807,9223372036854775808]", "/0", "9223372036854775807");
    assert_value("[9223372036854775807,9223372036854775808]", "/1", "9223372036854775808");
    assert_value("[-9223372036854775808," UNLIMITED "]", "/0", "-9223372036854775808");
    /* What looks like one stays what it is. */
    assert_value("[" UNLIMITED ",\"" UNLIMITED "\"]", "/1", UNLIMITED);
    assert_value("[" UNLIMITED ",\"\\\" " UNLIMITED "\"]", "/1", "\" " UNLIMITED);
    assert_value("[" UNLIMITED ",\"\\\\u0000" UNLIMITED "\"]", "/1", "\\u0000" UNLIMITED);
    assert_value("[" UNLIMITED "," UNLIMITED ".5e1]", "/1", "1.8446744073709552e20");
    assert_value("{\"" UNLIMITED "\":[" UNLIMITED "]}", "/" UNLIMITED "/0", UNLIMITED);
}

static void records_keep_large_numbers(void **state) {
    struct fixture *fixture = *state;
    const struct process_record record = {.exec = 1};
    static const char whole[] = "{\"a\":[" UNLIMITED ",{\"b\":" UNLIMITED
                                "}],\"c\":\"\\\"\\\\u0000" UNLIMITED "\",\"terminal\":true}";
    char *changed = NULL, *text = NULL;
    size_t length;
    int fd;
    assert_int_equal(record_set_terminal(whole, true, &changed, &fixture->error), 0);
    assert_string_equal(changed, whole);
    free(changed);
    assert_int_equal(make(fixture, "one", &fd), 0);
    assert_int_equal(process_record_write(fd, whole, &record, &fixture->error), 0);
    assert_int_equal(file_read_at(fd, "process.json", 4096, &text, &length, &fixture->error), 0);
    assert_memory_equal(text, whole, strlen(whole) - 1);
    free(text);
    fd_close(fd);
}

static void bundles_keep_large_numbers(void **state) {
    struct fixture *fixture = *state;
    static const char config[] =
        "{\"ociVersion\":\"1.0.2\",\"annotations\":{\"a\":" UNLIMITED "},\"root\":{\"path\":\"r\"},"
        "\"process\":{\"rlimits\":[{\"hard\":" UNLIMITED "}]}}";
    const char *const arguments[] = {"sh", NULL};
    const struct exec_template exec = {.arguments = arguments};
    struct bundle bundle, varied;
    char path[96], *process = NULL;
    int fd;
    assert_int_equal(make(fixture, "one", &fd), 0);
    snprintf(path, sizeof(path), "%s/one", store_path(fixture->store));
    assert_int_equal(file_write_at(fd, "config.json", config, sizeof(config) - 1, &fixture->error),
                     0);
    assert_int_equal(bundle_read(path, &bundle, &fixture->error), 0);
    assert_string_equal(bundle.annotations, "{\"a\":" UNLIMITED "}");
    assert_value(bundle.process, "/rlimits/0/hard", UNLIMITED);
    assert_int_equal(bundle_exec_process(&bundle, &exec, &process, &fixture->error), 0);
    assert_value(process, "/rlimits/0/hard", UNLIMITED);
    assert_int_equal(bundle_vary(path, arguments, fd, &fixture->error), 0);
    assert_int_equal(bundle_read(path, &varied, &fixture->error), 0);
    assert_value(varied.process, "/rlimits/0/hard", UNLIMITED);
    bundle_clear(&varied);
    bundle_clear(&bundle);
    free(process);
    fd_close(fd);
}

static void numbers_that_nothing_holds_are_refused_where_they_are(void **state) {
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"{\"a\":" UNLIMITED ",\n\"b\":18446744073709551616}",
         "line 2, column 24: too big integer"},
        {"{\"a\":" UNLIMITED ",\"b\":-9223372036854775809}",
         "line 1, column 50: too big negative integer"},
        {"{\"a\":" UNLIMITED ",\"b\":1e400}", "line 1, column 35: real number overflow"},
        {"{\"a\":" UNLIMITED ",\"b\":x}", "line 1, column 31: invalid token"},
        {"{\"a\":" UNLIMITED ",\"a\":1}", "duplicate object key"},
        {"{\"a\":" UNLIMITED "1}", "line 1, column 26: too big integer"},
        {"{\"a\":0" UNLIMITED "}", "line 1, column 6: invalid token"},
        {"{\"a\":-" UNLIMITED "}", "too big negative integer"},
        {"{" UNLIMITED ":1}", "line 1, column 21: string or '}' expected"},
        {"{\"a\":" UNLIMITED ",\"b\":\"\\u0000" UNLIMITED "\"}",
         "line 1, column 58: \\u0000 is not"},
        {"{\"a\":" UNLIMITED ",\"b\":\"", "premature end of input"},
        {"{\"a\":" UNLIMITED ",\"b\":\"\\", "line 1, column 32: invalid escape"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(record_check_object(cases[i].text, "it", NULL, &fixture->error), -EBADMSG);
        if (!strstr(fixture->error.message, cases[i].says))
            fail_msg("%s: %s", cases[i].text, fixture->error.message);
    }
}

static void large_numbers_are_no_texts(void **state) {
    struct fixture *fixture = *state;
    static const struct process_record none;
    struct process_record read;
    static const char config[] = "{\"ociVersion\":" UNLIMITED "}";
    static const char *const records[] = {"{\"stdin\":" UNLIMITED "}",
                                          "{\"runtimeArgs\":[" UNLIMITED "]}",
                                          "{\"rootUID\":" UNLIMITED "}"};
    char path[96];
    struct bundle bundle;
    int fd;
    assert_int_equal(make(fixture, "one", &fd), 0);
    for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++) {
        assert_int_equal(
            file_write_at(fd, "process.json", records[i], strlen(records[i]), &fixture->error), 0);
        assert_int_equal(process_record_read(fd, &read, &fixture->error), -EBADMSG);
    }
    assert_int_equal(process_record_write(fd, records[0], &none, &fixture->error), 0);
    assert_int_equal(file_write_at(fd, "config.json", config, strlen(config), &fixture->error), 0);
    snprintf(path, sizeof(path), "%s/one", store_path(fixture->store));
    assert_int_equal(bundle_read(path, &bundle, &fixture->error), -EBADMSG);
    assert_non_null(strstr(fixture->error.message, "`ociVersion` is not a string"));
    fd_close(fd);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(store_is_private),
        TEST(ids_are_checked_before_paths_are_built),
        TEST(container_is_made_once),
        TEST(links_are_not_followed),
        TEST(exclusive_lock_is_seen),
        TEST(waiting_for_a_lock_can_be_cancelled),
        TEST(lock_of_a_removed_container_fails),
        TEST(list_is_sorted_and_hides),
        TEST(container_record_round_trip),
        TEST(damaged_records_are_refused),
        TEST(process_record_round_trip),
        TEST(status_says_what_the_files_say),
        TEST(exit_status_is_written_once_and_read_strictly),
        TEST(a_spoiled_reason_is_an_error_with_words),
        TEST(load_tells_the_living_from_strangers),
        TEST(a_caller_keeps_his_size),
        TEST(copies_are_of_what_both_have),
        TEST(json_pointers_find_values),
        TEST(values_are_those_of_the_text),
        TEST(large_numbers_are_found),
        TEST(records_keep_large_numbers),
        TEST(bundles_keep_large_numbers),
        TEST(numbers_that_nothing_holds_are_refused_where_they_are),
        TEST(large_numbers_are_no_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
