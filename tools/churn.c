/* SPDX-License-Identifier: MIT */
/*
 * The random operations: see churn.h.
 *
 * A thread has a table of the runs that it holds. Every page of a run carries the run's mark, the
 * number of its first page plus one, so that a run can be handed over as nothing but its place and
 * its length. How full the table is to be changes all the time, so that the range fills up and
 * empties again.
 */
#include "churn.h"

#include "team.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum {
    HELD = 256,  /* runs a thread holds at most */
    TIDE = 4096, /* operations between two changes of how many it wants to hold */
    SLOTS = 64,  /* where runs are left for others */
    MOST_ORDER = 10,
    MOST_RUN = 600,
    MOST_AT_ORDER = 6,
    LENGTH_BITS = 16, /* of the word in a slot */
    SEPARATION = 128
};

typedef struct held_run {
    size_t page;
    size_t pages;
    uint32_t mark;
    bool whole; /* one run to the allocator: what lfb_free_range leaves behind it may be several */
} held_run;

typedef struct churn_worker {
    alignas(SEPARATION) _Atomic uint64_t done[CHURN_KINDS];
    _Atomic uint64_t refused[CHURN_KINDS];
    uint64_t random;
    unsigned wanted;
    unsigned count;
    held_run held[HELD];
} churn_worker;

struct churn {
    subject *subject;
    unsigned threads;
    team team;
    churn_worker *workers;
    atomic_bool stop;
    alignas(SEPARATION) _Atomic uint64_t slots[SLOTS]; /* page << LENGTH_BITS | pages; 0: empty */
};

/* One thread at work. */
typedef struct hand {
    churn *churn;
    churn_worker *w;
    unsigned lane;
} hand;

const char *churn_kind_name(churn_kind kind)
{
    static const char *const names[CHURN_KINDS] = {
        [CHURN_ALLOC] = "alloc",       [CHURN_ALLOC_RUN] = "alloc_run",
        [CHURN_ALLOC_AT] = "alloc_at", [CHURN_RESIZE] = "resize",
        [CHURN_FREE] = "free",         [CHURN_FREE_RANGE] = "free_range",
        [CHURN_EXCHANGE] = "exchange",
    };
    return names[kind];
}

/* --------------------------------------------------------------------------------- helpers ---- */

static uint64_t random_below(churn_worker *w, uint64_t bound)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (w->random >> 16) % bound;
}

/* Low orders are common and high ones rare, as everywhere. */
static unsigned random_order(churn_worker *w, unsigned most)
{
    uint64_t a = random_below(w, most + 1);
    uint64_t b = random_below(w, most + 1);
    return (unsigned)(a < b ? a : b);
}

static size_t random_length(churn_worker *w)
{
    size_t bound = random_below(w, 4) == 0 ? MOST_RUN : 40;
    return (size_t)random_below(w, bound) + 1;
}

/* Only the thread itself writes its counters. */
static void tally(hand *h, churn_kind kind, bool done)
{
    _Atomic uint64_t *counter = done ? &h->w->done[kind] : &h->w->refused[kind];
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + 1, memory_order_relaxed);
}

static uintptr_t address_of(const hand *h, size_t page)
{
    return (uintptr_t)page * h->churn->subject->config.page_size;
}

static lfb_t *lfb_of(const hand *h)
{
    return &h->churn->subject->lfb;
}

static void claim(hand *h, size_t page, size_t pages, uint32_t mark)
{
    subject_claim(h->churn->subject, address_of(h, page), pages, mark);
}

static void disclaim(hand *h, size_t page, size_t pages, uint32_t mark)
{
    subject_disclaim(h->churn->subject, address_of(h, page), pages, mark);
}

static void expect_size(hand *h, const held_run *run)
{
    subject_expect_size(h->churn->subject, address_of(h, run->page), run->pages, run->mark);
}

static void expect_ok(hand *h, lfb_status status, const char *call, size_t page, size_t pages)
{
    subject_expect_ok(h->churn->subject, status, call, address_of(h, page), pages);
}

/* The caller sees to it that there is room. */
static void keep(hand *h, held_run run)
{
    h->w->held[h->w->count++] = run;
}

static held_run drop(hand *h, unsigned i)
{
    held_run run = h->w->held[i];
    h->w->held[i] = h->w->held[--h->w->count];
    return run;
}

static void keep_new(hand *h, churn_kind kind, size_t page, size_t pages)
{
    held_run run = {page, pages, (uint32_t)page + 1, true};
    claim(h, page, pages, run.mark);
    expect_size(h, &run);
    keep(h, run);
    tally(h, kind, true);
}

/* -------------------------------------------------------------------------------- allocate ---- */

