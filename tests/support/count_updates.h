/* SPDX-License-Identifier: MIT */
/* Put before the core with -include: counts each atomic update that changed a word. */
#ifndef TESTS_COUNT_UPDATES_H
#define TESTS_COUNT_UPDATES_H

extern unsigned long count_updates; /* successful compare-and-swaps and additions */
extern unsigned long count_stores;

#define LFB_ATOMIC_BEFORE(op, address) ((void)(address))
#define LFB_ATOMIC_AFTER(op, address, done)                                                        \
    ((op) == LFB_OP_STORE ? (void)count_stores++ : (void)(count_updates += (done)))

#endif
