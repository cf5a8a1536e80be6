/* SPDX-License-Identifier: MIT */
/*
 * A cache of small blocks over an lfb: magazines for each thread or each CPU.
 *
 * After J. Bonwick, J. Adams, "Magazines and Vmem", USENIX 2001. A slot has two magazines for each
 * cached order, arrays of addresses: the loaded one, which its owner alone touches, and the shelf,
 * a full one that everybody may take. Allocating is a load from an array and releasing is a store:
 * no atomic update, no fence. Magazines are filled and emptied by the bulk functions of the core.
 *
 *     slot      one thread, or one CPU; numbered from 0
 *     owner     who calls with that slot: see "Who may call"
 *     magazine  up to magazine_pages pages: so many blocks of order 0, half as many of order 1, ...
 *
 * WHO MAY CALL. At any time at most one call is inside one slot. The caller sees to that: a thread
 * that has a slot of its own, or code that can't be preempted on a CPU that has one. A slot may
 * pass to another owner if the calls of the one happen before those of the other. A handler (of an
 * interrupt, an NMI, a signal) that may interrupt a call on a slot must not use that slot: it uses
 * one of its own, or LFB_CACHE_NO_SLOT, which goes straight to the core. Calls on different slots,
 * and on the core, may run beside each other.
 *
 * WHAT IT TRADES. Pages in magazines are allocated, as far as the core knows: they don't merge, and
 * lfb_size_of, lfb_walk and lfb_get_stats show them as runs. The bound: 2 * magazine_pages for each
 * cached order and slot. They come back
 *
 *   - when a magazine overflows; lfb_cache_drain_slot and lfb_cache_drain;
 *   - when an allocation through the cache fails: lfb_cache_reclaim.
 *
 * FAILURE. LFB_NONE: no aligned block of the wanted size was free in the core throughout a call of
 * lfb_alloc, nor after all the pages were given back that can be had at that moment: those in the
 * own slot, and in the shelves of the others. What may be left: the loaded magazines of other
 * slots, at most magazine_pages for each order and slot, and what other calls are moving. Their
 * owners are asked, and give back all that they have at their next call for a block of a cached
 * order. (That is as much as can be: whoever lets others take something away at any time needs an
 * atomic update or a fence in each call. Attiya et al., "Laws of Order", POPL 2011.) An owner that
 * won't call for a while should call lfb_cache_drain_slot first: if all do, the promise of the core
 * holds again.
 *
 * PROGRESS. No call waits for another one. An owner that stops for good between two calls leaves
 * its slot to whoever takes it over. One that stops inside a call withholds its loaded magazines,
 * and nobody may use that slot any more; whoever stops while it takes back a shelf withholds that
 * one. All else goes on.
 *
 * ORDERING. As in the core: what a thread wrote to a page before it released it happens before what
 * the next owner does with it.
 *
 * BAD CALLS. A release is checked for range and alignment at once, and one that goes to the core as
 * lfb_free does. Without `checked`, the rest is the caller's: a wrong order, a second release, or a
 * block that isn't allocated gets into the magazine, and may be handed out from there. When the
 * magazine is emptied, the core refuses what isn't the start of a run: that is reported to
 * config.refused and counted. With `checked` each release is judged at once, as lfb_free_sized
 * does, and a second release is found in whatever magazine the block lies; only a second release
 * that runs beside the first one's way back to the core may be missed.
 */
#ifndef LFBUDDY_CACHE_H
#define LFBUDDY_CACHE_H

#include "../lfbuddy.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LFB_CACHE_MAX_ORDERS 5
#define LFB_CACHE_MAX_PAGES  1024

/* Not a slot: the call goes to the core. So does any number that isn't below config.slots. */
#define LFB_CACHE_NO_SLOT (~0U)

/* -------------------------------------------------------------------------------- types ---- */

typedef struct lfb_cache_config {
    size_t struct_size; /* sizeof(lfb_cache_config) */
    unsigned slots;     /* 1 to LFB_MAX_LANES; slot n uses lane n of the core */
    unsigned orders;    /* 1 to LFB_CACHE_MAX_ORDERS: orders 0 to orders - 1 are cached. 4: what
                           most programs ask for often */
    unsigned magazine_pages; /* 2^(orders - 1) to LFB_CACHE_MAX_PAGES. 32: what one atomic update of
                                the core can give */
    bool checked;            /* judge each release at once. A bit more for each page of the range;
                                each call makes atomic updates */
    /* Told of a block that the core refused when a magazine was emptied, by whoever emptied it: a
     * bad release, then. It may call anything but this cache on a slot. NULL: it is only counted.
     */
    void (*refused)(void *context, uintptr_t address, lfb_status status);
    void *context; /* handed to refused */
} lfb_cache_config;

