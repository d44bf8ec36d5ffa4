/* SPDX-License-Identifier: Apache-2.0 */
#include "state/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "state/journal.h"
#include "state/lock.h"
#include "state/namespace.h"
#include "state/record.h"
#include "state/status.h"

#define LOCK_FILE ".lock"
/* Whatever lies there, opening it does not wait. */
#define LOCK_FLAGS (O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
#define TREE_DEPTH 8 /* container, process, and what a runtime may have put there */

struct store {
    int fd;
    bool ours; /* .namespace says so */
    char path[PATH_MAX];
};

/* Parents that are missing get the usual mode of directories; the state directory is private. */
static int make(const char *path, struct shim_error *error) {
    int r = directory_make_above(path, 0755, error);
    if (r < 0)
        return error_context(error, "cannot make the state directory %s", path);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return error_set(error, -errno, "cannot make the state directory %s: %s", path,
                         strerror(errno));
    return 0;
}

static int check_private(int fd, const char *path, struct shim_error *error) {
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_set(error, -errno, "cannot look at the state directory %s: %s", path,
                         strerror(errno));
    if (status.st_uid != geteuid())
        return error_set(error, -EPERM,
                         "the state directory %s belongs to uid %ld, not to you (uid %ld)", path,
                         (long)status.st_uid, (long)geteuid());
    if (status.st_mode & 077)
        return error_set(error, -EPERM,
                         "the state directory %s is open to others (mode %04o); run: chmod 700 %s",
                         path, status.st_mode & 07777, path);
    return 0;
}

static int open_or_make(const char *path, int *ret_fd, struct shim_error *error) {
    if (path[0] != '/' || strlen(path) >= PATH_MAX)
        return error_set(error, -EINVAL, "state directory `%s`: expected an absolute path", path);
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        int r = make(path, error);
        if (r < 0)
            return r;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (fd < 0)
        return error_set(error, -errno, "cannot open the state directory %s: %s", path,
                         errno == ELOOP || errno == ENOTDIR ? "it is not a directory"
                                                            : strerror(errno));
    *ret_fd = fd_steal(&fd);
    return 0;
}

/* Without links in it, as are the paths that /proc shows of others. */
static void set_path(struct store *store, const char *path) {
    char link[40];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", store->fd);
    ssize_t length = readlink(link, store->path, sizeof(store->path) - 1);
    if (length > 0 && store->path[0] == '/')
        store->path[length] = '\0';
    else
        strcpy(store->path, path);
}

static int stop_at_one(const char *id, void *user) {
    (void)id;
    (void)user;
    return 1;
}

/* May it be judged from here what stands in it? Without a container there is nothing to judge. */
static int check_namespace(struct store *store, struct shim_error *error) {
    struct shim_error problem = ERROR_NONE;
    int r = namespace_check(store->fd, &problem);
    store->ours = r == 1;
    if (r >= 0)
        return 0;
    if ((r == -EXDEV || r == -EBADMSG) && store_containers(store, stop_at_one, NULL, NULL) == 0)
        return 0;
    return error_set(error, r,
                     "state directory %s: %.300s; run shimhost where they were begun; if nothing "
                     "of that is left, remove %s/" NAMESPACE_FILE,
                     store->path, problem.message, store->path);
}

int store_open(const char *path, struct store **ret_store, struct shim_error *error) {
    int fd AUTO_CLOSE = -1;
    int r = open_or_make(path, &fd, error);
    if (r < 0 || (r = check_private(fd, path, error)) < 0)
        return r;
    struct store *store = malloc(sizeof(*store));
    if (!store)
        return error_set(error, -ENOMEM, "cannot open the state directory: out of memory");
    store->fd = fd_steal(&fd);
    set_path(store, path);
    if ((r = check_namespace(store, error)) < 0) {
        store_close(store);
        return r;
    }
    *ret_store = store;
    return 0;
}

struct store *store_close(struct store *store) {
    if (store) {
        fd_close(store->fd);
        free(store);
    }
    return NULL;
}

const char *store_path(const struct store *store) {
    return store->path;
}

int store_descriptor(const struct store *store) {
    return store->fd;
}

