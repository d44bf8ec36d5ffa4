/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/registry.h"

#include <dirent.h>
#include <dlfcn.h>
#include <link.h>
#include <fcntl.h>
#include <limits.h>
#include <ltdl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"

struct plugin_file {
    lt_dlhandle handle;
    const struct shim_plugin *descriptor;
    char path[];
};

/* The optional entries, in the order of the ABI. */
#define ENTRY(name)                                                                                \
    { #name, offsetof(struct shim_plugin, name) }
static const struct {
    const char *name;
    size_t offset;
} optional_entries[] = {
    ENTRY(open),    ENTRY(close),  ENTRY(start),    ENTRY(remove),    ENTRY(state),
    ENTRY(pause),   ENTRY(resume), ENTRY(update),   ENTRY(processes), ENTRY(checkpoint),
    ENTRY(restore), ENTRY(stats),  ENTRY(features),
};
#define N_OPTIONAL (sizeof(optional_entries) / sizeof(*optional_entries))

const char *plugin_entry_name(size_t index) {
    return index < N_OPTIONAL ? optional_entries[index].name : NULL;
}

int plugin_has_entry(const struct shim_plugin *plugin, size_t index) {
    if (index >= N_OPTIONAL)
        return 0;
    size_t offset = optional_entries[index].offset;
    void (*entry)(void);
    if (plugin->size < offset + sizeof(entry))
        return 0;
    memcpy(&entry, (const char *)plugin + offset, sizeof(entry));
    return entry != NULL;
}

/* Whether someone other than root or the caller can put another file in this one's place. A sticky
 * directory that everybody may write to (/tmp) is fine as long as what is in it belongs to root or
 * the caller, which the check of the next component shows. A symbolic link nobody can write to. */
static int check_owner(const struct stat *status, const char *path, struct shim_error *error) {
    const char *what = S_ISDIR(status->st_mode)   ? "the directory"
                       : S_ISLNK(status->st_mode) ? "the symbolic link"
                                                  : "the file";
    if (status->st_uid != 0 && status->st_uid != geteuid())
        return error_set(
            error, -EPERM,
            "plugin refused: %s %s belongs to uid %ld; it must belong to root or to you", what,
            path, (long)status->st_uid);
    int sticky = S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX);
    if ((status->st_mode & (S_IWGRP | S_IWOTH)) && !sticky && !S_ISLNK(status->st_mode))
        return error_set(
            error, -EPERM,
            "plugin refused: %s %s is writable by others (mode %04o); run: chmod go-w %s", what,
            path, status->st_mode & 07777, path);
    return 0;
}

static int check_place(const char *path, struct shim_error *error) {
    struct stat status;
    if (lstat(path, &status) < 0)
        return error_set(error, -errno, "plugin refused: cannot look at %s: %s", path,
                         strerror(errno));
    return check_owner(&status, path, error);
}

static int check_parents(const char *path, struct shim_error *error) {
    char parent[PATH_MAX];
    snprintf(parent, sizeof(parent), "%s", path);
    for (;;) {
        char *slash = strrchr(parent, '/');
        if (!slash)
            return 0;
        slash[slash == parent] = '\0'; /* "/" stays itself */
        int r = check_place(parent, error);
        if (r < 0 || slash == parent)
            return r;
    }
}

/* Whoever can replace a symbolic link chooses the file. */
static int check_links(const char *path, const char *real, struct shim_error *error) {
    if (strcmp(path, real) == 0)
        return 0;
    int r = check_place(path, error);
    return r < 0 ? r : check_parents(path, error);
}

