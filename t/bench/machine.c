/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine charges: no supervisor can be quicker than that.
 *
 *   machine costs STATIC   a system call, a page's first touch, and starting `STATIC true` and
 *                          `machine true`, which do nothing, as lines of a Markdown table
 *   machine true           ends
 *   machine read STATE     reads, and does no more, what `list` has to look at
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 101
#define PAGES 64
#define CALLS 1000

static double microseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* ---- costs: each of these is one round, and returns microseconds */

static double system_call(const char *unused) {
    (void)unused;
    double begun = microseconds();
    for (int i = 0; i < CALLS; i++)
        syscall(SYS_getppid);
    return (microseconds() - begun) / CALLS;
}

static double first_touch(const char *unused) {
    (void)unused;
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    char *pages =
        mmap(NULL, PAGES * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        fail("mmap");
    double begun = microseconds();
    for (size_t i = 0; i < PAGES; i++)
        *(volatile char *)(pages + i * size) = 1;
    double took = (microseconds() - begun) / PAGES;
    munmap(pages, PAGES * size);
    return took;
}

static double program(const char *path) {
    int status;
    double begun = microseconds();
    pid_t pid = vfork();
    if (pid < 0)
        fail("vfork");
    if (pid == 0) {
        execl(path, path, "true", (char *)NULL);
        _exit(127);
    }
    if (waitpid(pid, &status, 0) != pid || status != 0)
        fail(path);
    return microseconds() - begun;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_cost(const char *what, double (*round)(const char *), const char *path) {
    double took[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        took[i] = round(path);
    qsort(took, ROUNDS, sizeof(*took), compare);
    printf("| %s | %.2f | %.2f – %.2f |\n", what, took[ROUNDS / 2], took[ROUNDS / 4],
           took[ROUNDS * 3 / 4]);
}

static int print_costs(const char *static_program) {
    print_cost("a system call (getppid)", system_call, NULL);
    print_cost("the first touch of a page", first_touch, NULL);
    print_cost("a static program that does nothing, to its end", program, static_program);
    print_cost("the same, linked to the C library", program, "/proc/self/exe");
    return 0;
}

/* ---- read */

static size_t read_file(int directory, const char *name, char *text, size_t size) {
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t length = read(fd, text, size - 1);
    close(fd);
    text[length > 0 ? length : 0] = '\0';
    return length > 0 ? (size_t)length : 0;
}

static void read_container(int state, const char *id) {
    static const char *const files[] = {"process.json", "starttime", "exitStatus", "exitUnknown",
                                        "status"};
    char text[4096], path[64];
    int container = openat(state, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int process = openat(container, "init", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    read_file(container, "container.json", text, sizeof(text));
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        read_file(process, files[i], text, sizeof(text));
    if (read_file(process, "pid", text, sizeof(text)) > 0) {
        snprintf(path, sizeof(path), "/proc/%d/stat", atoi(text));
        read_file(AT_FDCWD, path, text, sizeof(text));
    }
    close(process);
    close(container);
}

static int read_state(const char *path) {
    DIR *state = opendir(path);
    if (!state)
        fail(path);
    const struct dirent *entry;
    while ((entry = readdir(state)))
        if (entry->d_name[0] != '.')
            read_container(dirfd(state), entry->d_name);
    closedir(state);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "true") == 0)
        return 0;
    if (argc == 3 && strcmp(argv[1], "costs") == 0)
        return print_costs(argv[2]);
    if (argc == 3 && strcmp(argv[1], "read") == 0)
        return read_state(argv[2]);
    return 2;
}
