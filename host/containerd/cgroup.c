/* SPDX-License-Identifier: Apache-2.0 */
#include "containerd/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

#define ROOT "/sys/fs/cgroup"
#define TEXT_MAX (256u << 10)

char *cgroup_of(pid_t pid) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? NULL : cgroup_text(fd, "cgroup");
}

char *cgroup_of_container(pid_t pid) {
    char *own AUTO_FREE = cgroup_of(getpid()), *text AUTO_FREE = cgroup_of(pid);
    return own && text && strcmp(own, text) != 0 ? pointer_steal(&text) : NULL;
}

/* Reads whatever the kernel makes up at the moment of reading, which has no size. */
char *cgroup_text(int directory_fd, const char *file) {
    int fd AUTO_CLOSE = openat(directory_fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct text text AUTO_TEXT = TEXT_EMPTY;
    char part[4096], *whole;
    ssize_t n;
    if (fd < 0)
        return NULL;
    while ((n = read(fd, part, sizeof(part))) > 0)
        if (text.length > TEXT_MAX || text_append_bytes(&text, part, (size_t)n) < 0)
            return NULL;
    return n == 0 && text_steal(&text, &whole) == 0 ? whole : NULL;
}

/* Does "cpu,cpuacct" name the controller? */
static bool lists(const char *list, size_t length, const char *controller) {
    size_t wanted = strlen(controller);
    while (length > 0) {
        const char *comma = memchr(list, ',', length);
        size_t word = comma ? (size_t)(comma - list) : length;
        if (word == wanted && strncmp(list, controller, word) == 0)
            return true;
        word += comma ? 1 : 0;
        list += word;
        length -= word;
    }
    return false;
}

/* The path in the hierarchy, of the line "N:CONTROLLERS:PATH". */
static const char *find(const char *text, const char *controller, size_t *ret_length) {
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t length = strcspn(line, "\n");
        const char *first = memchr(line, ':', length);
        const char *second =
            first ? memchr(first + 1, ':', length - (size_t)(first + 1 - line)) : NULL;
        if (!second)
            continue;
        size_t list = (size_t)(second - first - 1);
        if (controller ? lists(first + 1, list, controller) : list == 0) {
            *ret_length = length - (size_t)(second + 1 - line);
            return second + 1;
        }
    }
    return NULL;
}

static int open_below(const char *directory, const char *path, size_t length) {
    char whole[PATH_MAX];
    int n = snprintf(whole, sizeof(whole), "%s/%s%.*s", ROOT, directory, (int)length, path);
    if (n < 0 || (size_t)n >= sizeof(whole))
        return -ENAMETOOLONG;
    int fd = open(whole, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static bool root_is_version_2(void) {
    struct statfs status;
    return statfs(ROOT, &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC;
}

int cgroup_open(const char *text, const char *controller) {
    size_t length;
    const char *path = find(text, controller, &length);
    if (!path)
        return -ENOENT;
    if (controller)
        return open_below(controller, path, length);
    return open_below(root_is_version_2() ? "." : "unified", path, length);
}

bool cgroup_unified(const char *text) {
    size_t ignored;
    return root_is_version_2() && !find(text, "memory", &ignored);
}

uint64_t cgroup_number(int directory_fd, const char *file) {
    char *text AUTO_FREE = cgroup_text(directory_fd, file);
    if (!text)
        return 0;
    return strncmp(text, "max", 3) == 0 ? UINT64_MAX : strtoull(text, NULL, 10);
}

void cgroup_fields(int directory_fd, const char *file, const struct cgroup_field *fields,
                   size_t n_fields, void *structure) {
    char *text AUTO_FREE = cgroup_text(directory_fd, file);
    for (char *line = text; line && *line;) {
        char *end = line + strcspn(line, "\n"), *space = line + strcspn(line, " \n");
        for (size_t i = 0; i < n_fields; i++)
            if (strlen(fields[i].name) == (size_t)(space - line) &&
                strncmp(fields[i].name, line, (size_t)(space - line)) == 0)
                *(uint64_t *)(void *)((char *)structure + fields[i].offset) =
                    strtoull(space, NULL, 10);
        line = *end ? end + 1 : end;
    }
}
