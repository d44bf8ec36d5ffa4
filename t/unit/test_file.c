/* SPDX-License-Identifier: Apache-2.0 */
/* base/file. */
#include "directory_fixture.h"

#include <dirent.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static const char *const bad_names[] = {"", ".", "..", "a/b", "/etc/passwd", "../x"};

static void expect_file(struct directory *directory, const char *name, const char *expected) {
    char *text = NULL;
    size_t length;
    assert_int_equal(file_read_at(directory->fd, name, 1u << 20, &text, &length, &directory->error),
                     0);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
    free(text);
}

static int count_entry(const char *name, unsigned char type, void *user) {
    (void)name;
    (void)type;
    ++*(int *)user;
    return 0;
}

static int entries(struct directory *directory) {
    int count = 0;
    assert_int_equal(directory_list(directory->fd, count_entry, &count, &directory->error), 0);
    return count;
}

static void file_is_read_whole(void **state) {
    struct directory *directory = *state;
    put_file(directory, "empty", "");
    put_file(directory, "some", "abc\n");
    expect_file(directory, "empty", "");
    expect_file(directory, "some", "abc\n");
    put_bytes(directory, "nul", "a\0b", 3);
    char *text;
    size_t length;
    assert_int_equal(file_read_at(directory->fd, "nul", 3, &text, &length, NULL), 0);
    assert_int_equal(length, 3);
    assert_memory_equal(text, "a\0b", 4);
    free(text);
}

static void file_longer_than_the_limit_is_refused(void **state) {
    struct directory *directory = *state;
    char *text = NULL;
    size_t length = 5;
    put_file(directory, "f", "12345");
    assert_int_equal(file_read_at(directory->fd, "f", 5, &text, &length, NULL), 0);
    free(text);
    text = NULL;
    ASSERT_ERROR(directory, file_read_at(directory->fd, "f", 4, &text, &length, &directory->error),
                 -EFBIG, "cannot read f: it is longer than 4 bytes");
    ASSERT_ERROR(directory, file_read_at(directory->fd, "f", 0, &text, &length, &directory->error),
                 -EFBIG, "longer");
    assert_null(text);
    int fd = openat(directory->fd, "huge", O_WRONLY | O_CREAT, 0600);
    assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
    close(fd);
    ASSERT_ERROR(directory,
                 file_read_at(directory->fd, "huge", 4096, &text, &length, &directory->error),
                 -EFBIG, "longer");
}

/* The kernel says of files in /proc that they are empty. */
static void file_without_a_size_is_read_whole(void **state) {
    struct directory *directory = *state;
    int proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *text;
    size_t length;
    for (size_t limit = 1 << 12; limit <= 1 << 24; limit <<= 4) {
        int r = file_read_at(proc, "smaps", limit, &text, &length, &directory->error);
        if (r == -EFBIG)
            continue;
        assert_int_equal(r, 0);
        assert_true(length > 4096);
        assert_int_equal(text[length], '\0');
        assert_non_null(strstr(text, "[stack]"));
        free(text);
    }
    ASSERT_ERROR(directory, file_read_at(proc, "smaps", 5000, &text, &length, &directory->error),
                 -EFBIG, "longer than 5000");
    close(proc);
}

