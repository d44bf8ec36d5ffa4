/* SPDX-License-Identifier: Apache-2.0 */
/* process/runtime_log. */
#include "directory_fixture.h"

#include "process/runtime_log.h"

static char buffer[512];

static int find(const char *text) {
    return runtime_log_find(text, strlen(text), false, buffer, sizeof(buffer));
}

#define EXPECT(text, expected)                                                                     \
    do {                                                                                           \
        assert_int_equal(find(text), strlen(expected));                                            \
        assert_string_equal(buffer, (expected));                                                   \
    } while (0)

#define EXPECT_NOTHING(text)                                                                       \
    do {                                                                                           \
        assert_int_equal(find(text), -ENOENT);                                                     \
        assert_string_equal(buffer, "");                                                           \
    } while (0)

static void what_runtimes_write_is_understood(void **state) {
    (void)state;
    EXPECT("{\"level\":\"error\",\"msg\":\"runc create failed: unable to start container process: "
           "exec: \\\"/bin/nonexist\\\": stat /bin/nonexist: no such file or directory\","
           "\"time\":\"2024-01-01T00:00:00Z\"}\n",
           "runc create failed: unable to start container process: exec: \"/bin/nonexist\": stat "
           "/bin/nonexist: no such file or directory");
    EXPECT("{\"msg\":\"executable file `/bin/nonexist` not found in $PATH: No such file or "
           "directory\",\"level\":\"error\",\"time\":\"2024-01-01T00:00:00.5Z\"}",
           "executable file `/bin/nonexist` not found in $PATH: No such file or directory");
}

static void last_error_counts(void **state) {
    (void)state;
    EXPECT("{\"level\":\"error\",\"msg\":\"first\"}\n{\"level\":\"error\",\"msg\":\"second\"}\n"
           "{\"level\":\"warning\",\"msg\":\"third\"}\n\n \n",
           "second");
    EXPECT("{\"level\":\"fatal\",\"msg\":\"f\"}\n{\"level\":\"info\",\"msg\":\"i\"}", "f");
    EXPECT("{\"level\":\"panic\",\"msg\":\"p\"}\r\n", "p");
    EXPECT("{\"msg\":\"without a level\"}\n", "without a level");
    EXPECT("{\"level\":\"error\",\"msg\":\"json\"}\nand then something raw\n", "json");
    /* runsc ends no line. */
    EXPECT("{\"msg\":\"a\",\"level\":\"warning\"}{\"msg\":\"b\",\"level\":\"error\"}", "b");
    EXPECT_NOTHING("{\"level\":\"info\",\"msg\":\"well\"}\n{\"level\":\"debug\",\"msg\":\"d\"}\n");
    EXPECT_NOTHING("{\"level\":\"error\"}\n");
    EXPECT_NOTHING("{\"level\":\"error\",\"msg\":\"\"}\n");
    EXPECT_NOTHING("{\"level\":\"errors of a kind that nobody has seen\",\"msg\":\"x\"}\n");
    EXPECT_NOTHING("{}\n");
    EXPECT_NOTHING("");
    EXPECT_NOTHING("\n\n\n");
}

