/* SPDX-License-Identifier: Apache-2.0 */
/* base/text and base/clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <shimhost/plugin.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

static void text_grows(void **state) {
    (void)state;
    struct text text AUTO_TEXT = TEXT_EMPTY;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(text_append(&text, "0123456789"), 0);
    assert_int_equal(text.length, 10000);
    assert_int_equal(strlen(text.data), 10000);
    assert_int_equal(text_appendf(&text, "%s-%d", "x", 7), 0);
    assert_string_equal(text.data + 10000, "x-7");
    assert_int_equal(text_append_bytes(&text, "a\0b", 3), 0);
    assert_int_equal(text.length, 10006);
    assert_memory_equal(text.data + 10003, "a\0b", 4);
}

static void formatted_text_may_be_longer_than_the_room(void **state) {
    (void)state;
    struct text text AUTO_TEXT = TEXT_EMPTY;
    assert_int_equal(text_appendf(&text, "%0*d", 5000, 1), 0);
    assert_int_equal(text.length, 5000);
    assert_int_equal(text.data[4999], '1');
}

static void stolen_text_is_the_callers(void **state) {
    (void)state;
    struct text text AUTO_TEXT = TEXT_EMPTY;
    char *stolen = NULL;
    assert_int_equal(text_steal(&text, &stolen), 0);
    assert_string_equal(stolen, "");
    free(stolen);
    text_append(&text, "abc");
    assert_int_equal(text_steal(&text, &stolen), 0);
    assert_string_equal(stolen, "abc");
    assert_null(text.data);
    assert_int_equal(text.length, 0);
    free(stolen);
}

static void failure_to_grow_sticks(void **state) {
    (void)state;
    struct text text AUTO_TEXT = TEXT_EMPTY;
    char *stolen = NULL;
    text_append(&text, "abc");
    assert_int_equal(text_append_bytes(&text, "x", SIZE_MAX - 8), -ENOMEM);
    assert_int_equal(text_append(&text, "d"), -ENOMEM);
    assert_int_equal(text_appendf(&text, "%d", 1), -ENOMEM);
    assert_int_equal(text_steal(&text, &stolen), -ENOMEM);
    assert_null(stolen);
    assert_int_equal(text_append(&text, "as new"), 0);
}

static void command_line_is_shown_quoted(void **state) {
    (void)state;
    static const char *const argv[] = {"/usr/bin/crun", "--root=/run/x", "a b", "", "it's", NULL};
    static const char *const nothing[] = {NULL};
    struct text text AUTO_TEXT = TEXT_EMPTY;
    assert_int_equal(text_join_argv(&text, nothing), 0);
    assert_int_equal(text.length, 0);
    assert_int_equal(text_join_argv(&text, argv), 0);
    assert_string_equal(text.data, "/usr/bin/crun --root=/run/x 'a b' '' 'it'\\''s'");
}

static void ids_are_what_the_design_says(void **state) {
    (void)state;
    static const char *const good[] = {"a", "Z", "0", "a.b-c_d", "a..", "9-"};
    static const char *const bad[] = {"",    ".",        "..",    "-a",        "_a",  "a/b", "a b",
                                      "a\n", "\xC3\xA4", "a\x7F", "../../etc", "a:b", "a%"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(id_valid(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(id_valid(bad[i]));
    assert_false(id_valid(NULL));
    char id[78] = "";
    memset(id, 'x', 76);
    assert_true(id_valid(id));
    id[76] = 'x';
    assert_false(id_valid(id));
}

static int decimal(const char *text, uint64_t max, uint64_t *ret) {
    return parse_decimal(text, strlen(text), max, ret);
}

static void decimals_are_read_strictly(void **state) {
    (void)state;
    uint64_t value = 77;
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "1\n", "0x1", "1.0", "1e3", "a", "99999999999999999999999x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(decimal(bad[i], UINT64_MAX, &value), -EINVAL);
    assert_int_equal(parse_decimal("1\0", 2, 10, &value), -EINVAL);
    assert_int_equal(decimal("256", 255, &value), -ERANGE);
    assert_int_equal(decimal("18446744073709551616", UINT64_MAX, &value), -ERANGE);
    assert_int_equal(decimal("99999999999999999999999", UINT64_MAX, &value), -ERANGE);
    assert_int_equal(decimal("7", 5, &value), -ERANGE);
    assert_int_equal(value, 77);
    assert_int_equal(decimal("18446744073709551615", UINT64_MAX, &value), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(decimal("255", 255, &value), 0);
    assert_int_equal(value, 255);
    assert_int_equal(decimal("0", 0, &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(decimal("007", 10, &value), 0);
    assert_int_equal(value, 7);
    assert_int_equal(parse_decimal("123", 2, 100, &value), 0);
    assert_int_equal(value, 12);
}

static size_t utf8(const char *text) {
    return text_utf8_length(text, strlen(text));
}

static void utf8_is_told_from_its_imitations(void **state) {
    (void)state;
    assert_int_equal(utf8(""), 0);
    assert_int_equal(utf8("a"), 1);
    assert_int_equal(utf8("\xC3\xA4"), 2);
    assert_int_equal(utf8("\xE2\x82\xAC"), 3);
    assert_int_equal(utf8("\xF0\x9F\x98\x80"), 4);
    assert_int_equal(utf8("\xF4\x8F\xBF\xBF"), 4);
    assert_int_equal(text_utf8_length("\0", 1), 1);
    static const char *const bad[] = {
        "\x80",
        "\xC3",
        "\xC0\xAF",
        "\xC1\xBF",
        "\xE0\x9F\xBF",
        "\xED\xA0\x80",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xE2\x82",
        "\xE2\x82x",
        "\xFF",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(utf8(bad[i]), 0);
}

static void anything_can_be_shown(void **state) {
    (void)state;
    char buffer[64];
    assert_string_equal(text_show(buffer, sizeof(buffer), "", 0), "");
    assert_string_equal(text_show(buffer, sizeof(buffer), "a\0b\n\t\r\x1b\x7f\xff", 9),
                        "a\\x00b\\n\\t\\r\\x1B\\x7F\\xFF");
    assert_string_equal(text_show(buffer, sizeof(buffer), "\xC3\xA4\xC2\x9B", 4),
                        "\xC3\xA4\\xC2\\x9B");
    assert_string_equal(text_show(buffer, 8, "1234567", 7), "1234567");
    assert_string_equal(text_show(buffer, 8, "12345678", 8), "1234...");
    assert_string_equal(text_show(buffer, 8,
                                  "123\xE2\x82\xAC"
                                  "4567",
                                  10),
                        "123...");
    assert_string_equal(text_show(buffer, 8, "\x01\x02", 2), "\\x01...");
}

static void deadlines_pass(void **state) {
    (void)state;
    assert_true(deadline_after(SHIM_FOREVER) == SHIM_FOREVER);
    assert_true(deadline_after(-5) == SHIM_FOREVER);
    assert_true(deadline_left(SHIM_FOREVER) == SHIM_FOREVER);
    assert_int_equal(deadline_poll(SHIM_FOREVER), -1);
    assert_true(deadline_left(deadline_after(0)) == 0);
    assert_int_equal(deadline_poll(deadline_after(0)), 0);
    int64_t left = deadline_left(deadline_after(60000));
    assert_true(left > 50000 && left <= 60000);
    assert_true(deadline_after(INT64_MAX) == INT64_MAX);
    assert_int_equal(deadline_poll(deadline_after(INT64_MAX)), INT_MAX);
    assert_true(deadline_left(1) == 0);
}

static void times_are_rfc3339(void **state) {
    (void)state;
    char buffer[CLOCK_RFC3339_SIZE];
    clock_format(&(struct timespec){.tv_sec = 1485907199, .tv_nsec = 7}, buffer);
    assert_string_equal(buffer, "2017-01-31T23:59:59.000000007Z");
    clock_format(&(struct timespec){.tv_sec = 0, .tv_nsec = 999999999}, buffer);
    assert_string_equal(buffer, "1970-01-01T00:00:00.999999999Z");
    clock_rfc3339(buffer);
    assert_int_equal(strlen(buffer), CLOCK_RFC3339_SIZE - 1);
    assert_int_equal(buffer[29], 'Z');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows),
        cmocka_unit_test(formatted_text_may_be_longer_than_the_room),
        cmocka_unit_test(stolen_text_is_the_callers),
        cmocka_unit_test(failure_to_grow_sticks),
        cmocka_unit_test(command_line_is_shown_quoted),
        cmocka_unit_test(ids_are_what_the_design_says),
        cmocka_unit_test(decimals_are_read_strictly),
        cmocka_unit_test(utf8_is_told_from_its_imitations),
        cmocka_unit_test(anything_can_be_shown),
        cmocka_unit_test(deadlines_pass),
        cmocka_unit_test(times_are_rfc3339),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