static void only_regular_files_are_read(void **state) {
    struct directory *directory = *state;
    char *text = NULL;
    size_t length;
    put_file(directory, "file", "x");
    assert_int_equal(symlinkat("file", directory->fd, "link"), 0);
    assert_int_equal(mkfifoat(directory->fd, "fifo", 0600), 0);
    assert_int_equal(mkdirat(directory->fd, "dir", 0700), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%.64s/socket", directory->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
#define READ(name) file_read_at(directory->fd, name, 10, &text, &length, &directory->error)
    ASSERT_ERROR(directory, READ("link"), -ELOOP, "cannot read link: it is a symbolic link");
    ASSERT_ERROR(directory, READ("fifo"), -EINVAL, "not a regular file");
    ASSERT_ERROR(directory, READ("dir"), -EINVAL, "not a regular file");
    ASSERT_ERROR(directory, READ("socket"), -EINVAL, "not a regular file");
    ASSERT_ERROR(directory, READ("none"), -ENOENT, "cannot read none: No such file");
    for (size_t i = 0; i < sizeof(bad_names) / sizeof(*bad_names); i++)
        ASSERT_ERROR(directory, READ(bad_names[i]), -EINVAL, "cannot be the name");
    ASSERT_ERROR(directory, READ("\x1b[2J"), -ENOENT, "\\x1B[2J");
    assert_null(text);
    close(fd);
}

static void small_file_is_read_at_once(void **state) {
    struct directory *directory = *state;
    char text[5] = "????";
    size_t length = 9;
    put_file(directory, "fits", "1234");
    put_file(directory, "long", "12345");
    put_file(directory, "empty", "");
    assert_int_equal(symlinkat("fits", directory->fd, "link"), 0);
    assert_int_equal(mkfifoat(directory->fd, "fifo", 0600), 0);
    assert_int_equal(mkdirat(directory->fd, "dir", 0700), 0);
#define READ_SMALL(name)                                                                           \
    file_read_small_at(directory->fd, name, text, sizeof(text), &length, &directory->error)
    assert_int_equal(READ_SMALL("fits"), 0);
    assert_string_equal(text, "1234");
    assert_int_equal(length, 4);
    assert_int_equal(READ_SMALL("empty"), 0);
    assert_string_equal(text, "");
    assert_int_equal(length, 0);
    ASSERT_ERROR(directory, READ_SMALL("long"), -EFBIG, "cannot read long: it is longer than 4");
    ASSERT_ERROR(directory, READ_SMALL("link"), -ELOOP, "cannot read link: it is a symbolic link");
    ASSERT_ERROR(directory, READ_SMALL("fifo"), -EINVAL, "not a regular file");
    ASSERT_ERROR(directory, READ_SMALL("dir"), -EINVAL, "not a regular file");
    ASSERT_ERROR(directory, READ_SMALL("none"), -ENOENT, "cannot read none: No such file");
    ASSERT_ERROR(directory, READ_SMALL(".."), -EINVAL, "cannot be the name");
}

static void file_is_written_and_replaced(void **state) {
    struct directory *directory = *state;
    struct stat status;
    mode_t mask = umask(0777);
    assert_int_equal(file_write_at(directory->fd, "f", "one", 3, &directory->error), 0);
    umask(mask);
    expect_file(directory, "f", "one");
    assert_int_equal(fstatat(directory->fd, "f", &status, 0), 0);
    assert_int_equal(status.st_mode, S_IFREG | 0600);
    assert_int_equal(file_write_at(directory->fd, "f", "", 0, &directory->error), 0);
    expect_file(directory, "f", "");
    /* A link is replaced, not followed. */
    put_file(directory, "victim", "safe");
    assert_int_equal(symlinkat("victim", directory->fd, "link"), 0);
    assert_int_equal(file_write_at(directory->fd, "link", "new", 3, &directory->error), 0);
    expect_file(directory, "link", "new");
    expect_file(directory, "victim", "safe");
    assert_int_equal(entries(directory), 3);
}

static void failed_write_leaves_nothing(void **state) {
    struct directory *directory = *state;
    assert_int_equal(mkdirat(directory->fd, "dir", 0700), 0);
    ASSERT_ERROR(directory, file_write_at(directory->fd, "dir", "x", 1, &directory->error), -EISDIR,
                 "cannot write dir");
    char name[NAME_MAX + 1];
    memset(name, 'n', sizeof(name) - 1);
    name[NAME_MAX] = '\0';
    ASSERT_ERROR(directory, file_write_at(directory->fd, name, "x", 1, &directory->error),
                 -ENAMETOOLONG, "cannot write nnn");
    for (size_t i = 0; i < sizeof(bad_names) / sizeof(*bad_names); i++)
        ASSERT_ERROR(directory,
                     file_write_at(directory->fd, bad_names[i], "x", 1, &directory->error), -EINVAL,
                     "cannot be the name");
    ASSERT_ERROR(directory, file_write_at(-1, "f", "x", 1, &directory->error), -EBADF, "f: ");
    assert_int_equal(entries(directory), 1);
}

static void leftovers_of_the_dead_are_in_nobodys_way(void **state) {
    struct directory *directory = *state;
    char name[64];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), ".f.%d.%d.tmp", gettid(), i);
        put_file(directory, name, "old");
    }
    assert_int_equal(file_write_at(directory->fd, "f", "new", 3, &directory->error), 0);
    expect_file(directory, "f", "new");
    assert_int_equal(entries(directory), 4);
    for (int i = 3; i < 100; i++) {
        snprintf(name, sizeof(name), ".f.%d.%d.tmp", gettid(), i);
        put_file(directory, name, "old");
    }
    ASSERT_ERROR(directory, file_write_at(directory->fd, "f", "x", 1, &directory->error), -EEXIST,
                 "too many temporary files");
    expect_file(directory, "f", "new");
}

