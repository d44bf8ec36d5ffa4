/* SPDX-License-Identifier: Apache-2.0 */
/* The names of signals, as people write them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "command/signals.h"

static void assert_signal(const char *text, int expected) {
    struct shim_error error = ERROR_NONE;
    int number = signal_parse(text, &error);
    if (number != expected)
        fprintf(stderr, "signal '%s': %s\n", text, error.message);
    assert_int_equal(number, expected);
}

static void names_with_and_without_sig(void **state) {
    (void)state;
    assert_signal("TERM", SIGTERM);
    assert_signal("SIGTERM", SIGTERM);
    assert_signal("term", SIGTERM);
    assert_signal("sigKill", SIGKILL);
    assert_signal("HUP", SIGHUP);
    assert_signal("WINCH", SIGWINCH);
    assert_signal("CLD", SIGCHLD);
    assert_signal("POLL", SIGPOLL);
    assert_signal("SIGIO", SIGIO);
    assert_signal("IOT", SIGABRT);
    assert_signal("SEGV", SIGSEGV);
}

static void numbers(void **state) {
    (void)state;
    assert_signal("1", 1);
    assert_signal("9", SIGKILL);
    assert_signal("09", SIGKILL);
    assert_signal("64", SIGRTMAX);
}

static void real_time_signals(void **state) {
    (void)state;
    assert_signal("RTMIN", SIGRTMIN);
    assert_signal("SIGRTMIN+3", SIGRTMIN + 3);
    assert_signal("rtmax", SIGRTMAX);
    assert_signal("SIGRTMAX-2", SIGRTMAX - 2);
    assert_signal("RTMIN+30", SIGRTMAX);
}

static void nonsense_is_refused_with_what_was_expected(void **state) {
    (void)state;
    const char *const wrong[] = {"",        "SIG",      "NONSENSE", "0",         "00",
                                 "65",      "999",      "-9",       "+9",        "9x",
                                 "0x9",     " 9",       "TERM ",    "RTMIN+",    "RTMIN-1",
                                 "RTMAX+1", "RTMIN+31", "RTMIN3",   "SIGSIGTERM"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct shim_error error = ERROR_NONE;
        assert_int_equal(signal_parse(wrong[i], &error), -EINVAL);
        assert_non_null(strstr(error.message, "expected a name such as TERM"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_with_and_without_sig),
        cmocka_unit_test(numbers),
        cmocka_unit_test(real_time_signals),
        cmocka_unit_test(nonsense_is_refused_with_what_was_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
