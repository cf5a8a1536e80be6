/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a release: see wait.c. Every release calls pool_wake after the core's update.
 */
#ifndef LFB_POOL_WAIT_H
#define LFB_POOL_WAIT_H

#include "state.h"

enum { WAITS_ANY = 1 };

/* Wakes all who wait; `seen` is the word as it was read. */
void pool_wake_all(const lfb_pool *pool, uint32_t seen);

/* While nobody waits: a fence and a load of a line that nobody writes. */
static inline void pool_wake(const lfb_pool *pool)
{
    lfb_fence_seq_cst(); /* W1 */
    uint32_t seen = pool_load32_relaxed(&pool->header->waits);
    if (seen & WAITS_ANY) {
        pool_wake_all(pool, seen);
    }
}

#endif
