/* SPDX-License-Identifier: Apache-2.0 */
/* How the program begins: from the kernel's bare stack, or from a C library's main(). */
#include "system.h"

#ifdef MONITOR_FREESTANDING

#include <linux/auxvec.h>

__asm__(MACHINE_ENTRY);
__asm__(MACHINE_VFORK);

/* The compiler's stack protector ends here. There is nobody to tell: die in a way that the host
 * sees. */
_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail(void) {
    __builtin_trap();
}

/* 16 random bytes that the kernel gives each program, or NULL. */
static const uintptr_t *random_bytes(const uintptr_t *auxiliary) {
    for (; auxiliary[0] != AT_NULL; auxiliary += 2)
        if (auxiliary[0] == AT_RANDOM)
            return (const uintptr_t *)auxiliary[1];
    return NULL;
}

#if defined(__x86_64__)
#include <asm/prctl.h>

/* Where compilers look for the canary: 40 bytes above the thread pointer. The block lies on the
 * stack, so that no page of data need be written to. */
struct thread_block {
    uintptr_t unused[5];
    uintptr_t canary;
};

static inline void set_canary(struct thread_block *block, uintptr_t canary) {
    block->canary = canary;
    call2(__NR_arch_prctl, ARCH_SET_FS, (long)block);
}
#else
/* Built without a stack protector: see MONITOR_CFLAGS in configure.ac. */
struct thread_block {
    uintptr_t unused;
};

static inline void set_canary(struct thread_block *block, uintptr_t canary) {
    (void)block, (void)canary;
}
#endif

/* Called from _start with the kernel's stack: argc, argv, NULL, environment, NULL, auxiliary
 * vector. */
_Noreturn void system_begin(uintptr_t *stack);
__attribute__((no_stack_protector)) _Noreturn void system_begin(uintptr_t *stack) {
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1);
    char **environment = argv + argc + 1;
    char **end = environment;
    while (*end)
        end++;
    const uintptr_t *random = random_bytes((const uintptr_t *)(end + 1));
    /* The lowest byte is zero, so that a string cannot reproduce it. */
    uintptr_t canary = random ? random[0] & ~(uintptr_t)0xff : (uintptr_t)stack;
    struct thread_block block;
    set_canary(&block, canary);
    sys_exit(monitor_main(argc, argv, environment));
}

#else

__attribute__((noinline)) long system_vfork(void (*child)(void *), void *argument) {
    pid_t pid = vfork();
    if (pid == 0) {
        child(argument);
        _exit(127);
    }
    return pid < 0 ? -errno : pid;
}

#ifndef MONITOR_IN_LIBRARY /* that of the tests */
int main(int argc, char **argv, char **environment) {
    return monitor_main(argc, argv, environment);
}
#endif

#endif
