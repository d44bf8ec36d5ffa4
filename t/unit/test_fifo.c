/* SPDX-License-Identifier: Apache-2.0 */
/* process/fifo. */
#include "directory_fixture.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "process/fifo.h"

#define CREATE(name) fifo_create(directory->fd, name, &directory->error)
#define OPEN(name, mode) fifo_open(directory->fd, name, mode, &fd, &directory->error)

static void fifo_is_made_private(void **state) {
    struct directory *directory = *state;
    struct stat status;
    mode_t mask = umask(0777);
    assert_int_equal(CREATE("exit"), 0);
    umask(mask);
    assert_int_equal(fstatat(directory->fd, "exit", &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(status.st_mode, S_IFIFO | 0600);
}

static void fifo_that_is_there_is_left(void **state) {
    struct directory *directory = *state;
    struct stat before, after;
    assert_int_equal(CREATE("exit"), 0);
    assert_int_equal(fstatat(directory->fd, "exit", &before, 0), 0);
    assert_int_equal(CREATE("exit"), 0);
    assert_int_equal(fstatat(directory->fd, "exit", &after, 0), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

/* One entry of every kind that is no FIFO. */
static void make_others(struct directory *directory) {
    put_file(directory, "file", "");
    assert_int_equal(mkdirat(directory->fd, "dir", 0700), 0);
    assert_int_equal(mkfifoat(directory->fd, "fifo", 0600), 0);
    assert_int_equal(symlinkat("fifo", directory->fd, "link"), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%.64s/socket", directory->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
}

static void what_is_in_the_way_is_named(void **state) {
    struct directory *directory = *state;
    make_others(directory);
    ASSERT_ERROR(directory, CREATE("file"), -EEXIST, "file: a regular file has that name");
    ASSERT_ERROR(directory, CREATE("dir"), -EEXIST, "a directory");
    ASSERT_ERROR(directory, CREATE("link"), -EEXIST, "a symbolic link");
    ASSERT_ERROR(directory, CREATE("socket"), -EEXIST, "a socket");
    ASSERT_ERROR(directory, CREATE("none/x"), -ENOENT, "cannot make the FIFO none/x");
}

static void fifo_opens_without_the_other_end(void **state) {
    struct directory *directory = *state;
    int fd = -1;
    assert_int_equal(CREATE("exit"), 0);
    ASSERT_ERROR(directory, OPEN("exit", O_WRONLY), -ENXIO, "for writing: nobody reads it");
    assert_int_equal(fd, -1);
    assert_int_equal(OPEN("exit", O_RDONLY), 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_RDONLY);
    int reader = fd;
    assert_int_equal(OPEN("exit", O_WRONLY), 0);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    char byte[2];
    assert_int_equal(read(reader, byte, 2), 1);
    assert_int_equal(read(reader, byte, 2), 0);
    close(reader);
    assert_int_equal(OPEN("exit", O_RDWR), 0);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    close(fd);
}

static void nothing_but_a_fifo_is_opened(void **state) {
    struct directory *directory = *state;
    int fd = -1;
    static const int modes[] = {O_RDONLY, O_WRONLY, O_RDWR};
    make_others(directory);
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        ASSERT_ERROR(directory, OPEN("file", modes[i]), -EINVAL, "file: it is a regular file");
        ASSERT_ERROR(directory, OPEN("dir", modes[i]), -EINVAL, "it is a directory");
        ASSERT_ERROR(directory, OPEN("socket", modes[i]), -EINVAL, "it is a socket");
        ASSERT_ERROR(directory, OPEN("link", modes[i]), -ELOOP, "it is a symbolic link");
        ASSERT_ERROR(directory, OPEN("none", modes[i]), -ENOENT, "No such file");
    }
    ASSERT_ERROR(directory, OPEN("fifo", O_RDONLY | O_TRUNC), -EINVAL, "is no mode");
    int devices = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_ERROR(directory, fifo_open(devices, "null", O_RDONLY, &fd, &directory->error), -EINVAL,
                 "it is a device");
    close(devices);
    assert_int_equal(fd, -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DIRECTORY_TEST(fifo_is_made_private),
        DIRECTORY_TEST(fifo_that_is_there_is_left),
        DIRECTORY_TEST(what_is_in_the_way_is_named),
        DIRECTORY_TEST(fifo_opens_without_the_other_end),
        DIRECTORY_TEST(nothing_but_a_fifo_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
