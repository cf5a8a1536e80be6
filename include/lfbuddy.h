/* SPDX-License-Identifier: MIT */
/*
 * lfbuddy: a lock-free buddy allocator for ranges of pages.
 *
 * OVERVIEW
 *
 * An lfb hands out pages of one range of addresses to many CPUs at once. It never touches the
 * pages themselves: the range may be physical memory, huge pages, a shared segment, device memory
 * or just numbers. What it knows lies in metadata that the caller provides: about 2.17 bits a page
 * (2.44 in the 32-bit build), 128 bytes a lane and a constant.
 *
 *     page    the unit of allocation, page_size bytes
 *     order   a block of order k is 2^k pages, aligned by its absolute address to its own size
 *     run     any number of contiguous pages that one call allocated
 *     lane    where a CPU looks first; any number of threads may share one, correctness never
 *             depends on who uses which
 *
 * GUARANTEES (docs/correctness.md argues for what is stated here)
 *
 * Progress. Every function is lock-free, and safe from interrupt, NMI and signal handlers over
 * itself. A thread that stops for good between any two instructions withholds nothing but the run
 * that it was itself allocating or releasing.
 *
 * Concurrency. All functions may run beside each other on one range, in one process or several,
 * except lfb_init, lfb_create and lfb_destroy (nothing else may run) and lfb_check (which needs
 * quiet to be exact). lfb_find, lfb_walk and lfb_get_stats are exact when nothing runs beside them,
 * and otherwise report pages as they were at some moment during the call, each page on its own.
 *
 * Ordering. What a thread wrote to a page before it released it happens before what the next
 * owner does with that page.
 *
 * Failure. LFB_NONE means that no aligned block of the wanted size was free throughout the call; a
 * page is free from the return of the call that released it.
 *
 * Bad calls. A release of anything but the start of a live run is refused with a status that says
 * why, and changes nothing. One limit: a run of several words is taken and given back word by word,
 * so a bad release that runs at the same time as a call which allocates, resizes, releases or holds
 * these very pages may be taken for a release of the part that is in place at that moment.
 *
 * SECTIONS: build-time settings, statuses, types, life of an allocator, allocate, release,
 * change, look, maintain.
 */
#ifndef LFBUDDY_H
#define LFBUDDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LFB_VERSION_MAJOR 0
#define LFB_VERSION_MINOR 1
#define LFB_VERSION_PATCH 0

/* ------------------------------------------------------------------ build-time settings ---- */

/*
 * Width of the atomic words. 64 where pointers have 64 bits, else 32, for machines whose widest
 * compare-and-swap is 32 bits. The library and its users must agree on all three settings.
 */
#ifndef LFB_WORD_BITS
#if UINTPTR_MAX > 0xffffffffU
#define LFB_WORD_BITS 64
#else
#define LFB_WORD_BITS 32
#endif
#endif

/* log2 of the slots (pages) in a leaf node, and of the slots in a node above. Smaller nodes make
 * a tree small enough for a model checker; they serve no other purpose. */
#ifndef LFB_LEAF_ORDER
#define LFB_LEAF_ORDER (LFB_WORD_BITS == 64 ? 5 : 4)
#endif
#ifndef LFB_NODE_ORDER
#define LFB_NODE_ORDER (LFB_WORD_BITS == 64 ? 4 : 3)
#endif

/* The largest order there is. Where addresses have 32 bits, orders above 31 (with 64-bit words:
 * above 29) are never served. */
#define LFB_MAX_ORDER 36

/* The most pages a range may have, and the most lanes. */
#define LFB_MAX_PAGES ((uintmax_t)1 << 36)
#define LFB_MAX_LANES 4096

/* Levels of the tallest tree. */
#define LFB_MAX_LEVELS ((LFB_MAX_ORDER - LFB_LEAF_ORDER + LFB_NODE_ORDER - 1) / LFB_NODE_ORDER + 1)

/* Address 0 can be a valid page, so "no address" is the highest one. */
#define LFB_NONE UINTPTR_MAX

/* ----------------------------------------------------------------------------- statuses ---- */

