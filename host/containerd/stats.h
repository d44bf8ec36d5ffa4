/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics, in containerd's messages. */
#ifndef SHIMHOST_CONTAINERD_STATS_H
#define SHIMHOST_CONTAINERD_STATS_H

#include <stddef.h>
#include <stdint.h>

/* Packs the metrics of a container into *ret, for the caller to free. Returns the length, or 0: the
 * groups are gone, or there is no memory. Version 1 finds its groups in `text` (see cgroup_of());
 * version 2 has one directory, which stays the caller's. */
size_t stats_version_1(const char *text, uint8_t **ret);
size_t stats_version_2(int fd, uint8_t **ret);

#endif
