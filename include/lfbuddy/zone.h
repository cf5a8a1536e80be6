/* SPDX-License-Identifier: MIT */
/*
 * Zones: several lfbs, of ranges that don't overlap, behind one alloc and one free. The zones may
 * be NUMA nodes, memory below 4 GiB and above, memory that can be moved, the ranges between holes,
 * or devices.
 *
 *     a request   names a list of zones and where in it to begin; the first that serves it does
 *     low         a watermark in pages: told once when free pages fall below it
 *     minimum     pages that only requests with LFB_ZONE_RESERVE get to
 *     release     finds the zone by address
 *
 * COUNTING. lfb_get_stats reads the whole tree, so a set counts the free pages of each zone: one
 * word for the zone, and a stock of pages for each lane, so that most calls write the lane's word
 * only. The scheme is that of Linux's per-CPU counters (mm/vmstat.c), with two differences. Pages
 * are taken from a count before they are asked of the core, and put back after they were given
 * back to it; so the counts never promise pages that aren't free (P. O'Neil, "The Escrow
 * Transactional Method", ACM TODS 1986). And lanes have stocks only while the zone's word alone is
 * at `low` or above: near the watermarks everything is counted in the zone's word, for which Linux
 * sums up all CPUs (percpu_drift_mark). Therefore:
 *
 *   - The zone's word is at most lanes * batch pages below the count, and never above it.
 *   - An ordinary request never leaves fewer than `minimum` pages free, but for what requests with
 *     LFB_ZONE_RESERVE take while it runs.
 *   - With no call in progress all counts are exact, and so are both watermarks.
 *   - Pages that calls in progress have asked for, or are moving between counts (at most `batch`
 *     and the pages of one run for each call), pass for used meanwhile. That may turn an ordinary
 *     request to the next zone, or tell `low` early; never late.
 *   - A thread that stops for good inside a call leaves such pages uncounted: lfb_zones_recount.
 *     Until then ordinary requests can't get them; those with LFB_ZONE_RESERVE can.
 *
 * CONCURRENCY, PROGRESS. Allocating, releasing and looking may run beside each other, and in
 * handlers over themselves; they are lock-free, but for what the callback does. Nothing may run
 * beside lfb_zones_init and add, and nothing on that zone beside lfb_zones_recount. A set belongs
 * to one process or kernel: it holds pointers.
 *
 * THE CALLER'S PART. What a zone allocates and releases goes through the set. After pages came into
 * or out of use by other ways (lfb_hold_range, lfb_release_range), call lfb_zones_recount.
 */
#ifndef LFBUDDY_ZONE_H
#define LFBUDDY_ZONE_H

#include "../lfbuddy.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LFB_ZONES_MAX 1024

/* Not a zone. */
#define LFB_ZONE_NONE (~0U)

/* -------------------------------------------------------------------------------- types ---- */

typedef struct lfb_zones_config {
    size_t struct_size; /* sizeof(lfb_zones_config) */
    unsigned zones;     /* the most that will be added, 1 to LFB_ZONES_MAX */
    unsigned lanes;     /* 1 to LFB_MAX_LANES: those of the lfbs, or fewer */
    size_t batch;       /* pages that a lane may have in stock of each zone; 0: every call writes
                           the zone's word. 64 is a good start */
} lfb_zones_config;

typedef struct lfb_zone_config {
    size_t struct_size; /* sizeof(lfb_zone_config) */
    lfb_t *lfb;         /* started; stays as long as the set */
    size_t low;         /* pages, at least `minimum`; 0: never told */
    size_t minimum;     /* pages; 0: no reserve */
    /* Told that fewer than `low` pages are free; again only after `low` or more were. Called by the
     * request that found it, which has its pages by then: in the context of that call, beside
     * everything. It may call anything that may run beside alloc. NULL: nobody is told. */
    void (*reached_low)(void *context, unsigned zone);
    void *context;
} lfb_zone_config;

/* Private, and constant but for lfb_zones_add. A complete type, so that it can be static. */
typedef struct lfb_zones {
    void *zones;            /* the caller's memory, aligned */
    unsigned short *sorted; /* zone numbers by rising address */
    unsigned count;
    unsigned room;
    unsigned lanes;
    size_t batch;
} lfb_zones_t;

