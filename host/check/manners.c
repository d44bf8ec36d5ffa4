/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that the entries leave the process as they found it. */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "check/kit.h"

#define WARM_UP 3        /* cycles in which caches are filled */
#define STRAY_WAIT 10000 /* milliseconds in which what ends by itself has to end */
#define NOISE 250        /* bytes; below that it is nothing */

/* One whole life, in an engine of its own: every entry is called, and what it answers is for others
 * to judge. */
static void live(struct kit *kit) {
    struct shim_error ignored = ERROR_NONE;
    struct engine *engine = kit_engine(kit);
    const struct runtime *runtime = kit_runtime(kit, engine);
    struct shim_features features = {.size = sizeof(features)};
    if (SHIM_HAS(struct shim_plugin, runtime->plugin, features))
        PLUGIN_CALL(runtime, features, &features, &ignored);
    const char *id = kit_run(kit, engine, KIT_SLEEP);
    struct container_info info;
    int32_t exit_status;
    kit_must(kit, engine_inspect(engine, id, &info, &ignored), "load", &ignored);
    container_info_clear(&info);
    engine_wait(engine, id, NULL, 0, &exit_status, &ignored);
    kit_finish(kit, engine, id);
    engine_close(engine);
    free((void *)(uintptr_t)id);
}

/* ------------------------------------------------------------------------------ after each call */

/* Lives a life in which `text_of` has to say the same after each call of an entry. */
static void keep(struct kit *kit, const char *what, void (*text_of)(struct text *text)) {
    struct text before AUTO_TEXT = TEXT_EMPTY;
    text_of(&before);
    kit->kept = (struct kit_kept){.what = what, .before = before.data, .text_of = text_of};
    live(kit);
}

static void directory_text(struct text *text) {
    char *path AUTO_FREE = getcwd(NULL, 0);
    text_append(text, path ? path : "(unreachable)");
}

void check_directory_kept(struct kit *kit) {
    keep(kit, "the working directory", directory_text);
}

/* umask(2) cannot be asked without changing it. */
static void umask_text(struct text *text) {
    mode_t mask = umask(0777);
    umask(mask);
    text_appendf(text, "%04o", (unsigned int)mask);
}

void check_umask_kept(struct kit *kit) {
    umask(0027);
    keep(kit, "the umask", umask_text);
}

static void mask_text(struct text *text) {
    sigset_t mask;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    text_append(text, "blocked:");
    for (int number = 1; number < NSIG; number++)
        if (sigismember(&mask, number) == 1)
            text_appendf(text, " %d", number);
}

void check_mask_kept(struct kit *kit) {
    keep(kit, "the signal mask", mask_text);
}

static void handlers_text(struct text *text) {
    text_append(text, "handled:");
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
            text_appendf(text, " %d%s", number, action.sa_handler == SIG_IGN ? " (ignored)" : "");
    }
}

void check_handlers_kept(struct kit *kit) {
    keep(kit, "the signal handlers", handlers_text);
}

static void environment_text(struct text *text) {
    for (char **at = environ; at && *at; at++)
        text_appendf(text, "%s ", *at);
}

void check_environment_kept(struct kit *kit) {
    clearenv();
    setenv("PATH", "/usr/bin:/bin", 1);
    keep(kit, "the environment", environment_text);
}

/* What there is in descriptor 1, which is 2 as well. */
static void output_text(struct text *text) {
    char bytes[200];
    ssize_t n = pread(STDOUT_FILENO, bytes, sizeof(bytes), 0);
    fflush(stdout);
    text_append(text, "nothing");
    if (n > 0) {
        text_clear(text);
        text_append_bytes(text, bytes, (size_t)n);
    }
}

void check_output_kept(struct kit *kit) {
    int log_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    int fd AUTO_CLOSE = memfd_create("output", MFD_CLOEXEC);
    if (log_fd < 0 || fd < 0 || dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
        dup2(fd, STDERR_FILENO) < 0)
        kit_fail(kit, "the kit cannot redirect its output: %s", strerror(errno));
    log_redirect(log_fd); /* the log is the host's way to speak */
    setvbuf(stdout, NULL, _IONBF, 0);
    keep(kit, "what descriptors 0 to 2 were given", output_text);
}

