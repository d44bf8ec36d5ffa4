/* SPDX-License-Identifier: Apache-2.0 */
#include "containerd/address.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "containerd/sha256.h"

#define ADDRESS_FILE "address"
#define BACKLOG 128

/* As Go's filepath.Join: empty elements, "." and double slashes go, ".." takes the one before. */
static int append_clean(struct text *text, const char *part) {
    for (const char *at = part; *at;) {
        size_t length = strcspn(at, "/");
        if (length == 2 && strncmp(at, "..", 2) == 0) {
            while (text->length > 0 && text->data[--text->length] != '/')
                ;
        } else if (length > 0 && !(length == 1 && *at == '.')) {
            if (text_append(text, "/") < 0 || text_append_bytes(text, at, length) < 0)
                return -ENOMEM;
        }
        at += length;
        at += strspn(at, "/");
    }
    return 0;
}

int address_path(const char *directory, const char *containerd, const char *namespace,
                 const char *group, char ret_path[ADDRESS_PATH_SIZE], struct shim_error *error) {
    struct text name AUTO_TEXT = TEXT_EMPTY;
    char hex[SHA256_HEX_SIZE];
    if (append_clean(&name, containerd) < 0 || append_clean(&name, namespace) < 0 ||
        append_clean(&name, group) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    /* A relative address stays relative. */
    size_t skip = containerd[0] == '/' || name.length == 0 ? 0 : 1;
    sha256_hex(name.data + skip, name.length - skip, hex);
    if (!directory || !*directory)
        directory = ADDRESS_DIRECTORY;
    if (snprintf(ret_path, ADDRESS_PATH_SIZE, "%s/%s", directory, hex) >= ADDRESS_PATH_SIZE)
        return error_set(error, -ENAMETOOLONG, "%s/%s: too long for the path of a socket",
                         directory, hex);
    return 0;
}

static int fill(const char *path, struct sockaddr_un *ret) {
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof(ret->sun_path))
        return -ENAMETOOLONG;
    memcpy(ret->sun_path, path, length);
    return 0;
}

int address_connect(const char *path) {
    struct sockaddr_un name;
    int r = fill(path, &name);
    if (r < 0)
        return r;
    int fd AUTO_CLOSE = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
        return -errno;
    return fd_steal(&fd);
}

/* The name is taken. 0: by nobody who is alive, and it is free now. Under the directory's lock. */
static int clear_stale(const char *path, struct shim_error *error) {
    int fd = address_connect(path);
    if (fd >= 0 || fd == -EAGAIN) {
        fd_close(fd);
        return -EEXIST;
    }
    if (fd != -ECONNREFUSED && fd != -ENOENT)
        return error_set(error, fd, "cannot connect to %s: %s", path, strerror(-fd));
    if (unlink(path) < 0 && errno != ENOENT)
        return error_set(error, -errno, "cannot remove %s: %s", path, strerror(errno));
    return 0;
}

static int lock_directory(const char *path) {
    char directory[ADDRESS_PATH_SIZE];
    size_t length = (size_t)(strrchr(path, '/') - path);
    memcpy(directory, path, length);
    directory[length] = '\0';
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        flock(fd, LOCK_EX);
    return fd;
}

void address_clear(const char *path) {
    struct shim_error ignored = ERROR_NONE;
    int lock AUTO_CLOSE = lock_directory(path);
    if (lock >= 0)
        clear_stale(path, &ignored);
}

int address_listen(const char *path, struct shim_error *error) {
    struct sockaddr_un name;
    int r = fill(path, &name);
    if (r < 0)
        return error_set(error, r, "%s: too long for the path of a socket", path);
    if ((r = directory_make_above(path, 0700, error)) < 0)
        return r;
    int fd AUTO_CLOSE = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_set(error, -errno, "cannot make a socket: %s", strerror(errno));
    /* Between another's bind and its listen, its socket looks stale: one at a time. */
    int lock AUTO_CLOSE = lock_directory(path);
    mode_t mask = umask(0177);
    r = bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 ? -errno : 0;
    if (r == -EADDRINUSE && (r = clear_stale(path, error)) == 0)
        r = bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 ? -errno : 0;
    umask(mask);
    if (r == -EEXIST)
        return r;
    if (r < 0 || listen(fd, BACKLOG) < 0)
        return error_set(error, r < 0 ? r : -errno, "cannot listen on %s: %s", path,
                         strerror(r < 0 ? -r : errno));
    return fd_steal(&fd);
}

int address_read(int bundle_fd, char ret_path[ADDRESS_PATH_SIZE]) {
    char *text AUTO_FREE = NULL;
    size_t length;
    int r = file_read_at(bundle_fd, ADDRESS_FILE, 4096, &text, &length, NULL);
    if (r < 0)
        return r;
    text[strcspn(text, "\n")] = '\0';
    const char *path = text;
    if (strncmp(path, ADDRESS_SCHEME, strlen(ADDRESS_SCHEME)) == 0)
        path += strlen(ADDRESS_SCHEME);
    if (path[0] != '/' || strlen(path) >= ADDRESS_PATH_SIZE)
        return -ENOENT;
    memcpy(ret_path, path, strlen(path) + 1);
    return 0;
}

int address_write(int bundle_fd, const char *path, struct shim_error *error) {
    char text[sizeof(ADDRESS_SCHEME) + ADDRESS_PATH_SIZE];
    int length = snprintf(text, sizeof(text), ADDRESS_SCHEME "%s", path);
    return file_write_at(bundle_fd, ADDRESS_FILE, text, (size_t)length, error);
}
