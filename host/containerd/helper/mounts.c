/* SPDX-License-Identifier: Apache-2.0 */
/* The root file system that Create describes: mounted in order, undone as a whole. */
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "containerd/helper/helper.h"

#define MOUNTS_MAX 64

/* ---------------------------------------------------------------------------- options */

static const struct {
    const char *name;
    unsigned long set, clear;
} flags[] = {
    {"async", 0, MS_SYNCHRONOUS},
    {"atime", 0, MS_NOATIME},
    {"bind", MS_BIND, 0},
    {"defaults", 0, 0},
    {"dev", 0, MS_NODEV},
    {"diratime", 0, MS_NODIRATIME},
    {"dirsync", MS_DIRSYNC, 0},
    {"exec", 0, MS_NOEXEC},
    {"mand", MS_MANDLOCK, 0},
    {"noatime", MS_NOATIME, 0},
    {"nodev", MS_NODEV, 0},
    {"nodiratime", MS_NODIRATIME, 0},
    {"noexec", MS_NOEXEC, 0},
    {"nomand", 0, MS_MANDLOCK},
    {"norelatime", 0, MS_RELATIME},
    {"nostrictatime", 0, MS_STRICTATIME},
    {"nosuid", MS_NOSUID, 0},
    {"rbind", MS_BIND | MS_REC, 0},
    {"relatime", MS_RELATIME, 0},
    {"remount", MS_REMOUNT, 0},
    {"ro", MS_RDONLY, 0},
    {"rw", 0, MS_RDONLY},
    {"strictatime", MS_STRICTATIME, 0},
    {"suid", 0, MS_NOSUID},
    {"sync", MS_SYNCHRONOUS, 0},
};

static const struct {
    const char *name;
    unsigned long flags;
} propagations[] = {
    {"private", MS_PRIVATE},
    {"rprivate", MS_PRIVATE | MS_REC},
    {"rshared", MS_SHARED | MS_REC},
    {"rslave", MS_SLAVE | MS_REC},
    {"runbindable", MS_UNBINDABLE | MS_REC},
    {"shared", MS_SHARED},
    {"slave", MS_SLAVE},
    {"unbindable", MS_UNBINDABLE},
};

struct options {
    unsigned long flags;
    unsigned long propagation;
    struct text data;
};

static bool take_flag(const char *word, struct options *options) {
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (strcmp(flags[i].name, word) == 0) {
            options->flags = (options->flags & ~flags[i].clear) | flags[i].set;
            return true;
        }
    for (size_t i = 0; i < sizeof(propagations) / sizeof(propagations[0]); i++)
        if (strcmp(propagations[i].name, word) == 0) {
            options->propagation |= propagations[i].flags;
            return true;
        }
    return false;
}

/* What containerd's own mounting does beside mount(2), and this one does not; and what to do then.
 */
static int refuse(const Pb__Mount *mount, const char *what, const char *instead,
                  struct shim_error *error) {
    return error_set(error, -EOPNOTSUPP,
                     "cannot mount %s (type %s) on the root file system: %s is not supported; %s",
                     mount->source, mount->type, what, instead);
}

static int check_option(const Pb__Mount *mount, const char *option, struct shim_error *error) {
    if (strncmp(option, "uidmap=", 7) == 0 || strncmp(option, "gidmap=", 7) == 0)
        return refuse(mount, option,
                      "have the snapshotter change the owners of the files, or the pod use the "
                      "host's users",
                      error);
    if (strcmp(option, "loop") == 0)
        return refuse(mount, "the option loop", "use a snapshotter that needs no loop devices",
                      error);
    return 0;
}

static int check_mount(const Pb__Mount *mount, struct shim_error *error) {
    if (strncmp(mount->type, "fuse", 4) == 0)
        return refuse(mount, "FUSE", "use a snapshotter that mounts by itself, and binds", error);
    int r = 0;
    for (size_t i = 0; r == 0 && i < mount->n_options; i++)
        r = check_option(mount, mount->options[i], error);
    return r;
}

static int read_options(const Pb__Mount *mount, struct options *options, struct shim_error *error) {
    for (size_t i = 0; i < mount->n_options; i++) {
        if (take_flag(mount->options[i], options))
            continue;
        if (options->data.length > 0)
            text_append(&options->data, ",");
        text_append(&options->data, mount->options[i]);
    }
    return options->data.failed ? error_set(error, -ENOMEM, "out of memory") : 0;
}

/* ---------------------------------------------------------------------------- overlay */

/* The directory that all layers of "lowerdir=A:B:C" are in, as a length of A, or 0. */
static size_t common_directory(const char *layers, size_t length) {
    size_t common = length;
    for (const char *at = layers; at < layers + length;) {
        const char *end = memchr(at, ':', (size_t)(layers + length - at));
        size_t size = end ? (size_t)(end - at) : (size_t)(layers + length - at);
        size_t same = 0;
        while (same < size && same < common && at[same] == layers[same])
            same++;
        common = same;
        at += size + 1;
    }
    while (common > 0 && layers[common - 1] != '/')
        common--;
    return common;
}

/* The kernel takes a page of options. Many layers fit when they are named from the directory that
 * they are all in, which becomes the working directory: in *ret_directory, for the caller to free.
 */
