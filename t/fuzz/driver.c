/* SPDX-License-Identifier: Apache-2.0 */
/* Replays a target's corpus: each file of it is a test. Files named on the command line are
 * replayed instead. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t/fuzz/fuzz.h"

#define SECONDS_EACH 60 /* an input that hangs is a failure, not a wait */
#define INPUT_MAX ((size_t)4 << 20)

static int failed(const char *path) {
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return 1;
}

/* The name comes first: whoever dies of an input has said of which. */
static int replay(const char *path) {
    FILE *file = fopen(path, "re");
    uint8_t *bytes = malloc(INPUT_MAX);
    if (!file || !bytes)
        return failed(path);
    size_t size = fread(bytes, 1, INPUT_MAX, file);
    fclose(file);
    /* Of exactly its size, so that a tool sees it when a byte beyond is read. */
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact)
        return failed(path);
    memcpy(exact, bytes, size);
    free(bytes);
    printf("trying %s\n", path);
    fflush(stdout);
    alarm(SECONDS_EACH);
    LLVMFuzzerTestOneInput(exact, size);
    alarm(0);
    free(exact);
    return 0;
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int replay_directory(const char *directory) {
    struct dirent **entries;
    int count = scandir(directory, &entries, is_visible, alphasort);
    if (count < 0)
        return failed(directory);
    int bad = count == 0;
    for (int i = 0; i < count; i++) {
        char path[8192];
        snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
        int r = replay(path);
        printf("%sok %d - %s\n", r ? "not " : "", i + 1, entries[i]->d_name);
        bad += r;
        free(entries[i]);
    }
    free(entries);
    printf("1..%d\n", count);
    return bad != 0;
}

int main(int argc, char **argv) {
    int bad = 0;
    for (int i = 1; i < argc; i++)
        bad += replay(argv[i]);
    if (argc > 1)
        return bad != 0;
    char directory[4096];
    const char *name = strstr(program_invocation_short_name, "fuzz_");
    snprintf(directory, sizeof(directory), "%s/%s", FUZZ_CORPUS,
             name ? name + strlen("fuzz_") : "");
    return replay_directory(directory);
}
