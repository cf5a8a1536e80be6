/* SPDX-License-Identifier: MIT */
/*
 * The work: random calls, and a mark in every page that says who owns it.
 *
 * The first word of a free page is 0. An owner expects 0 there, writes its mark, and when it gives
 * the page back expects its mark and writes 0; all by plain loads and stores, so a page that is in
 * two hands at once, or comes to the next owner before the last one's stores, shows.
 */
#include <stdatomic.h>

#include "kernel.h"

enum { MAILBOXES = 16, RUN_PAGES_MAX = 300, NEAR_PAGES = 40, BULK = 8, PRINTED_MAX = 10 };

memory kernel_memory;

/* Actors swap a place of theirs for one from here, so that runs are released by other CPUs. */
static run spare_places[MAILBOXES];
static _Atomic(run *) mailboxes[MAILBOXES];
static atomic_uint violations;

/* -------------------------------------------------------------------------------- marks ---- */

static void violation(const char *what, uintptr_t page)
{
    if (atomic_fetch_add_explicit(&violations, 1, memory_order_relaxed) < PRINTED_MAX) {
        print("VIOLATION: %s: page %x\n", what, (uint64_t)page);
    }
}

size_t work_violations(void)
{
    return atomic_load_explicit(&violations, memory_order_relaxed);
}

static void must(bool fine, const char *what, uintptr_t page)
{
    if (!fine) {
        violation(what, page);
    }
}

static volatile uintptr_t *word_of(uintptr_t page)
{
    return (volatile uintptr_t *)page;
}

static uintptr_t mark_of(const run *r, uintptr_t page)
{
    return page ^ (uintptr_t)r;
}

/* Whether the map calls all of it usable. */
static bool is_usable(const run *r)
{
    const lfb_boot_map *map = &kernel_memory.map;
    for (size_t i = 0; i < map->count; i++) {
        const lfb_boot_region *region = &map->regions[i];
        if (r->address >= region->start && r->address < region->end) {
            return region->kind == LFB_BOOT_USABLE &&
                   (uint64_t)r->pages * PAGE <= region->end - r->address;
        }
    }
    return false;
}

static void mark(const run *r, size_t from)
{
    must(is_usable(r), "handed out, though not usable", r->address);
    for (size_t i = from; i < r->pages; i++) {
        uintptr_t page = r->address + i * PAGE;
        must(*word_of(page) == 0, "handed out while in use", page);
        *word_of(page) = mark_of(r, page);
    }
#ifdef PLANT_VIOLATION
    static atomic_uint marked;
    if (atomic_fetch_add_explicit(&marked, 1, memory_order_relaxed) == 100) {
        *word_of(r->address) = 1;
    }
#endif
}

static void unmark(const run *r, size_t from)
{
    for (size_t i = from; i < r->pages; i++) {
        uintptr_t page = r->address + i * PAGE;
        must(*word_of(page) == mark_of(r, page), "written by somebody else", page);
        *word_of(page) = 0;
    }
}

/* ------------------------------------------------------------------------------ choices ---- */

/* Marsaglia's xorshift, 32 bits. */
static uint32_t random_below(actor *a, uint32_t limit)
{
    a->random ^= a->random << 13;
    a->random ^= a->random >> 17;
    a->random ^= a->random << 5;
    return a->random % limit;
}

/* Below the limit, each half as often as the one before. */
static unsigned random_order(actor *a, unsigned limit)
{
    unsigned order = 0;
    while (order + 1 < limit && random_below(a, 2)) {
        order++;
    }
    return order;
}

static uintptr_t random_page(actor *a)
{
    const lfb_config *config = &kernel_memory.zone.config;
    return config->base + (uintptr_t)random_below(a, (uint32_t)config->page_count) * PAGE;
}

/* Pages of a run, in the interrupt few. */
static size_t random_pages(actor *a)
{
    return 1 + random_below(a, a->runs == RUNS_MAX ? RUN_PAGES_MAX : BULK);
}

/* ------------------------------------------------------------------------------ getting ---- */

static void got(actor *a, run *r, uintptr_t address, size_t pages, bool held)
{
    if (address == LFB_NONE) {
        a->refused++;
        return;
    }
    *r = (run){address, pages, held};
    mark(r, 0);
    must(held || lfb_size_of(&kernel_memory.lfb, address) == pages, "of another size", address);
}

/* A call on pages at an address of our choice may also be refused because of the address. */
static uintptr_t at_if(lfb_status status, uintptr_t address)
{
    must(status == LFB_OK || status == LFB_BUSY || status == LFB_OUT_OF_RANGE ||
             status == LFB_INVALID_ARGUMENT,
         lfb_status_name(status), address);
    return status == LFB_OK ? address : LFB_NONE;
}

/* Many blocks at once, which go back at once. */
static void get_and_put_many(actor *a)
{
    uintptr_t pages[BULK] = {0};
    run runs[BULK];
    size_t count = lfb_alloc_bulk(&kernel_memory.lfb, 0, BULK, pages);
    for (size_t i = 0; i < count; i++) {
        got(a, &runs[i], pages[i], 1, false);
    }
    for (size_t i = 0; i < count; i++) {
        unmark(&runs[i], 0);
    }
    must(lfb_free_bulk(&kernel_memory.lfb, count, pages) == count, "not all released", pages[0]);
    a->operations++;
}

