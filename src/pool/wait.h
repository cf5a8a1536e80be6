/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a release: see wait.c. Who waits announces it, tries once more, and sleeps; every
 * release calls pool_wake after the core's update.
 */
#ifndef LFB_POOL_WAIT_H
#define LFB_POOL_WAIT_H

#include <time.h>

#include "state.h"

enum { WAITS_ANY = 1 };

/* Returns the word to sleep on. */
uint32_t pool_wait_announce(const lfb_pool *pool);

/* Sleeps until a release since then, or the deadline, or for no reason. False: the deadline passed.
 */
bool pool_wait_sleep(const lfb_pool *pool, uint32_t value, const struct timespec *deadline);

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