typedef enum lfb_status {
    LFB_OK = 0,
    LFB_EXHAUSTED,        /* no free pages that would do; for layers above: here LFB_NONE says so */
    LFB_INVALID_ARGUMENT, /* an argument that could never be right, whatever the state */
    LFB_OUT_OF_RANGE,     /* an address or a length that leaves the range */
    LFB_NOT_ALLOCATED,    /* the page is free, or taken out of use: no live run is there */
    LFB_NOT_START,        /* the address lies inside a live run, not at its first page */
    LFB_SIZE_MISMATCH,    /* the run has another length than the caller says */
    LFB_BUSY,             /* a page that is wanted is in use */
    LFB_DAMAGED,          /* metadata that this build can't have written */
    LFB_NO_MEMORY         /* the backend had no memory for the metadata */
} lfb_status;

/* A short English name, static, never NULL: "ok", "exhausted", ... */
const char *lfb_status_name(lfb_status status);

/* -------------------------------------------------------------------------------- types ---- */

typedef struct lfb_config {
    size_t struct_size; /* sizeof(lfb_config) */
    uintptr_t base;     /* address of the first page, a multiple of page_size */
    size_t page_size;   /* bytes, any power of two */
    size_t page_count;  /* pages, 1 to LFB_MAX_PAGES; the range may end at the last address,
                           but no page may be at LFB_NONE */
    unsigned max_order; /* the largest order that will be asked for, 0 to LFB_MAX_ORDER */
    unsigned lanes;     /* 1 to LFB_MAX_LANES, usually the number of CPUs */
    unsigned (*current_lane)(void *context); /* lane of the calling CPU; NULL: always lane 0 */
    void *lane_context;                      /* handed to current_lane */
    bool start_held;      /* all pages start out of use; give them with lfb_release_range */
    bool metadata_zeroed; /* the metadata is zero-filled: start without touching all of it */
} lfb_config;

/* Where lfb_create gets its metadata. allocate returns NULL when it has none. */
typedef struct lfb_backend {
    void *(*allocate)(void *ctx, size_t size, size_t align);
    void (*release)(void *ctx, void *p, size_t size);
    void *ctx;
} lfb_backend;

/*
 * One a process: it holds pointers and the lane callback; all that is shared lies in the metadata.
 * A complete type, so that it can be static. Its fields are private and constant between lfb_init
 * and lfb_destroy.
 */
typedef struct lfb {
    struct {
        void *words;     /* the node words of this level */
        void *hints;     /* a byte a node; none at level 0 */
        uintptr_t first; /* absolute number of the first node */
        uintptr_t count; /* nodes */
    } levels[LFB_MAX_LEVELS];
    void *shared;
    void *lanes;
    void *rooms;            /* a byte a node of level 1 */
    uintptr_t first_page;   /* absolute page numbers: address / page_size */
    uintptr_t end_page;     /* one past the last */
    unsigned page_shift;    /* log2(page_size) */
    unsigned top;           /* the highest level */
    unsigned max_order;     /* as configured */
    unsigned largest_order; /* the largest that is ever served */
    unsigned lane_count;
    unsigned lane_bits; /* bits that hold a lane number */
    unsigned char level_of_order[LFB_MAX_ORDER + 1];
    unsigned char place_of_order[LFB_MAX_ORDER + 1]; /* in a lane */
    unsigned (*current_lane)(void *context);
    void *lane_context;
    lfb_backend backend; /* release is NULL when the caller gave the metadata */
    void *metadata;
    size_t metadata_size;
} lfb_t;

typedef enum lfb_extent_kind {
    LFB_EXTENT_FREE, /* a free block: a power of two of pages, aligned, at most max_order */
    LFB_EXTENT_RUN,  /* a live run */
    LFB_EXTENT_HELD  /* pages out of use: lfb_hold_range, or start_held */
} lfb_extent_kind;

typedef struct lfb_extent {
    uintptr_t address;
    size_t pages;
    lfb_extent_kind kind;
} lfb_extent;

