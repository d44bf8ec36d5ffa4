/* SPDX-License-Identifier: Apache-2.0 */
/* What a runtime that was killed leaves in the cgroup file systems: it makes a container's cgroups
 * before it writes down that there is a container, and `delete` then does not know of them. So,
 * before a runtime is called, the cgroups that it may make and that are not there yet are written
 * down. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One absolute path a line. */
#define CGROUPS_FILE ".cgroups"
#define FILE_LIMIT ((size_t)1 << 20)
#define CONFIG_LIMIT ((size_t)4 << 20)

/* What is being gathered. */
struct foreseen {
    FILE *list;
    const char *last;    /* what comes below a base: the id or linux.cgroupsPath */
    char bases[16][512]; /* below a mount point: "" or a path */
    size_t n_bases;
};

static void add_base(struct foreseen *foreseen, const char *base, size_t length) {
    const size_t room = sizeof(foreseen->bases) / sizeof(*foreseen->bases);
    if (length == 1)
        length = 0; /* "/" */
    for (size_t i = 0; i < foreseen->n_bases; i++)
        if (strlen(foreseen->bases[i]) == length && strncmp(foreseen->bases[i], base, length) == 0)
            return;
    if (foreseen->n_bases < room && length < sizeof(foreseen->bases[0]))
        snprintf(foreseen->bases[foreseen->n_bases++], sizeof(foreseen->bases[0]), "%.*s",
                 (int)length, base);
}

/* Where runtimes put a cgroup that is named by no absolute path: at the top, into their own, or
 * beside their own. */
static int find_bases(struct foreseen *foreseen) {
    FILE *own = fopen("/proc/self/cgroup", "re");
    char line[1024];
    add_base(foreseen, "", 0);
    if (!own)
        return -errno;
    while (fgets(line, sizeof(line), own)) {
        const char *path = strchr(line, ':');
        path = path ? strchr(path + 1, ':') : NULL;
        if (!path || path[1] != '/')
            continue;
        path++;
        size_t length = strcspn(path, "\n");
        add_base(foreseen, path, length);
        while (length > 1 && path[length - 1] != '/')
            length--;
        add_base(foreseen, path, length > 1 ? length - 1 : length);
    }
    fclose(own);
    return 0;
}

static void foresee_below(struct foreseen *foreseen, const char *mount_point) {
    struct stat status;
    char path[2048];
    for (size_t i = 0; i < foreseen->n_bases; i++) {
        int base = snprintf(path, sizeof(path), "%s%s", mount_point, foreseen->bases[i]);
        if (base < 0 || (size_t)base >= sizeof(path) || lstat(path, &status) < 0)
            continue;
        int whole = snprintf(path + base, sizeof(path) - (size_t)base, "/%s", foreseen->last);
        if (whole < 0 || (size_t)whole >= sizeof(path) - (size_t)base)
            continue;
        if (lstat(path, &status) < 0 && errno == ENOENT)
            fprintf(foreseen->list, "%s\n", path);
    }
}

/* Goes through the mounted cgroup hierarchies. */
static int foresee_all(struct foreseen *foreseen) {
    FILE *mounts = fopen("/proc/self/mounts", "re");
    char line[4096], mount_point[2048], type[32];
    if (!mounts)
        return -errno;
    while (fgets(line, sizeof(line), mounts))
        if (sscanf(line, "%*s %2047s %31s", mount_point, type) == 2 &&
            (strcmp(type, "cgroup") == 0 || strcmp(type, "cgroup2") == 0))
            foresee_below(foreseen, mount_point);
    fclose(mounts);
    return 0;
}

/* linux.cgroupsPath of the bundle, or an empty text. */
static int read_cgroups_path(const struct shim_context *context, const struct shim_process *process,
                             char *path, size_t size, struct shim_error *error) {
    const struct shim_services *services = context->services;
    char *config = NULL;
    path[0] = '\0';
    int bundle = open(process->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (bundle < 0)
        return oci_fail(context, error, -errno, SHIM_REASON_NONE, "cannot open the bundle %s: %s",
                        process->bundle, strerror(errno));
    int r = services->file_read(bundle, "config.json", CONFIG_LIMIT, &config, error);
    close(bundle);
    if (r < 0)
        return r;
    /* Most have none: not worth a parser. */
    r = strstr(config, "cgroupsPath")
            ? services->json_value(config, "/linux/cgroupsPath", path, size, NULL)
            : -ENOENT;
    services->text_free(config);
    if (r < 0)
        path[0] = '\0';
    return 0;
}

/* Something that no cgroup manager but systemd understands, or that leads out of the hierarchy. */
static int is_not_a_path(const char *path) {
    return strchr(path, ':') || strstr(path, "..") || strchr(path, '\n');
}

int oci_cgroups_foresee(const struct shim_context *context, const struct shim_process *process,
                        struct shim_error *error) {
    struct foreseen foreseen;
    char configured[2048], *list = NULL;
    size_t length = 0;
    int r = read_cgroups_path(context, process, configured, sizeof(configured), error);
    if (r < 0)
        return r;
    if (is_not_a_path(configured))
        return 0;
    memset(&foreseen, 0, sizeof(foreseen));
    foreseen.last = configured[0] ? configured + strspn(configured, "/") : process->container;
    if (configured[0] == '/')
        add_base(&foreseen, "", 0);
    else
        r = find_bases(&foreseen);
    foreseen.list = open_memstream(&list, &length);
    if (r == 0)
        r = foreseen.list ? foresee_all(&foreseen) : -ENOMEM;
    if (foreseen.list && fclose(foreseen.list) != 0 && r == 0)
        r = -ENOMEM;
    if (r < 0)
        r = oci_fail(context, error, r, SHIM_REASON_NONE,
                     "cannot find out which cgroups there are: %s", strerror(-r));
    else if (length > 0)
        r = context->services->file_write(process->directory_fd, CGROUPS_FILE, list, length, error);
    free(list);
    return r;
}

int oci_cgroups_remove(const struct shim_context *context, const struct shim_process *process,
                       struct shim_error *error) {
    struct shim_error problem = oci_error();
    char *list = NULL;
    int r = context->services->file_read(process->directory_fd, CGROUPS_FILE, FILE_LIMIT, &list,
                                         &problem);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return oci_fail(context, error, r, SHIM_REASON_NONE, "%s", problem.message);
    /* What was cut off may be the end of a name, and what is left somebody else's. */
    size_t length = strlen(list);
    if (length == 0 || list[length - 1] != '\n')
        r = oci_fail(context, error, -EBADMSG, SHIM_REASON_NONE,
                     "%s: it has been cut short; remove the cgroups that it names and are this "
                     "container's, then the file",
                     CGROUPS_FILE);
    else
        r = 0;
    char *rest = list;
    for (char *path = strsep(&rest, "\n"); path && r == 0; path = strsep(&rest, "\n"))
        if (*path)
            r = oci_cgroup_remove(context, path, error);
    context->services->text_free(list);
    return r;
}
