/* SPDX-License-Identifier: MIT */
/*
 * What each machine's code (arch/) gives to the test, and what it calls there. A machine starts
 * its first CPU in arch/.../start.S, which calls kernel_main on a stack, with memory mapped one to
 * one and interrupts off.
 */
#ifndef KERNEL_ARCH_H
#define KERNEL_ARCH_H

#include "lfbuddy/boot.h"

/* From link.ld: the image, and the part of it that is the core's code. */
extern char kernel_start[];
extern char kernel_end[];
extern char core_start[];
extern char core_end[];

/* ------------------------------------------------------------------------ the machine's ---- */

extern const char arch_name[];

/* Memory ends here, or goes on above but isn't mapped. */
extern const uint64_t arch_mapped_end;

void arch_put(char c);

/* The machine's own memory map, and what of the machine's tables must be kept or reclaimed later.
 */
lfb_boot_status arch_read_memory(lfb_boot_map *map);

/* 0 to CPUs - 1; also the lane. */
unsigned arch_cpu(void);

/* Starts CPU number `cpu` (1, 2, ...), which calls kernel_cpu on this stack; returns once it runs.
 * false: there is no such CPU. */
bool arch_start_cpu(unsigned cpu, uintptr_t stack_top);

/* Calls kernel_tick on this CPU about every 100 us; lets no tick come any more. */
void arch_timer_on(void);
void arch_timer_off(void);

void arch_pause(void);

/* Ends the emulator with a status that says which. */
_Noreturn void arch_exit(bool good);

/* --------------------------------------------------------------------------- the test's ---- */

_Noreturn void kernel_main(void);
void kernel_cpu(void);
void kernel_tick(uintptr_t interrupted);
_Noreturn void kernel_trap(const char *what, uintptr_t where, uintptr_t detail);

#endif