static void keep_address(hand *h, churn_kind kind, uintptr_t address, size_t pages)
{
    if (address == LFB_NONE) {
        tally(h, kind, false);
    } else {
        keep_new(h, kind, address / h->churn->subject->config.page_size, pages);
    }
}

static void do_alloc(hand *h)
{
    unsigned order = random_order(h->w, MOST_ORDER);
    keep_address(h, CHURN_ALLOC, lfb_alloc_on(lfb_of(h), h->lane, order), (size_t)1 << order);
}

static void do_alloc_run(hand *h)
{
    size_t pages = random_length(h->w);
    keep_address(h, CHURN_ALLOC_RUN, lfb_alloc_run_on(lfb_of(h), h->lane, pages), pages);
}

/* Aligned to a block that would hold it, any run is legal. */
static void do_alloc_at(hand *h)
{
    unsigned order = random_order(h->w, MOST_AT_ORDER);
    size_t block = (size_t)1 << order;
    size_t page = (size_t)random_below(h->w, h->churn->subject->config.page_count / block) * block;
    size_t pages = block - (size_t)random_below(h->w, block / 2 + 1);
    pages = pages * 2 > block ? pages : block;
    lfb_status status = lfb_alloc_at_on(lfb_of(h), h->lane, address_of(h, page), pages);
    if (status == LFB_OK) {
        keep_new(h, CHURN_ALLOC_AT, page, pages);
        return;
    }
    tally(h, CHURN_ALLOC_AT, false);
    if (status != LFB_BUSY) {
        expect_ok(h, status, "lfb_alloc_at", page, pages);
    }
}

/* --------------------------------------------------------------------------------- release ---- */

static lfb_status free_whole(hand *h, const held_run *run)
{
    uintptr_t address = address_of(h, run->page);
    return random_below(h->w, 2) == 0 ? lfb_free_on(lfb_of(h), h->lane, address)
                                      : lfb_free_sized_on(lfb_of(h), h->lane, address, run->pages);
}

static void release(hand *h, const held_run *run)
{
    disclaim(h, run->page, run->pages, run->mark);
    if (run->whole) {
        expect_ok(h, free_whole(h, run), "lfb_free", run->page, run->pages);
        tally(h, CHURN_FREE, true);
        return;
    }
    lfb_status status = lfb_free_range_on(lfb_of(h), h->lane, address_of(h, run->page), run->pages);
    expect_ok(h, status, "lfb_free_range", run->page, run->pages);
    tally(h, CHURN_FREE_RANGE, true);
}

static void do_free(hand *h, unsigned i)
{
    held_run run = drop(h, i);
    if (run.whole) {
        expect_size(h, &run);
    }
    release(h, &run);
}

/* Any part; needs room for one more run. */
static void do_free_range(hand *h, unsigned i)
{
    held_run run = drop(h, i);
    size_t from = (size_t)random_below(h->w, run.pages);
    size_t pages = (size_t)random_below(h->w, run.pages - from) + 1;
    disclaim(h, run.page + from, pages, run.mark);
    lfb_status status =
        lfb_free_range_on(lfb_of(h), h->lane, address_of(h, run.page + from), pages);
    expect_ok(h, status, "lfb_free_range", run.page + from, pages);
    if (from > 0) {
        held_run before = {run.page, from, run.mark, run.whole};
        keep(h, before);
        if (before.whole) {
            expect_size(h, &before);
        }
    }
    if (from + pages < run.pages) {
        size_t behind = from + pages;
        keep(h, (held_run){run.page + behind, run.pages - behind, run.mark, false});
    }
    tally(h, CHURN_FREE_RANGE, true);
}

/* ---------------------------------------------------------------------------------- change ---- */

/* Marks come off what a run loses before it is lost, and on again if it wasn't. */
static void do_resize(hand *h, unsigned i)
{
    held_run *run = &h->w->held[i];
    if (!run->whole) {
        return;
    }
    size_t pages = (size_t)random_below(h->w, run->pages * 2) + 1;
    size_t lost = pages < run->pages ? run->pages - pages : 0;
    disclaim(h, run->page + pages, lost, run->mark);
    lfb_status status = lfb_resize_on(lfb_of(h), h->lane, address_of(h, run->page), pages);
    tally(h, CHURN_RESIZE, status == LFB_OK);
    if (status != LFB_OK) {
        claim(h, run->page + pages, lost, run->mark);
        if (status != LFB_BUSY && status != LFB_INVALID_ARGUMENT) {
            expect_ok(h, status, "lfb_resize", run->page, pages);
        }
        return;
    }
    if (pages > run->pages) {
        claim(h, run->page + run->pages, pages - run->pages, run->mark);
    }
    run->pages = pages;
    expect_size(h, run);
}

