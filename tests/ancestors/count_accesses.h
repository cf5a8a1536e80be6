/* SPDX-License-Identifier: MIT */
/* Put before the core with -include: counts every atomic access, loads included. */
#ifndef TESTS_COUNT_ACCESSES_H
#define TESTS_COUNT_ACCESSES_H

extern unsigned long count_accesses;

#define LFB_ATOMIC_BEFORE(op, address)      ((void)count_accesses++)
#define LFB_ATOMIC_AFTER(op, address, done) ((void)0)

#endif
