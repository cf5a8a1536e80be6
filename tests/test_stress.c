/* SPDX-License-Identifier: MIT */
/*
 * Many threads, every operation, and a mark on every page: a run's owner writes its number on all
 * pages of the run, having found no other there, and takes it off before the release. The marks are
 * plain memory on purpose: the allocator alone orders one owner's writes before the next one's
 * reads, so ThreadSanitizer reports an ordering that is missing even where no overlap happens.
 *
 * LFB_SEED repeats the threads' choices (not their interleaving); LFB_STEPS, LFB_THREADS and
 * LFB_PAGES size the run.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "world.h"

enum { HELD_MOST = 48, EXCHANGE = 64, MAX_THREADS = 64, RUN_MOST = 3000, ORDER_MOST = 14 };

typedef struct run {
    uintptr_t address;
    size_t pages;
} run;

typedef struct arena {
    world w;
    unsigned char *marks;                  /* a page's owner; 0: nobody */
    _Atomic(uintptr_t) exchange[EXCHANGE]; /* runs handed to whoever comes by; 0: none */
    atomic_ulong violations;
    unsigned threads;
} arena;

typedef struct worker {
    arena *arena;
    unsigned char number; /* from 1 */
    random_source random;
    unsigned long steps;
    unsigned long failures; /* allocations that found nothing */
    run held[HELD_MOST];
    unsigned count;
} worker;

/* ------------------------------------------------------------------------------ ownership ---- */

static unsigned char *marks_of(const worker *k, run r)
{
    const lfb_config *config = &k->arena->w.config;
    return k->arena->marks + (r.address - config->base) / config->page_size;
}

static void complain(worker *k, const char *what, run r)
{
    if (atomic_fetch_add(&k->arena->violations, 1) < 10) {
        print_error("thread %u: %s: run at %#jx of %zu pages\n", k->number, what,
                    (uintmax_t)r.address, r.pages);
    }
}

static void change_marks(worker *k, run r, unsigned char from, unsigned char to, const char *what)
{
    unsigned char *marks = marks_of(k, r);
    bool good = marks[0] == from && memcmp(marks, marks + 1, r.pages - 1) == 0;
    if (!good) {
        complain(k, what, r);
    }
    memset(marks, to, r.pages);
}

static void own(worker *k, run r)
{
    change_marks(k, r, 0, k->number, "overlap");
}

static void disown(worker *k, run r)
{
    change_marks(k, r, k->number, 0, "somebody else's mark in my run");
}

static void keep(worker *k, uintptr_t address, size_t pages)
{
    if (address == LFB_NONE) {
        k->failures++;
        return;
    }
    run r = {address, pages};
    own(k, r);
    if (lfb_size_of(&k->arena->w.lfb, address) != pages) {
        complain(k, "wrong size", r);
    }
    k->held[k->count++] = r;
}

static run pick(worker *k)
{
    unsigned i = (unsigned)random_below(&k->random, k->count);
    run r = k->held[i];
    k->held[i] = k->held[--k->count];
    return r;
}

static void expect(worker *k, lfb_status status, lfb_status expected, run r)
{
    if (status != expected) {
        complain(k, lfb_status_name(status), r);
    }
}

/* ----------------------------------------------------------------------------- operations ---- */

static lfb_t *lfb_of(worker *k)
{
    return &k->arena->w.lfb;
}

static unsigned lane_of(const worker *k)
{
    return k->number % k->arena->w.config.lanes;
}

static void do_alloc(worker *k)
{
    unsigned order = (unsigned)random_skewed(&k->random, ORDER_MOST + 1);
    keep(k, lfb_alloc_on(lfb_of(k), lane_of(k), order), (size_t)1 << order);
}

static size_t any_length(worker *k)
{
    return 1 + random_skewed(&k->random, RUN_MOST);
}

static void do_alloc_run(worker *k)
{
    size_t pages = any_length(k);
    keep(k, lfb_alloc_run_on(lfb_of(k), lane_of(k), pages), pages);
}

static void do_alloc_within(worker *k)
{
    const lfb_config *config = &k->arena->w.config;
    size_t pages = any_length(k) / 8 + 1;
    size_t low = random_below(&k->random, config->page_count);
    size_t high = low + random_below(&k->random, config->page_count - low);
    uintptr_t address =
        lfb_alloc_within_on(lfb_of(k), lane_of(k), pages, world_page(&k->arena->w, low),
                            world_page(&k->arena->w, high));
    run r = {address, pages};
    if (address != LFB_NONE &&
        (address < world_page(&k->arena->w, low) ||
         address + pages * config->page_size > world_page(&k->arena->w, high))) {
        complain(k, "outside the window", r);
    }
    keep(k, address, pages);
}

