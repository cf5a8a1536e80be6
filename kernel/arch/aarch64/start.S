/* SPDX-License-Identifier: MIT */
/*
 * Linux's boot protocol for arm64: an image with a header, started on one CPU at EL1, MMU off, x0
 * the address of the device tree. Other CPUs begin at arch_cpu_start, x0 their stack.
 */
#define TCR      0x200803519    /* 39 bits through TTBR0 only, cached, shared; 40 bits physical */
#define MAIR     0xff00         /* 0: device, 1: normal memory */
#define SCTLR_ON 0x1005         /* MMU, data and instruction caches */

    .section .start, "ax"
    .globl start
start:
    b 1f
    .long 0
    .quad 0x80000               /* text_offset */
    .quad kernel_size
    .quad 0xa                   /* little-endian, 4 KiB pages, anywhere in memory */
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .long 0
1:  mov x19, x0
    adrp x1, bss_start
    add x1, x1, :lo12:bss_start
    adrp x2, bss_end
    add x2, x2, :lo12:bss_end
2:  stp xzr, xzr, [x1], #16
    cmp x1, x2
    b.lo 2b
    adrp x1, first_stack_end
    add sp, x1, :lo12:first_stack_end
    bl arch_fill_table
    bl enter_memory
    mov x0, x19
    bl arch_main

    .globl arch_cpu_start
arch_cpu_start:
    mov sp, x0
    bl enter_memory
    bl arch_cpu_main

enter_memory:
    adrp x1, vectors
    add x1, x1, :lo12:vectors
    msr vbar_el1, x1
    adrp x1, arch_table
    add x1, x1, :lo12:arch_table
    msr ttbr0_el1, x1
    ldr x1, =MAIR
    msr mair_el1, x1
    ldr x1, =TCR
    msr tcr_el1, x1
    isb
    tlbi vmalle1
    dsb sy
    isb
    mrs x1, sctlr_el1
    ldr x2, =SCTLR_ON
    orr x1, x1, x2
    msr sctlr_el1, x1
    isb
    ret

/* Anything but an interrupt on the kernel's stack is a fault. */
    .macro fault
    .balign 128
    b on_fault
    .endm

    .balign 2048
vectors:
    fault
    fault
    fault
    fault
    fault
    .balign 128
    b on_interrupt
    .rept 10
    fault
    .endr

on_fault:
    mrs x0, elr_el1
    mrs x1, esr_el1
    b arch_fault

on_interrupt:
    sub sp, sp, #176
    stp x0, x1, [sp]
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x29, [sp, #144]
    str x30, [sp, #160]
    mrs x0, elr_el1
    bl arch_interrupt
    ldp x0, x1, [sp]
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldp x6, x7, [sp, #48]
    ldp x8, x9, [sp, #64]
    ldp x10, x11, [sp, #80]
    ldp x12, x13, [sp, #96]
    ldp x14, x15, [sp, #112]
    ldp x16, x17, [sp, #128]
    ldp x18, x29, [sp, #144]
    ldr x30, [sp, #160]
    add sp, sp, #176
    eret

    .bss
    .balign 16
    .skip 16384
first_stack_end:

    .section .note.GNU-stack, "", @progbits
