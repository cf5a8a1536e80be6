/* SPDX-License-Identifier: MIT */
/*
 * Slots and their magazines. A slot has, for each cached order, two arrays of addresses. One is
 * loaded: only the owner touches it, with plain loads and stores. The other one is the spare, and
 * the word `shelf` says whose it is:
 *
 *   shelf          the spare array           who may change the word
 *   0              empty, the owner's        the owner, to n        publish
 *   n              n blocks, anybody's       the owner, to 0        take back: n blocks are loaded
 *                                            anybody, to TAKEN      steal
 *   SHELF_TAKEN    being emptied             who took it, to 0
 *
 * So the owner pays for one atomic update when it has filled or used up a magazine, and others can
 * have all but the loaded ones. For those they ask: `limit`, the capacity of a magazine or 0, is
 * compared with its count at each call, and the owner that finds 0 gives back what it has. The
 * comparison is needed anyway, so being asked costs nothing until it happens.
 *
 * Edges (release -> acquire):
 *
 *   S1  the spare array, its pointer, and the pages in it: publish -> steal, take back
 *   S2  the spare array is read and empty: the end of a steal -> the owner
 *
 * Why steal and owner don't meet. Both take a full shelf by a compare-and-swap from n, so one of
 * them fails. A thief reads `spare` and the array between its two updates, while the word is TAKEN;
 * the owner writes them only after it has seen 0 (S2), or has itself made n into 0. n may have come
 * back since a thief read it: then it takes what is there now, and learns of that by S1.
 */
#ifndef LFB_CACHE_MAGAZINE_H
#define LFB_CACHE_MAGAZINE_H

#include "../port/atomic.h"
#include "lfbuddy/cache.h"

#define SHELF_TAKEN (~(lfb_word)0)

enum { SLOT_LINE = 128 }; /* two of 64 bytes: neighbours are fetched in pairs */

typedef struct lfb_slot {
    /* The owner's. Others read the counts, for statistics. */
    struct {
        lfb_atomic count; /* blocks[0] to blocks[count - 1] */
        uintptr_t *blocks;
    } loaded[LFB_CACHE_MAX_ORDERS];
    uint16_t next_refill[LFB_CACHE_MAX_ORDERS]; /* blocks to ask the core for */

    /* Everybody's. */
    _Alignas(SLOT_LINE) lfb_atomic limit[LFB_CACHE_MAX_ORDERS];
    lfb_atomic shelf[LFB_CACHE_MAX_ORDERS];
    uintptr_t *spare[LFB_CACHE_MAX_ORDERS];
    lfb_atomic refills, flushes, stolen, refused; /* see lfb_cache_stats */
} lfb_slot;

_Static_assert(offsetof(lfb_slot, limit) == SLOT_LINE, "the owner's part is one line");
_Static_assert(LFB_CACHE_MAX_PAGES <= UINT16_MAX, "next_refill");

static inline lfb_slot *lfb_slot_at(const lfb_cache_t *cache, unsigned slot)
{
    return (lfb_slot *)cache->slots + slot;
}

static inline lfb_word lfb_slot_count(const lfb_slot *slot, unsigned order)
{
    return lfb_load_relaxed(&slot->loaded[order].count); /* relaxed: the owner's own */
}

static inline void lfb_slot_set_count(lfb_slot *slot, unsigned order, lfb_word count)
{
    lfb_store_relaxed(&slot->loaded[order].count, count); /* relaxed: for statistics only */
}

/* How far the owner may fill its magazine; 0: it is asked to give back what it has. */
static inline lfb_word lfb_slot_limit(const lfb_slot *slot, unsigned order)
{
    return lfb_load_relaxed(&slot->limit[order]); /* relaxed: no data comes with it */
}

/* For the owner: puts a block or more into the loaded magazine of this order, which is empty: from
 * the shelf, or from the core. Does nothing if neither has one. */
void lfb_slot_fill(const lfb_cache_t *cache, unsigned slot, unsigned order);

/* For the owner: makes room in the loaded magazine of this order, which is full. */
void lfb_slot_make_room(const lfb_cache_t *cache, unsigned slot, unsigned order);

/* For the owner: gives back all that the slot has. Returns how many pages. */
size_t lfb_slot_drain(const lfb_cache_t *cache, unsigned slot);

/* For anybody, on behalf of lane `lane`: gives back the shelves of the slot, and asks its owner for
 * the rest. Returns how many pages came back. */
size_t lfb_slot_reclaim(const lfb_cache_t *cache, unsigned slot, unsigned lane);

#endif
