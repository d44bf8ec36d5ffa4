/* SPDX-License-Identifier: Apache-2.0 */
#include "process/pending.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define STATUS_MAX 16384 /* some 1,500 bytes, and the supplementary groups */

/* Is it in the set that the line gives in hexadecimal? */
static bool in_set(const char *status, const char *line, int signal) {
    const char *set = strstr(status, line);
    return set && (strtoull(set + strlen(line), NULL, 16) >> (signal - 1)) & 1;
}

bool pending_signal(pid_t pid, int signal) {
    char path[32], status[STATUS_MAX];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, status, sizeof(status) - 1);
    if (length < 0)
        return false;
    status[length] = '\0';
    /* One that ends a process is given to each of its threads. */
    return in_set(status, "\nSigPnd:", signal) || in_set(status, "\nShdPnd:", signal);
}
