/* SPDX-License-Identifier: Apache-2.0 */
/* The table of containers when there is no memory for one more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "containerd/task.h"

/* ------------------------------------------------------------------ what task.c calls */

static int copies_left; /* that succeed; negative: all */

/* The linker gives this for every strdup() of the program. */
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text) {
    if (copies_left == 0)
        return NULL;
    if (copies_left > 0)
        copies_left--;
    return __real_strdup(text);
}

/* It compares the name with those of the helpers that stay. */
void helper_release(struct server *server, const char *container) {
    (void)server;
    assert_non_null(container);
}

void oom_drop(struct task *task) {
    assert_int_equal(task->oom.fd, -1);
}

void call_fail(struct call *call, int code, const char *format, ...) {
    (void)call;
    fail_msg("code %d: nobody waits for a container that never was: %s", code, format);
}

/* ------------------------------------------------------------------ the tests */

static struct task *new_task(struct server *server, int copies) {
    copies_left = copies;
    struct task *task = task_new(server, "c1", "/bundle");
    copies_left = -1;
    return task;
}

static void a_container_without_memory_leaves_nothing(void **state) {
    struct server server = {.tasks = NULL};
    struct task *task = NULL;
    int copies = 0;
    (void)state;
    while (!(task = new_task(&server, copies))) {
        assert_null(server.tasks);
        copies++;
    }
    assert_true(copies > 1); /* the name was among them */
    assert_ptr_equal(task_find(&server, "c1"), task);
    task_free(task);
    assert_null(server.tasks);
}

static void an_exec_without_memory_leaves_nothing(void **state) {
    struct server server = {.tasks = NULL};
    struct task *task = new_task(&server, -1);
    struct process *process = NULL;
    int copies = 0;
    (void)state;
    assert_non_null(task);
    for (;; copies++) {
        copies_left = copies;
        process = process_new(task, "e1");
        copies_left = -1;
        if (process)
            break;
        assert_null(task->execs);
    }
    assert_true(copies > 1);
    assert_ptr_equal(process_find(task, "e1"), process);
    task_free(task);
    assert_null(server.tasks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_container_without_memory_leaves_nothing),
        cmocka_unit_test(an_exec_without_memory_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