static int shorten(struct options *options, char **ret_directory, struct shim_error *error) {
    static const char key[] = "lowerdir=";
    const char *start = options->data.data ? strstr(options->data.data, key) : NULL;
    if (options->data.length < (size_t)sysconf(_SC_PAGESIZE) || !start)
        return 0;
    start += strlen(key);
    size_t length = strcspn(start, ","), common = common_directory(start, length);
    struct text shorter AUTO_TEXT = TEXT_EMPTY;
    if (common == 0)
        return 0;
    text_append_bytes(&shorter, options->data.data, (size_t)(start - options->data.data));
    for (const char *at = start; at < start + length;) {
        const char *end = memchr(at, ':', (size_t)(start + length - at));
        size_t size = end ? (size_t)(end - at) : (size_t)(start + length - at);
        text_append_bytes(&shorter, at + common, size - common);
        if (end)
            text_append(&shorter, ":");
        at += size + 1;
    }
    text_append(&shorter, start + length);
    char *directory = strndup(start, common);
    if (shorter.failed || !directory) {
        free(directory);
        return error_set(error, -ENOMEM, "out of memory");
    }
    text_clear(&options->data);
    options->data = shorter;
    shorter = (struct text)TEXT_EMPTY;
    *ret_directory = directory;
    return 0;
}

/* ---------------------------------------------------------------------------- mounting */

/* The place of a mount. A target inside the root file system is found without being led out of it
 * by a symbolic link. */
static int open_target(const char *rootfs, const char *target, struct shim_error *error) {
    int root AUTO_CLOSE = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return error_set(error, -errno, "cannot open %s: %s", rootfs, strerror(errno));
    if (!target[0])
        return fd_steal(&root);
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, root, target, &how, sizeof(how));
    if (fd < 0)
        return error_set(error, -errno, "cannot open %s in the root file system: %s", target,
                         strerror(errno));
    return fd;
}

static int mount_at(int target, const char *source, const char *type, unsigned long set,
                    const char *data) {
    char where[64];
    snprintf(where, sizeof(where), "/proc/self/fd/%d", target);
    return mount(source, where, type, set, data);
}

/* A bind mount takes its flags only when it is mounted again. What is to be changed is what was
 * mounted, which a descriptor of the place that it was mounted on does not lead to. */
static int change_mount(const Pb__Mount *message, const char *rootfs, unsigned long again,
                        unsigned long propagation, struct shim_error *error) {
    int top AUTO_CLOSE = open_target(rootfs, message->target, error);
    if (top < 0)
        return top;
    int r = again ? mount_at(top, NULL, NULL, again | MS_REMOUNT, NULL) : 0;
    if (r == 0 && propagation)
        r = mount_at(top, NULL, NULL, propagation, NULL);
    if (r < 0)
        return error_set(error, -errno, "cannot set the options of %s on the root file system: %s",
                         message->source, strerror(errno));
    return 0;
}

static int do_mount(const Pb__Mount *message, const char *rootfs, struct options *options,
                    struct shim_error *error) {
    const char *type = message->type;
    if (strcmp(type, "bind") == 0 || strcmp(type, "rbind") == 0)
        options->flags |= MS_BIND | (type[0] == 'r' ? MS_REC : 0);
    bool bind = options->flags & MS_BIND && !(options->flags & MS_REMOUNT);
    unsigned long first = bind ? options->flags & (MS_BIND | MS_REC) : options->flags;
    unsigned long again = bind && first != options->flags ? options->flags & ~MS_REC : 0;
    int target AUTO_CLOSE = open_target(rootfs, message->target, error);
    if (target < 0)
        return target;
    if (mount_at(target, message->source, type, first, options->data.data) < 0)
        return error_set(error, -errno, "cannot mount %s (type %s) on the root file system: %s",
                         message->source, type, strerror(errno));
    return again || options->propagation
               ? change_mount(message, rootfs, again, options->propagation, error)
               : 0;
}

static int mount_one(const char *rootfs, const Pb__Mount *message, struct shim_error *error) {
    struct options options = {.data = TEXT_EMPTY};
    char *directory AUTO_FREE = NULL;
    int r = check_mount(message, error);
    if (r == 0)
        r = read_options(message, &options, error);
    if (r == 0)
        r = shorten(&options, &directory, error);
    if (r == 0 && options.data.length >= (size_t)sysconf(_SC_PAGESIZE))
        r = error_set(error, -E2BIG,
                      "cannot mount %s (type %s) on the root file system: its options take more "
                      "than %ld bytes",
                      message->source, message->type, sysconf(_SC_PAGESIZE) - 1);
    if (r == 0 && directory && chdir(directory) < 0)
        r = error_set(error, -errno, "cannot change to %s: %s", directory, strerror(errno));
    if (r == 0)
        r = do_mount(message, rootfs, &options, error);
    if (directory && chdir("/") < 0)
        r = r < 0 ? r : -errno;
    text_clear(&options.data);
    return r;
}

static int rootfs_of(const char *bundle, char path[PATH_MAX]) {
    return snprintf(path, PATH_MAX, "%s/rootfs", bundle) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int mounts_make(const char *bundle, Pb__Mount *const *mounts, size_t count,
                struct shim_error *error) {
    char rootfs[PATH_MAX];
    if (rootfs_of(bundle, rootfs) < 0)
        return error_set(error, -ENAMETOOLONG, "the path of the bundle is too long");
    for (size_t i = 0; i < count; i++) {
        int r = mount_one(rootfs, mounts[i], error);
        if (r < 0) {
            mounts_undo(bundle);
            return r;
        }
    }
    return 0;
}

/* MNT_DETACH takes what is mounted below along, and does not wait for whoever still uses it. */
void mounts_undo(const char *bundle) {
    char rootfs[PATH_MAX];
    if (rootfs_of(bundle, rootfs) < 0)
        return;
    for (int i = 0; i < MOUNTS_MAX && umount2(rootfs, MNT_DETACH | UMOUNT_NOFOLLOW) == 0; i++)
        ;
}