/* Called by lfb_walk for each extent; return false to stop there. It may call any function. */
typedef bool (*lfb_visitor)(void *context, const lfb_extent *extent);

typedef struct lfb_stats {
    size_t total_pages; /* free + allocated + held */
    size_t free_pages;
    size_t allocated_pages;
    size_t held_pages;                     /* out of use */
    size_t runs;                           /* live runs */
    size_t free_blocks[LFB_MAX_ORDER + 1]; /* maximal free blocks by order, none above max_order */
    int largest_free_order;                /* -1: nothing is free */
} lfb_stats;

typedef struct lfb_report {
    size_t faults;           /* broken invariants found; 0: the metadata is sound */
    const char *first_fault; /* what the first one is, static text; NULL: none */
    unsigned fault_level;    /* where: the level of the node, 0 is the leaves */
    uintptr_t fault_address; /* and the address of the first page that it covers */
    size_t warm_nodes;       /* not merged yet, as lfb_drain would: legal */
    size_t low_hints;        /* hints that hide free pages from the quick search: legal only
                                after a thread was killed; costs time, never a wrong answer */
    lfb_stats stats;         /* counted on the way */
} lfb_report;

/* ---------------------------------------------------------------- life of an allocator ---- */

/* Bytes of metadata that this configuration needs; 0: the configuration is invalid. */
size_t lfb_metadata_size(const lfb_config *config);

/*
 * Starts an allocator in `metadata`, which has `size` bytes, is aligned to a word (aligned to 128
 * it is faster), lies outside the pages that are handed out, and stays until lfb_destroy.
 * With metadata_zeroed it writes a few words; otherwise it fills all of it.
 * Returns LFB_OK; LFB_INVALID_ARGUMENT: NULL, misaligned or too small metadata, or an invalid
 * configuration (struct_size, base, page_size, page_count, max_order, lanes).
 */
lfb_status lfb_init(lfb_t *lfb, const lfb_config *config, void *metadata, size_t size);

/*
 * Joins an allocator that another handle started, in this process or another: the same metadata,
 * mapped at any address. May run beside everything but lfb_init.
 * Returns LFB_OK; LFB_INVALID_ARGUMENT: NULL or misaligned; LFB_DAMAGED: the header isn't one that
 * this build wrote, or `size` is less than it needs. The tree itself is lfb_check's to judge.
 */
lfb_status lfb_attach(lfb_t *lfb, void *metadata, size_t size,
                      unsigned (*current_lane)(void *context), void *lane_context);

/* lfb_init in memory from `backend`. metadata_zeroed speaks of what the backend returns.
 * Also returns LFB_NO_MEMORY. */
lfb_status lfb_create(lfb_t *lfb, const lfb_config *config, const lfb_backend *backend);

/* Ends this handle, and gives the metadata back to the backend if it came from one. NULL and a
 * zero-filled handle are fine. */
void lfb_destroy(lfb_t *lfb);

/* ----------------------------------------------------------------------------- allocate ---- */

/*
 * The functions below exist twice: the plain one asks current_lane, the _on variant is told the
 * lane (one that doesn't exist is folded into those that do).
 */

/*
 * A block of 2^order pages. One atomic update in the common case. Returns its address, aligned to
 * its size; LFB_NONE: exhausted, or order > max_order.
 */
uintptr_t lfb_alloc(lfb_t *lfb, unsigned order);
uintptr_t lfb_alloc_on(lfb_t *lfb, unsigned lane, unsigned order);

/*
 * A run of any length, aligned to its ceiling order (the order of the smallest block that would
 * hold it); what the block has beyond the run stays free, and needn't be free before. Returns its
 * address; LFB_NONE: no place aligned like that is free, pages is 0, or the ceiling order is above
 * max_order.
 */
uintptr_t lfb_alloc_run(lfb_t *lfb, size_t pages);
uintptr_t lfb_alloc_run_on(lfb_t *lfb, unsigned lane, size_t pages);

/*
 * lfb_alloc_run between two addresses: no byte below `low`, none at `high` or above (LFB_NONE: no
 * upper bound). For devices that reach a part of memory only.
 */
