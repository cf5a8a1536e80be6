/* SPDX-License-Identifier: MIT */
/*
 * QEMU's `virt` board with a GICv2: a PL011, the virtual timer, PSCI by hvc, semihosting for the
 * status at the end. Memory is mapped one to one in blocks of 1 GiB, the first of which holds the
 * devices.
 *
 * Arm ARM (DDI 0487), D8 and D13; GIC architecture 2.0 (IHI 0048); PSCI (DEN 0022); semihosting for
 * AArch32 and AArch64.
 */
#include <stdatomic.h>

#include "../../tree.h"

enum {
    TABLE_ENTRIES = 512,
    MAPPED_GIB = 256,
    BLOCK_DEVICE = 0x401, /* block, accessed, memory type 0 */
    BLOCK_NORMAL = 0x705, /* block, accessed, inner shareable, memory type 1 */
    TIMER_INTERRUPT = 27,
    SPURIOUS_INTERRUPT = 1020,
    TICKS_A_SECOND = 10000,
    SEMIHOSTING_EXIT = 0x18,
    SEMIHOSTING_APPLICATION_EXIT = 0x20026
};

#define PSCI_CPU_ON            UINT64_C(0xc4000003)
#define UART                   UINT64_C(0x09000000)
#define UART_FLAGS             (UART + 0x18)
#define UART_FULL              UINT32_C(0x20)
#define GIC_DISTRIBUTOR        UINT64_C(0x08000000)
#define GIC_DISTRIBUTOR_ENABLE (GIC_DISTRIBUTOR + 0x100)
#define GIC_CPU                UINT64_C(0x08010000)
#define GIC_CPU_PRIORITY       (GIC_CPU + 0x4)
#define GIC_CPU_ACKNOWLEDGE    (GIC_CPU + 0xc)
#define GIC_CPU_END            (GIC_CPU + 0x10)

const char arch_name[] = "aarch64";
const uint64_t arch_mapped_end = (uint64_t)MAPPED_GIB << 30;

_Alignas(4096) uint64_t arch_table[TABLE_ENTRIES];

extern char arch_cpu_start[];
static const void *boot_tree;
static unsigned starting_cpu;
static atomic_bool cpu_runs;

void arch_fill_table(void);
void arch_main(const void *tree);
void arch_cpu_main(void);
void arch_interrupt(uintptr_t interrupted);
void arch_fault(uintptr_t where, uintptr_t syndrome);

static void write_32(uintptr_t at, uint32_t value)
{
    *(volatile uint32_t *)at = value;
}

static uint32_t read_32(uintptr_t at)
{
    return *(volatile uint32_t *)at;
}

/* Runs before the MMU is on. */
void arch_fill_table(void)
{
    for (uint64_t i = 0; i < MAPPED_GIB; i++) {
        arch_table[i] = i << 30 | (i == 0 ? BLOCK_DEVICE : BLOCK_NORMAL);
    }
}

unsigned arch_cpu(void)
{
    uint64_t cpu;
    __asm__ volatile("mrs %0, tpidr_el1" : "=r"(cpu));
    return (unsigned)cpu;
}

/* -------------------------------------------------------------------------- interrupts ---- */

static void set_timer(void)
{
    uint64_t frequency;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
    __asm__ volatile("msr cntv_tval_el0, %0" : : "r"(frequency / TICKS_A_SECOND));
}

void arch_interrupt(uintptr_t interrupted)
{
    uint32_t interrupt = read_32(GIC_CPU_ACKNOWLEDGE);
    if (interrupt >= SPURIOUS_INTERRUPT) {
        return;
    }
    kernel_tick(interrupted);
    set_timer();
    write_32(GIC_CPU_END, interrupt);
}

void arch_fault(uintptr_t where, uintptr_t syndrome)
{
    kernel_trap("exception", where, syndrome);
}

void arch_timer_on(void)
{
    set_timer();
    __asm__ volatile("msr cntv_ctl_el0, %0; msr daifclr, #2" : : "r"(UINT64_C(1)) : "memory");
}

void arch_timer_off(void)
{
    __asm__ volatile("msr daifset, #2; msr cntv_ctl_el0, xzr" : : : "memory");
}

/* The registers that this CPU has for itself. */
static void start_this_cpu(unsigned cpu)
{
    __asm__ volatile("msr tpidr_el1, %0" : : "r"((uint64_t)cpu));
    write_32(GIC_DISTRIBUTOR_ENABLE, UINT32_C(1) << TIMER_INTERRUPT);
    write_32(GIC_CPU_PRIORITY, 0xff);
    write_32(GIC_CPU, 1);
}

/* ------------------------------------------------------------------------------- start ---- */

void arch_main(const void *tree)
{
    boot_tree = tree;
    write_32(GIC_DISTRIBUTOR, 1);
    start_this_cpu(0);
    kernel_main();
}

void arch_cpu_main(void)
{
    start_this_cpu(starting_cpu);
    atomic_store_explicit(&cpu_runs, true, memory_order_release);
    kernel_cpu();
    for (;;) {
        __asm__ volatile("wfi");
    }
}

/* With a GICv2 there are no more than 8 CPUs, and their numbers are those of the hardware. */
bool arch_start_cpu(unsigned cpu, uintptr_t stack_top)
{
    register uint64_t x0 __asm__("x0") = PSCI_CPU_ON;
    register uint64_t x1 __asm__("x1") = cpu;
    register uint64_t x2 __asm__("x2") = (uint64_t)arch_cpu_start;
    register uint64_t x3 __asm__("x3") = stack_top;
    starting_cpu = cpu;
    atomic_store_explicit(&cpu_runs, false, memory_order_release);
    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    if (x0 != 0) {
        return false;
    }
    while (!atomic_load_explicit(&cpu_runs, memory_order_acquire)) {
        arch_pause();
    }
    return true;
}

/* ------------------------------------------------------------------- memory, console, end ---- */

lfb_boot_status arch_read_memory(lfb_boot_map *map)
{
    return tree_read_memory(map, boot_tree);
}

void arch_put(char c)
{
    while (read_32(UART_FLAGS) & UART_FULL) {
        arch_pause();
    }
    write_32(UART, (unsigned char)c);
}

void arch_pause(void)
{
    __asm__ volatile("yield");
}

_Noreturn void arch_exit(bool good)
{
    const uint64_t block[] = {SEMIHOSTING_APPLICATION_EXIT, good ? 0 : 1};
    register uint64_t x0 __asm__("x0") = SEMIHOSTING_EXIT;
    register const uint64_t *x1 __asm__("x1") = block;
    __asm__ volatile("hlt #0xf000" : : "r"(x0), "r"(x1) : "memory");
    for (;;) {
        __asm__ volatile("wfi");
    }
}
