/* SPDX-License-Identifier: Apache-2.0 */
/* runc, the reference runtime: its command line is the usual one. */
#include <shimhost/oci.h>

static const char *const binaries[] = {"/usr/bin/runc", "/usr/sbin/runc", "/usr/local/bin/runc",
                                       "/usr/local/sbin/runc", NULL};

static const struct shim_oci_word words[] = {
    {"events", "events"},
    {NULL, NULL},
};

/* From its CHANGELOG.md and advisories. What was repaired in several branches has several lines. */
#define ESCAPE_2025 "1.4.0-rc.1", "1.4.0-rc.3"
static const struct shim_oci_hole holes[] = {
    {"CVE-2026-41579", NULL, "1.3.6", "an image's /dev symlink leads to links made on the host"},
    {"CVE-2026-41579", "1.4.0-rc.1", "1.4.3",
     "an image's /dev symlink leads to links made on the host"},
    {"CVE-2026-41579", "1.5.0-rc.1", "1.5.0-rc.3",
     "an image's /dev symlink leads to links made on the host"},
    {"CVE-2025-31133", NULL, "1.2.8", "container escape by masked paths"},
    {"CVE-2025-31133", "1.3.0-rc.1", "1.3.3", "container escape by masked paths"},
    {"CVE-2025-31133", ESCAPE_2025, "container escape by masked paths"},
    {"CVE-2025-52565", NULL, "1.2.8", "container escape by /dev/console"},
    {"CVE-2025-52565", "1.3.0-rc.1", "1.3.3", "container escape by /dev/console"},
    {"CVE-2025-52565", ESCAPE_2025, "container escape by /dev/console"},
    {"CVE-2025-52881", NULL, "1.2.8", "container escape by redirected writes to /proc"},
    {"CVE-2025-52881", "1.3.0-rc.1", "1.3.3", "container escape by redirected writes to /proc"},
    {"CVE-2025-52881", ESCAPE_2025, "container escape by redirected writes to /proc"},
    {"CVE-2024-45310", NULL, "1.1.14", "empty files can be made on the host"},
    {"CVE-2024-45310", "1.2.0-rc.1", "1.2.0-rc.3", "empty files can be made on the host"},
    {"CVE-2024-21626", "1.0.0-rc93", "1.1.12", "container escape by a leaked descriptor"},
    {"CVE-2023-28642", NULL, "1.1.5", "AppArmor bypassed by a symlink at /proc"},
    {"CVE-2023-27561", "1.0.0-rc95", "1.1.5", "container escape by a symlink at /proc"},
    {"CVE-2023-25809", NULL, "1.1.5", "rootless: the host's cgroups are writable"},
    {"CVE-2022-29162", NULL, "1.1.2", "exec gives inheritable capabilities"},
    {"CVE-2021-43784", NULL, "1.0.3", "namespaces switched off by an overflow"},
    {"CVE-2021-30465", NULL, "1.0.0-rc95", "container escape by symlinks exchanged during mounts"},
    {"CVE-2019-19921", NULL, "1.0.0-rc10", "container escape by a volume over /proc"},
    {"CVE-2019-16884", NULL, "1.0.0-rc9", "AppArmor bypassed by a volume over /proc"},
    {"CVE-2019-5736", NULL, "1.0.0-rc7", "a container can overwrite runc itself"},
    {NULL, NULL, NULL, NULL},
};

static const struct shim_oci_runtime runc = {
    .size = sizeof(runc),
    .name = "runc",
    .binaries = binaries,
    .state_root = "/run/runc",
    .words = words,
    .holes = holes,
    .holes_date = "2026-09-11",
};

SHIM_OCI_PLUGIN("runc", PLUGIN_VERSION, "runc, the reference runtime", runc);