uintptr_t lfb_alloc_within(lfb_t *lfb, size_t pages, uintptr_t low, uintptr_t high);
uintptr_t lfb_alloc_within_on(lfb_t *lfb, unsigned lane, size_t pages, uintptr_t low,
                              uintptr_t high);

/*
 * The run of `pages` pages at `address`. Returns LFB_OK; LFB_BUSY: a page of it isn't free;
 * LFB_OUT_OF_RANGE; LFB_INVALID_ARGUMENT: 0 pages, an address inside a page, or a place where one
 * run can't be. A run that fits a leaf (2^LFB_LEAF_ORDER pages) may start at any page of it; a
 * longer one starts at a multiple of the slot size of the lowest node that covers it (alignment to
 * the ceiling order always does). For any other range: lfb_hold_range.
 */
lfb_status lfb_alloc_at(lfb_t *lfb, uintptr_t address, size_t pages);
lfb_status lfb_alloc_at_on(lfb_t *lfb, unsigned lane, uintptr_t address, size_t pages);

/*
 * Up to `count` blocks of one order into out[]; one atomic update takes all that a node can give.
 * Returns how many it got: fewer than count only when lfb_alloc would return LFB_NONE.
 */
size_t lfb_alloc_bulk(lfb_t *lfb, unsigned order, size_t count, uintptr_t out[]);
size_t lfb_alloc_bulk_on(lfb_t *lfb, unsigned lane, unsigned order, size_t count, uintptr_t out[]);

/* ------------------------------------------------------------------------------ release ---- */

/*
 * Releases the run that starts at `address`; its length is read from the metadata. One atomic
 * update in the common case. Returns LFB_OK; LFB_OUT_OF_RANGE; LFB_INVALID_ARGUMENT: an address
 * inside a page; LFB_NOT_ALLOCATED (a second release, pages out of use); LFB_NOT_START.
 */
lfb_status lfb_free(lfb_t *lfb, uintptr_t address);
lfb_status lfb_free_on(lfb_t *lfb, unsigned lane, uintptr_t address);

/* lfb_free, refused with LFB_SIZE_MISMATCH unless the run has exactly `pages` pages. */
lfb_status lfb_free_sized(lfb_t *lfb, uintptr_t address, size_t pages);
lfb_status lfb_free_sized_on(lfb_t *lfb, unsigned lane, uintptr_t address, size_t pages);

/*
 * Releases the runs that start at in[0], in[1], ... in this order; neighbours in one node go in one
 * atomic update. Stops at the first that lfb_free would refuse. Returns how many it released:
 * in[that] is the bad one.
 */
size_t lfb_free_bulk(lfb_t *lfb, size_t count, const uintptr_t in[]);
size_t lfb_free_bulk_on(lfb_t *lfb, unsigned lane, size_t count, const uintptr_t in[]);

/*
 * Releases pages [address, address + pages * page_size), all of which lie in live runs of the
 * caller; runs that reach over its ends are cut there. What is left of a run before the range is
 * one run; what is left behind it may be several (release it with lfb_free_range too). Other
 * threads may release other parts of the same run at the same time.
 * Returns LFB_OK; LFB_OUT_OF_RANGE; LFB_INVALID_ARGUMENT; LFB_NOT_ALLOCATED: a page of it is not
 * allocated, nothing was changed.
 */
lfb_status lfb_free_range(lfb_t *lfb, uintptr_t address, size_t pages);
lfb_status lfb_free_range_on(lfb_t *lfb, unsigned lane, uintptr_t address, size_t pages);

/* ------------------------------------------------------------------------------- change ---- */

/*
 * Gives the run at `address` the length `pages`, in place. Returns LFB_OK; LFB_BUSY: a page that it
 * would grow into is in use, or lies outside the range; LFB_INVALID_ARGUMENT: 0 pages, or a length
 * that one run can't have there (see lfb_alloc_at); and what lfb_free returns. Refused, the run is
 * as it was. Nothing else may release or resize the run meanwhile.
 */