void check_no_strays(struct kit *kit) {
    pid_t pid;
    live(kit);
    int n = kit_await_children(STRAY_WAIT, &pid);
    if (n > 0)
        kit_fail(kit, "after the end and removal of a container %d process%s (pid %d) still there",
                 n, n == 1 ? " is" : "es are", pid);
}

/* ------------------------------------------------------------------------------ leaks */

static int count_one(const char *name, unsigned char type, void *user) {
    int *count = user;
    (void)name, (void)type;
    ++*count;
    return 0;
}

static int count_descriptors(void) {
    int fd AUTO_CLOSE = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int count = 0;
    directory_list(fd, count_one, &count, NULL);
    return count;
}

static void live_often(struct kit *kit, int times) {
    pid_t ignored;
    for (int i = 0; i < times; i++)
        live(kit);
    kit_await_children(0, &ignored);
}

void check_no_leaked_descriptors(struct kit *kit) {
    live_often(kit, WARM_UP);
    int before = count_descriptors();
    live_often(kit, (int)kit->request->cycles);
    int after = count_descriptors();
    if (after > before)
        kit_fail(kit, "%d descriptors were open before, and %d after %u lives", before, after,
                 kit->request->cycles);
}

#if defined(__GLIBC__) && (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 33))
/* Small pieces that were freed are kept by the thread, and count as in use. So all of these are
 * taken first, together with what is missing to a fixed number, and given back afterwards. */
#define SMALL_CLASSES 64 /* of 16 bytes each, from 24 on */
#define KEPT_OF_EACH 16  /* at most */

/* Where they are not counted another malloc() has taken the place of the C library's. */
static size_t allocated(void) {
    static void *pieces[SMALL_CLASSES * KEPT_OF_EACH];
    size_t taken = 0;
    for (size_t i = 0; i < SMALL_CLASSES * KEPT_OF_EACH; i++) {
        size_t size = 24 + i / KEPT_OF_EACH * 16;
        pieces[i] = malloc(size);
        taken += pieces[i] ? size : 0;
    }
    struct mallinfo2 info = mallinfo2();
    for (size_t i = 0; i < SMALL_CLASSES * KEPT_OF_EACH; i++)
        free(pieces[i]);
    size_t counted = info.uordblks + info.hblkhd;
    return counted >= taken ? counted : 0;
}
#else
static size_t allocated(void) {
    return 0; /* nobody to ask */
}
#endif

static int compare_sizes(const void *left, const void *right) {
    size_t a = *(const size_t *)left, b = *(const size_t *)right;
    return (a > b) - (a < b);
}

static size_t median(size_t *sizes, size_t n) {
    qsort(sizes, n, sizeof(*sizes), compare_sizes);
    return sizes[n / 2];
}

/* What is allocated goes up and down a little, and a cache may grow at any time, but a leak goes on
 * and on: it shows between the first and the second third of the lives, and again between that and
 * the last one. */
void check_no_leaked_memory(struct kit *kit) {
    static size_t sizes[CHECK_CYCLES_MAX];
    size_t lives = kit->request->cycles, third = lives / 3;
    live_often(kit, WARM_UP);
    if (allocated() == 0)
        kit_skip(kit, "nothing tells how much malloc() has given out");
    if (third == 0)
        kit_skip(kit, "it takes three lives to tell");
    for (size_t i = 0; i < lives; i++) {
        live_often(kit, 1);
        sizes[i] = allocated();
    }
    size_t first = median(sizes, third), second = median(sizes + third, third);
    size_t last = median(sizes + lives - third, third);
    if (second >= first + NOISE && last >= second + NOISE)
        kit_fail(kit,
                 "%zu bytes were allocated at first, then %zu, and %zu in the end: %zu more for "
                 "each life",
                 first, second, last, (last - first) / (lives - third));
}