static void do_alloc_at(worker *k)
{
    const lfb_config *config = &k->arena->w.config;
    size_t pages = any_length(k) / 4 + 1;
    size_t first = config->base / config->page_size;
    size_t align = 1;
    while (align < pages) {
        align *= 2;
    }
    size_t page = (first + random_below(&k->random, config->page_count)) / align * align;
    page = page > first ? page - first : 0;
    pages = pages <= config->page_count - page ? pages : config->page_count - page;
    run r = {world_page(&k->arena->w, page), pages};
    lfb_status status = lfb_alloc_at_on(lfb_of(k), lane_of(k), r.address, pages);
    if (status == LFB_OK) {
        keep(k, r.address, pages);
    } else if (page > 0) { /* the first page of the range isn't aligned */
        expect(k, status, LFB_BUSY, r);
    }
}

static void do_alloc_bulk(worker *k)
{
    uintptr_t out[HELD_MOST];
    unsigned order = (unsigned)random_skewed(&k->random, 4);
    size_t count = random_below(&k->random, HELD_MOST - k->count + 1);
    size_t got = lfb_alloc_bulk_on(lfb_of(k), lane_of(k), order, count, out);
    for (size_t i = 0; i < got; i++) {
        keep(k, out[i], (size_t)1 << order);
    }
}

static void do_free(worker *k)
{
    run r = pick(k);
    disown(k, r);
    expect(k, lfb_free_on(lfb_of(k), lane_of(k), r.address), LFB_OK, r);
}

static void do_free_sized(worker *k)
{
    run r = pick(k);
    expect(k, lfb_free_sized_on(lfb_of(k), lane_of(k), r.address, r.pages + 1), LFB_SIZE_MISMATCH,
           r);
    disown(k, r);
    expect(k, lfb_free_sized_on(lfb_of(k), lane_of(k), r.address, r.pages), LFB_OK, r);
}

static void do_free_bulk(worker *k)
{
    uintptr_t in[HELD_MOST];
    size_t count = random_below(&k->random, k->count) + 1;
    for (size_t i = 0; i < count; i++) {
        run r = pick(k);
        disown(k, r);
        in[i] = r.address;
    }
    run first = {in[0], count};
    if (lfb_free_bulk_on(lfb_of(k), lane_of(k), count, in) != count) {
        complain(k, "bulk release refused", first);
    }
}

/* Cuts a part out of a run: what is before it stays, what is behind it goes too. */
static void do_free_range(worker *k)
{
    run r = pick(k);
    size_t skip = random_below(&k->random, r.pages);
    size_t pages = 1 + random_below(&k->random, r.pages - skip);
    size_t page_size = k->arena->w.config.page_size;
    run part = {r.address + skip * page_size, pages};
    run rest = {part.address + pages * page_size, r.pages - skip - pages};
    disown(k, r);
    if (skip) {
        own(k, (run){r.address, skip});
    }
    expect(k, lfb_free_range_on(lfb_of(k), lane_of(k), part.address, part.pages), LFB_OK, part);
    if (rest.pages) {
        expect(k, lfb_free_range_on(lfb_of(k), lane_of(k), rest.address, rest.pages), LFB_OK, rest);
    }
    if (skip) {
        r.pages = skip;
        if (lfb_size_of(lfb_of(k), r.address) != skip) {
            complain(k, "wrong size after a cut", r);
        }
        k->held[k->count++] = r;
    }
}

static void do_resize(worker *k)
{
    run r = pick(k);
    size_t pages = random_below(&k->random, 2) ? 1 + random_below(&k->random, r.pages)
                                               : r.pages + random_skewed(&k->random, 64);
    size_t page_size = k->arena->w.config.page_size;
    if (pages < r.pages) {
        disown(k, (run){r.address + pages * page_size, r.pages - pages});
    }
    lfb_status status = lfb_resize_on(lfb_of(k), lane_of(k), r.address, pages);
    if (status == LFB_OK) {
        if (pages > r.pages) {
            own(k, (run){r.address + r.pages * page_size, pages - r.pages});
        }
        r.pages = pages;
    } else if (pages <= r.pages || (status != LFB_BUSY && status != LFB_INVALID_ARGUMENT)) {
        complain(k, lfb_status_name(status), r);
    }
    if (lfb_size_of(lfb_of(k), r.address) != r.pages) {
        complain(k, "wrong size after a change", r);
    }
    k->held[k->count++] = r;
}

static void do_hold(worker *k)
{
    const lfb_config *config = &k->arena->w.config;
    run r = {world_page(&k->arena->w, random_below(&k->random, config->page_count - 100)),
             1 + random_below(&k->random, 100)};
    if (lfb_hold_range_on(lfb_of(k), lane_of(k), r.address, r.pages) == LFB_OK) {
        own(k, r);
        expect(k, lfb_free_on(lfb_of(k), lane_of(k), r.address), LFB_NOT_ALLOCATED, r);
        disown(k, r);
        expect(k, lfb_release_range_on(lfb_of(k), lane_of(k), r.address, r.pages), LFB_OK, r);
    }
}

