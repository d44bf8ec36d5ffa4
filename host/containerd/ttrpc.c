/* SPDX-License-Identifier: Apache-2.0 */
#include "containerd/ttrpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 512u

static uint32_t load(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void store(uint8_t *bytes, uint32_t value) {
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Room for `length` more bytes after reader->end. */
static int make_room(struct ttrpc_reader *reader, size_t length) {
    if (reader->start > 0) {
        memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
    }
    if (reader->room - reader->end >= length)
        return 0;
    size_t room = reader->room < ROOM_MIN ? ROOM_MIN : reader->room;
    while (room - reader->end < length)
        room *= 2;
    uint8_t *grown = realloc(reader->buffer, room);
    if (!grown)
        return -ENOMEM;
    reader->buffer = grown;
    reader->room = room;
    return 0;
}

int ttrpc_feed(struct ttrpc_reader *reader, const void *bytes, size_t length) {
    /* Of an oversized message nothing is kept: what is skipped stands first in the stream, because
     * ttrpc_next() has used up all before it. */
    size_t skipped = reader->skip < length ? (size_t)reader->skip : length;
    reader->skip -= skipped;
    length -= skipped;
    if (length == 0)
        return 0;
    int r = make_room(reader, length);
    if (r < 0)
        return r;
    memcpy(reader->buffer + reader->end, (const uint8_t *)bytes + skipped, length);
    reader->end += length;
    return 0;
}

int ttrpc_next(struct ttrpc_reader *reader, struct ttrpc_frame *ret_frame) {
    size_t here = reader->end - reader->start;
    if (here == 0)
        ttrpc_reader_clear(reader);
    if (here < TTRPC_HEADER_SIZE)
        return 0;
    const uint8_t *header = reader->buffer + reader->start;
    uint32_t length = load(header);
    struct ttrpc_frame frame = {
        .stream = load(header + 4),
        .type = header[8],
        .flags = header[9],
        .oversized = length > TTRPC_DATA_MAX,
    };
    here -= TTRPC_HEADER_SIZE;
    if (frame.oversized) {
        size_t part = here < length ? here : length;
        reader->skip = length - part;
        reader->start += TTRPC_HEADER_SIZE + part;
    } else {
        if (here < length)
            return 0;
        frame.data = header + TTRPC_HEADER_SIZE;
        frame.length = length;
        reader->start += TTRPC_HEADER_SIZE + length;
    }
    *ret_frame = frame;
    return 1;
}

void ttrpc_reader_clear(struct ttrpc_reader *reader) {
    free(reader->buffer);
    *reader = (struct ttrpc_reader){.skip = reader->skip};
}

void ttrpc_header(uint8_t ret[TTRPC_HEADER_SIZE], uint32_t stream, uint8_t type, size_t length) {
    store(ret, (uint32_t)length);
    store(ret + 4, stream);
    ret[8] = type;
    ret[9] = 0;
}
