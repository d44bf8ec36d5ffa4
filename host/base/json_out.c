/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_out.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

#define INDENT 2
#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

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
    size_t left = strlen(value);
    for (const char *at = value; left > 0;) {
        size_t length = text_utf8_length(at, left);
        if (length == 1)
            write_character(stream, (unsigned char)*at);
        else if (length > 1)
            fwrite(at, 1, length, stream);
        else
            fputs(REPLACEMENT, stream);
        size_t step = length ? length : 1;
        at += step;
        left -= step;
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
