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

/* -ENOENT: nothing says whose it is. */
static int read_owner(int state_fd, char text[TEXT_SIZE], struct shim_error *error) {
    ssize_t length = readlinkat(state_fd, NAMESPACE_FILE, text, TEXT_SIZE - 1);
    if (length < 0 && errno == EINVAL)
        return error_set(error, -EBADMSG, "%s is not as a host makes it", NAMESPACE_FILE);
    if (length < 0)
        return error_set(error, -errno, "cannot read %s: %s", NAMESPACE_FILE, strerror(errno));
    text[length] = '\0';
    return 0;
}

static int compare(const char *ours, const char *theirs, struct shim_error *error) {
    char shown[2 * TEXT_SIZE];
    size_t boot = strcspn(ours, " ");
    if (strcmp(ours, theirs) == 0)
        return 0;
    if (strcspn(theirs, " ") != boot)
        return error_set(error, -EBADMSG, "%s is malformed; it says `%s`", NAMESPACE_FILE,
                         text_show(shown, sizeof(shown), theirs, strlen(theirs)));
    if (strncmp(ours, theirs, boot) != 0)
        return -ESTALE;
    return error_set(error, -EXDEV,
                     "its containers belong to other namespaces (%s) than yours (%s), from where "
                     "all of them seem to be dead",
                     text_show(shown, sizeof(shown), theirs + boot + 1, strlen(theirs + boot + 1)),
                     ours + boot + 1);
}

/* 0: it belongs to `ours`; -ENOENT: to nobody. */
static int check_owner(int state_fd, const char *ours, struct shim_error *error) {
    char theirs[TEXT_SIZE];
    int r = read_owner(state_fd, theirs, error);
    if (r == 0)
        r = compare(ours, theirs, error);
    if (r == -ESTALE) /* what cannot be removed is of that boot for ever, and says nothing */
        r = unlinkat(state_fd, NAMESPACE_FILE, 0) == 0 ? -ENOENT : 0;
    return r;
}

/* Where that cannot be written nothing says whose it is, and what needs to write fails anyway. */
int namespace_claim(int state_fd, struct shim_error *error) {
    char ours[TEXT_SIZE];
    struct shim_error problem = ERROR_NONE;
    int r = describe(ours, error);
    if (r < 0)
        return r;
    do
        r = check_owner(state_fd, ours, &problem);
    while (r == -ENOENT && symlinkat(ours, state_fd, NAMESPACE_FILE) < 0 && errno == EEXIST);
    return r == -ENOENT ? 0 : error_pass(error, r, &problem);
}

void namespace_take(int state_fd) {
    char text[TEXT_SIZE];
    if (describe(text, NULL) == 0 && unlinkat(state_fd, NAMESPACE_FILE, 0) == 0)
        (void)!symlinkat(text, state_fd, NAMESPACE_FILE);
}
