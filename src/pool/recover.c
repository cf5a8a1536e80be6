/* SPDX-License-Identifier: MIT */
/*
 * Giving back what dead processes held.
 *
 *   1. Become the recoverer: take slot 0, from nobody or from a dead one.
 *   2. Find the dead in the table. For those who died inside a call note `unclean`, then forget
 *      their calls. (So is a recoverer who died inside one of his.)
 *   3. Walk over the runs. One with a dead owner: release it as its owner would (O2). One without
 *      an owner, if unclean: decide whose it is.
 *   4. Free the slots of the dead; if nothing was left undecided, clear `unclean`.
 *
 * Deciding. Count all calls; read the run's length and owner; count again. If both counts find
 * nobody inside and the same entries, no call of a living process ran in between (N1, N2), and what
 * was read is the state of that moment: a run without an owner is nobody's, and stays so, for only
 * an owner releases (O2). It is released by lfb_free_range, which copes with what a dead process
 * left half-way. Else it is tried again, until the deadline.
 *
 * Killed anywhere, the recoverer is a dead process like others, and slot 0 says where it was: the
 * next one finds `unclean` set, or the dead still in the table.
 */
#include <sched.h>

#include "owner.h"
#include "wait.h"
#include "watch.h"

enum { OWNER_SLOTS = 256 }; /* all that an owner word can name */

typedef struct recovery {
    lfb_pool *pool;
    uint64_t self;
    uint64_t dead[OWNER_SLOTS];  /* identity of a slot's dead process; 0: none */
    uint32_t owner[OWNER_SLOTS]; /* of these */
    const struct timespec *deadline;
    bool unclean;
    lfb_pool_recovery done;
} recovery;

/* ------------------------------------------------------------------------------- counting ---- */

/* What all call words add up to; the low bits of each are looked at on the way. */
typedef struct census {
    uint64_t sum;
    bool quiet; /* nobody is inside */
} census;

static census count_calls(const lfb_pool *pool)
{
    census now = {.quiet = true};
    unsigned slots = pool_load32_acquire(&pool->header->slots_used); /* N1 */
    slots = slots < pool->plan.slots ? slots : pool->plan.slots;
    for (unsigned lane = 0; lane < pool->lanes; lane++) {
        for (unsigned slot = 0; slot < slots; slot++) {
            /* N1, N2. Acquire also keeps the reads of a decision between its two counts. */
            uint64_t word = pool_load64_acquire(pool_call_word(pool, lane, slot));
            now.quiet = now.quiet && (word & CALL_INSIDE_MASK) == 0;
            now.sum += word;
        }
    }
    return now;
}

/* Whether a dead process left one of its calls. */
static bool died_inside(const lfb_pool *pool, unsigned slot)
{
    bool inside = false;
    for (unsigned lane = 0; lane < pool->lanes; lane++) {
        inside |= pool_load64_acquire(pool_call_word(pool, lane, slot)) & CALL_INSIDE_MASK;
    }
    return inside;
}

static void forget_calls(const lfb_pool *pool, unsigned slot)
{
    for (unsigned lane = 0; lane < pool->lanes; lane++) {
        pool_u64 *word = pool_call_word(pool, lane, slot);
        uint64_t inside = pool_load64_acquire(word) & CALL_INSIDE_MASK;
        if (inside) {
            pool_sub64_release(word, inside); /* entries stay: they only grow */
        }
    }
}

/* A process that died in this slot: notes whether it was inside a call. */
static void note_death(const lfb_pool *pool, unsigned slot)
{
    if (died_inside(pool, slot)) {
        pool_store32_release(&pool->header->unclean, 1);
        forget_calls(pool, slot);
    }
}

/* -------------------------------------------------------------------------- the recoverer ---- */

static bool become_recoverer(const recovery *r)
{
    pool_u64 *identity = &r->pool->slots[0].identity;
    uint64_t seen = pool_load64_acquire(identity);
    if ((seen && pool_identity_fate(seen, r->self) != POOL_DEAD) ||
        !pool_cas64_acq_rel(identity, &seen, r->self)) {
        return false;
    }
    note_death(r->pool, 0);
    return true;
}

