/* SPDX-License-Identifier: Apache-2.0 */
/* Shows what is in force, as YAML with the origin of each value. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "config/encoding.h"
#include "config/schema.h"
#include "config/value.h"

/* Can the text stand without quotes, and be read as a text? A narrow choice is enough. */
static bool is_plain(const char *text) {
    static const char *const special[] = {"true", "false", "yes", "no", "on",
                                          "off",  "null",  "y",   "n",  NULL};
    const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (!*text || (*text != '/' && !strchr(letters, *text)))
        return false;
    for (const char *c = text; *c; c++)
        if (!strchr(letters, *c) && !strchr("0123456789_./-", *c))
            return false;
    for (size_t i = 0; special[i]; i++)
        if (strcasecmp(text, special[i]) == 0)
            return false;
    return true;
}

/* Writes one character of a text in double quotes. */
static void write_character(uint32_t character, const char *bytes, size_t length, FILE *stream) {
    /* What YAML takes for the end of a line would be folded into a blank. */
    bool breaks = character == 0x85 || character == 0x2028 || character == 0x2029;
    if (character == '"' || character == '\\')
        fprintf(stream, "\\%c", (int)character);
    else if (character == '\n')
        fputs("\\n", stream);
    else if (character == '\t')
        fputs("\\t", stream);
    else if (character != '\r' && !breaks && encoding_is_printable(character))
        fwrite(bytes, 1, length, stream);
    else if (character <= 0xff)
        fprintf(stream, "\\x%02x", (unsigned int)character);
    else
        fprintf(stream, "\\u%04x", (unsigned int)character);
}

static void write_text(const char *text, FILE *stream) {
    if (is_plain(text)) {
        fputs(text, stream);
        return;
    }
    fputc('"', stream);
    size_t left = strlen(text);
    while (left > 0) {
        uint32_t character = 0;
        size_t length = encoding_character(text, left, &character);
        if (length == 0) { /* a byte that is not UTF-8: there is no way to write it */
            character = 0xfffd;
            length = 1;
            fputs("\\ufffd", stream);
        } else {
            write_character(character, text, length, stream);
        }
        text += length;
        left -= length;
    }
    fputc('"', stream);
}

static void write_origin(const struct config_origin *origin, FILE *stream) {
    if (!origin->file) {
        fputs("  # default\n", stream);
        return;
    }
    fputs("  # from ", stream);
    for (const char *c = origin->file; *c; c++) /* a comment ends with its line */
        fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, stream);
    if (origin->line)
        fprintf(stream, ":%u", origin->line);
    fputc('\n', stream);
}

static void indent_by(unsigned int indent, FILE *stream) {
    fprintf(stream, "%*s", (int)indent, "");
}

static void write_list(const char *const *list, const struct config_origin *origin,
                       unsigned int indent, FILE *stream) {
    if (!*list)
        fputs(" []", stream);
    write_origin(origin, stream);
    for (; *list; list++) {
        indent_by(indent, stream);
        fputs("- ", stream);
        write_text(*list, stream);
        fputc('\n', stream);
    }
}

static void write_entries(const struct config_entry *entries, size_t count,
                          const struct config_origin *origin, unsigned int indent, FILE *stream) {
    if (count == 0)
        fputs(" {}", stream);
    write_origin(origin, stream);
    for (size_t i = 0; i < count; i++) {
        indent_by(indent, stream);
        write_text(entries[i].key, stream);
        fputs(": ", stream);
        write_text(entries[i].value, stream);
        write_origin(&entries[i].origin, stream);
    }
}

/* A value that fits in the line of its key, blank included. */
static void write_single(const struct schema_key *key, const void *field, FILE *stream) {
    char text[VALUE_TEXT_SIZE] = "1";
    const struct schema_word *word = key->words;
    bool is_number =
        key->type == SCHEMA_DURATION || key->type == SCHEMA_SIZE || key->type == SCHEMA_COUNT;
    int64_t number = is_number ? *(const int64_t *)field : 0;
    if (key->type == SCHEMA_WORD)
        number = *(const int *)field;
    while (word && word->text && word->value != number)
        word++;
    if (word && word->text)
        snprintf(text, sizeof(text), "%s", word->text);
    else if (key->type == SCHEMA_DURATION)
        value_duration_text(number, text);
    else if (key->type == SCHEMA_SIZE)
        value_size_text(number, text);
    else if (key->type == SCHEMA_COUNT)
        snprintf(text, sizeof(text), "%" PRId64, number);
    else if (key->type == SCHEMA_BOOL)
        snprintf(text, sizeof(text), "%s", *(const bool *)field ? "true" : "false");
    fprintf(stream, " %s", text);
}

static void write_value(const struct schema_key *key, const void *structure,
                        const struct config_origin *origin, unsigned int indent, FILE *stream) {
    const void *field = (const char *)structure + key->offset;
    const char *text = NULL;
    switch (key->type) {
    case SCHEMA_PATH:
    case SCHEMA_NAME:
    case SCHEMA_PLUGIN:
        text = *(const char *const *)field;
        fputc(' ', stream);
        if (text)
            write_text(text, stream);
        else
            fputs("null", stream);
        write_origin(origin, stream);
        break;
    case SCHEMA_STRING_LIST:
        write_list(*(const char *const *const *)field, origin, indent + 2, stream);
        break;
    case SCHEMA_ENVIRONMENT:
    case SCHEMA_OPTIONS:
        write_entries(*(const struct config_entry *const *)field,
                      *(const size_t *)((const char *)structure + key->count_offset), origin,
                      indent + 2, stream);
        break;
    default:
        write_single(key, field, stream);
        write_origin(origin, stream);
    }
}

void schema_show(const struct schema *schema, const void *structure,
                 const struct config_origin *origins, unsigned int indent, FILE *stream) {
    const char *section = "";
    size_t length = 0;
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_key *key = &schema->keys[i];
        const char *dot = strchr(key->path, '.');
        if (dot &&
            (length != (size_t)(dot - key->path) || strncmp(section, key->path, length) != 0)) {
            indent_by(indent, stream);
            fprintf(stream, "%.*s:\n", (int)(dot - key->path), key->path);
        }
        section = key->path;
        length = dot ? (size_t)(dot - key->path) : 0;
        indent_by(indent + (dot ? 2 : 0), stream);
        fprintf(stream, "%s:", dot ? dot + 1 : key->path);
        write_value(key, structure, &origins[i], indent + (dot ? 2 : 0), stream);
    }
}

int config_show(const struct config *config, FILE *stream) {
    schema_show(&schema_main, config, config->origins, 0, stream);
    size_t count = 0;
    const struct runtime_config *const *runtimes = config_runtimes(config, &count);
    fputs(count ? "runtimes:\n" : "runtimes: {}\n", stream);
    for (size_t i = 0; i < count; i++) {
        fputs("  ", stream);
        write_text(runtimes[i]->name, stream);
        fputs(":\n", stream);
        schema_show(&schema_runtime, runtimes[i], runtimes[i]->origins, 4, stream);
    }
    return ferror(stream) ? -EIO : 0;
}