static int check_id(const char *id, const char *what, struct shim_error *error) {
    if (id_valid(id))
        return 0;
    char shown[64]; /* a hostile id must not reach a terminal as it is */
    return error_set(error, -EINVAL,
                     "`%s` is no %s id; expected a letter or digit, then up to 75 letters, digits, "
                     "`_`, `.` or `-`",
                     text_show(shown, sizeof(shown), id, strlen(id)), what);
}

static int open_directory(int at, const char *name, int *ret_fd) {
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

/* Whether what `fd` is open on is still what has that name: 1 or 0, or a negative errno. */
static int still_there(int at, const char *name, int fd) {
    struct stat ours, named;
    if (fstat(fd, &ours) < 0 || fstatat(at, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    return ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

/* Who removes a directory holds it meanwhile, as flock(2) does. `how`: LOCK_NB, or 0. */
static int hold_directory(int fd, int how) {
    int r;
    while ((r = flock(fd, LOCK_EX | how)) < 0 && errno == EINTR) {
    }
    return r < 0 ? -errno : 0;
}

int store_container_open(const struct store *store, const char *container, int *ret_fd,
                         struct shim_error *error) {
    int r = check_id(container, "container", error);
    if (r < 0)
        return r;
    r = open_directory(store->fd, container, ret_fd);
    if (r == -ENOENT)
        return error_set(error, r, "there is no container %s in %s", container, store->path);
    if (r < 0)
        return error_set(error, r, "cannot open %s/%s: %s", store->path, container, strerror(-r));
    return 0;
}

static int exists_already(const char *container, struct shim_error *error) {
    return error_set(error, -EEXIST,
                     "there is a container %s already; choose another id, or run: shimhost delete "
                     "%s",
                     container, container);
}

/* Before its lock was ours, another host may have removed the directory that we had made, and a
 * third one have made its own. Who has the lock of one without a container in it owns it. */
static int claim(const char *container, int container_fd, struct shim_error *error) {
    struct stat status;
    if (fstatat(container_fd, CONTAINER_FILE, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return exists_already(container, error);
    return errno == ENOENT
               ? 0
               : error_set(error, -errno, "cannot look into the directory of container %s: %s",
                           container, strerror(errno));
}

static int make_directory(const struct store *store, const char *container,
                          struct shim_error *error) {
    if (mkdirat(store->fd, container, 0700) == 0)
        return 0;
    return errno == EEXIST ? exists_already(container, error)
                           : error_set(error, -errno, "cannot make %s/%s: %s", store->path,
                                       container, strerror(errno));
}

/* Removes what make_directory() has made, and perhaps others by now use. */
static void unmake(const struct store *store, const char *container, int container_fd) {
    int lock AUTO_CLOSE = -1;
    if (unlinkat(store->fd, container, AT_REMOVEDIR) < 0 &&
        store_try_lock(store, container, container_fd, true, &lock, NULL) == 1 &&
        claim(container, container_fd, NULL) == 0)
        store_container_remove(store, container, NULL);
}

/* -ENOENT: another host has removed it. */
static int own(const struct store *store, const char *container, int *ret_fd, int *ret_lock,
               struct shim_error *error) {
    int fd AUTO_CLOSE = -1, lock AUTO_CLOSE = -1;
    int r = store_container_open(store, container, &fd, error);
    /* Not cancelled: whoever had the lock meanwhile would lose the directory to us. */
    if (r == 0)
        r = store_lock(store, container, fd, STORE_LOCK_EXCLUSIVE, SHIM_FOREVER, -1, &lock, error);
    if (r == 0 && (r = claim(container, fd, error)) == 0) {
        *ret_lock = fd_steal(&lock);
        *ret_fd = fd_steal(&fd);
    } else if (r != -ENOENT && r != -EEXIST) {
        unmake(store, container, fd);
    }
    return r;
}

int store_container_make(const struct store *store, const char *container, int *ret_fd,
                         int *ret_lock, struct shim_error *error) {
    struct shim_error problem = ERROR_NONE;
    int r = check_id(container, "container", error);
    if (r < 0)
        return r;
    if (!store->ours)
        namespace_take(store->fd);
    /* Until its lock is ours it looks like the leftover of a spawn. Whoever has removed it as one
     * has taken nothing away. */
    while ((r = make_directory(store, container, &problem)) == 0 &&
           (r = own(store, container, ret_fd, ret_lock, &problem)) == -ENOENT) {
    }
    return error_pass(error, r, &problem);
}

struct retraction {
    int container_fd;
    struct shim_error *error;
};

static int retract_each(const char *process, void *user) {
    const struct retraction *retraction = user;
    int fd AUTO_CLOSE = -1;
    if (open_directory(retraction->container_fd, process, &fd) < 0)
        return 0; /* the removal will tell */
    return status_retract(fd, process, retraction->error);
}

/* What says that there was a process goes first; container.json, which says that the directory is a
 * container's, goes after the processes, as all files do after directories. */
int store_container_remove(const struct store *store, const char *container,
                           struct shim_error *error) {
    int fd AUTO_CLOSE = -1;
    int r = store_container_open(store, container, &fd, error);
    if (r < 0)
        return r;
    if ((r = hold_directory(fd, 0)) < 0)
        return error_set(error, r, "cannot remove container %s: %s", container, strerror(-r));
    r = store_processes(fd, retract_each, &(struct retraction){fd, error}, error);
    return r < 0 ? r : tree_remove_at(store->fd, container, TREE_DEPTH, error);
}

int store_process_open(int container_fd, const char *container, const char *process, int *ret_fd,
                       struct shim_error *error) {
    int r = check_id(process, "process", error);
    if (r < 0)
        return r;
    r = open_directory(container_fd, process, ret_fd);
    if (r == -ENOENT)
        return error_set(error, r, "container %s has no process %s", container, process);
    if (r < 0)
        return error_set(error, r, "cannot open process %s of container %s: %s", process, container,
                         strerror(-r));
    return 0;
}

int store_process_make(int container_fd, const char *container, const char *process, int *ret_fd,
                       struct shim_error *error) {
    int r = check_id(process, "process", error);
    if (r < 0)
        return r;
    r = mkdirat(container_fd, process, 0700) < 0 ? -errno : 0;
    if (r == -EEXIST || r == -ENOENT)
        return error_set(error, r,
                         r == -EEXIST ? "container %s has a process %s already"
                                      : "container %s was removed while process %s was spawned",
                         container, process);
    if (r < 0)
        return error_set(error, r, "cannot make a directory in container %s for process %s: %s",
                         container, process, strerror(-r));
    r = store_process_open(container_fd, container, process, ret_fd, error);
    if (r < 0)
        unlinkat(container_fd, process, AT_REMOVEDIR);
    return r;
}

int store_process_remove(int container_fd, const char *process, int directory_fd,
                         struct shim_error *error) {
    /* As long as it is being removed, no other one of that name can be made. */
    int r = hold_directory(directory_fd, 0);
    if (r < 0 || (r = still_there(container_fd, process, directory_fd)) < 0)
        return error_set(error, r, "cannot remove process %s: %s", process, strerror(-r));
    if (r == 0)
        return error_set(error, -ENOENT, "process %s was removed meanwhile by another host",
                         process);
    r = status_retract(directory_fd, process, error);
    return r < 0 ? r : tree_remove_at(container_fd, process, TREE_DEPTH, error);
}

/* Opens the lock, and with `make` makes it where there is none: but not in a directory that is
 * being removed, which its remover holds until it has gone. The lock of one that is about to go
 * would be worth nothing: the next container of that name has its own. */
static int open_lock(int container_fd, bool make, int how) {
    int fd = openat(container_fd, LOCK_FILE, LOCK_FLAGS);
    if (fd >= 0 || errno != ENOENT)
        return fd < 0 ? -errno : fd;
    int r = hold_directory(container_fd, how);
    if (r < 0)
        return r;
    fd = openat(container_fd, LOCK_FILE, LOCK_FLAGS | (make ? O_CREAT : 0), 0600);
    r = fd < 0 ? -errno : fd;
    flock(container_fd, LOCK_UN);
    return r;
}

/* 0: what `fd` is open on still has that name below the state directory; -ENOENT: it has gone. */
static int verify(const struct store *store, const char *name, int fd) {
    int there = still_there(store->fd, name, fd);
    return there > 0 ? 0 : there < 0 ? there : -ENOENT;
}

/* The same of a container's lock, with which the container goes. */
static int verify_lock(const struct store *store, const char *container, int lock) {
    char name[NAME_MAX + sizeof("/" LOCK_FILE)];
    snprintf(name, sizeof(name), "%s/%s", container, LOCK_FILE);
    return verify(store, name, lock);
}

static int removed_meanwhile(const char *container, struct shim_error *error) {
    return error_set(error, -ENOENT, "container %s was removed meanwhile by another host",
                     container);
}

int store_lock(const struct store *store, const char *container, int container_fd, int mode,
               int64_t deadline, int cancel_fd, int *ret_lock, struct shim_error *error) {
    int fd AUTO_CLOSE = open_lock(container_fd, true, 0);
    int r = fd < 0 ? fd
                   : lock_take(fd, mode == STORE_LOCK_EXCLUSIVE ? F_WRLCK : F_RDLCK, deadline,
                               cancel_fd);
    if (r == 0)
        r = verify_lock(store, container, fd);
    if (r == -ETIMEDOUT)
        return error_set_reason(error, r, SHIM_REASON_TIMED_OUT,
                                "timed out while another host was changing container %s",
                                container);
    if (r == -ECANCELED)
        return error_set_reason(error, r, SHIM_REASON_CANCELLED,
                                "cancelled while another host was changing container %s",
                                container);
    if (r == -ENOENT)
        return removed_meanwhile(container, error);
    if (r < 0)
        return error_set(error, r, "cannot lock container %s: %s", container, strerror(-r));
    *ret_lock = fd_steal(&fd);
    return 0;
}

int store_try_lock(const struct store *store, const char *container, int container_fd, bool make,
                   int *ret_lock, struct shim_error *error) {
    int fd AUTO_CLOSE = open_lock(container_fd, make, LOCK_NB);
    bool none = fd == -ENOENT && !make;
    int r = none ? 1 : fd < 0 ? fd : lock_try(fd);
    if (r == 0 || r == -EWOULDBLOCK)
        return 0;
    if (r > 0)
        r = none ? verify(store, container, container_fd) : verify_lock(store, container, fd);
    if (r == -ENOENT)
        return removed_meanwhile(container, error);
    if (r < 0)
        return error_set(error, r, "cannot try its lock: %s", strerror(-r));
    *ret_lock = none ? -1 : fd_steal(&fd);
    return 1;
}

int store_locked(int container_fd) {
    int fd AUTO_CLOSE =
        openat(container_fd, LOCK_FILE, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && lock_held(fd);
}

static int is_id(const struct dirent *entry) {
    return id_valid(entry->d_name) && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
}

static int each_id(int at, const char *what, int (*each)(const char *id, void *user), void *user,
                   struct shim_error *error) {
    struct dirent **entries;
    int count = scandirat(at, ".", &entries, is_id, alphasort);
    if (count < 0)
        return error_set(error, -errno, "cannot read %s: %s", what, strerror(errno));
    int r = 0;
    for (int i = 0; i < count; i++) {
        if (r == 0)
            r = each(entries[i]->d_name, user);
        free(entries[i]);
    }
    free(entries);
    return r;
}

int store_containers(const struct store *store, int (*each)(const char *id, void *user), void *user,
                     struct shim_error *error) {
    return each_id(store->fd, store->path, each, user, error);
}

int store_processes(int container_fd, int (*each)(const char *id, void *user), void *user,
                    struct shim_error *error) {
    return each_id(container_fd, "the container's directory", each, user, error);
}

bool store_is_of_container(const char *name, unsigned char type) {
    return name[0] == '.' || strcmp(name, CONTAINER_FILE) == 0 ||
           ((type == DT_DIR || type == DT_UNKNOWN) && id_valid(name));
}

struct strangers {
    const struct store *store;
    int (*each)(const char *name, void *user);
    void *user;
};

static int pass_stranger(const char *name, unsigned char type, void *user) {
    const struct strangers *strangers = user;
    struct stat status;
    bool directory =
        type == DT_DIR || (type == DT_UNKNOWN &&
                           fstatat(strangers->store->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                           S_ISDIR(status.st_mode));
    bool ours = directory ? id_valid(name)
                          : strcmp(name, NAMESPACE_FILE) == 0 || strcmp(name, JOURNAL_FILE) == 0 ||
                                strcmp(name, JOURNAL_OLD_FILE) == 0;
    return ours ? 0 : strangers->each(name, strangers->user);
}

int store_strangers(const struct store *store, int (*each)(const char *name, void *user),
                    void *user, struct shim_error *error) {
    struct strangers strangers = {store, each, user};
    return directory_list(store->fd, pass_stranger, &strangers, error);
}