/* Leaves a run for others, takes what they left: releases by another thread than the owner. */
static void do_exchange(worker *k)
{
    unsigned i = (unsigned)random_below(&k->random, EXCHANGE);
    uintptr_t give = 0;
    if (k->count) {
        run r = pick(k);
        disown(k, r);
        give = r.address;
    }
    uintptr_t got = atomic_exchange_explicit(&k->arena->exchange[i], give, memory_order_acq_rel);
    if (got) {
        run r = {got, lfb_size_of(lfb_of(k), got)};
        if (r.pages == 0) {
            complain(k, "a run handed over is gone", (run){got, 1});
            return;
        }
        own(k, r);
        k->held[k->count++] = r;
    }
}

static void do_drain(worker *k)
{
    if (random_below(&k->random, 100) == 0) {
        lfb_drain(lfb_of(k));
    }
}

static void step(worker *k)
{
    static void (*const give[])(worker *) = {
        do_alloc,    do_alloc,      do_alloc,    do_alloc, do_alloc_run, do_alloc_within,
        do_alloc_at, do_alloc_bulk, do_exchange, do_hold,  do_drain,
    };
    static void (*const take[])(worker *) = {
        do_free,      do_free,       do_free,   do_free,     do_free_sized,
        do_free_bulk, do_free_range, do_resize, do_exchange,
    };
    bool full = k->count >= HELD_MOST - 1;
    if (k->count == 0 || (!full && random_below(&k->random, 2))) {
        give[random_below(&k->random, sizeof(give) / sizeof(*give))](k);
    } else {
        take[random_below(&k->random, sizeof(take) / sizeof(*take))](k);
    }
}

static void *work(void *argument)
{
    worker *k = argument;
    for (unsigned long i = 0; i < k->steps; i++) {
        step(k);
    }
    while (k->count) {
        do_free(k);
    }
    return NULL;
}

/* -------------------------------------------------------------------------------- the run ---- */

static unsigned long from_environment(const char *name, unsigned long usual)
{
    const char *given = getenv(name);
    return given ? strtoul(given, NULL, 0) : usual;
}

static void free_exchange(arena *a)
{
    for (unsigned i = 0; i < EXCHANGE; i++) {
        uintptr_t address = atomic_load(&a->exchange[i]);
        if (address) {
            assert_int_equal(lfb_free(&a->w.lfb, address), LFB_OK);
        }
    }
}

static void stress(size_t pages, unsigned lanes)
{
    static arena a; /* large, and one at a time */
    uint64_t seed = random_seed();
    unsigned long steps = from_environment("LFB_STEPS", 2000000);
    a.threads = (unsigned)from_environment("LFB_THREADS", 8);
    a.threads = a.threads < MAX_THREADS ? a.threads : MAX_THREADS;
    print_message("LFB_SEED=%#jx, %u threads, %lu steps, %zu pages\n", (uintmax_t)seed, a.threads,
                  steps, pages);
    /* A base that isn't aligned, so that the ends of the range are met too. */
    lfb_config config = world_config((uintptr_t)4096 * 1237, 4096, pages, ORDER_MOST);
    config.lanes = lanes;
    world_start(&a.w, &config);
    a.marks = calloc(pages, 1);
    assert_non_null(a.marks);
    worker *workers = calloc(a.threads, sizeof(*workers));
    pthread_t threads[MAX_THREADS];
    for (unsigned i = 0; i < a.threads; i++) {
        workers[i] =
            (worker){&a, (unsigned char)(i + 1), {seed + i}, steps / a.threads, 0, {{0}}, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    unsigned long failures = 0;
    for (unsigned i = 0; i < a.threads; i++) {
        pthread_join(threads[i], NULL);
        failures += workers[i].failures;
    }
    free_exchange(&a);
    memset(a.exchange, 0, sizeof(a.exchange));
    print_message("violations: %lu, allocations that found nothing: %lu\n",
                  atomic_load(&a.violations), failures);
    assert_int_equal(atomic_load(&a.violations), 0);
    world_assert_all_free(&a.w);
    world_end(&a.w);
    free(a.marks);
    free(workers);
}

/* Room for all: most allocations succeed. */
static void test_roomy(void **state)
{
    (void)state;
    stress(from_environment("LFB_PAGES", 1UL << 18), 4);
}

/* Too small for all: failures, sweeps and claims are common. */
static void test_crowded(void **state)
{
    (void)state;
    stress(from_environment("LFB_PAGES", 1UL << 14) + 77, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roomy),
        cmocka_unit_test(test_crowded),
    };
    return cmocka_run_group_tests_name("stress", tests, NULL, NULL);
}
