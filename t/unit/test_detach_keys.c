/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that leave an attached process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "stream/detach_keys.h"

static void sequences_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *bytes;
    } good[] = {
        {"", ""},
        {"ctrl-p,ctrl-q", "\x10\x11"},
        {"a", "a"},
        {"a,b,c", "abc"},
        {"ctrl-a,d", "\x01"
                     "d"},
        {"ctrl-A", "\x01"},
        {"ctrl-[", "\x1b"},
        {"ctrl-\\", "\x1c"},
        {"ctrl-]", "\x1d"},
        {"ctrl-^", "\x1e"},
        {"ctrl-_", "\x1f"},
        {"~,.", "~."},
        {"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p", "abcdefghijklmnop"},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct detach_keys keys;
        assert_int_equal(detach_keys_parse(good[i].text, &keys, NULL), 0);
        assert_int_equal(keys.count, strlen(good[i].bytes));
        assert_memory_equal(keys.keys, good[i].bytes, keys.count);
    }
    struct detach_keys keys;
    assert_int_equal(detach_keys_parse("ctrl-@", &keys, NULL), 0);
    assert_int_equal(keys.count, 1);
    assert_int_equal(keys.keys[0], 0);
}

static void what_is_no_sequence_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {",",
                                      "a,",
                                      ",a",
                                      "a,,b",
                                      "ab",
                                      "ctrl-",
                                      "ctrl",
                                      "ctrl-ab",
                                      "ctrl-1",
                                      "ctrl-~",
                                      "Ctrl-p",
                                      "alt-a",
                                      "ctrl-p ctrl-q",
                                      "\x01",
                                      " ",
                                      "\xc3\xa4",
                                      "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct shim_error error = {.size = sizeof(error)};
        struct detach_keys keys = {.count = 77};
        assert_int_equal(detach_keys_parse(bad[i], &keys, &error), -EINVAL);
        assert_non_null(strstr(error.message, bad[i]));
        assert_int_equal(keys.count, 77);
    }
}

/* Types `input` in pieces of `piece` bytes. Returns whether it detached; `output` is what was
 * passed on, with what was kept back at the end unless it detached. */
static bool type(const char *sequence, const char *input, size_t piece, char *output) {
    struct detach_keys keys;
    size_t length = strlen(input), used = 0, passed;
    assert_int_equal(detach_keys_parse(sequence, &keys, NULL), 0);
    for (size_t at = 0; at < length; at += piece) {
        size_t size = length - at < piece ? length - at : piece;
        unsigned char out[256];
        bool left =
            detach_keys_filter(&keys, (const unsigned char *)input + at, size, out, &passed);
        assert_true(passed <= size + DETACH_KEYS_MAX);
        memcpy(output + used, out, passed);
        used += passed;
        output[used] = '\0';
        if (left)
            return true;
    }
    used += detach_keys_flush(&keys, (unsigned char *)output + used);
    output[used] = '\0';
    return false;
}

static void keys_are_found_and_the_rest_passed_on(void **state) {
    (void)state;
    static const struct {
        const char *sequence, *input, *output;
        bool leaves;
    } cases[] = {
        {"ctrl-p,ctrl-q", "hello", "hello", false},
        {"ctrl-p,ctrl-q", "\x10\x11", "", true},
        {"ctrl-p,ctrl-q",
         "ab\x10\x11"
         "cd",
         "ab", true},
        {"ctrl-p,ctrl-q",
         "\x10"
         "a\x11",
         "\x10"
         "a\x11",
         false},
        {"ctrl-p,ctrl-q", "\x10\x10\x11", "\x10", true},
        {"ctrl-p,ctrl-q", "\x11\x10", "\x11\x10", false},
        {"", "\x10\x11", "\x10\x11", false},
        {"x", "abxc", "ab", true},
        /* The end of one attempt may begin the next. */
        {"a,a,b", "aaab", "a", true},
        {"a,b,a,b,c", "abababc", "ab", true},
        {"a,b,a,c", "abababac", "abab", true},
        {"a,a,a", "aabaa", "aabaa", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (size_t piece = 1; piece <= 8; piece++) {
            char output[256] = "";
            assert_int_equal(type(cases[i].sequence, cases[i].input, piece, output),
                             cases[i].leaves);
            assert_string_equal(output, cases[i].output);
        }
}

/* Against the plainest way to do it: look at all that was typed. */
static void it_agrees_with_a_plain_search(void **state) {
    (void)state;
    static const char *const sequences[] = {"a", "a,b", "a,a", "a,a,b", "a,b,a,b", "b,a,a"};
    static const char *const texts[] = {"a", "ab", "aa", "aab", "abab", "baa"};
    for (size_t s = 0; s < 6; s++)
        for (unsigned int bits = 0; bits < 1u << 10; bits++) {
            char input[11], output[256] = "";
            for (int i = 0; i < 10; i++)
                input[i] = bits >> i & 1 ? 'a' : 'b';
            input[10] = '\0';
            const char *found = strstr(input, texts[s]);
            assert_int_equal(type(sequences[s], input, 3, output), found != NULL);
            size_t before = found ? (size_t)(found - input) : 10;
            assert_int_equal(strlen(output), before);
            assert_memory_equal(output, input, before);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences_are_read),
        cmocka_unit_test(what_is_no_sequence_is_refused),
        cmocka_unit_test(keys_are_found_and_the_rest_passed_on),
        cmocka_unit_test(it_agrees_with_a_plain_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
