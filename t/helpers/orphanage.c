/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orphanage keep|reap COMMAND…: runs a command, closes standard output when that has ended well,
 * and is from then on, until it is killed, the parent of whatever the command leaves. Of those that
 * end it keeps the zombies, or the kernel reaps them at once.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int status;
    if (argc < 3 || (strcmp(argv[1], "keep") != 0 && strcmp(argv[1], "reap") != 0)) {
        fputs("usage: orphanage keep|reap COMMAND…\n", stderr);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t command = fork();
    if (command == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (command < 0 || waitpid(command, &status, 0) != command || status != 0)
        return 1;
    if (strcmp(argv[1], "reap") == 0)
        signal(SIGCHLD, SIG_IGN);
    close(STDOUT_FILENO);
    for (;;)
        pause();
}
