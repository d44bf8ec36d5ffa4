/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of the state directory, two levels above the process's own: what happens to the
 * process is told there by whoever sees it happen. The host has made it; where there is none,
 * nothing is told. */
#include "monitor.h"

#define JOURNAL "../../.events"
#define LINE_SIZE 384 /* two ids of 76, a time, a type, two numbers */

/* Up to the brace that ends it. */
static void begin_line(struct text *lines, const struct monitor *monitor, const char *type) {
    const char *name = monitor->plan->name; /* CONTAINER/PROCESS */
    text_add(lines, "{\"time\":\"");
    text_add_time(lines);
    text_print(lines, "\",\"type\":\"%s\",\"container\":\"", type);
    for (; *name && *name != '/'; name++)
        text_add_char(lines, *name);
    text_print(lines, "\",\"process\":\"%s\",\"pid\":%d", *name ? name + 1 : "", monitor->process);
}

static void add_line(struct text *lines, const struct monitor *monitor, const char *type) {
    begin_line(lines, monitor, type);
    text_add(lines, "}\n");
}

/* In one write, so that the lines of many are not mixed. What a full disk has cut short before gets
 * its end first. */
static void append(const struct text *lines) {
    char last;
    int fd = sys_open(JOURNAL, O_RDWR | O_APPEND | O_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (sys_seek(fd, -1, SEEK_END) >= 0 && sys_read(fd, &last, 1) == 1 && last != '\n')
        sys_write(fd, "\n", 1);
    sys_write(fd, lines->buffer, lines->length);
    sys_close(fd);
}

void event_begun(const struct monitor *monitor) {
    char buffer[2 * LINE_SIZE];
    struct text lines = TEXT_IN(buffer);
    bool init = plan_is_init(monitor->plan);
    add_line(&lines, monitor, init ? "created" : "exec-added");
    if (text_equal(monitor->plan->status, "running"))
        add_line(&lines, monitor, init ? "started" : "exec-started");
    append(&lines);
}

void event_adopted(const struct monitor *monitor) {
    char buffer[LINE_SIZE];
    struct text lines = TEXT_IN(buffer);
    add_line(&lines, monitor, "adopted");
    append(&lines);
}

void event_ended(const struct monitor *monitor, bool out_of_memory) {
    char buffer[2 * LINE_SIZE];
    struct text lines = TEXT_IN(buffer);
    if (out_of_memory)
        add_line(&lines, monitor, "oom");
    begin_line(&lines, monitor, "exited");
    if (monitor->exit_status >= 0)
        text_print(&lines, ",\"status\":%d", monitor->exit_status);
    text_add(&lines, "}\n");
    append(&lines);
}
