/* SPDX-License-Identifier: MIT */
/*
 * The atomic word and every way in which the core touches one. The order is in the name.
 *
 * A test build may define LFB_ATOMIC_BEFORE(op, address) and LFB_ATOMIC_AFTER(op, address, done)
 * (with -include) to see each access before it happens and whether it changed the word: schedulers
 * and counters run the shipped source that way. `op` is one of LFB_OP_*.
 */
#ifndef LFB_PORT_ATOMIC_H
#define LFB_PORT_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lfbuddy.h"
#include "likely.h"

/* GCC calls a helper library for each aarch64 atomic unless told otherwise; the core depends on
 * no library. Build for Armv8.1 to get its single-instruction atomics. */
#if defined __aarch64__ && defined __GNUC__ && !defined __clang__
#pragma GCC target("no-outline-atomics")
#endif

#if LFB_WORD_BITS == 64
typedef uint64_t lfb_word;
#elif LFB_WORD_BITS == 32
typedef uint32_t lfb_word;
#else
#error "LFB_WORD_BITS is 64 or 32"
#endif

typedef _Atomic(lfb_word) lfb_atomic;
_Static_assert(sizeof(lfb_atomic) == sizeof(lfb_word), "an atomic word is nothing but the word");

enum { LFB_OP_LOAD, LFB_OP_STORE, LFB_OP_CAS, LFB_OP_ADD };

#ifndef LFB_ATOMIC_BEFORE
#define LFB_ATOMIC_BEFORE(op, address)      ((void)0)
#define LFB_ATOMIC_AFTER(op, address, done) ((void)0)
#endif

static LFB_TINY lfb_word lfb_load_relaxed(const lfb_atomic *at)
{
    LFB_ATOMIC_BEFORE(LFB_OP_LOAD, at);
    return atomic_load_explicit(at, memory_order_relaxed);
}

/* A note that may be stale, torn from others or wrong, and so only guides: always relaxed. */
typedef _Atomic(uint32_t) lfb_guess;

static LFB_TINY uint32_t lfb_guess_load(const lfb_guess *at)
{
    LFB_ATOMIC_BEFORE(LFB_OP_LOAD, at);
    return atomic_load_explicit(at, memory_order_relaxed);
}

static LFB_TINY void lfb_guess_store(lfb_guess *at, uint32_t value)
{
    LFB_ATOMIC_BEFORE(LFB_OP_STORE, at);
    atomic_store_explicit(at, value, memory_order_relaxed);
    LFB_ATOMIC_AFTER(LFB_OP_STORE, at, true);
}

static LFB_TINY lfb_word lfb_load_acquire(const lfb_atomic *at)
{
    LFB_ATOMIC_BEFORE(LFB_OP_LOAD, at);
    return atomic_load_explicit(at, memory_order_acquire);
}

static LFB_TINY lfb_word lfb_load_seq_cst(const lfb_atomic *at)
{
    LFB_ATOMIC_BEFORE(LFB_OP_LOAD, at);
    return atomic_load_explicit(at, memory_order_seq_cst);
}

static LFB_TINY void lfb_store_relaxed(lfb_atomic *at, lfb_word value)
{
    LFB_ATOMIC_BEFORE(LFB_OP_STORE, at);
    atomic_store_explicit(at, value, memory_order_relaxed);
    LFB_ATOMIC_AFTER(LFB_OP_STORE, at, true);
}

/* Between a store or a compare-and-swap and later loads that must not have been made before it. */
static LFB_TINY void lfb_fence_seq_cst(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

/* Both: *at from *expected to `value`, else *expected = what is there (read with acquire). */
static LFB_TINY bool lfb_cas_acq_rel(lfb_atomic *at, lfb_word *expected, lfb_word value)
{
    LFB_ATOMIC_BEFORE(LFB_OP_CAS, at);
    bool done = atomic_compare_exchange_strong_explicit(at, expected, value, memory_order_acq_rel,
                                                        memory_order_acquire);
    LFB_ATOMIC_AFTER(LFB_OP_CAS, at, done);
    return done;
}

static LFB_TINY bool lfb_cas_seq_cst(lfb_atomic *at, lfb_word *expected, lfb_word value)
{
    LFB_ATOMIC_BEFORE(LFB_OP_CAS, at);
    bool done = atomic_compare_exchange_strong_explicit(at, expected, value, memory_order_seq_cst,
                                                        memory_order_acquire);
    LFB_ATOMIC_AFTER(LFB_OP_CAS, at, done);
    return done;
}

/* Returns the value before. */
static LFB_TINY lfb_word lfb_add_relaxed(lfb_atomic *at, lfb_word more)
{
    LFB_ATOMIC_BEFORE(LFB_OP_ADD, at);
    lfb_word before = atomic_fetch_add_explicit(at, more, memory_order_relaxed);
    LFB_ATOMIC_AFTER(LFB_OP_ADD, at, true);
    return before;
}

#endif
