/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the log formats: what is one, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/log_record.h"

#define SECOND INT64_C(1000000000)

static void times_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds, nanoseconds;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0, 0},
        {"1970-01-01T00:00:00.000000001Z", 0, 1},
        {"2026-01-02T03:04:05.123456789Z", 1767323045, 123456789},
        {"2026-01-02T03:04:05.5Z", 1767323045, 500000000},
        {"2026-01-02T03:04:05.1234567891234Z", 1767323045, 123456789},
        {"2026-01-02T03:04:05+01:00", 1767323045 - 3600, 0},
        {"2026-01-02T03:04:05-05:30", 1767323045 + 19800, 0},
        {"2026-01-02t03:04:05z", 1767323045, 0},
        {"2024-02-29T12:00:00Z", 1709208000, 0},
        {"2000-02-29T00:00:00Z", 951782400, 0},
        {"1969-12-31T23:59:59Z", -1, 0},
        {"2016-12-31T23:59:60Z", 1483228800, 0},
        {"2100-03-01T00:00:00Z", 4107542400, 0},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        int64_t time;
        size_t length = strlen(good[i].text);
        assert_int_equal(log_time_parse(good[i].text, length, &time), length);
        assert_int_equal(time, good[i].seconds * SECOND + good[i].nanoseconds);
    }
}

static void what_is_no_time_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "2026",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02 03:04:05Z",
        "2026-13-02T03:04:05Z",
        "2026-00-02T03:04:05Z",
        "2026-02-29T03:04:05Z",
        "2100-02-29T03:04:05Z",
        "2026-04-31T03:04:05Z",
        "2026-01-02T24:04:05Z",
        "2026-01-02T03:60:05Z",
        "2026-01-02T03:04:61Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05+0100",
        "2026-01-02T03:04:05+24:00",
        "26-01-02T03:04:05Z",
        "0001-01-01T00:00:00Z",
        "+026-01-02T03:04:05Z",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        int64_t time;
        assert_int_equal(log_time_parse(bad[i], strlen(bad[i]), &time), 0);
    }
}

static const char *parse(enum log_kind kind, const char *text, struct log_record *record) {
    static char copy[4096];
    size_t length = strlen(text);
    memcpy(copy, text, length);
    return log_record_parse(kind, copy, length, record);
}

#define T "2026-01-02T03:04:05.000000007Z"

static void k8s_records_are_read(void **state) {
    (void)state;
    struct log_record record;
    assert_null(parse(LOG_K8S_FILE, T " stdout F some text", &record));
    assert_int_equal(record.time, 1767323045 * SECOND + 7);
    assert_int_equal(record.stream, LOG_STDOUT);
    assert_true(record.whole);
    assert_int_equal(record.length, 9);
    assert_memory_equal(record.text, "some text", 9);
    assert_null(parse(LOG_K8S_FILE, T " stderr P  x ", &record));
    assert_int_equal(record.stream, LOG_STDERR);
    assert_false(record.whole);
    assert_int_equal(record.length, 3);
    assert_memory_equal(record.text, " x ", 3);
    assert_null(parse(LOG_K8S_FILE, T " stdout F ", &record));
    assert_int_equal(record.length, 0);
    assert_null(parse(LOG_K8S_FILE, T " stdout P:TAG:OTHER text", &record));
    assert_false(record.whole);
    assert_int_equal(record.length, 4);
}

static void what_is_no_k8s_record_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "text",
        T,
        T " ",
        T "stdout F x",
        T " stdin F x",
        T " stdoutF",
        T " stdout",
        T " stdout ",
        T " stdout X x",
        T " stdout F",
        T " stdout Fx",
        T " stdout P:x",
        " " T " stdout F x",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct log_record record;
        assert_non_null(parse(LOG_K8S_FILE, bad[i], &record));
    }
}

static void json_records_are_read(void **state) {
    (void)state;
    struct log_record record;
    static const char *const same[] = {
        "{\"log\":\"a b\\n\",\"stream\":\"stderr\",\"time\":\"" T "\"}",
        " { \"time\" : \"" T "\" , \"log\" : \"a b\\n\" , \"stream\" : \"stderr\" } ",
        "{\"attrs\":{\"a\":[1,2,{\"b\":\"}\\\"\"}],\"log\":\"no\"},\"n\":-1.5e3,\"t\":true,"
        "\"log\":\"\\u0061 \\u0062\\n\",\"stream\":\"stderr\",\"x\":null,\"time\":\"" T
        "\",\"e\":[]}",
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
        assert_null(parse(LOG_JSON_FILE, same[i], &record));
        assert_int_equal(record.time, 1767323045 * SECOND + 7);
        assert_int_equal(record.stream, LOG_STDERR);
        assert_true(record.whole);
        assert_int_equal(record.length, 3);
        assert_memory_equal(record.text, "a b", 3);
    }
    assert_null(parse(LOG_JSON_FILE, "{\"log\":\"part\",\"stream\":\"stdout\",\"time\":\"" T "\"}",
                      &record));
    assert_false(record.whole);
    assert_int_equal(record.length, 4);
}

