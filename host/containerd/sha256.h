/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4), for the name of a socket. */
#ifndef SHIMHOST_CONTAINERD_SHA256_H
#define SHIMHOST_CONTAINERD_SHA256_H

#include <stddef.h>

#define SHA256_HEX_SIZE 65

/* Writes the digest of `length` bytes as lower-case hexadecimal text. */
void sha256_hex(const void *data, size_t length, char ret_hex[SHA256_HEX_SIZE]);

#endif
