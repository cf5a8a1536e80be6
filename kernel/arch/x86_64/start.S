/* SPDX-License-Identifier: MIT */
/*
 * Two ways in, both in 32-bit protected mode without paging: Multiboot 2 (GRUB; %ebx: information)
 * and PVH (QEMU's -kernel; %ebx: start info). Then 64-bit mode, the first 4 GiB mapped one to one.
 * Other CPUs begin in 16-bit mode at ap_start, copied below 1 MiB.
 */
#define CR0_PE_PG      0x80000001
#define CR4_PAE        0x20
#define MSR_EFER       0xc0000080
#define EFER_LME       0x100
#define PAGE_BITS      0x3          /* present, writable */
#define LARGE_BITS     0x83         /* and 2 MiB */
#define AP_PAGE        0x8000       /* as in arch.c */
#define CODE_SELECTOR  8
#define DATA_SELECTOR  16

    .macro load_segments
    movl $DATA_SELECTOR, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    .endm

    .section .multiboot, "a"
    .balign 8
multiboot:
    .long 0xe85250d6, 0, multiboot_end - multiboot
    .long 0x100000000 - (0xe85250d6 + multiboot_end - multiboot)
    .word 0, 0
    .long 8
multiboot_end:

    .section .note.pvh, "a", @note
    .long 4, 4, 18                  /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long start

    .section .boot, "ax"
    .code32
    .globl start
start:
    movl %eax, %edi                 /* Multiboot's magic, or anything */
    movl %ebx, %esi
    movl $page_directories, %eax
    movl $LARGE_BITS, %ebx
1:  movl %ebx, (%eax)
    movl $0, 4(%eax)
    addl $8, %eax
    addl $0x200000, %ebx
    cmpl $page_directories_end, %eax
    jne 1b
    movl $(page_directories + PAGE_BITS), page_directory_pointers
    movl $(page_directories + 0x1000 + PAGE_BITS), page_directory_pointers + 8
    movl $(page_directories + 0x2000 + PAGE_BITS), page_directory_pointers + 16
    movl $(page_directories + 0x3000 + PAGE_BITS), page_directory_pointers + 24
    movl $(page_directory_pointers + PAGE_BITS), page_map
    movl $page_map, %eax
    movl %eax, %cr3
    movl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    wrmsr
    movl $CR0_PE_PG, %eax
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $CODE_SELECTOR, $start_64

    .code64
start_64:
    load_segments
    movq $first_stack_end, %rsp
    call arch_main                  /* %edi, %esi */

ap_start_64:
    load_segments
    movq arch_ap_stack, %rsp
    call arch_ap_main

    .balign 8
gdt:
    .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
    .word . - gdt - 1
    .long gdt

    .code16
    .globl arch_ap_start, arch_ap_start_end
arch_ap_start:
    cli
    xorl %eax, %eax
    movw %ax, %ds
    lgdtl AP_PAGE + ap_gdt_pointer - arch_ap_start
    movl $page_map, %eax
    movl %eax, %cr3
    movl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    wrmsr
    movl $CR0_PE_PG, %eax
    movl %eax, %cr0
    ljmpl $CODE_SELECTOR, $ap_start_64
ap_gdt_pointer:
    .word 23
    .long gdt
arch_ap_start_end:

    .bss
    .balign 4096
page_map:
    .skip 4096
page_directory_pointers:
    .skip 4096
page_directories:
    .skip 4 * 4096
page_directories_end:
    .skip 16384
first_stack_end:

    .section .note.GNU-stack, "", @progbits