static void json_escapes_are_undone(void **state) {
    (void)state;
    static const struct {
        const char *escaped, *text;
    } cases[] = {
        {"\\\"\\\\\\/\\b\\f\\r\\t", "\"\\/\b\f\r\t"},
        {"\\u00e4\\u2603\\ud83d\\ude00", "\xc3\xa4\xe2\x98\x83\xf0\x9f\x98\x80"},
        {"\\ud83dx", "\xef\xbf\xbdx"},
        {"\\ude00", "\xef\xbf\xbd"},
        {"\\ud83d\\u0041", "\xef\xbf\xbd"
                           "A"},
        {"a\\nb", "a\nb"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char text[512];
        struct log_record record;
        snprintf(text, sizeof(text), "{\"log\":\"%s\",\"stream\":\"stdout\",\"time\":\"" T "\"}",
                 cases[i].escaped);
        assert_null(parse(LOG_JSON_FILE, text, &record));
        assert_int_equal(record.length, strlen(cases[i].text));
        assert_memory_equal(record.text, cases[i].text, record.length);
    }
}

static void what_is_no_json_record_is_refused(void **state) {
    (void)state;
#define STREAM_TIME ",\"stream\":\"stdout\",\"time\":\"" T "\""
    static const char *const bad[] = {
        "",
        "{",
        "{}",
        "[]",
        "text",
        "{\"log\":\"x\"}",
        "{\"log\":\"x\",\"stream\":\"stdout\"}",
        "{\"log\":1" STREAM_TIME "}",
        "{\"log\":\"x\"" STREAM_TIME,
        "{\"log\":\"x\"" STREAM_TIME "}}",
        "{\"log\":\"x\"" STREAM_TIME "} x",
        "{\"log\":\"x\"" STREAM_TIME ",}",
        "{\"log\":\"\\x\"" STREAM_TIME "}",
        "{\"log\":\"\\u12\"" STREAM_TIME "}",
        "{\"log\":\"\\u12g4\"" STREAM_TIME "}",
        "{\"log\":\"x" STREAM_TIME "}",
        "{\"log\":\"x\",\"other\":" STREAM_TIME "}",
        "{\"log\":\"x\",\"other\":[1,2" STREAM_TIME "}",
        "{\"log\":\"x\",\"stream\":\"stdin\",\"time\":\"" T "\"}",
        "{\"log\":\"x\",\"stream\":\"stdout\",\"time\":\"yesterday\"}",
        "{\"log\":\"x\",\"stream\":\"stdout\",\"time\":\"" T "x\"}",
        "{\"log\":\"\\",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct log_record record;
        assert_non_null(parse(LOG_JSON_FILE, bad[i], &record));
    }
}

/* Whatever the bytes are, what comes out lies within them. Memory of exactly their size lets the
 * sanitizers see more. */
static void mutated_records_do_no_harm(void **state) {
    (void)state;
    static const char *const seeds[] = {
        T " stdout F some text of a record",
        "{\"log\":\"a\\ud83d\\ude00\\n\",\"stream\":\"stdout\",\"attrs\":{\"a\":[1]},\"time\":\"" T
        "\"}",
    };
    unsigned int random = 12345;
    for (int i = 0; i < 40000; i++) {
        const char *seed = seeds[i % 2];
        size_t length = strlen(seed);
        random = random * 1103515245 + 12345;
        if (i % 3 == 0)
            length = (random >> 8) % (length + 1);
        char *bytes = malloc(length + 1);
        memcpy(bytes, seed, length);
        for (int changes = i % 5; changes > 0 && length > 0; changes--) {
            random = random * 1103515245 + 12345;
            bytes[(random >> 4) % length] = "\"\\{}[]:,u \n\0\xff"
                                            "0F"[(random >> 20) % 15];
        }
        char *exact = malloc(length ? length : 1);
        memcpy(exact, bytes, length);
        for (int kind = 0; kind < 2; kind++) {
            struct log_record record;
            if (log_record_parse((enum log_kind)kind, exact, length, &record) == NULL) {
                assert_true(record.text >= exact && record.text + record.length <= exact + length);
                assert_true(record.stream == LOG_STDOUT || record.stream == LOG_STDERR);
            }
            memcpy(exact, bytes, length);
        }
        free(exact);
        free(bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(k8s_records_are_read),
        cmocka_unit_test(what_is_no_k8s_record_is_refused),
        cmocka_unit_test(json_records_are_read),
        cmocka_unit_test(json_escapes_are_undone),
        cmocka_unit_test(what_is_no_json_record_is_refused),
        cmocka_unit_test(mutated_records_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
