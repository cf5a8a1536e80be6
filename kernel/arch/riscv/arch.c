/* SPDX-License-Identifier: MIT */
/*
 * QEMU's `virt` board: a 16550, the sifive_test device for the status at the end. riscv64 asks
 * OpenSBI for its timer and the other harts (opensbi.c); riscv32 has one hart, and the timer for
 * itself (bare.c). The number of a CPU is kept in tp, which nothing else uses where there are no
 * threads.
 */
#include "../../tree.h"
#include "below.h"
#include "mode.h"

enum { UART_LINE_STATUS = 5, UART_CAN_SEND = 0x20 };

#define UART        UINT32_C(0x10000000)
#define TEST_DEVICE UINT32_C(0x100000)
#define TEST_PASS   UINT32_C(0x5555)
#define TEST_FAIL   UINT32_C(0x13333) /* status 1 */

#define TEXT_OF(name)       #name
#define NAME_OF(name)       TEXT_OF(name)
#define CSR_SET(name, bits) __asm__ volatile("csrs " NAME_OF(name) ", %0" : : "r"(bits) : "memory")
#define CSR_CLEAR(name, bits)                                                                      \
    __asm__ volatile("csrc " NAME_OF(name) ", %0" : : "r"(bits) : "memory")

#if __riscv_xlen == 64
const char arch_name[] = "riscv64";
#else
const char arch_name[] = "riscv32";
#endif
const uint64_t arch_mapped_end = (uint64_t)1 << (__riscv_xlen == 64 ? 52 : 32);

static const void *boot_tree;

void arch_main(uintptr_t hart, const void *tree);
void arch_trap(uintptr_t cause, uintptr_t where);

void below_set_cpu(unsigned cpu)
{
    __asm__ volatile("mv tp, %0" : : "r"((uintptr_t)cpu));
}

unsigned arch_cpu(void)
{
    uintptr_t cpu;
    __asm__ volatile("mv %0, tp" : "=r"(cpu));
    return (unsigned)cpu;
}

/* -------------------------------------------------------------------------- interrupts ---- */

void arch_trap(uintptr_t cause, uintptr_t where)
{
    const uintptr_t interrupt = (uintptr_t)1 << (__riscv_xlen - 1);
    if (cause != (interrupt | CAUSE_TIMER)) {
        kernel_trap("exception", where, cause);
    }
    kernel_tick(where);
    below_set_timer();
}

void arch_timer_on(void)
{
    below_set_timer();
    CSR_SET(X_IE, IE_TIMER);
    CSR_SET(X_STATUS, STATUS_IE);
}

void arch_timer_off(void)
{
    CSR_CLEAR(X_STATUS, STATUS_IE);
    CSR_CLEAR(X_IE, IE_TIMER);
}

/* ------------------------------------------------------------ start, memory, console, end ---- */

void arch_main(uintptr_t hart, const void *tree)
{
    boot_tree = tree;
    below_set_cpu(0);
    below_start(hart);
    kernel_main();
}

lfb_boot_status arch_read_memory(lfb_boot_map *map)
{
    return tree_read_memory(map, boot_tree);
}

void arch_put(char c)
{
    volatile unsigned char *uart = (volatile unsigned char *)(uintptr_t)UART;
    while (!(uart[UART_LINE_STATUS] & UART_CAN_SEND)) {
        arch_pause();
    }
    uart[0] = (unsigned char)c;
}

void arch_pause(void)
{
    __asm__ volatile("nop");
}

_Noreturn void arch_exit(bool good)
{
    *(volatile uint32_t *)(uintptr_t)TEST_DEVICE = good ? TEST_PASS : TEST_FAIL;
    for (;;) {
        arch_pause();
    }
}
