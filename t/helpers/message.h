/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of containerd in words, by the descriptors that protoc-c makes: for programs of tests,
 * which end soon and so free nothing. */
#ifndef SHIMHOST_TEST_MESSAGE_H
#define SHIMHOST_TEST_MESSAGE_H

#include <protobuf-c/protobuf-c.h>

/* Makes a message of words "FIELD=VALUE". A field is a path with dots; of a repeated message
 * "NAME+" begins another one, and "NAME" means the last one. A VALUE that begins with "@" is the
 * contents of a file. Exits with 2 where a word does not fit. */
ProtobufCMessage *message_make(const ProtobufCMessageDescriptor *descriptor, char **words);

/* The bytes of a message. */
ProtobufCBinaryData message_pack(const ProtobufCMessage *message);

/* Prints a line "FIELD=VALUE" for every field that is not empty, what is in known kinds of Any
 * included. */
void message_print(const ProtobufCMessage *message);

/* A whole file, or what comes from a descriptor until its end. Exits with 2. */
ProtobufCBinaryData read_whole(int fd);

/* Says it on standard error, and exits with 2. */
void usage(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
