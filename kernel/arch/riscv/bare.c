/* SPDX-License-Identifier: MIT */
/*
 * One hart in machine mode, which has the timer for itself.
 *
 * RISC-V privileged architecture, 3.2.1 (mtime, mtimecmp); SiFive CLINT.
 */
#include "below.h"

#define CLINT_COMPARE UINT32_C(0x02004000) /* of hart 0 */
#define CLINT_TIME    UINT32_C(0x0200bff8)

/* The high half of what the clock is compared with is at its highest meanwhile: no tick too early.
 */
void below_set_timer(void)
{
    volatile uint32_t *time = (volatile uint32_t *)CLINT_TIME;
    volatile uint32_t *compare = (volatile uint32_t *)CLINT_COMPARE;
    uint32_t high = time[1];
    uint32_t low = time[0] + TICK;
    compare[1] = UINT32_MAX;
    compare[0] = low;
    compare[1] = low < TICK ? high + 1 : high;
}

void below_start(uintptr_t hart)
{
    (void)hart;
}

bool arch_start_cpu(unsigned cpu, uintptr_t stack_top)
{
    (void)cpu;
    (void)stack_top;
    return false;
}
