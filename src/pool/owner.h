/* SPDX-License-Identifier: MIT */
/*
 * Owner tags: whose a run is, and who is inside a call. This is what makes lfb_pool_recover
 * possible; docs/pools.md argues that it is right.
 *
 * Each run's first page has an owner word. Invariants, in pools with owner tags:
 *
 *   O1  owners[p] isn't 0 only while a run starts at p. An allocation sets it after the core's
 *       update, a release clears it before.
 *   O2  Only who brings owners[p] from its owner to 0, by compare-and-swap, may release the run. So
 *       of a release, an adoption and a recovery one succeeds.
 *   O3  Who is inside a call is counted while a run of his may be without an owner: from before the
 *       core's update to after the owner's store, and from before the owner's clearing to after the
 *       core's update. A call word is
 *
 *           | entries, ever (48) | inside now (16) |
 *
 *       one for each lane and slot, so that it is shared by the threads of one process on one CPU.
 *
 * Hence a run without an owner, seen while nobody alive is inside, was left by a dead process.
 *
 * Edges (release -> acquire):
 *
 *   N1  the entry -> whoever sees the core's update or the owner word change: both release. So a
 *       recovery that sees a run which a call has made sees that call's entry when it counts again.
 *   N2  leaving -> a recovery that counts nobody inside: it sees the owner stored before.
 */
#ifndef LFB_POOL_OWNER_H
#define LFB_POOL_OWNER_H

#include <sched.h>

#include "process.h"

#define CALL_ENTRY       (UINT64_C(1) << 16 | 1)
#define CALL_INSIDE      UINT64_C(1)
#define CALL_INSIDE_MASK UINT64_C(0xffff)

/* A call under way. */
typedef struct pool_call {
    unsigned lane;
    uint32_t owner; /* who calls */
    pool_u64 *word; /* NULL: no owner tags */
} pool_call;

static inline unsigned pool_lane_now(const lfb_pool *pool)
{
    unsigned lane = (unsigned)sched_getcpu(); /* -1, unknown: some lane */
    return lane < pool->lanes ? lane : lane % pool->lanes;
}

static inline pool_u64 *pool_call_word(const lfb_pool *pool, unsigned lane, unsigned slot)
{
    return &pool->calls[lane * pool->calls_of_lane + slot];
}

/* Enters as the process of a slot: the recoverer has one of its own. */
static inline pool_call pool_enter_as(const lfb_pool *pool, uint32_t owner)
{
    pool_call call = {pool_lane_now(pool), owner, NULL};
    if (pool->tagged) {
        call.word = pool_call_word(pool, call.lane, pool_owner_slot(owner));
        pool_add64_relaxed(call.word, CALL_ENTRY); /* relaxed: N1 */
    }
    return call;
}

/* False: this handle can't change the pool. */
static inline bool pool_enter(lfb_pool *pool, pool_call *call)
{
    uint32_t owner = 0;
    if (pool->tagged) {
        /* relaxed: only this process writes it, and a thread that misses that tries to join, and
         * finds out */
        owner = pool_load32_relaxed(pool->self);
        owner = owner ? owner : pool_self_join(pool);
    }
    if (pool->read_only || (pool->tagged && !owner)) {
        return false;
    }
    *call = pool_enter_as(pool, owner);
    return true;
}

static inline void pool_exit(const pool_call *call)
{
    if (call->word) {
        pool_sub64_release(call->word, CALL_INSIDE); /* N2 */
    }
}

static inline pool_u32 *pool_owner_word(const lfb_pool *pool, uintptr_t offset)
{
    return &pool->owners[offset >> pool->page_shift];
}

/* After an allocation (O1). */
static inline void pool_own(const lfb_pool *pool, const pool_call *call, uintptr_t offset)
{
    if (pool->tagged) {
        /* N1: a dead one's run is released by who acquires this */
        pool_store32_release(pool_owner_word(pool, offset), call->owner);
    }
}

/* The status of an address at which no run with an owner starts. */
static inline lfb_status pool_no_run(const lfb_pool *pool, uintptr_t offset)
{
    lfb_extent extent;
    lfb_status status = lfb_find(&pool->core, offset, &extent);
    if (status != LFB_OK) {
        return status;
    }
    bool inside = extent.kind == LFB_EXTENT_RUN && extent.address != offset;
    return inside ? LFB_NOT_START : LFB_NOT_ALLOCATED;
}

/* Before a release (O2): brings the owner word of a run from whatever owner to 0, or to another
 * owner. *owner is what it was. */
static inline lfb_status pool_disown(const lfb_pool *pool, uintptr_t offset, uint32_t *owner,
                                     uint32_t next)
{
    pool_u32 *word = pool_owner_word(pool, offset);
    *owner = pool_load32_acquire(word);
    while (*owner) {
        if (pool_cas32_acq_rel(word, owner, next)) { /* N1 */
            return LFB_OK;
        }
    }
    return pool_no_run(pool, offset);
}

#endif
