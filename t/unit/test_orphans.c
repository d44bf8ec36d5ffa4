/* SPDX-License-Identifier: Apache-2.0 */
/* Who belongs to a monitor that was killed, and who never does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "process/orphans.h"

#define COUNT 8

static const struct process_stat self = {.pid = 500, .parent = 400, .session = 400};

static const struct process_stat all[COUNT] = {
    {.pid = 1, .parent = 0, .session = 0},       /* as in a pid namespace, or a small machine */
    {.pid = 2, .parent = 0, .session = 0},       /* the kernel's own */
    {.pid = 400, .parent = 1, .session = 400},   /* the host's shell */
    {.pid = 500, .parent = 400, .session = 400}, /* the host */
    {.pid = 600, .parent = 500, .session = 600}, /* what is marked first */
    {.pid = 601, .parent = 600, .session = 601}, /* its child */
    {.pid = 602, .parent = 1, .session = 601},   /* of that one's session */
    {.pid = 700, .parent = 1, .session = 700},   /* a stranger */
};

static void assert_marked(const bool *marked, const char *expected) {
    char found[COUNT + 1] = "";
    for (size_t i = 0; i < COUNT; i++)
        found[i] = marked[i] ? 'x' : '-';
    assert_string_equal(found, expected);
}

static void children_and_sessions_belong(void **state) {
    (void)state;
    bool marked[COUNT] = {[4] = true};
    orphans_mark_related(all, marked, COUNT, &self);
    assert_marked(marked, "----xxx-");
}

/* What is just ending has no session any more, and so it seems to share that of the first process,
 * whose children are all there are. */
static void a_process_that_is_ending_is_of_no_session(void **state) {
    (void)state;
    struct process_stat ending[COUNT];
    memcpy(ending, all, sizeof(all));
    ending[4].session = 0;
    bool marked[COUNT] = {[4] = true};
    orphans_mark_related(ending, marked, COUNT, &self);
    assert_marked(marked, "----xxx-");
}

static void children_of_the_first_process_and_of_the_host_are_nobodys(void **state) {
    (void)state;
    bool marked[COUNT] = {[0] = true, [3] = true};
    orphans_mark_related(all, marked, COUNT, &self);
    assert_marked(marked, "x--x----");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_and_sessions_belong),
        cmocka_unit_test(a_process_that_is_ending_is_of_no_session),
        cmocka_unit_test(children_of_the_first_process_and_of_the_host_are_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