/* A complete type, so that it can be static. Its fields are private, and constant after
 * lfb_cache_init. */
typedef struct lfb_cache {
    lfb_t *lfb;
    void *slots;
    void *marks; /* NULL: not checked */
    unsigned slot_count;
    unsigned order_count;  /* cached orders */
    unsigned quick_orders; /* those of them that need no checks */
    struct {
        unsigned shift;    /* log2 of the bytes of a block */
        unsigned capacity; /* blocks a magazine holds */
        uintptr_t first;   /* number of the first block in the range, counted from address 0 */
        uintptr_t count;
    } orders[LFB_CACHE_MAX_ORDERS];
    void (*refused)(void *context, uintptr_t address, lfb_status status);
    void *context;
} lfb_cache_t;

/* Of all slots together. Counters wrap (at 2^LFB_WORD_BITS, slot by slot). Calls that the magazines
 * served aren't counted, for that would be a store in each call: they are the calls that you made
 * less those that moved a magazine. */
typedef struct lfb_cache_stats {
    size_t cached_pages; /* in magazines now */
    size_t cached_blocks[LFB_CACHE_MAX_ORDERS];
    size_t refills; /* magazines filled from the core */
    size_t flushes; /* magazines given back to it, full or not */
    size_t stolen;  /* of these, shelves of other slots, taken when an allocation had failed */
    size_t refused; /* blocks that the core didn't take back: bad releases */
} lfb_cache_stats;

/* -------------------------------------------------------------------- life of a cache ---- */

/* Bytes of memory that the cache needs; 0: the configuration is invalid. */
size_t lfb_cache_size(const lfb_t *lfb, const lfb_cache_config *config);

/*
 * Starts a cache over `lfb` in `memory`, which has `size` bytes, any alignment, and stays for as
 * long as the cache is used; so does *lfb. There may be several. To end it: lfb_cache_drain, then
 * forget it. Orders that the core doesn't serve aren't cached.
 * Returns LFB_OK; LFB_INVALID_ARGUMENT: a NULL, too little memory, or an invalid configuration
 * (struct_size, slots, orders, magazine_pages).
 */
lfb_status lfb_cache_init(lfb_cache_t *cache, lfb_t *lfb, const lfb_cache_config *config,
                          void *memory, size_t size);

/* --------------------------------------------------------------- allocate and release ---- */

/*
 * A block of 2^order pages, aligned to its size. Orders that aren't cached come from the core, by
 * way of lfb_cache_reclaim if it has none. Returns its address; LFB_NONE: see FAILURE, or
 * order > max_order.
 */
uintptr_t lfb_cache_alloc(lfb_cache_t *cache, unsigned slot, unsigned order);

/*
 * Releases a block of 2^order pages; whoever allocated it, through the cache or not. A run of that
 * length that isn't aligned to it goes to the core.
 * Returns LFB_OK; LFB_OUT_OF_RANGE; LFB_INVALID_ARGUMENT: an address inside a page, or an order
 * above max_order; LFB_NOT_ALLOCATED, LFB_NOT_START: as lfb_free, from a cache that is checked, and
 * wherever the call goes to the core; LFB_SIZE_MISMATCH: from a cache that is checked.
 */
lfb_status lfb_cache_free(lfb_cache_t *cache, unsigned slot, uintptr_t address, unsigned order);

/* ----------------------------------------------------------------------------- maintain ---- */

/* For the owner: gives all that the slot has back to the core. Returns LFB_OK;
 * LFB_INVALID_ARGUMENT: no such slot. */
lfb_status lfb_cache_drain_slot(lfb_cache_t *cache, unsigned slot);

/* Drains all slots. No call on any of them may be running. Then nothing is cached, and the core
 * knows of every free page. */
void lfb_cache_drain(lfb_cache_t *cache);

/*
 * Gives back to the core what can be had at this moment: all of the caller's slot, the shelves of
 * the others; and asks their owners for the rest. What lfb_cache_alloc does when it fails; call it
 * when an allocation from the core did (of a run, say), and try again. A handler calls it with
 * LFB_CACHE_NO_SLOT. Time: a look at each slot. Returns how many pages it gave back.
 */
size_t lfb_cache_reclaim(lfb_cache_t *cache, unsigned slot);

/* Fills *stats. May run beside everything; exact if nothing does. */
void lfb_cache_get_stats(const lfb_cache_t *cache, lfb_cache_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
