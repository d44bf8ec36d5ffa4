/* SPDX-License-Identifier: Apache-2.0 */
/* The control FIFO: lines "TYPE WIDTH HEIGHT". A write may bring part of a line, or several. */
#include "monitor.h"

#define READS_AT_ONCE 16 /* a writer without end must not keep us from anything else */

enum order { CLOSE_INPUT, RESIZE, REOPEN_LOGS };

/* Type, width, height; the last two may be left out where they mean nothing. */
static int parse(const char *line, uint64_t numbers[3]) {
    int count = 0;
    numbers[1] = numbers[2] = 0;
    while (count < 3 && text_number(&line, UINT16_MAX, &numbers[count])) {
        count++;
        while (*line == ' ')
            line++;
    }
    if (*line == '\r')
        line++;
    return *line ? -EBADMSG : count;
}

static void obey(struct monitor *monitor, const char *line) {
    uint64_t numbers[3];
    int count = parse(line, numbers);
    if (count >= 1 && numbers[0] == CLOSE_INPUT) {
        streams_close_input(monitor);
    } else if (count == 3 && numbers[0] == RESIZE && numbers[1] && numbers[2]) {
        streams_resize(monitor, (unsigned)numbers[1], (unsigned)numbers[2]);
    } else if (count >= 1 && numbers[0] == REOPEN_LOGS) {
        streams_reopen(monitor);
    } else {
        log_line(monitor, "warning", "skipped a control line that makes no sense: %s", line);
    }
}

static void end_line(struct monitor *monitor) {
    struct control_line *line = &monitor->control;
    line->text[line->length] = '\0';
    if (line->too_long)
        log_line(monitor, "warning", "skipped a control line that is too long: %s...", line->text);
    else
        obey(monitor, line->text);
    line->length = 0;
    line->too_long = false;
}

static void take(struct monitor *monitor, const char *bytes, size_t size) {
    struct control_line *line = &monitor->control;
    for (; size; size--, bytes++) {
        if (*bytes == '\n')
            end_line(monitor);
        else if (line->length + 1u == sizeof(line->text))
            line->too_long = true;
        else
            line->text[line->length++] = *bytes ? *bytes : '?';
    }
}

void control_read(struct monitor *monitor) {
    char buffer[256];
    for (int i = 0; i < READS_AT_ONCE; i++) {
        /* We hold the FIFO's write end, too, so there is no end of file. */
        long got = sys_read(monitor->control_fd, buffer, sizeof(buffer));
        if (got <= 0)
            return;
        take(monitor, buffer, (size_t)got);
    }
}