static void file_is_created_once(void **state) {
    struct directory *directory = *state;
    assert_int_equal(file_create_at_once(directory->fd, "f", "7\n", 2, &directory->error), 0);
    ASSERT_ERROR(directory, file_create_at_once(directory->fd, "f", "8\n", 2, &directory->error),
                 -EEXIST, "cannot write f: it is there already");
    expect_file(directory, "f", "7\n");
    assert_int_equal(symlinkat("nowhere", directory->fd, "link"), 0);
    assert_int_equal(file_create_at_once(directory->fd, "link", "x", 1, &directory->error),
                     -EEXIST);
    assert_int_equal(entries(directory), 2);
    assert_true(file_exists_at(directory->fd, "f"));
    assert_true(file_exists_at(directory->fd, "link"));
    assert_false(file_exists_at(directory->fd, "nowhere"));
    assert_false(file_exists_at(-1, "f"));
}

static int stop_at_second(const char *name, unsigned char type, void *user) {
    (void)name;
    assert_true(type == DT_REG || type == DT_UNKNOWN);
    return ++*(int *)user == 2 ? 42 : 0;
}

static void missing_directories_above_are_made(void **state) {
    struct directory *directory = *state;
    struct stat status;
    char path[PATH_MAX + 8];
    put_file(directory, "file", "");
    assert_int_equal(mkdirat(directory->fd, "there", 0755), 0);
    snprintf(path, sizeof(path), "%s/there/a/b/name", directory->path);
    for (int i = 0; i < 2; i++) /* the second time there is nothing to do */
        assert_int_equal(directory_make_above(path, 0700, &directory->error), 0);
    assert_int_equal(fstatat(directory->fd, "there/a/b", &status, 0), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_int_equal(fstatat(directory->fd, "there", &status, 0), 0);
    assert_int_equal(status.st_mode & 07777, 0755); /* is left as it is */
    assert_int_equal(fstatat(directory->fd, "there/a/b/name", &status, 0), -1);
    snprintf(path, sizeof(path), "%s/file/a/name", directory->path);
    ASSERT_ERROR(directory, directory_make_above(path, 0700, &directory->error), -ENOTDIR,
                 "file/a: Not a directory");
    memset(path, 'x', sizeof(path));
    memcpy(path, "/", 1);
    memcpy(path + PATH_MAX, "/x", 3);
    ASSERT_ERROR(directory, directory_make_above(path, 0700, &directory->error), -ENAMETOOLONG,
                 "too long");
}

static void directory_is_listed(void **state) {
    struct directory *directory = *state;
    int fd, count = 0;
    for (int i = 0; i < 5; i++)
        put_file(directory, (const char[]){(char)('a' + i), '\0'}, "");
    assert_int_equal(entries(directory), 5);
    assert_int_equal(entries(directory), 5); /* the position was left alone */
    assert_int_equal(directory_list(directory->fd, stop_at_second, &count, &directory->error), 42);
    assert_int_equal(count, 2);
    ASSERT_ERROR(directory, directory_list(-1, stop_at_second, &count, &directory->error), -EBADF,
                 "cannot list a directory");
    assert_int_equal(mkdirat(directory->fd, "dir", 0700), 0);
    assert_int_equal(symlinkat("dir", directory->fd, "link"), 0);
#define OPEN(name) directory_open_at(directory->fd, name, &fd, &directory->error)
    assert_int_equal(OPEN("dir"), 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    ASSERT_ERROR(directory, OPEN("link"), -ENOTDIR, "cannot open the directory link");
    ASSERT_ERROR(directory, OPEN("a"), -ENOTDIR, "Not a directory");
    ASSERT_ERROR(directory, OPEN("none"), -ENOENT, "none");
    ASSERT_ERROR(directory, OPEN(".."), -EINVAL, "cannot be the name");
}

static void make_tree(struct directory *directory) {
    assert_int_equal(mkdirat(directory->fd, "tree", 0700), 0);
    assert_int_equal(mkdirat(directory->fd, "tree/a", 0700), 0);
    assert_int_equal(mkdirat(directory->fd, "tree/a/b", 0700), 0);
    put_file(directory, "tree/file", "x");
    put_file(directory, "tree/a/b/file", "x");
    assert_int_equal(mkfifoat(directory->fd, "tree/a/fifo", 0600), 0);
}

#define REMOVE(name, depth) tree_remove_at(directory->fd, name, depth, &directory->error)

static void tree_is_removed(void **state) {
    struct directory *directory = *state;
    make_tree(directory);
    put_file(directory, "beside", "stays");
    assert_int_equal(REMOVE("tree", 3), 0);
    assert_int_equal(entries(directory), 1);
    ASSERT_ERROR(directory, REMOVE("tree", 3), -ENOENT, "there is no directory tree");
    ASSERT_ERROR(directory, REMOVE("beside", 3), -ENOTDIR, "Not a directory");
    for (size_t i = 0; i < sizeof(bad_names) / sizeof(*bad_names); i++)
        ASSERT_ERROR(directory, REMOVE(bad_names[i], 3), -EINVAL, "cannot be the name");
    expect_file(directory, "beside", "stays");
}

static void large_directory_is_removed(void **state) {
    struct directory *directory = *state;
    char name[32];
    assert_int_equal(mkdirat(directory->fd, "tree", 0700), 0);
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "tree/%d", i);
        put_file(directory, name, "");
    }
    assert_int_equal(REMOVE("tree", 1), 0);
    assert_int_equal(entries(directory), 0);
}

