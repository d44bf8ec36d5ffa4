/* SPDX-License-Identifier: Apache-2.0 */
/* without-pidfd-info COMMAND…: runs a command for which the kernel does not know PIDFD_GET_INFO, as
 * before Linux 6.13. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REQUEST 0xff0bu /* its type and number, whatever the size of its structure */

int main(int argc, char **argv) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4),
        /* The lower half, on machines whose lower half comes first. */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xffff),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, REQUEST, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};
    if (argc < 2) {
        fputs("usage: without-pidfd-info COMMAND…\n", stderr);
        return 2;
    }
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
        perror("without-pidfd-info: cannot filter system calls");
        return 125;
    }
    execvp(argv[1], argv + 1);
    perror("without-pidfd-info: cannot execute the command");
    return 127;
}
