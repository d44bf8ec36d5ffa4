/* SPDX-License-Identifier: Apache-2.0 */
#include "state/namespace.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "process/identity.h"

#define BOOT_ID_SIZE 40
#define NAME_SIZE 32 /* "pid:[4026531836]" */
#define TEXT_SIZE (BOOT_ID_SIZE + 2 * NAME_SIZE)

/* A kernel that has no such namespaces has but one. */
static void read_name(const char *link, char name[NAME_SIZE]) {
    ssize_t length = readlink(link, name, NAME_SIZE - 1);
    name[length < 0 ? 0 : length] = '\0';
}

static int describe(char text[TEXT_SIZE], struct shim_error *error) {
    char boot_id[BOOT_ID_SIZE], pids[NAME_SIZE], times[NAME_SIZE];
    int r = identity_boot(boot_id, error);
    if (r < 0)
        return r;
    read_name("/proc/self/ns/pid", pids);
    read_name("/proc/self/ns/time", times);
    snprintf(text, TEXT_SIZE, "%s %s %s", boot_id, pids, times);
    return 0;
}

/* 0: nothing says whose it is. */
static int read_owner(int state_fd, char text[TEXT_SIZE], struct shim_error *error) {
    ssize_t length = readlinkat(state_fd, NAMESPACE_FILE, text, TEXT_SIZE - 1);
    if (length < 0 && errno == ENOENT)
        return 0;
    if (length < 0)
        return error_set(error, errno == EINVAL ? -EBADMSG : -errno, "cannot read %s: %s",
                         NAMESPACE_FILE, errno == EINVAL ? "no symbolic link" : strerror(errno));
    text[length] = '\0';
    return 1;
}

static int compare(const char *ours, const char *theirs, struct shim_error *error) {
    char shown[2 * TEXT_SIZE];
    size_t boot = strcspn(ours, " ");
    if (strcmp(ours, theirs) == 0)
        return 1;
    if (strcspn(theirs, " ") != boot)
        return error_set(error, -EBADMSG, "%s is malformed; it says `%s`", NAMESPACE_FILE,
                         text_show(shown, sizeof(shown), theirs, strlen(theirs)));
    if (strncmp(ours, theirs, boot) != 0)
        return 0;
    return error_set(error, -EXDEV,
                     "its containers belong to other namespaces (%s) than yours (%s), from where "
                     "all of them seem to be dead",
                     text_show(shown, sizeof(shown), theirs + boot + 1, strlen(theirs + boot + 1)),
                     ours + boot + 1);
}

int namespace_check(int state_fd, struct shim_error *error) {
    char ours[TEXT_SIZE], theirs[TEXT_SIZE];
    int r = read_owner(state_fd, theirs, error);
    if (r <= 0 || (r = describe(ours, error)) < 0)
        return r;
    return compare(ours, theirs, error);
}

void namespace_take(int state_fd) {
    char text[TEXT_SIZE];
    if (describe(text, NULL) < 0)
        return;
    unlinkat(state_fd, NAMESPACE_FILE, 0);
    (void)!symlinkat(text, state_fd, NAMESPACE_FILE);
}