static void find_dead(recovery *r)
{
    for (unsigned slot = 1; slot < r->pool->plan.slots; slot++) {
        uint64_t identity = pool_load64_acquire(&r->pool->slots[slot].identity);
        pool_fate fate = identity ? pool_identity_fate(identity, r->self) : POOL_ALIVE;
        r->done.foreign += fate == POOL_FOREIGN;
        if (fate == POOL_DEAD) {
            r->owner[slot] = pool_owner_of_slot(r->pool, slot);
            r->dead[slot] = identity;
            r->done.processes++;
            note_death(r->pool, slot);
        }
    }
}

/* ----------------------------------------------------------------------------------- runs ---- */

/* Releases a run, the dead owner of which was `owner`, 0: none any more. */
static void release_run(recovery *r, uintptr_t offset, uint32_t owner)
{
    lfb_pool *pool = r->pool;
    pool_call call = pool_enter_as(pool, 0); /* slot 0 */
    uint32_t seen = owner;
    if (!owner || pool_cas32_acq_rel(pool_owner_word(pool, offset), &seen, 0)) { /* O2, N1 */
        size_t pages = lfb_size_of(&pool->core, offset);
        pool_watch_released(pool, offset, pages);
        if (pages && lfb_free_range_on(&pool->core, call.lane, offset, pages) == LFB_OK) {
            r->done.runs++;
            r->done.pages += pages;
        }
    }
    pool_exit(&call);
}

static bool is_over(const struct timespec *deadline)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return !deadline || now.tv_sec > deadline->tv_sec ||
           (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec);
}

static void decide(recovery *r, uintptr_t offset)
{
    const lfb_pool *pool = r->pool;
    for (;;) {
        census before = count_calls(pool);
        size_t pages = lfb_size_of(&pool->core, offset);
        uint32_t owner = pool_load32_acquire(pool_owner_word(pool, offset));
        census after = count_calls(pool);
        if (owner || !pages) {
            return; /* whoever was at it is done; what the dead left doesn't change */
        }
        if (before.quiet && after.quiet && before.sum == after.sum) {
            release_run(r, offset, 0);
            return;
        }
        if (is_over(r->deadline)) {
            r->done.undecided++;
            return;
        }
        sched_yield();
    }
}

static bool recover_run(void *context, const lfb_extent *extent)
{
    recovery *r = context;
    if (extent->kind != LFB_EXTENT_RUN) {
        return true;
    }
    uint32_t owner = pool_load32_acquire(pool_owner_word(r->pool, extent->address));
    unsigned slot = pool_owner_slot(owner);
    if (!owner && r->unclean) {
        decide(r, extent->address);
    } else if (owner && r->dead[slot] && r->owner[slot] == owner) {
        release_run(r, extent->address, owner);
    }
    return true;
}

/* Who died after a release may have left others asleep, or a note that all is exhausted: any
 * release wipes that off. */
static void make_up_for_wakes(lfb_pool *pool)
{
    pool_call call = pool_enter_as(pool, 0);
    uintptr_t page = lfb_alloc_within_on(&pool->core, call.lane, 1, 0, LFB_NONE);
    if (page != LFB_NONE) {
        lfb_free_on(&pool->core, call.lane, page);
    }
    pool_exit(&call);
    pool_wake(pool);
}

static void recover(recovery *r)
{
    lfb_pool *pool = r->pool;
    find_dead(r);
    r->unclean = pool_load32_acquire(&pool->header->unclean);
    if (pool->tagged && (r->done.processes || r->unclean)) {
        lfb_walk(&pool->core, recover_run, r);
    }
    for (unsigned slot = 1; slot < pool->plan.slots; slot++) {
        if (r->dead[slot]) {
            pool_slot_free(pool, slot, r->dead[slot]);
        }
    }
    if (r->unclean && r->done.undecided == 0) {
        pool_store32_release(&pool->header->unclean, 0);
    }
    if (r->done.processes) {
        make_up_for_wakes(pool);
    }
}

lfb_status lfb_pool_recover(lfb_pool *pool, const struct timespec *deadline,
                            lfb_pool_recovery *recovery_out)
{
    recovery r = {.pool = pool, .deadline = deadline, .self = pool_identity()};
    lfb_status status = LFB_OK;
    if (pool->read_only) {
        status = LFB_EXHAUSTED;
    } else if (!pool_is_private(pool)) {
        status = LFB_BUSY;
        if (r.self && become_recoverer(&r)) {
            recover(&r);
            pool_store64_release(&pool->slots[0].identity, 0);
            status = r.done.undecided ? LFB_BUSY : LFB_OK;
        }
    }
    if (recovery_out) {
        *recovery_out = r.done;
    }
    return status;
}