static void links_in_a_tree_are_not_followed(void **state) {
    struct directory *directory = *state;
    make_tree(directory);
    assert_int_equal(mkdirat(directory->fd, "outside", 0700), 0);
    put_file(directory, "outside/precious", "x");
    assert_int_equal(symlinkat("../outside", directory->fd, "tree/link"), 0);
    assert_int_equal(symlinkat("../../outside/precious", directory->fd, "tree/a/link"), 0);
    assert_int_equal(symlinkat("outside", directory->fd, "itself"), 0);
    ASSERT_ERROR(directory, REMOVE("itself", 3), -ENOTDIR, "itself");
    assert_int_equal(REMOVE("tree", 3), 0);
    assert_true(file_exists_at(directory->fd, "outside/precious"));
}

static void tree_that_is_too_deep_keeps_its_files(void **state) {
    struct directory *directory = *state;
    make_tree(directory);
    ASSERT_ERROR(directory, REMOVE("tree", 2), -E2BIG, "directory b: it lies too deep");
    assert_true(file_exists_at(directory->fd, "tree/a/b/file"));
    assert_true(file_exists_at(directory->fd, "tree/file"));
    ASSERT_ERROR(directory, REMOVE("tree", 0), -E2BIG, "too deep");
}

/* Runs in a mount namespace of its own, where the tree holds the same file system once more: device
 * numbers would not tell. */
static bool mount_is_refused(struct directory *directory) {
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
        chdir(directory->path) < 0 || mount("outside", "tree/a/b", "none", MS_BIND, NULL) < 0)
        return false;
    int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return tree_remove_at(fd, "tree", 8, &directory->error) == -EXDEV &&
           strstr(directory->error.message, "directory b: something is mounted there") &&
           file_exists_at(fd, "outside/precious") && file_exists_at(fd, "tree/file");
}

static void mounts_are_not_crossed(void **state) {
    struct directory *directory = *state;
    if (geteuid() != 0)
        return; /* only root may mount */
    make_tree(directory);
    assert_int_equal(mkdirat(directory->fd, "outside", 0700), 0);
    put_file(directory, "outside/precious", "x");
    pid_t pid = fork();
    if (pid == 0)
        _exit(mount_is_refused(directory) ? 0 : 1);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DIRECTORY_TEST(file_is_read_whole),
        DIRECTORY_TEST(file_longer_than_the_limit_is_refused),
        DIRECTORY_TEST(file_without_a_size_is_read_whole),
        DIRECTORY_TEST(only_regular_files_are_read),
        DIRECTORY_TEST(small_file_is_read_at_once),
        DIRECTORY_TEST(file_is_written_and_replaced),
        DIRECTORY_TEST(failed_write_leaves_nothing),
        DIRECTORY_TEST(leftovers_of_the_dead_are_in_nobodys_way),
        DIRECTORY_TEST(file_is_created_once),
        DIRECTORY_TEST(missing_directories_above_are_made),
        DIRECTORY_TEST(directory_is_listed),
        DIRECTORY_TEST(tree_is_removed),
        DIRECTORY_TEST(large_directory_is_removed),
        DIRECTORY_TEST(links_in_a_tree_are_not_followed),
        DIRECTORY_TEST(tree_that_is_too_deep_keeps_its_files),
        DIRECTORY_TEST(mounts_are_not_crossed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
