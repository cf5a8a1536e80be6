/* SPDX-License-Identifier: MIT */
/*
 * What lies where in a pool: its header, and the parts that the header names, by offset.
 *
 *   header | process slots | calls | dirty | owners | the core's metadata | pages
 *
 *   calls    a word for each lane and slot: who is inside a call (owner.h)
 *   dirty    a byte for each 2 MiB of pages, or each page if that is more: 0 if all of it is zero,
 *            but for what its present owners wrote
 *   owners   with owner tags: a word for each page, 0 unless a run starts there: whose it is
 *
 * All parts are sparse: zero-filled memory is their right beginning, and no step touches all of
 * one. The pages begin at a multiple of 2 MiB, the others on cache lines. The first part of the
 * header never changes and bears a checksum; it is planned anew by whoever opens the pool, and must
 * be equal. So no offset is taken from memory that others can write.
 */
#ifndef LFB_POOL_LAYOUT_H
#define LFB_POOL_LAYOUT_H

#include "atomics.h"
#include "lfbuddy/pool.h"

enum {
    POOL_FORMAT = 1,
    POOL_LINE = 128,
    POOL_DATA_SHIFT = 21,  /* pages begin at a multiple of 2 MiB */
    POOL_SLOTS_USUAL = 64, /* slot 0 is the recoverer's */
};

/* The part of the header that never changes. */
typedef struct pool_plan {
    uint64_t magic;
    uint32_t format;
    uint32_t word_bits; /* the core's build: three */
    uint32_t leaf_order;
    uint32_t node_order;
    uint32_t kind;
    uint32_t owner_tags;
    uint32_t max_order;
    uint32_t lanes;
    uint32_t slots;
    uint32_t chunk_shift; /* log2 of the bytes that share a dirty byte */
    uint64_t page_size;
    uint64_t page_count;
    uint64_t slots_at;
    uint64_t calls_at;
    uint64_t dirty_at;
    uint64_t owners_at;
    uint64_t core_at;
    uint64_t core_size;
    uint64_t data_at;
    uint64_t length; /* of the file */
    uint32_t unused;
    uint32_t checksum;
} pool_plan;
_Static_assert(sizeof(pool_plan) == 17 * 8, "the same for every compiler");

typedef struct pool_header {
    pool_plan plan;
    _Alignas(POOL_LINE) pool_u32 waits;      /* wait.c */
    _Alignas(POOL_LINE) pool_u32 slots_used; /* slots below this have been in use */
    pool_u32 unclean; /* somebody died inside a call, and what he left isn't found yet */
} pool_header;

/* One process that has the pool open. See process.h. */
typedef struct pool_slot {
    _Alignas(64) pool_u64 identity; /* 0: free */
    pool_u32 generation;            /* of 24 bits; steps whenever the slot becomes free */
} pool_slot;

/* The configuration of the core in such a pool. */
lfb_config pool_core_config(const pool_plan *plan);

/* Plans a pool from a configuration. Returns false and fills *error: INVALID. */
bool pool_plan_new(pool_plan *plan, const lfb_pool_config *config, lfb_pool_error *error);

/* Judges what a file of `length` bytes begins with: `size` bytes of it are in *plan. Returns false
 * and fills *error: NOT_A_POOL, VERSION, TRUNCATED, DAMAGED. */
bool pool_plan_check(const pool_plan *plan, size_t size, uint64_t length, const char *name,
                     lfb_pool_error *error);

/* Whether a sound pool is the one that was asked for. Returns false and fills *error: GEOMETRY. */
bool pool_plan_fits(const pool_plan *plan, const lfb_pool_config *config, const char *name,
                    lfb_pool_error *error);

#endif