/* Leaves the run to others and takes what lay in the slot, mostly somebody else's. */
static void do_exchange(hand *h, unsigned i)
{
    held_run run = h->w->held[i];
    if (!run.whole || run.mark != (uint32_t)run.page + 1 || run.pages >> LENGTH_BITS != 0) {
        return;
    }
    drop(h, i);
    uint64_t word = (uint64_t)run.page << LENGTH_BITS | run.pages;
    _Atomic uint64_t *slot = &h->churn->slots[random_below(h->w, SLOTS)];
    word = atomic_exchange_explicit(slot, word, memory_order_acq_rel);
    tally(h, CHURN_EXCHANGE, true);
    if (word != 0) {
        size_t page = (size_t)(word >> LENGTH_BITS);
        size_t pages = (size_t)(word & (((uint64_t)1 << LENGTH_BITS) - 1));
        held_run other = {page, pages, (uint32_t)page + 1, true};
        expect_size(h, &other);
        keep(h, other);
    }
}

/* --------------------------------------------------------------------------------- threads ---- */

static void allocate_something(hand *h)
{
    uint64_t choice = random_below(h->w, 8);
    if (choice < 4) {
        do_alloc(h);
    } else if (choice < 7) {
        do_alloc_run(h);
    } else {
        do_alloc_at(h);
    }
}

static void change_something(hand *h, unsigned i)
{
    uint64_t choice = random_below(h->w, 3);
    if (choice == 0) {
        do_resize(h, i);
    } else if (choice == 1) {
        do_exchange(h, i);
    } else if (h->w->count < HELD) {
        do_free_range(h, i);
    }
}

static void step(hand *h)
{
    churn_worker *w = h->w;
    if (random_below(w, TIDE) == 0) {
        w->wanted = (unsigned)random_below(w, HELD);
    }
    bool more = random_below(w, 16) < (w->count < w->wanted ? 12 : 4);
    if (w->count == 0 || (more && w->count < HELD)) {
        allocate_something(h);
        return;
    }
    unsigned i = (unsigned)random_below(w, w->count);
    if (random_below(w, 3) == 0) {
        change_something(h, i);
    } else {
        do_free(h, i);
    }
}

static void work(void *context, unsigned member)
{
    churn *c = context;
    hand h = {c, &c->workers[member], member};
    while (!atomic_load_explicit(&c->stop, memory_order_relaxed)) {
        step(&h);
    }
    while (h.w->count > 0) {
        do_free(&h, h.w->count - 1);
    }
}

/* ------------------------------------------------------------------------------ the public ---- */

static void churn_close(churn *c)
{
    if (c != NULL) {
        free(c->workers);
        free(c);
    }
}

churn *churn_start(subject *under, unsigned threads)
{
    churn *c = aligned_alloc(SEPARATION, sizeof(*c));
    size_t size = threads * sizeof(churn_worker);
    churn_worker *workers = aligned_alloc(SEPARATION, size);
    if (c != NULL && workers != NULL) {
        memset(c, 0, sizeof(*c));
        memset(workers, 0, size);
        c->subject = under;
        c->threads = threads;
        c->workers = workers;
        for (unsigned i = 0; i < threads; i++) {
            workers[i].random = UINT64_C(0x9e3779b97f4a7c15) * (i + 1);
            workers[i].wanted = HELD / 2;
        }
        if (team_start(&c->team, threads, work, c)) {
            return c;
        }
    }
    free(workers);
    free(c);
    tool_fail(TOOL_FAILED, "no memory for %u threads", threads);
    return NULL;
}

churn_count churn_look(const churn *c)
{
    churn_count count = {{0}, {0}};
    for (unsigned i = 0; i < c->threads; i++) {
        for (unsigned kind = 0; kind < CHURN_KINDS; kind++) {
            const churn_worker *w = &c->workers[i];
            count.done[kind] += atomic_load_explicit(&w->done[kind], memory_order_relaxed);
            count.refused[kind] += atomic_load_explicit(&w->refused[kind], memory_order_relaxed);
        }
    }
    return count;
}

/* What lies in the slots is nobody's any more. */
static void empty_slots(churn *c)
{
    hand h = {c, &c->workers[0], 0};
    for (unsigned i = 0; i < SLOTS; i++) {
        uint64_t word = atomic_load(&c->slots[i]);
        if (word != 0) {
            size_t page = (size_t)(word >> LENGTH_BITS);
            size_t pages = (size_t)(word & (((uint64_t)1 << LENGTH_BITS) - 1));
            release(&h, &(held_run){page, pages, (uint32_t)page + 1, true});
        }
    }
}

churn_count churn_stop(churn *c)
{
    atomic_store(&c->stop, true);
    team_join(&c->team);
    empty_slots(c);
    churn_count count = churn_look(c);
    churn_close(c);
    return count;
}
