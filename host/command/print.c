/* SPDX-License-Identifier: Apache-2.0 */
#include "command/print.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define COLUMNS_MAX 16
#define GAP 2

/* What `text` looks like when it cannot move the cursor or rename the window. Takes `text`. */
static char *shown_take(char *text) {
    size_t length = strlen(text), size = 4 * length + 8; /* \xNN for each byte, at the most */
    char *shown = malloc(size);
    if (shown)
        text_show(shown, size, text, length);
    free(text);
    return shown;
}

void table_cell(struct table *table, const char *format, ...) {
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    text = length < 0 ? NULL : shown_take(text);
    if (!text) {
        table->failed = -ENOMEM;
        return;
    }
    if (table->count == table->room) {
        size_t room = table->room ? 2 * table->room : 64;
        char **cells = reallocarray(table->cells, room, sizeof(*cells));
        if (!cells) {
            free(text);
            table->failed = -ENOMEM;
            return;
        }
        table->cells = cells;
        table->room = room;
    }
    table->cells[table->count++] = text;
}

/* How many columns a terminal uses for a UTF-8 text, near enough: one for each character. */
static size_t width_of(const char *text) {
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static const char *or_dash(const char *cell) {
    return *cell ? cell : "-";
}

static void print_row(FILE *stream, const char *const *cells, const size_t *widths, size_t n) {
    for (size_t i = 0; i + 1 < n; i++) {
        const char *cell = or_dash(cells[i]);
        fprintf(stream, "%s%*s", cell, (int)(widths[i] + GAP - width_of(cell)), "");
    }
    fputs(or_dash(cells[n - 1]), stream);
}

static bool coloured(FILE *stream) {
    const char *unwanted = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(fileno(stream)) && !(unwanted && *unwanted) && terminal &&
           strcmp(terminal, "dumb") != 0;
}

static void print_rows(const struct table *table, FILE *stream) {
    size_t widths[COLUMNS_MAX], n = 0;
    for (; n < COLUMNS_MAX && table->headings[n]; n++)
        widths[n] = width_of(table->headings[n]);
    for (size_t i = 0; i < table->count; i++) {
        size_t width = width_of(or_dash(table->cells[i]));
        if (width > widths[i % n])
            widths[i % n] = width;
    }
    bool bold = coloured(stream);
    fputs(bold ? "\033[1m" : "", stream);
    print_row(stream, table->headings, widths, n);
    fputs(bold ? "\033[0m\n" : "\n", stream);
    for (size_t i = 0; i + n <= table->count; i += n) {
        print_row(stream, (const char *const *)table->cells + i, widths, n);
        putc('\n', stream);
    }
}

int table_print(struct table *table, FILE *stream) {
    if (!table->failed)
        print_rows(table, stream);
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->count = table->room = 0;
    return table->failed;
}
