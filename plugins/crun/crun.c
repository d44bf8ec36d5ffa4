/* SPDX-License-Identifier: Apache-2.0 */
/* crun: the usual command line, but it does not work beside a version 2 cgroup hierarchy that has
 * controllers, and litters the place where one would be. */
#include <fcntl.h>
#include <linux/magic.h>
#include <shimhost/oci.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CGROUPS "/sys/fs/cgroup"
#define UNIFIED CGROUPS "/unified"

static const char *const binaries[] = {"/usr/bin/crun", "/usr/sbin/crun", "/usr/local/bin/crun",
                                       NULL};

/* From its NEWS and advisories. */
static const struct shim_oci_hole holes[] = {
    {"CVE-2026-88264", NULL, NULL,
     "/dev/console can lead elsewhere in a bundle without a mount on /dev"},
    {"CVE-2026-88265", NULL, NULL,
     "/dev/null can lead to a host's file in a bundle without a mount on /dev"},
    {"CVE-2026-47766", NULL, "1.28", "an image's /dev symlink leads to devices made on the host"},
    {"CVE-2026-30892", "1.19", "1.27", "exec -u 1 becomes root (not used here)"},
    {"CVE-2025-24965", NULL, "1.20", "krun: an image can write files of the host"},
    {"CVE-2022-27650", NULL, "1.4.4", "exec gives inheritable capabilities"},
    {"CVE-2019-18837", NULL, "0.10.5", "container escape by symlinks"},
    {"CVE-2019-16884", NULL, "0.10", "SELinux bypassed by a volume over /proc"},
    {NULL, NULL, NULL, NULL},
};

static int is_file_system(const char *path, unsigned long magic) {
    struct statfs status;
    return statfs(path, &status) == 0 && (unsigned long)status.f_type == magic;
}

/* Version 1 controllers next to a version 2 hierarchy that has some, too. */
static void check_health(const struct shim_context *context, char *health, size_t size) {
    (void)context;
    char controllers[2];
    if (!is_file_system(CGROUPS, TMPFS_MAGIC) || !is_file_system(UNIFIED, CGROUP2_SUPER_MAGIC))
        return;
    int fd = open(UNIFIED "/cgroup.controllers", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, controllers, sizeof(controllers));
    if (fd >= 0)
        close(fd);
    if (length > 1)
        snprintf(health, size,
                 "hybrid cgroup layout: crun refuses to work here; run it where " UNIFIED
                 " is not mounted, for example in a private mount namespace");
}

/* Where the version 2 hierarchy has been unmounted, crun takes what is left of its mount point
 * for a hierarchy, makes directories and files there, and forgets them. */
static void clean_up(const struct shim_context *context, const struct shim_process *process,
                     struct shim_oci_words *words) {
    (void)context;
    if (!is_file_system(CGROUPS, TMPFS_MAGIC) || !is_file_system(UNIFIED, TMPFS_MAGIC))
        return;
    shim_oci_add(words, "/bin/rm");
    shim_oci_add(words, "-rf");
    shim_oci_add(words, "--one-file-system");
    shim_oci_add_format(words, UNIFIED "/%s", process->container);
}

static const struct shim_oci_runtime crun = {
    .size = sizeof(crun),
    .name = "crun",
    .binaries = binaries,
    .state_root = "/run/crun",
    .holes = holes,
    .holes_date = "2026-09-11",
    .cleanup_words = clean_up,
    .check_health = check_health,
};

SHIM_OCI_PLUGIN("crun", PLUGIN_VERSION,
                "crun, a small and quick runtime; refuses a hybrid cgroup layout", crun);
