/* SPDX-License-Identifier: Apache-2.0 */
/* The frames of ttrpc: a header of ten bytes, then a message. Knows nothing of sockets. */
#ifndef SHIMHOST_CONTAINERD_TTRPC_H
#define SHIMHOST_CONTAINERD_TTRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TTRPC_HEADER_SIZE 10u
#define TTRPC_DATA_MAX (4u << 20)

#define TTRPC_REQUEST 1
#define TTRPC_RESPONSE 2

/* The codes of gRPC that a status carries. */
enum rpc_code {
    RPC_OK = 0,
    RPC_UNKNOWN = 2,
    RPC_INVALID_ARGUMENT = 3,
    RPC_DEADLINE_EXCEEDED = 4,
    RPC_NOT_FOUND = 5,
    RPC_ALREADY_EXISTS = 6,
    RPC_RESOURCE_EXHAUSTED = 8,
    RPC_FAILED_PRECONDITION = 9,
    RPC_UNIMPLEMENTED = 12,
    RPC_INTERNAL = 13,
    RPC_UNAVAILABLE = 14,
};

struct ttrpc_frame {
    uint32_t stream;
    uint8_t type;
    uint8_t flags;
    bool oversized;      /* the message is longer than TTRPC_DATA_MAX; it is dropped as it comes */
    const uint8_t *data; /* the reader's, until its next call */
    size_t length;
};

/* Puts frames together out of bytes that come in any pieces. Begins as zeros. */
struct ttrpc_reader {
    uint8_t *buffer; /* NULL while there is no part of a frame */
    size_t start;    /* of what has not been given out */
    size_t end;
    size_t room;
    uint64_t skip; /* bytes of an oversized message that are still to come */
};

/* Takes bytes from a connection. It holds no more memory than has come, however long a frame says
 * that it will be. 0 or -ENOMEM. */
int ttrpc_feed(struct ttrpc_reader *reader, const void *bytes, size_t length);

/* The next frame: 1; or 0: more bytes are needed. */
int ttrpc_next(struct ttrpc_reader *reader, struct ttrpc_frame *ret_frame);

/* Frees what it holds. */
void ttrpc_reader_clear(struct ttrpc_reader *reader);

/* Writes a header; `length` is that of the message. */
void ttrpc_header(uint8_t ret[TTRPC_HEADER_SIZE], uint32_t stream, uint8_t type, size_t length);

#endif
