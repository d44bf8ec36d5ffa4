/* SPDX-License-Identifier: Apache-2.0 */
/* shimhost.yaml(5) knows every key that a file may have, with its default. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"

static char *read_manual(void) {
    FILE *file = fopen(MANUAL, "re");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

/* The entry of a key: from its line up to the next one's. */
static void find_key(const char *manual, const struct config_key *key) {
    char line[128], standard[128];
    snprintf(line, sizeof(line), "\n.It Ic %s\n", key->path);
    const char *entry = strstr(manual, line);
    if (!entry)
        fail_msg("shimhost.yaml(5) does not know the key %s", key->path);
    const char *end = strstr(entry + 1, "\n.It ");
    if (!key->standard || strcmp(key->path, "version") == 0)
        return;
    snprintf(standard, sizeof(standard), "\n.Ql %s .\n", key->standard);
    const char *found = strstr(entry, standard);
    if (!found || (end && found > end))
        fail_msg("shimhost.yaml(5) does not say that the default of %s is %s", key->path,
                 key->standard);
}

static void every_key(void **state) {
    (void)state;
    char *manual = read_manual();
    /* A key that both kinds of files have is looked for in the part of its kind. */
    const char *parts[] = {strstr(manual, "\n.Sh SHIMHOST.YAML"),
                           strstr(manual, "\n.Sh A RUNTIME'S FILE")};
    for (int of_runtime = 0; of_runtime < 2; of_runtime++) {
        struct config_key key;
        assert_non_null(parts[of_runtime]);
        for (size_t i = 0; config_key_at(of_runtime, i, &key) == 0; i++)
            find_key(parts[of_runtime], &key);
    }
    free(manual);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_key)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
