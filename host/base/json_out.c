/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_out.h"

#include <inttypes.h>
#include <stddef.h>

#define INDENT 2
#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* The length of the UTF-8 sequence that `text` begins with, or 0 if it is none (Unicode, table 3-7:
 * neither overlong forms nor surrogates nor anything above U+10FFFF). A NUL ends every sequence. */
static size_t utf8_length(const unsigned char *text) {
    unsigned char lead = text[0], low = 0x80, high = 0xBF;
    size_t length;
    if (lead < 0x80)
        return 1;
    else if (lead >= 0xC2 && lead <= 0xDF)
        length = 2;
    else if (lead >= 0xE0 && lead <= 0xEF)
        length = 3;
    else if (lead >= 0xF0 && lead <= 0xF4)
        length = 4;
    else
        return 0;
    if (lead == 0xE0)
        low = 0xA0;
    else if (lead == 0xED)
        high = 0x9F;
    else if (lead == 0xF0)
        low = 0x90;
    else if (lead == 0xF4)
        high = 0x8F;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if (text[i] < 0x80 || text[i] > 0xBF)
            return 0;
    return length;
}

static void write_character(FILE *stream, unsigned char character) {
    switch (character) {
    case '"':
        fputs("\\\"", stream);
        break;
    case '\\':
        fputs("\\\\", stream);
        break;
    case '\n':
        fputs("\\n", stream);
        break;
    case '\t':
        fputs("\\t", stream);
        break;
    case '\r':
        fputs("\\r", stream);
        break;
    default:
        /* DEL is allowed as it is, but a terminal may take it badly. */
        if (character < 0x20 || character == 0x7F)
            fprintf(stream, "\\u%04x", character);
        else
            putc(character, stream);
    }
}

static void write_string(FILE *stream, const char *value) {
    putc('"', stream);
    for (const unsigned char *at = (const unsigned char *)value; *at;) {
        size_t length = utf8_length(at);
        if (length == 1)
            write_character(stream, *at);
        else if (length > 1)
            fwrite(at, 1, length, stream);
        else
            fputs(REPLACEMENT, stream);
        at += length ? length : 1;
    }
    putc('"', stream);
}

static void write_line_start(const struct json_out *out) {
    if (!out->compact)
        fprintf(out->stream, "\n%*s", (int)(out->depth * INDENT), "");
}

/* What stands between the value before and the next one, and the next one's key. */
static void begin_value(struct json_out *out, const char *key) {
    if (out->inside)
        putc(',', out->stream);
    if (out->depth > 0)
        write_line_start(out);
    if (key) {
        write_string(out->stream, key);
        fputs(out->compact ? ":" : ": ", out->stream);
    }
    out->inside = true;
}

static void begin_group(struct json_out *out, const char *key, char bracket) {
    begin_value(out, key);
    putc(bracket, out->stream);
    out->inside = false;
    out->depth++;
}

static void end_group(struct json_out *out, char bracket) {
    out->depth--;
    if (out->inside)
        write_line_start(out);
    putc(bracket, out->stream);
    out->inside = true;
}

void json_out_object(struct json_out *out, const char *key) {
    begin_group(out, key, '{');
}

void json_out_object_end(struct json_out *out) {
    end_group(out, '}');
}

void json_out_array(struct json_out *out, const char *key) {
    begin_group(out, key, '[');
}

void json_out_array_end(struct json_out *out) {
    end_group(out, ']');
}

void json_out_text(struct json_out *out, const char *key, const char *value) {
    if (!value) {
        json_out_null(out, key);
        return;
    }
    begin_value(out, key);
    write_string(out->stream, value);
}

void json_out_integer(struct json_out *out, const char *key, int64_t value) {
    begin_value(out, key);
    fprintf(out->stream, "%" PRId64, value);
}

void json_out_boolean(struct json_out *out, const char *key, bool value) {
    json_out_raw(out, key, value ? "true" : "false");
}

void json_out_null(struct json_out *out, const char *key) {
    json_out_raw(out, key, "null");
}

void json_out_raw(struct json_out *out, const char *key, const char *json) {
    begin_value(out, key);
    fputs(json, out->stream);
}

void json_out_finish(struct json_out *out) {
    putc('\n', out->stream);
    out->inside = false;
}
