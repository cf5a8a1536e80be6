/* SPDX-License-Identifier: MIT */
/*
 * The timer and the other harts, by calls of the supervisor binary interface. Harts are numbered by
 * the hardware, and any of them may come first: CPUs are numbered in the order in which they start.
 *
 * RISC-V SBI specification 1.0, extensions TIME and HSM; function 0 of both is the one we need.
 */
#include <stdatomic.h>

#include "below.h"

#define SBI_TIME UINT32_C(0x54494d45)
#define SBI_HSM  UINT32_C(0x48534d)

extern char arch_cpu_start[];
static uintptr_t boot_hart;
static unsigned starting_cpu;
static atomic_bool cpu_runs;

void arch_cpu_main(void);

/* Returns the error, 0 for none. */
static uintptr_t sbi_call(uintptr_t extension, uintptr_t first, uintptr_t second, uintptr_t third)
{
    register uintptr_t a0 __asm__("a0") = first;
    register uintptr_t a1 __asm__("a1") = second;
    register uintptr_t a2 __asm__("a2") = third;
    register uintptr_t a6 __asm__("a6") = 0;
    register uintptr_t a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return a0;
}

void below_set_timer(void)
{
    uintptr_t now;
    __asm__ volatile("rdtime %0" : "=r"(now));
    sbi_call(SBI_TIME, now + TICK, 0, 0);
}

void below_start(uintptr_t hart)
{
    boot_hart = hart;
}

bool arch_start_cpu(unsigned cpu, uintptr_t stack_top)
{
    uintptr_t hart = cpu <= boot_hart ? cpu - 1 : cpu;
    starting_cpu = cpu;
    atomic_store_explicit(&cpu_runs, false, memory_order_release);
    if (sbi_call(SBI_HSM, hart, (uintptr_t)arch_cpu_start, stack_top) != 0) {
        return false;
    }
    while (!atomic_load_explicit(&cpu_runs, memory_order_acquire)) {
        arch_pause();
    }
    return true;
}

void arch_cpu_main(void)
{
    below_set_cpu(starting_cpu);
    atomic_store_explicit(&cpu_runs, true, memory_order_release);
    kernel_cpu();
    for (;;) {
        __asm__ volatile("wfi");
    }
}
