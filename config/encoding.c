/* SPDX-License-Identifier: Apache-2.0 */
#include "config/encoding.h"

#include <errno.h>
#include <string.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

size_t encoding_character(const char *at, size_t left, uint32_t *ret_character) {
    /* The smallest character that needs so many bytes: a longer form of a smaller one is forged. */
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)at;
    if (left == 0)
        return 0;
    size_t length = bytes[0] < 0x80             ? 1
                    : (bytes[0] & 0xe0) == 0xc0 ? 2
                    : (bytes[0] & 0xf0) == 0xe0 ? 3
                    : (bytes[0] & 0xf8) == 0xf0 ? 4
                                                : 0;
    if (length == 0 || length > left)
        return 0;
    uint32_t character = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        character = character << 6 | (bytes[i] & 0x3fu);
    }
    if (character < smallest[length] || character > 0x10ffff ||
        (character >= 0xd800 && character <= 0xdfff))
        return 0;
    *ret_character = character;
    return length;
}

bool encoding_is_printable(uint32_t character) {
    if (character < 0x20)
        return character == '\t' || character == '\n' || character == '\r';
    return character < 0x7f || character == 0x85 || (character >= 0xa0 && character < 0xfeff) ||
           (character > 0xfeff && character < 0xfffe) || character >= 0x10000;
}

int encoding_check(struct source *source, struct config_problems *problems) {
    if (strncmp(source->text, BYTE_ORDER_MARK, 3) == 0) {
        source->text += 3;
        source->length -= 3;
    }
    struct place place = {.file = source->path, .line = 1, .column = 1};
    size_t length = 0;
    for (size_t at = 0; at < source->length; at += length) {
        uint32_t character = 0;
        length = encoding_character(source->text + at, source->length - at, &character);
        if (length == 0)
            return problem_add(problems, -EINVAL, &place, NULL,
                               "byte 0x%02x is not UTF-8; expected a text file in UTF-8",
                               (unsigned char)source->text[at]);
        if (!encoding_is_printable(character))
            return problem_add(problems, -EINVAL, &place, NULL,
                               "holds the control character 0x%02x; expected text", character);
        if (character == '\n')
            place = (struct place){.file = source->path, .line = place.line + 1, .column = 1};
        else
            place.column++;
    }
    return 0;
}
