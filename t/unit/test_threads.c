/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin may have threads, and call the host's services from any of them. Also run under the
 * thread sanitizer. */
#include "launch_fixture.h"

#include <pthread.h>

#include "state/json_value.h"

enum { THREADS = 8 };

static void *launch_and_end(void *user) {
    struct fixture *fixture = user;
    fixture->plan.pid_file = NULL;
    set_script(fixture, "read x < go; exit 6");
    fixture->pid = launch_monitor(&fixture->plan, &fixture->error);
    return NULL;
}

static void several_threads_launch(void **state) {
    void *fixtures[THREADS];
    pthread_t threads[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++)
        setup(&fixtures[i]);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, launch_and_end, fixtures[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_true(((struct fixture *)fixtures[i])->pid > 0);
        go(fixtures[i]);
        assert_ends(fixtures[i], 6);
    }
    for (int i = 0; i < THREADS; i++)
        teardown(&fixtures[i]);
}

static void *look_at_ourselves(void *user) {
    struct shim_identity identity = {.size = sizeof(identity)};
    struct shim_error error = ERROR_NONE;
    intptr_t alive = 0;
    (void)user;
    for (int i = 0; i < 100; i++)
        if (identity_of(getpid(), &identity, &error) == 0)
            alive += identity_alive(&identity, &error) == 1;
    return (void *)alive;
}

/* What is read once for all of them. */
static void several_threads_identify(void **state) {
    pthread_t threads[THREADS];
    void *alive;
    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_at_ourselves, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &alive);
        assert_int_equal((intptr_t)alive, 100);
    }
}

static void *ask(void *user) {
    char text[32], value[8];
    intptr_t right = 0;
    for (int i = 0; i < 200; i++) {
        snprintf(text, sizeof(text), "[%d,%d]", (int)(intptr_t)user, i / 2);
        right += json_value(text, "/0", value, sizeof(value), NULL) == 1 &&
                 atoi(value) == (int)(intptr_t)user;
        if (i % 3 == 0)
            json_value_forget();
    }
    return (void *)right;
}

/* The last text is kept for all of them. */
static void several_threads_ask(void **state) {
    pthread_t threads[THREADS];
    void *right;
    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, (void *)(intptr_t)i), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &right);
        assert_int_equal((intptr_t)right, 200);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_threads_ask),
        cmocka_unit_test(several_threads_identify),
        cmocka_unit_test(several_threads_launch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
