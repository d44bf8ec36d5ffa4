/* SPDX-License-Identifier: Apache-2.0 */
/* shim-log.json: a JSON object a line. It is opened for each line, as lines are rare and
 * descriptors are not free. */
#include "monitor.h"

#define LOG_NAME "shim-log.json"
#define LOG_LIMIT (64 * 1024)

static void write_line(const struct monitor *monitor, const char *level, const char *message) {
    char buffer[1024];
    struct text line = TEXT_IN(buffer);
    text_add(&line, "{\"time\":\"");
    text_add_time(&line);
    text_print(&line, "\",\"level\":\"%s\",\"monitor\":%d,\"process\":\"", level, monitor->self);
    text_add_json(&line, monitor->plan->name);
    text_add(&line, "\",\"message\":\"");
    text_add_json(&line, message);
    text_add(&line, "\"}\n");

    int fd = sys_open(LOG_NAME, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0600);
    if (fd < 0)
        return;
    long size = sys_seek(fd, 0, SEEK_END);
    /* Full: what is newest matters most. */
    if (size >= 0 && size + (long)line.length > LOG_LIMIT)
        sys_ftruncate(fd, 0);
    if (size >= 0)
        sys_write(fd, line.buffer, line.length);
    sys_close(fd);
}

void log_line(const struct monitor *monitor, const char *level, const char *format, ...) {
    char message[512];
    struct text text = TEXT_IN(message);
    va_list arguments;
    va_start(arguments, format);
    text_add_format(&text, format, arguments);
    va_end(arguments);
    write_line(monitor, level, message);
}
