/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/terminal.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "base/error.h"

/* What ends a program by its own fault, or by a limit. */
static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL,  SIGFPE, SIGABRT,
                              SIGTRAP, SIGSYS, SIGXCPU, SIGXFSZ};
#define N_CRASHES (sizeof(crashes) / sizeof(*crashes))

/* A signal handler has nothing but what is static. */
static struct {
    volatile sig_atomic_t fd; /* -1: nothing to put back */
    struct termios before;
    bool prepared;
    struct sigaction others[N_CRASHES]; /* what else wants to be told of a crash */
} restore = {.fd = -1};

void terminal_restore(void) {
    int fd = restore.fd, saved = errno;
    sigset_t background, before;
    if (fd < 0)
        return;
    restore.fd = -1;
    /* Who is in the background is stopped for touching the terminal, unless it blocks the signal
     * (termios(3), "tcsetattr"). */
    sigemptyset(&background);
    sigaddset(&background, SIGTTOU);
    sigprocmask(SIG_BLOCK, &background, &before);
    tcsetattr(fd, TCSANOW, &restore.before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = saved;
}

/* The signal is raised once more for whoever had a handler before, or the default action; it comes
 * on return. */
static void crashed(int number) {
    terminal_restore();
    for (size_t i = 0; i < N_CRASHES; i++)
        if (crashes[i] == number)
            sigaction(number, &restore.others[i], NULL);
    raise(number);
}

static void prepare(void) {
    if (restore.prepared)
        return;
    restore.prepared = true;
    atexit(terminal_restore);
    struct sigaction action = {.sa_handler = crashed, .sa_flags = SA_ONSTACK};
    for (size_t i = 0; i < N_CRASHES; i++)
        sigaction(crashes[i], &action, &restore.others[i]);
}

int terminal_raw(int fd, struct shim_error *error) {
    struct termios mode;
    if (tcgetattr(fd, &mode) < 0)
        return error_set(error, -errno, "cannot read the terminal's settings: %s", strerror(errno));
    prepare();
    if (restore.fd < 0)
        restore.before = mode;
    restore.fd = fd;
    cfmakeraw(&mode);
    if (tcsetattr(fd, TCSANOW, &mode) < 0) {
        int code = -errno;
        terminal_restore();
        return error_set(error, code, "cannot set the terminal to raw mode: %s", strerror(-code));
    }
    return 0;
}

int terminal_size(int fd, uint16_t *ret_columns, uint16_t *ret_rows) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0)
        return -errno;
    if (size.ws_col == 0 || size.ws_row == 0)
        return -ENODATA;
    *ret_columns = size.ws_col;
    *ret_rows = size.ws_row;
    return 0;
}
