/* SPDX-License-Identifier: Apache-2.0 */
/* How aarch64 enters the kernel. Only system.h includes this. */
#ifndef SHIMHOST_MONITOR_MACHINE_AARCH64_H
#define SHIMHOST_MONITOR_MACHINE_AARCH64_H

static inline long call6(long number, long a, long b, long c, long d, long e, long f) {
    register long which __asm__("x8") = number;
    register long first __asm__("x0") = a;
    register long second __asm__("x1") = b;
    register long third __asm__("x2") = c;
    register long fourth __asm__("x3") = d;
    register long fifth __asm__("x4") = e;
    register long sixth __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(first)
                     : "r"(which), "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "memory", "cc");
    return first;
}

#define call0(number) call6(number, 0, 0, 0, 0, 0, 0)
#define call1(number, a) call6(number, a, 0, 0, 0, 0, 0)
#define call2(number, a, b) call6(number, a, b, 0, 0, 0, 0)
#define call3(number, a, b, c) call6(number, a, b, c, 0, 0, 0)
#define call4(number, a, b, c, d) call6(number, a, b, c, d, 0, 0)

/* The kernel leaves argc, argv, environment and auxiliary vector at the stack pointer. */
#define MACHINE_ENTRY                                                                              \
    ".text\n"                                                                                      \
    ".globl _start\n"                                                                              \
    ".type _start, %function\n"                                                                    \
    "_start:\n"                                                                                    \
    "    mov x29, #0\n"                                                                            \
    "    mov x30, #0\n"                                                                            \
    "    mov x0, sp\n"                                                                             \
    "    bl system_begin\n"                                                                        \
    "    brk #0\n"                                                                                 \
    ".size _start, . - _start\n"

/* clone(CLONE_VM | CLONE_VFORK | SIGCHLD) with a stack below the caller's: the caller sleeps until
 * the child has executed another program or exited, so the child may write there. */
#define MACHINE_VFORK                                                                              \
    ".text\n"                                                                                      \
    ".globl system_vfork\n"                                                                        \
    ".hidden system_vfork\n"                                                                       \
    ".type system_vfork, %function\n"                                                              \
    "system_vfork:\n"                                                                              \
    "    mov x9, x0\n"                                                                             \
    "    mov x10, x1\n"                                                                            \
    "    mov x0, #0x4111\n"                                                                        \
    "    sub x1, sp, #256\n"                                                                       \
    "    mov x2, #0\n"                                                                             \
    "    mov x3, #0\n"                                                                             \
    "    mov x4, #0\n"                                                                             \
    "    mov x8, #220\n"                                                                           \
    "    svc 0\n"                                                                                  \
    "    cbnz x0, 1f\n"                                                                            \
    "    mov x29, #0\n"                                                                            \
    "    mov x30, #0\n"                                                                            \
    "    mov x0, x10\n"                                                                            \
    "    blr x9\n"                                                                                 \
    "    brk #0\n"                                                                                 \
    "1:  ret\n"                                                                                    \
    ".size system_vfork, . - system_vfork\n"

#endif
