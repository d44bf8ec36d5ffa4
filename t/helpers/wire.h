/* SPDX-License-Identifier: Apache-2.0 */
/* A client's end of ttrpc, for programs of tests: whatever goes wrong ends the program with 3. */
#ifndef SHIMHOST_TEST_WIRE_H
#define SHIMHOST_TEST_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "message.h"
#include "ttrpc.pb-c.h"

/* Connects to "unix:///path" or "/path". */
int wire_connect(const char *address);

/* Says what went wrong, and errno, on standard error, and exits with 3. */
void wire_give_up(const char *what) __attribute__((noreturn));

/* The bytes of a request to the Task service, or the one that SHIM_SERVICE names; of a client that
 * waits SHIM_TIMEOUT nanoseconds for the answer, or for ever. */
ProtobufCBinaryData wire_request(const char *method, ProtobufCBinaryData payload);

/* Writes a frame whose header says `length`; of `data` as much as there is. */
void wire_send(int fd, uint32_t stream, uint8_t type, size_t length, ProtobufCBinaryData data);

/* The next response, of whichever stream. NULL: the connection was closed. */
struct ttrpc_reader;
Pb__Response *wire_receive(int fd, struct ttrpc_reader *reader, uint32_t *ret_stream);

#endif
