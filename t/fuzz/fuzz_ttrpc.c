/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from containerd's side of a connection: frames in any pieces, and messages in them. */
#include "t/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "containerd/ttrpc.h"
#include "helper.pb-c.h"
#include "snapshot.pb-c.h"
#include "task.pb-c.h"
#include "ttrpc.pb-c.h"

/* Whatever can be read can be written. Read once more it need not be the same: protobuf-c keeps the
 * bytes of a field that it does not know, but writes its number in another way. */
static void as_message(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
                       size_t size) {
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, NULL, size, data);
    if (!message)
        return;
    size_t length = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(length + 1);
    CHECK(packed && protobuf_c_message_pack(message, packed) == length);
    ProtobufCMessage *again = protobuf_c_message_unpack(descriptor, NULL, length, packed);
    free(packed);
    if (again)
        protobuf_c_message_free_unpacked(again, NULL);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void as_messages(const uint8_t *data, size_t size) {
    const ProtobufCMessageDescriptor *const descriptors[] = {
        &pb__request__descriptor,
        &pb__create_task_request__descriptor,
        &pb__exec_process_request__descriptor,
        &pb__helper_request__descriptor,
        &pb__helper_response__descriptor,
        &pb__snapshot__descriptor,
    };
    for (size_t i = 0; i < sizeof(descriptors) / sizeof(*descriptors); i++)
        as_message(descriptors[i], data, size);
}

/* The first byte says how large the pieces are. */
static size_t read_frames(const uint8_t *data, size_t size, size_t piece, size_t *ret_bytes) {
    struct ttrpc_reader reader = {0};
    struct ttrpc_frame frame;
    size_t count = 0;
    for (size_t at = 0; at < size; at += piece) {
        CHECK(ttrpc_feed(&reader, data + at, size - at < piece ? size - at : piece) == 0);
        while (ttrpc_next(&reader, &frame)) {
            CHECK(frame.oversized || frame.length <= TTRPC_DATA_MAX);
            if (!frame.oversized && piece > 1)
                as_messages(frame.data, frame.length);
            *ret_bytes += frame.oversized ? 0 : frame.length;
            count++;
        }
        CHECK(reader.room <= 2 * (size + 512));
    }
    ttrpc_reader_clear(&reader);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t whole = 0, pieces = 0, bytes = 0;
    if (size == 0)
        return 0;
    size_t count = read_frames(data + 1, size - 1, size, &whole);
    CHECK(read_frames(data + 1, size - 1, data[0] % 31 + 1u, &pieces) == count && whole == pieces);
    CHECK(read_frames(data + 1, size - 1, 1, &bytes) == count && bytes == whole);
    as_messages(data + 1, size - 1);
    return 0;
}
