/* SPDX-License-Identifier: MIT */
/*
 * Atomic access to what processes share beside the core's words: 8, 32 and 64 bits, lock-free, the
 * order in the name. Test builds see each access as they see the core's (port/atomic.h): a process
 * can be stopped or killed at every one.
 */
#ifndef LFB_POOL_ATOMICS_H
#define LFB_POOL_ATOMICS_H

#include "../port/atomic.h"

typedef _Atomic(uint8_t) pool_u8;
typedef _Atomic(uint32_t) pool_u32;
typedef _Atomic(uint64_t) pool_u64;
_Static_assert(sizeof(pool_u8) == 1 && sizeof(pool_u32) == 4 && sizeof(pool_u64) == 8, "no locks");
_Static_assert(ATOMIC_CHAR_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2 &&
                   ATOMIC_LLONG_LOCK_FREE == 2,
               "shared by processes: no locks");

static inline uint8_t pool_load8_relaxed(const pool_u8 *at)
{
    LFB_ATOMIC_BEFORE(LFB_OP_LOAD, at);
    return atomic_load_explicit(at, memory_order_relaxed);
}

static inline void pool_store8_relaxed(pool_u8 *at, uint8_t value)
{
    LFB_ATOMIC_BEFORE(LFB_OP_STORE, at);
    atomic_store_explicit(at, value, memory_order_relaxed);
    LFB_ATOMIC_AFTER(LFB_OP_STORE, at, true);
}

static inline uint32_t pool_load32_relaxed(const pool_u32 *at)
{
    LFB_ATOMIC_BEFORE(LFB_OP_LOAD, at);
    return atomic_load_explicit(at, memory_order_relaxed);
}

static inline uint32_t pool_load32_acquire(const pool_u32 *at)
{
    LFB_ATOMIC_BEFORE(LFB_OP_LOAD, at);
    return atomic_load_explicit(at, memory_order_acquire);
}

static inline void pool_store32_release(pool_u32 *at, uint32_t value)
{
    LFB_ATOMIC_BEFORE(LFB_OP_STORE, at);
    atomic_store_explicit(at, value, memory_order_release);
    LFB_ATOMIC_AFTER(LFB_OP_STORE, at, true);
}

/* Both: *at from *expected to `value`, else *expected = what is there (read with acquire). */
static inline bool pool_cas32_acq_rel(pool_u32 *at, uint32_t *expected, uint32_t value)
{
    LFB_ATOMIC_BEFORE(LFB_OP_CAS, at);
    bool done = atomic_compare_exchange_strong_explicit(at, expected, value, memory_order_acq_rel,
                                                        memory_order_acquire);
    LFB_ATOMIC_AFTER(LFB_OP_CAS, at, done);
    return done;
}

static inline bool pool_cas64_acq_rel(pool_u64 *at, uint64_t *expected, uint64_t value)
{
    LFB_ATOMIC_BEFORE(LFB_OP_CAS, at);
    bool done = atomic_compare_exchange_strong_explicit(at, expected, value, memory_order_acq_rel,
                                                        memory_order_acquire);
    LFB_ATOMIC_AFTER(LFB_OP_CAS, at, done);
    return done;
}

/* Returns the value before. */
static inline uint32_t pool_or32_seq_cst(pool_u32 *at, uint32_t bits)
{
    LFB_ATOMIC_BEFORE(LFB_OP_ADD, at);
    uint32_t before = atomic_fetch_or_explicit(at, bits, memory_order_seq_cst);
    LFB_ATOMIC_AFTER(LFB_OP_ADD, at, true);
    return before;
}

static inline uint64_t pool_load64_acquire(const pool_u64 *at)
{
    LFB_ATOMIC_BEFORE(LFB_OP_LOAD, at);
    return atomic_load_explicit(at, memory_order_acquire);
}

static inline void pool_store64_release(pool_u64 *at, uint64_t value)
{
    LFB_ATOMIC_BEFORE(LFB_OP_STORE, at);
    atomic_store_explicit(at, value, memory_order_release);
    LFB_ATOMIC_AFTER(LFB_OP_STORE, at, true);
}

static inline void pool_add64_relaxed(pool_u64 *at, uint64_t more)
{
    LFB_ATOMIC_BEFORE(LFB_OP_ADD, at);
    atomic_fetch_add_explicit(at, more, memory_order_relaxed);
    LFB_ATOMIC_AFTER(LFB_OP_ADD, at, true);
}

static inline void pool_sub64_release(pool_u64 *at, uint64_t less)
{
    LFB_ATOMIC_BEFORE(LFB_OP_ADD, at);
    atomic_fetch_sub_explicit(at, less, memory_order_release);
    LFB_ATOMIC_AFTER(LFB_OP_ADD, at, true);
}

#endif