lfb_status lfb_resize(lfb_t *lfb, uintptr_t address, size_t pages);
lfb_status lfb_resize_on(lfb_t *lfb, unsigned lane, uintptr_t address, size_t pages);

/*
 * Takes free pages out of use (a hole in memory, hot-remove), puts them into use (boot, hot-add).
 * Pages out of use are neither free nor allocated. Both take effect on all pages or on none, and
 * return LFB_OK, LFB_OUT_OF_RANGE or LFB_INVALID_ARGUMENT. hold: LFB_BUSY: a page isn't free.
 * release: LFB_BUSY: a page is in a live run; LFB_NOT_ALLOCATED: a page is free already.
 */
lfb_status lfb_hold_range(lfb_t *lfb, uintptr_t address, size_t pages);
lfb_status lfb_hold_range_on(lfb_t *lfb, unsigned lane, uintptr_t address, size_t pages);
lfb_status lfb_release_range(lfb_t *lfb, uintptr_t address, size_t pages);
lfb_status lfb_release_range_on(lfb_t *lfb, unsigned lane, uintptr_t address, size_t pages);

/*
 * Takes pages out of use though some may be in live runs (hot-remove, a balloon). What is free
 * there goes out of use now; what is released there from now on, by any of the functions above,
 * goes out of use in place of becoming free; a run that reaches beyond the range is cut at its ends
 * for that. Returns LFB_OK: all of it is out of use, as by lfb_hold_range; LFB_BUSY: *in_use pages
 * are in live runs (lfb_walk and lfb_find say in which): call again, with the same range, when some
 * were released; LFB_EXHAUSTED: another range is isolated, and there can be one at a time;
 * LFB_OUT_OF_RANGE; LFB_INVALID_ARGUMENT: 0 pages, an address inside a page, in_use is NULL, or a
 * range of 2^32 pages or more with 32-bit words.
 *
 * May run beside everything. Nothing is allocated there any more, except what a release made free
 * that had begun before; the next call takes that, if it is free then. Lock-free; reads every word
 * of the range.
 */
lfb_status lfb_isolate_range(lfb_t *lfb, uintptr_t address, size_t pages, size_t *in_use);
lfb_status lfb_isolate_range_on(lfb_t *lfb, unsigned lane, uintptr_t address, size_t pages,
                                size_t *in_use);

/* Ends an isolation before it is complete. What went out of use stays so, until lfb_release_range;
 * a release that began before may still take its pages out of use. */
void lfb_isolate_end(lfb_t *lfb);

/* --------------------------------------------------------------------------------- look ---- */

/* Pages of the live run that starts at `address`; 0: none starts there. */
size_t lfb_size_of(const lfb_t *lfb, uintptr_t address);

/*
 * The run, free block or stretch out of use that `address` (any byte) lies in. Returns LFB_OK;
 * LFB_OUT_OF_RANGE; LFB_INVALID_ARGUMENT: extent is NULL.
 */
lfb_status lfb_find(const lfb_t *lfb, uintptr_t address, lfb_extent *extent);

/* Counts pages and blocks; reads every node in use. */
void lfb_get_stats(const lfb_t *lfb, lfb_stats *stats);

/* Shows every run, free block and stretch out of use to the visitor, by rising address. Free
 * blocks are maximal, as after a drain. Returns LFB_OK, also when the visitor stopped;
 * LFB_INVALID_ARGUMENT: no visitor. */
lfb_status lfb_walk(const lfb_t *lfb, lfb_visitor visitor, void *context);

/* ----------------------------------------------------------------------------- maintain ---- */

/* Merges whatever lanes keep split for their own speed. A failing allocation needs no drain
 * before it. */
void lfb_drain(lfb_t *lfb);

/*
 * Verifies every invariant of the metadata; report may be NULL. To be exact nothing may run beside
 * it. Returns LFB_OK; LFB_DAMAGED: report->first_fault says what, fault_level and fault_address
 * where.
 */
lfb_status lfb_check(const lfb_t *lfb, lfb_report *report);

#ifdef __cplusplus
}
#endif

#endif
