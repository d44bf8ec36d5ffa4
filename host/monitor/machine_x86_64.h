/* SPDX-License-Identifier: Apache-2.0 */
/* How x86_64 enters the kernel. Only system.h includes this. */
#ifndef SHIMHOST_MONITOR_MACHINE_X86_64_H
#define SHIMHOST_MONITOR_MACHINE_X86_64_H

static inline long call0(long number) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number) : "rcx", "r11", "memory");
    return result;
}

static inline long call1(long number, long a) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a) : "rcx", "r11", "memory");
    return result;
}

static inline long call2(long number, long a, long b) {
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b)
                     : "rcx", "r11", "memory");
    return result;
}

static inline long call3(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}

static inline long call4(long number, long a, long b, long c, long d) {
    long result;
    register long fourth __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
}

static inline long call6(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    register long sixth __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "rcx", "r11", "memory");
    return result;
}

/* The kernel leaves argc, argv, environment and auxiliary vector at the stack pointer. */
#define MACHINE_ENTRY                                                                              \
    ".text\n"                                                                                      \
    ".globl _start\n"                                                                              \
    ".type _start, @function\n"                                                                    \
    "_start:\n"                                                                                    \
    "    endbr64\n"                                                                                \
    "    xor %ebp, %ebp\n"                                                                         \
    "    mov %rsp, %rdi\n"                                                                         \
    "    and $-16, %rsp\n"                                                                         \
    "    call system_begin\n"                                                                      \
    "    hlt\n"                                                                                    \
    ".size _start, . - _start\n"

/* clone(CLONE_VM | CLONE_VFORK | SIGCHLD) with a stack below the caller's: the caller sleeps until
 * the child has executed another program or exited, so the child may write there. */
#define MACHINE_VFORK                                                                              \
    ".text\n"                                                                                      \
    ".globl system_vfork\n"                                                                        \
    ".hidden system_vfork\n"                                                                       \
    ".type system_vfork, @function\n"                                                              \
    "system_vfork:\n"                                                                              \
    "    endbr64\n"                                                                                \
    "    mov %rdi, %r8\n"                                                                          \
    "    mov %rsi, %r9\n"                                                                          \
    "    mov $0x4111, %edi\n"                                                                      \
    "    lea -256(%rsp), %rsi\n"                                                                   \
    "    and $-16, %rsi\n"                                                                         \
    "    xor %edx, %edx\n"                                                                         \
    "    xor %r10d, %r10d\n"                                                                       \
    "    mov $56, %eax\n"                                                                          \
    "    syscall\n"                                                                                \
    "    test %rax, %rax\n"                                                                        \
    "    jnz 1f\n"                                                                                 \
    "    xor %ebp, %ebp\n"                                                                         \
    "    mov %r9, %rdi\n"                                                                          \
    "    call *%r8\n"                                                                              \
    "    hlt\n"                                                                                    \
    "1:  ret\n"                                                                                    \
    ".size system_vfork, . - system_vfork\n"

#endif
