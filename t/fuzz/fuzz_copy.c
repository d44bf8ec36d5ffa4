/* SPDX-License-Identifier: Apache-2.0 */
/* What a container writes, on its way into a log. The first byte chooses the format and how large
 * the pieces are; the rest comes through a pipe. Every record can be read back, and together they
 * are what was written. */
#include "t/fuzz/monitor.h"

#include <stdlib.h>

#include "stream/log_record.h"

static void reopen_log(struct monitor *monitor, struct plan *plan, char *path, size_t size,
                       uint8_t how) {
    struct text text = {.buffer = path, .size = size};
    text_print(&text, "%s/log", fuzz_directory());
    plan->log_path = path;
    plan->log_format = how % 3 == 0 ? LOG_RAW : how % 3 == 1 ? LOG_K8S : LOG_JSON;
    unlink(path);
    monitor->streams.log.fd = sys_open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    CHECK(monitor->streams.log.fd >= 0);
    monitor->streams.active = true;
}

/* Takes the text of one record off the front of what was written. */
static void compare(const struct log_record *record, const uint8_t **at, size_t *left,
                    bool exactly) {
    size_t length = record->length + (record->whole && *left > record->length);
    CHECK(record->stream == LOG_STDOUT);
    if (!exactly) /* what is no UTF-8 has become something else */
        return;
    CHECK(record->length <= *left);
    CHECK(record->length == 0 || memcmp(record->text, *at, record->length) == 0);
    if (record->whole)
        CHECK(*left > record->length ? (*at)[record->length] == '\n' : true);
    *at += length;
    *left -= length;
}

static void read_back(const struct plan *plan, const uint8_t *at, size_t left, bool ascii) {
    size_t size = 0;
    char *log = fuzz_get("log", &size), *line = log;
    CHECK(log);
    if (plan->log_format == LOG_RAW) {
        CHECK(size == left && (left == 0 || memcmp(log, at, left) == 0));
        free(log);
        return;
    }
    enum log_kind kind = plan->log_format == LOG_K8S ? LOG_K8S_FILE : LOG_JSON_FILE;
    bool exactly = kind == LOG_K8S_FILE || ascii;
    while (line < log + size) {
        char *newline = memchr(line, '\n', (size_t)(log + size - line));
        struct log_record record;
        CHECK(newline);
        CHECK(log_record_parse(kind, line, (size_t)(newline - line), &record) == NULL);
        compare(&record, &at, &left, exactly);
        line = newline + 1;
    }
    CHECK(!exactly || left == 0);
    free(log);
}

static bool is_ascii(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (data[i] >= 0x80)
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct monitor monitor;
    struct plan plan;
    char path[256];
    int pair[2];
    if (size == 0)
        return 0;
    size_t piece = (data[0] / 3) * 37u + 1 + size / 512; /* so many are enough */
    fuzz_monitor(&monitor, &plan);
    reopen_log(&monitor, &plan, path, sizeof(path), data[0]);
    CHECK(pipe2(pair, O_NONBLOCK | O_CLOEXEC) == 0);
    struct output *output = &monitor.streams.outputs[0];
    output->source = pair[0];
    for (size_t at = 1; at < size; at += piece) {
        CHECK(write(pair[1], data + at, size - at < piece ? size - at : piece) > 0);
        copy_output(&monitor, output);
        CHECK(output->begun <= PART_SIZE && output->end <= PART_SIZE + READ_SIZE);
        if (at % 3 == 0)
            streams_idle(&monitor);
    }
    close(pair[1]);
    copy_output(&monitor, output);
    CHECK(output->source < 0 && output->begun == 0);
    read_back(&plan, data + 1, size - 1, is_ascii(data + 1, size - 1));
    fuzz_monitor_clear(&monitor);
    return 0;
}
