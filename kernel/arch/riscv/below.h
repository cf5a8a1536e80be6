/* SPDX-License-Identifier: MIT */
/* What differs with what the kernel runs on: OpenSBI, or nothing. */
#ifndef KERNEL_BELOW_H
#define KERNEL_BELOW_H

#include "../../arch.h"

enum { TICK = 1000 }; /* of a clock of 10 MHz */

void below_set_cpu(unsigned cpu); /* arch.c */

/* The first CPU runs on this hart. */
void below_start(uintptr_t hart);

/* The next interrupt comes after TICK. */
void below_set_timer(void);

#endif
