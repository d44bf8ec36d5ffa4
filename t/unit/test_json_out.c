/* SPDX-License-Identifier: Apache-2.0 */
/* JSON that is written piece by piece: commas, indentation, escapes, and bytes that are not UTF-8.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/json_out.h"

/* A stream into memory. */
struct paper {
    struct json_out out;
    char *text;
    size_t length;
};

static int open_paper(void **state) {
    struct paper *paper = calloc(1, sizeof(*paper));
    *state = paper;
    if (!paper)
        return -1;
    paper->out.stream = open_memstream(&paper->text, &paper->length);
    return paper->out.stream ? 0 : -1;
}

static int close_paper(void **state) {
    struct paper *paper = *state;
    fclose(paper->out.stream);
    free(paper->text);
    free(paper);
    return 0;
}

static void assert_written(struct paper *paper, const char *expected) {
    fflush(paper->out.stream);
    assert_string_equal(paper->text, expected);
}

static void values_of_every_kind(void **state) {
    struct paper *paper = *state;
    struct json_out *out = &paper->out;
    json_out_object(out, NULL);
    json_out_text(out, "text", "a");
    json_out_text(out, "none", NULL);
    json_out_integer(out, "least", INT64_MIN);
    json_out_boolean(out, "yes", true);
    json_out_boolean(out, "no", false);
    json_out_null(out, "null");
    json_out_raw(out, "raw", "{\"k\":1}");
    json_out_object_end(out);
    json_out_finish(out);
    assert_written(paper, "{\n"
                          "  \"text\": \"a\",\n"
                          "  \"none\": null,\n"
                          "  \"least\": -9223372036854775808,\n"
                          "  \"yes\": true,\n"
                          "  \"no\": false,\n"
                          "  \"null\": null,\n"
                          "  \"raw\": {\"k\":1}\n"
                          "}\n");
}

static void groups_in_groups(void **state) {
    struct paper *paper = *state;
    struct json_out *out = &paper->out;
    json_out_array(out, NULL);
    json_out_array(out, NULL);
    json_out_array_end(out);
    json_out_object(out, NULL);
    json_out_object(out, "empty");
    json_out_object_end(out);
    json_out_array(out, "list");
    json_out_integer(out, NULL, 1);
    json_out_integer(out, NULL, 2);
    json_out_array_end(out);
    json_out_object_end(out);
    json_out_array_end(out);
    json_out_finish(out);
    assert_written(paper, "[\n"
                          "  [],\n"
                          "  {\n"
                          "    \"empty\": {},\n"
                          "    \"list\": [\n"
                          "      1,\n"
                          "      2\n"
                          "    ]\n"
                          "  }\n"
                          "]\n");
}

static void compact_is_one_line_for_each_value(void **state) {
    struct paper *paper = *state;
    struct json_out *out = &paper->out;
    out->compact = true;
    for (int i = 0; i < 2; i++) {
        json_out_object(out, NULL);
        json_out_integer(out, "a", i);
        json_out_array(out, "b");
        json_out_text(out, NULL, "x");
        json_out_text(out, NULL, "y");
        json_out_array_end(out);
        json_out_object_end(out);
        json_out_finish(out);
    }
    assert_written(paper, "{\"a\":0,\"b\":[\"x\",\"y\"]}\n{\"a\":1,\"b\":[\"x\",\"y\"]}\n");
}

static void what_needs_an_escape_has_one(void **state) {
    struct paper *paper = *state;
    json_out_text(&paper->out, NULL, "\" \\ / \n \t \r \b \x01 \x1f \x7f");
    assert_written(paper, "\"\\\" \\\\ / \\n \\t \\r \\u0008 \\u0001 \\u001f \\u007f\"");
}

static void keys_are_escaped_too(void **state) {
    struct paper *paper = *state;
    paper->out.compact = true;
    json_out_object(&paper->out, NULL);
    json_out_integer(&paper->out, "a\"\n", 1);
    json_out_object_end(&paper->out);
    assert_written(paper, "{\"a\\\"\\n\":1}");
}

#define MARK "\xEF\xBF\xBD"

static void utf8_stays_as_it_is(void **state) {
    struct paper *paper = *state;
    /* Whole characters of two, three and four bytes stay. */
    json_out_text(&paper->out, NULL, "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
    assert_written(paper, "\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\"");
}

static void each_wrong_byte_becomes_one_mark(void **state) {
    struct paper *paper = *state;
    json_out_array(&paper->out, NULL);
    paper->out.compact = true;
    json_out_text(&paper->out, NULL, "\xFF");
    json_out_text(&paper->out, NULL, "\xC3");             /* ends too early */
    json_out_text(&paper->out, NULL, "\xC0\xAF");         /* overlong */
    json_out_text(&paper->out, NULL, "\xED\xA0\x80");     /* a surrogate */
    json_out_text(&paper->out, NULL, "\xF4\x90\x80\x80"); /* above U+10FFFF */
    json_out_array_end(&paper->out);
    assert_written(paper, "[\"" MARK "\",\"" MARK "\",\"" MARK MARK "\",\"" MARK MARK MARK
                          "\",\"" MARK MARK MARK MARK "\"]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_of_every_kind, open_paper, close_paper),
        cmocka_unit_test_setup_teardown(groups_in_groups, open_paper, close_paper),
        cmocka_unit_test_setup_teardown(compact_is_one_line_for_each_value, open_paper,
                                        close_paper),
        cmocka_unit_test_setup_teardown(what_needs_an_escape_has_one, open_paper, close_paper),
        cmocka_unit_test_setup_teardown(keys_are_escaped_too, open_paper, close_paper),
        cmocka_unit_test_setup_teardown(utf8_stays_as_it_is, open_paper, close_paper),
        cmocka_unit_test_setup_teardown(each_wrong_byte_becomes_one_mark, open_paper, close_paper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