enum lfb_zone_flags {
    LFB_ZONE_ONLY = 1,   /* the first zone of the request, no other */
    LFB_ZONE_RESERVE = 2 /* may use what `minimum` keeps back */
};

/* Tries list[first], list[first + 1] ... list[count - 1]; so one list serves all requests of a
 * kind: {movable, normal, DMA}, from 0, 1 or 2 on. */
typedef struct lfb_zone_request {
    size_t pages;               /* a run; of 2^k pages: a block */
    unsigned lane;              /* folded into those that exist */
    unsigned flags;             /* of lfb_zone_flags */
    const unsigned short *list; /* zone numbers; NULL: all zones, in the order of adding */
    unsigned count;             /* of list; not read if that is NULL */
    unsigned first;
} lfb_zone_request;

/* ---------------------------------------------------------------------- life of a set ---- */

/* Bytes of memory that a set needs: 128 for each zone and lane, and some; 0: the configuration is
 * invalid. */
size_t lfb_zones_size(const lfb_zones_config *config);

/*
 * Starts a set without zones in `memory`, which has `size` bytes, any alignment, and stays as long
 * as the set. To end it: forget it. Returns LFB_OK; LFB_INVALID_ARGUMENT: a NULL, too little
 * memory, or an invalid configuration.
 */
lfb_status lfb_zones_init(lfb_zones_t *set, const lfb_zones_config *config, void *memory,
                          size_t size);

/*
 * Adds a zone, and counts its free pages. Zones are numbered from 0 as they are added. Returns
 * LFB_OK; LFB_INVALID_ARGUMENT: a NULL, struct_size, an lfb that isn't started, low < minimum, a
 * watermark beyond the zone's pages, or with 32-bit words more than 2^24 pages; LFB_BUSY: addresses
 * that a zone has already, from its first page to its last, holes included; LFB_EXHAUSTED: the set
 * is full.
 */
lfb_status lfb_zones_add(lfb_zones_t *set, const lfb_zone_config *config);

/*
 * Counts the free pages of a zone anew; takes as long as lfb_get_stats. Then the zone counts as not
 * told. Returns LFB_OK; LFB_INVALID_ARGUMENT: no such zone.
 */
lfb_status lfb_zones_recount(lfb_zones_t *set, unsigned zone);

/* -------------------------------------------------------------------- allocate, release ---- */

/*
 * Pages from the first zone of the request's that has them: by lfb_alloc or lfb_alloc_run. Numbers
 * in the list that are no zones are passed over. Returns the address; LFB_NONE: 0 pages, or no zone
 * of the list has such a block, or only by going below its minimum.
 * With LFB_ZONE_RESERVE it fails only if lfb_alloc or lfb_alloc_run does in every zone of the list.
 */
uintptr_t lfb_zones_alloc(lfb_zones_t *set, const lfb_zone_request *request);

/*
 * Releases the run at `address`. Returns what lfb_free does; LFB_OUT_OF_RANGE: an address in no
 * zone; LFB_SIZE_MISMATCH: another call changed the run at this moment. Refused, nothing changed.
 */
lfb_status lfb_zones_free(lfb_zones_t *set, unsigned lane, uintptr_t address);

/* The same, refused with LFB_SIZE_MISMATCH unless the run has exactly `pages` pages. Faster: the
 * core needn't be asked for the size first. LFB_INVALID_ARGUMENT: 0 pages, too. */
lfb_status lfb_zones_free_sized(lfb_zones_t *set, unsigned lane, uintptr_t address, size_t pages);

/* --------------------------------------------------------------------------------- look ---- */

/* The zone that the address (any byte) lies in; LFB_ZONE_NONE. Binary search. */
unsigned lfb_zones_find(const lfb_zones_t *set, uintptr_t address);

/* Free pages of a zone as counted: exact with no call in progress. Reads a word for each lane, one
 * after the other: pages that move meanwhile may be missed, or seen again (at most lanes * batch).
 * 0: none, or no such zone. */
size_t lfb_zones_free_pages(const lfb_zones_t *set, unsigned zone);

#ifdef __cplusplus
}
#endif

#endif
