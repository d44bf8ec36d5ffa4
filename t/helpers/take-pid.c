/* SPDX-License-Identifier: Apache-2.0 */
/*
 * take-pid PID: makes children until one has the pid PID; that one stays. Prints the pid then, and
 * waits. For use as root in a pid namespace of one's own: the pids in it are made few, where the
 * kernel counts them per namespace (Linux 6.14); older ones are told the last pid that was given
 * away (ns_last_pid, which needs CONFIG_CHECKPOINT_RESTORE).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define FEW 500 /* the kernel does not allow fewer than 301 */
#define ATTEMPTS 5000000

static int write_number(const char *path, int number) {
    FILE *file = fopen(path, "we");
    if (!file)
        return -errno;
    int r = fprintf(file, "%d\n", number) < 0 ? -errno : 0;
    if (fclose(file) != 0 && r == 0)
        r = -errno;
    return r;
}

/* Writing pid_max in an older kernel would change it for the whole machine. */
static int pid_max_is_per_namespace(void) {
    struct utsname name;
    int major = 0, minor = 0;
    if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2)
        return 0;
    return major > 6 || (major == 6 && minor >= 14);
}

int main(int argc, char **argv) {
    int wanted = argc == 2 ? atoi(argv[1]) : 0;
    if (wanted <= 1) {
        fprintf(stderr, "usage: take-pid PID\n");
        return 2;
    }
    int per_namespace = pid_max_is_per_namespace();
    if (per_namespace)
        write_number("/proc/sys/kernel/pid_max", wanted < FEW ? FEW : wanted + FEW);
    for (int i = 0; i < ATTEMPTS; i++) {
        if (!per_namespace)
            write_number("/proc/sys/kernel/ns_last_pid", wanted - 1);
        pid_t child = fork();
        if (child < 0) {
            fprintf(stderr, "take-pid: fork: %s\n", strerror(errno));
            return 1;
        }
        if (child == 0) {
            if (getpid() != wanted)
                _exit(0);
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;)
                pause();
        }
        if (child == wanted) {
            printf("%d\n", wanted);
            fflush(stdout);
            waitpid(child, NULL, 0);
            return 0;
        }
        waitpid(child, NULL, 0);
    }
    fprintf(stderr, "take-pid: pid %d did not come round\n", wanted);
    return 1;
}
