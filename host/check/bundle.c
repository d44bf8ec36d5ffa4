/* SPDX-License-Identifier: Apache-2.0 */
/* The kit's own bundle: a root file system with nothing but a static busybox. */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "check/check.h"

static const char config_json[] =
    "{\"ociVersion\":\"1.0.2\",\"hostname\":\"check\",\"root\":{\"path\":\"rootfs\",\"readonly\":"
    "true},"
    "\"process\":{\"terminal\":false,\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"true\"],"
    "\"env\":[\"PATH=/bin:/usr/bin\"],\"cwd\":\"/\",\"noNewPrivileges\":true,\"capabilities\":{"
    "\"bounding\":[\"CAP_KILL\"],\"effective\":[\"CAP_KILL\"],\"permitted\":[\"CAP_KILL\"]}},"
    "\"mounts\":["
    "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
    "\"options\":[\"nosuid\",\"mode=755\",\"size=64k\"]}],"
    "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
    "{\"type\":\"mount\"}]}}\n";

/* A program without an interpreter needs nothing but itself. */
static bool is_static(int fd) {
    ElfW(Ehdr) header;
    if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return false;
    for (unsigned int i = 0; i < header.e_phnum; i++) {
        ElfW(Phdr) part;
        off_t at = (off_t)(header.e_phoff + (size_t)i * header.e_phentsize);
        if (pread(fd, &part, sizeof(part), at) != (ssize_t)sizeof(part) || part.p_type == PT_INTERP)
            return false;
    }
    return true;
}

static int open_busybox(int *ret_fd, struct shim_error *error) {
    static const char *const places[] = {"/bin/busybox", "/usr/bin/busybox", "/sbin/busybox",
                                         "/usr/local/bin/busybox"};
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        int fd = open(places[i], O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && is_static(fd)) {
            *ret_fd = fd;
            return 0;
        }
        fd_close(fd);
    }
    return error_set(error, -ENOENT,
                     "there is no static busybox here to make a bundle with; install one "
                     "(busybox-static on Debian), or give --bundle DIR with a bundle whose root "
                     "has /bin/sh and sleep");
}

static int copy(int from, int to) {
    ssize_t n;
    while ((n = sendfile(to, from, NULL, 1 << 20)) > 0)
        ;
    return n < 0 ? -errno : 0;
}

static int fill(int fd, int busybox, struct shim_error *error) {
    static const char *const directories[] = {"rootfs", "rootfs/bin", "rootfs/proc", "rootfs/dev",
                                              "rootfs/tmp"};
    static const char *const links[] = {"rootfs/bin/sh", "rootfs/bin/sleep", "rootfs/bin/true"};
    for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
        if (mkdirat(fd, directories[i], 0755) < 0)
            return error_set(error, -errno, "cannot make a bundle: %s: %s", directories[i],
                             strerror(errno));
    int program AUTO_CLOSE =
        openat(fd, "rootfs/bin/busybox", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    int r = program < 0 ? -errno : copy(busybox, program);
    if (r < 0)
        return error_set(error, r, "cannot make a bundle: busybox: %s", strerror(-r));
    for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
        if (symlinkat("busybox", fd, links[i]) < 0)
            return error_set(error, -errno, "cannot make a bundle: %s: %s", links[i],
                             strerror(errno));
    return file_write_at(fd, "config.json", config_json, strlen(config_json), error);
}

int check_make_bundle(const char *path, struct shim_error *error) {
    int busybox AUTO_CLOSE = -1;
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, -errno, "cannot make a bundle: %s: %s", path, strerror(errno));
    int r = open_busybox(&busybox, error);
    return r < 0 ? r : fill(fd, busybox, error);
}