static void what_is_no_object_is_taken_as_it_is(void **state) {
    (void)state;
    EXPECT("time=\"x\" level=error msg=\"in words\"\n", "time=\"x\" level=error msg=\"in words\"");
    EXPECT("{\"level\":\"info\",\"msg\":\"x\"}\npanic: out of luck\n", "panic: out of luck");
    EXPECT_NOTHING("an old raw line\n{\"level\":\"info\",\"msg\":\"x\"}\n");
    EXPECT("{\"level\":\"error\",\"msg\":\"cut of", "{\"level\":\"error\",\"msg\":\"cut of");
    EXPECT("\x1b[31mred\xff\n", "?[31mred\xEF\xBF\xBD");
    static const char *const bad[] = {"{\"msg\":\"x\"",
                                      "{\"msg\":\"x\"} y",
                                      "{\"msg\" \"x\"}",
                                      "{msg:\"x\"}",
                                      "{\"msg\":\"\\q\"}",
                                      "{\"msg\":\"\\u12g4\"}",
                                      "{\"msg\":\"\\u1",
                                      "{\"msg\":\"\\",
                                      "{\"a\":}",
                                      "{\"a\":,\"msg\":\"x\"}",
                                      "{\"a\":[1,2",
                                      "{\"a\":[\"",
                                      "{\"a\":1,}",
                                      "{,}",
                                      "{\"msg\":\"x\",}",
                                      "{\"a\":]}",
                                      "[]",
                                      "\"msg\"",
                                      "{",
                                      "{\"a\":[1,\x01\x02"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_true(find(bad[i]) > 0 && buffer[0] == bad[i][0]);
}

static void strings_are_unescaped(void **state) {
    (void)state;
    EXPECT("{\"msg\":\"\\\"\\\\\\/ \\u0041\\u00e4\\u20AC\\ud83d\\ude00\"}",
           "\"\\/ A\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80");
    /* Half a surrogate pair, a NUL and what is not UTF-8. */
    EXPECT("{\"msg\":\"a\\ud83dx\\ude00\\ud83d\\u0041\\u0000\xff.\"}",
           "a\xEF\xBF\xBDx\xEF\xBF\xBD\xEF\xBF\xBD"
           "A\xEF\xBF\xBD\xEF\xBF\xBD.");
    EXPECT("{\"\\u006dsg\":\"key\"}", "key");
    /* Fit for one line of a terminal. */
    EXPECT("{\"msg\":\"a\\nb\\tc\\rd\\be\\u001b[2J\\u009b1m\\u007f \\n\"}", "a b c d?e?[2J??1m?");
    static const char nul[] = "{\"msg\":\"a\0b\"}";
    assert_int_equal(runtime_log_find(nul, sizeof(nul) - 1, false, buffer, sizeof(buffer)), 5);
    assert_string_equal(buffer, "a\xEF\xBF\xBD"
                                "b");
}

static void other_members_are_passed_over(void **state) {
    (void)state;
    EXPECT(" { \"a\" : [ { \"msg\" : \"no\" } , \"]}\" , 1.5e3, null ] , \"b\":true,\"c\":-1 ,\t"
           "\"level\" : \"error\" , \"d\":{\"level\":\"info\",\"msg\":\"no\\\"\"} , "
           "\"a key that is longer than any that is of interest\":\"x\", \"msg\" : \"yes\" } ",
           "yes");
    EXPECT("{\"msg\":\"one\",\"msg\":\"two\"}", "two");
    EXPECT("{\"level\":7,\"msg\":\"number as level\"}", "number as level");
    EXPECT_NOTHING("{\"level\":\"error\",\"msg\":7}");
    char deep[20100] = "{\"a\":";
    memset(deep + 5, '[', 10000);
    memset(deep + 10005, ']', 10000);
    strcpy(deep + 20005, ",\"msg\":\"deep\"}");
    EXPECT(deep, "deep");
    static const char nul[] = "{\"a\":[\0\0],\"msg\":\"nul\"}";
    assert_int_equal(runtime_log_find(nul, sizeof(nul) - 1, false, buffer, sizeof(buffer)), 3);
}

static void message_is_cut_at_a_character(void **state) {
    (void)state;
    const char *text = "{\"msg\":\"12345\xE2\x82\xAC"
                       "6\"}";
    char small[9];
    assert_int_equal(runtime_log_find(text, strlen(text), false, small, sizeof(small)), 8);
    assert_string_equal(small, "12345\xE2\x82\xAC");
    assert_int_equal(runtime_log_find(text, strlen(text), false, small, 8), 5);
    assert_string_equal(small, "12345");
    assert_int_equal(runtime_log_find("0123456789", 10, false, small, 8), 7);
    assert_string_equal(small, "0123456");
}

#define LAST(name) runtime_log_last_error(directory->fd, name, buffer, sizeof(buffer))

static void log_is_found_in_a_directory(void **state) {
    struct directory *directory = *state;
    assert_int_equal(LAST("log.json"), -ENOENT);
    put_file(directory, "log.json", "");
    assert_int_equal(LAST("log.json"), -ENOENT);
    put_file(directory, "log.json", "{\"level\":\"error\",\"msg\":\"why\"}\n");
    assert_int_equal(LAST("log.json"), 3);
    assert_string_equal(buffer, "why");
    assert_int_equal(symlinkat("log.json", directory->fd, "link"), 0);
    assert_int_equal(LAST("link"), -ELOOP);
    assert_string_equal(buffer, "");
    assert_int_equal(mkfifoat(directory->fd, "fifo", 0600), 0);
    assert_int_equal(LAST("fifo"), -EINVAL);
}

static void only_the_end_of_a_long_log_is_read(void **state) {
    struct directory *directory = *state;
    struct text {
        char bytes[3 * RUNTIME_LOG_MAX];
    } *log = calloc(1, sizeof(*log));
    memset(log->bytes, ' ', sizeof(log->bytes));
    static const char early[] = "{\"level\":\"error\",\"msg\":\"early\"}\n";
    memcpy(log->bytes, early, strlen(early));
    log->bytes[sizeof(log->bytes) - 1] = '\n';
    put_bytes(directory, "log", log->bytes, sizeof(log->bytes));
    assert_int_equal(LAST("log"), -ENOENT);
    /* The end begins in the middle of a line, which is not taken for a raw one. */
    static const char late[] = "\n{\"level\":\"info\",\"msg\":\"late\"}\n";
    memset(log->bytes, 'x', sizeof(log->bytes));
    memcpy(log->bytes + sizeof(log->bytes) - strlen(late), late, strlen(late));
    put_bytes(directory, "log", log->bytes, sizeof(log->bytes));
    assert_int_equal(LAST("log"), -ENOENT);
    /* Unless there is nothing else. */
    memset(log->bytes, 'x', sizeof(log->bytes));
    put_bytes(directory, "log", log->bytes, sizeof(log->bytes));
    assert_int_equal(LAST("log"), sizeof(buffer) - 1);
    free(log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_runtimes_write_is_understood),
        cmocka_unit_test(last_error_counts),
        cmocka_unit_test(what_is_no_object_is_taken_as_it_is),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(other_members_are_passed_over),
        cmocka_unit_test(message_is_cut_at_a_character),
        DIRECTORY_TEST(log_is_found_in_a_directory),
        DIRECTORY_TEST(only_the_end_of_a_long_log_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
