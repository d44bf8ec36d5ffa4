/* SPDX-License-Identifier: Apache-2.0 */
#include "containerd/bundle.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char *bundle_state(const char *bundle) {
    char link[PATH_MAX], target[PATH_MAX];
    int length = snprintf(link, sizeof(link), "%s/%s", bundle, BUNDLE_STATE);
    if (length < 0 || (size_t)length >= sizeof(link))
        return NULL;
    ssize_t n = readlink(link, target, sizeof(target) - 1);
    if (n <= 0)
        return NULL;
    target[n] = '\0';
    return strdup(target);
}