static void get(actor *a, run *r)
{
    lfb_t *lfb = &kernel_memory.lfb;
    uintptr_t address = random_page(a);
    size_t pages = random_pages(a);
    unsigned order = random_order(a, a->orders);
    a->operations++;
    switch (random_below(a, 16)) {
    case 0:
    case 1:
        got(a, r, lfb_alloc_run(lfb, pages), pages, false);
        break;
    case 2:
        pages = 1 + pages % BULK;
        got(a, r, at_if(lfb_alloc_at(lfb, address, pages), address), pages, false);
        break;
    case 3:
        pages = 1 + pages % NEAR_PAGES;
        got(a, r, at_if(lfb_hold_range(lfb, address, pages), address), pages, true);
        break;
    case 4: {
        uintptr_t high = address + (uintptr_t)NEAR_PAGES * PAGE;
        pages = 1 + pages % BULK;
        got(a, r, lfb_alloc_within(lfb, pages, address, high), pages, false);
        must(r->pages == 0 || (r->address >= address && r->address < high), "not within",
             r->address);
        break;
    }
    case 5:
        get_and_put_many(a);
        break;
    default:
        got(a, r, lfb_alloc(lfb, order), (size_t)1 << order, false);
        break;
    }
}

/* ------------------------------------------------------------------------------ putting ---- */

static void change_size(actor *a, run *r)
{
    lfb_t *lfb = &kernel_memory.lfb;
    size_t before = r->pages;
    size_t pages = random_pages(a);
    if (pages < before) {
        unmark(r, pages);
        r->pages = pages;
        must(lfb_resize(lfb, r->address, pages) == LFB_OK, "not trimmed", r->address);
    } else if (at_if(lfb_resize(lfb, r->address, pages), r->address) != LFB_NONE) {
        r->pages = pages;
        mark(r, before);
    } else {
        a->refused++;
    }
}

static void put_end(actor *a, run *r)
{
    size_t pages = random_below(a, (uint32_t)r->pages);
    unmark(r, pages);
    lfb_status status =
        lfb_free_range(&kernel_memory.lfb, r->address + pages * PAGE, r->pages - pages);
    must(status == LFB_OK, "its end not released", r->address);
    r->pages = pages;
}

static void put(run *r, unsigned how)
{
    lfb_t *lfb = &kernel_memory.lfb;
    unmark(r, 0);
    lfb_status status = r->held   ? lfb_release_range(lfb, r->address, r->pages)
                        : how < 4 ? lfb_free_sized(lfb, r->address, r->pages)
                                  : lfb_free(lfb, r->address);
    must(status == LFB_OK, "not released", r->address);
    r->pages = 0;
}

/* ------------------------------------------------------------------------------- actors ---- */

void actor_start(actor *a, uint32_t seed, unsigned runs, unsigned orders)
{
    a->random = seed;
    a->runs = runs;
    a->orders = orders;
    for (unsigned i = 0; i < runs; i++) {
        a->own[i] = &a->places[i];
    }
}

/* acq_rel: what was written to the place and its pages by whoever left it here, happens before what
 * is done with them now. */
static void change_hands(actor *a, run **place)
{
    _Atomic(run *) *mailbox = &mailboxes[random_below(a, MAILBOXES)];
    *place = atomic_exchange_explicit(mailbox, *place, memory_order_acq_rel);
}

void actor_step(actor *a)
{
    run **place = &a->own[random_below(a, a->runs)];
    run *r = *place;
    unsigned how = random_below(a, 16);
    if (r->pages == 0) {
        get(a, r);
    } else if (how < 2) {
        change_hands(a, place);
    } else {
        a->operations++;
        if (how == 2 && !r->held) {
            change_size(a, r);
        } else if (how == 3 && !r->held) {
            put_end(a, r);
        } else {
            put(r, how);
        }
    }
}

static size_t put_all(run *places, unsigned count)
{
    size_t operations = 0;
    for (unsigned i = 0; i < count; i++) {
        if (places[i].pages) {
            put(&places[i], 0);
            operations++;
        }
    }
    return operations;
}

void actor_end(actor *a)
{
    a->operations += put_all(a->places, a->runs);
}

/* ------------------------------------------------------------------------ before and after ---- */

static bool mark_free(void *context, const lfb_extent *extent)
{
    (void)context;
    for (size_t i = 0; extent->kind == LFB_EXTENT_FREE && i < extent->pages; i++) {
        *word_of(extent->address + i * PAGE) = 0;
    }
    return true;
}

static bool check_free(void *context, const lfb_extent *extent)
{
    (void)context;
    for (size_t i = 0; extent->kind == LFB_EXTENT_FREE && i < extent->pages; i++) {
        uintptr_t page = extent->address + i * PAGE;
        must(*word_of(page) == 0, "free, and yet written", page);
    }
    return true;
}

void work_start(void)
{
    for (unsigned i = 0; i < MAILBOXES; i++) {
        atomic_init(&mailboxes[i], &spare_places[i]);
    }
    lfb_walk(&kernel_memory.lfb, mark_free, NULL);
}

void work_end(void)
{
    put_all(spare_places, MAILBOXES);
    lfb_drain(&kernel_memory.lfb);
    lfb_walk(&kernel_memory.lfb, check_free, NULL);
}
