/* SPDX-License-Identifier: MIT */
/*
 * One CPU begins at start, a0 its hart number, a1 the address of the device tree; others at
 * arch_cpu_start, a1 their stack. No paging.
 */
#include "mode.h"

    .section .start, "ax"
    .globl start
start:
    la sp, first_stack_end
    la t0, on_trap
    csrw X_TVEC, t0
    call arch_main

#if __riscv_xlen == 64
    .globl arch_cpu_start
arch_cpu_start:
    mv sp, a1
    la t0, on_trap
    csrw X_TVEC, t0
    call arch_cpu_main
#endif

    .macro each_register operation
    \operation ra, 0 * WORD(sp)
    \operation t0, 1 * WORD(sp)
    \operation t1, 2 * WORD(sp)
    \operation t2, 3 * WORD(sp)
    \operation t3, 4 * WORD(sp)
    \operation t4, 5 * WORD(sp)
    \operation t5, 6 * WORD(sp)
    \operation t6, 7 * WORD(sp)
    \operation a0, 8 * WORD(sp)
    \operation a1, 9 * WORD(sp)
    \operation a2, 10 * WORD(sp)
    \operation a3, 11 * WORD(sp)
    \operation a4, 12 * WORD(sp)
    \operation a5, 13 * WORD(sp)
    \operation a6, 14 * WORD(sp)
    \operation a7, 15 * WORD(sp)
    .endm

    .balign 4
on_trap:
    addi sp, sp, -16 * WORD
    each_register STORE
    csrr a0, X_CAUSE
    csrr a1, X_EPC
    call arch_trap
    each_register LOAD
    addi sp, sp, 16 * WORD
    X_RET

    .bss
    .balign 16
    .skip 16384
first_stack_end:

    .section .note.GNU-stack, "", @progbits