/* One sentence for what the dynamic linker would say in riddles. */
static int check_elf(int fd, const char *path, struct shim_error *error) {
    ElfW(Ehdr) header;
    ssize_t n = pread(fd, &header, sizeof(header), 0);
    if (n < 0)
        return error_set(error, -errno, "plugin refused: cannot read %s: %s", path,
                         strerror(errno));
    if (n < SELFMAG || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return error_set(error, -ENOEXEC, "plugin refused: %s is not an ELF file", path);
    if ((size_t)n < sizeof(header) || header.e_type != ET_DYN)
        return error_set(error, -ENOEXEC,
                         "plugin refused: %s is not a shared object, or is cut short", path);
    return 0;
}

/* The path without symbolic links, of a file that nobody else can change. */
static int check_file(const char *path, char real[PATH_MAX], struct shim_error *error) {
    if (!realpath(path, real))
        return error_set(error, -errno, "cannot find plugin %s: %s", path, strerror(errno));
    int fd AUTO_CLOSE = open(real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, -errno, "cannot open plugin %s: %s", real, strerror(errno));
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_set(error, -errno, "cannot look at plugin %s: %s", real, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return error_set(error, -EINVAL, "plugin refused: %s is not a regular file", real);
    int r = check_owner(&status, real, error);
    if (r < 0 || (r = check_parents(real, error)) < 0 || (r = check_links(path, real, error)) < 0)
        return r;
    return check_elf(fd, real, error);
}

static int check_descriptor(const struct shim_plugin *plugin, const char *path,
                            struct shim_error *error) {
    if (!plugin)
        return error_set(error, -EINVAL,
                         "plugin refused: %s has no descriptor (its %s() returned NULL)", path,
                         SHIM_PLUGIN_SYMBOL);
    if (plugin->size < offsetof(struct shim_plugin, name))
        return error_set(
            error, -EINVAL,
            "plugin refused: %s has a descriptor of %u bytes, too short to hold an ABI version",
            path, plugin->size);
    if (plugin->abi_version != SHIM_ABI_VERSION)
        return error_set(
            error, -EPROTONOSUPPORT,
            "plugin refused: %s was built for ABI version %u, and this host has version %u; %s",
            path, plugin->abi_version, SHIM_ABI_VERSION,
            plugin->abi_version > SHIM_ABI_VERSION ? "update shimhost" : "rebuild the plugin");
    if (plugin->size < offsetof(struct shim_plugin, open))
        return error_set(
            error, -EINVAL,
            "plugin refused: %s has a descriptor of %u bytes; the mandatory part has %zu", path,
            plugin->size, offsetof(struct shim_plugin, open));
    const char *missing = !plugin->name      ? "a name"
                          : !plugin->version ? "a version"
                          : !plugin->summary ? "a summary"
                          : !plugin->spawn   ? "the mandatory entry spawn"
                          : !plugin->load    ? "the mandatory entry load"
                          : !plugin->wait    ? "the mandatory entry wait"
                          : !plugin->signal  ? "the mandatory entry signal"
                                             : NULL;
    if (missing)
        return error_set(error, -EINVAL, "plugin refused: %s lacks %s", path, missing);
    return 0;
}

/* libltdl keeps its own count of lt_dlinit() and lt_dlexit() calls. */
static lt_dlhandle open_local(const char *path) {
    lt_dladvise advise;
    if (lt_dladvise_init(&advise))
        return NULL;
    lt_dlhandle handle = NULL;
    if (!lt_dladvise_local(&advise))
        handle = lt_dlopenadvise(path, advise);
    lt_dladvise_destroy(&advise);
    return handle;
}

/* libltdl has other ways to open a file, which it tries afterwards, and says only that the last of
 * them has found none. */
static int refuse_unloadable(const char *path, struct shim_error *error) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    error_set(error, -ELIBBAD, "plugin refused: it cannot be loaded: %s",
              handle ? path : dlerror());
    if (handle)
        dlclose(handle);
    return -ELIBBAD;
}

static int load(struct plugin_file *file, struct shim_error *error) {
    file->handle = open_local(file->path);
    if (!file->handle)
        return refuse_unloadable(file->path, error);
    const struct shim_plugin *(*descriptor)(void);
    void *symbol = lt_dlsym(file->handle, SHIM_PLUGIN_SYMBOL);
    if (!symbol)
        return error_set(error, -EINVAL,
                         "plugin refused: %s does not export %s; it is no shimhost plugin",
                         file->path, SHIM_PLUGIN_SYMBOL);
    memcpy(&descriptor, &symbol, sizeof(descriptor));
    file->descriptor = descriptor();
    return check_descriptor(file->descriptor, file->path, error);
}

static int resolve(const char *plugin_dir, const char *name, char path[PATH_MAX],
                   struct shim_error *error) {
    int n;
    if (name[0] == '/')
        n = snprintf(path, PATH_MAX, "%s", name);
    else if (name[0] == '\0' || name[0] == '.' || strchr(name, '/'))
        return error_set(error, -EINVAL,
                         "plugin refused: `%s` is neither a name nor an absolute path; a plugin is "
                         "never looked for relative to the working directory",
                         name);
    else
        n = snprintf(path, PATH_MAX, "%s/%s.so", plugin_dir, name);
    if (n >= PATH_MAX)
        return error_set(error, -ENAMETOOLONG, "plugin refused: the path of `%.64s…` is too long",
                         name);
    return 0;
}

int plugin_open(const char *plugin_dir, const char *name, struct plugin_file **ret_file,
                struct shim_error *error) {
    char path[PATH_MAX], real[PATH_MAX];
    int r = resolve(plugin_dir, name, path, error);
    if (r < 0 || (r = check_file(path, real, error)) < 0)
        return r;
    size_t length = strlen(real) + 1;
    struct plugin_file *file = calloc(1, sizeof(*file) + length);
    if (!file)
        return error_set(error, -ENOMEM, "cannot open plugin %s: out of memory", real);
    memcpy(file->path, real, length);
    if (lt_dlinit()) {
        free(file);
        return error_set(error, -ELIBACC, "cannot set up the plugin loader: %s", lt_dlerror());
    }
    r = load(file, error);
    if (r < 0) {
        plugin_close(file);
        return r;
    }
    *ret_file = file;
    return 0;
}

struct plugin_file *plugin_close(struct plugin_file *file) {
    if (file) {
        if (file->handle)
            lt_dlclose(file->handle);
        lt_dlexit();
        free(file);
    }
    return NULL;
}

const struct shim_plugin *plugin_descriptor(const struct plugin_file *file) {
    return file->descriptor;
}

const char *plugin_path(const struct plugin_file *file) {
    return file->path;
}

static int is_plugin_name(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0;
}

int plugin_list(const char *plugin_dir, int (*each)(const char *path, void *user), void *user,
                struct shim_error *error) {
    struct dirent **entries;
    int count = scandir(plugin_dir, &entries, is_plugin_name, alphasort);
    if (count < 0)
        return error_set(error, -errno, "cannot read the plugin directory %s: %s", plugin_dir,
                         strerror(errno));
    int r = 0;
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        if (r == 0 && snprintf(path, sizeof(path), "%s/%s", plugin_dir, entries[i]->d_name) <
                          (int)sizeof(path))
            r = each(path, user);
        free(entries[i]);
    }
    free(entries);
    return r;
}
