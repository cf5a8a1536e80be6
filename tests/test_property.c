/* SPDX-License-Identifier: MIT */
/*
 * Random operations on random allocators, each answer compared with the sequential oracle, the
 * checker and a whole walk after every step. LFB_SEED repeats a run, LFB_STEPS makes it longer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"
#include "random.h"
#include "world.h"

typedef struct trial {
    world w;
    oracle o;
    random_source random;
} trial;

static uintptr_t address_of(const trial *t, size_t page)
{
    return world_page(&t->w, page);
}

static unsigned any_lane(trial *t)
{
    return (unsigned)random_below(&t->random, t->w.config.lanes + 2); /* some don't exist */
}

/* The run that an allocation returned. */
static void accept_run(trial *t, uintptr_t address, size_t pages, size_t low, size_t high)
{
    if (address == LFB_NONE) {
        assert_false(oracle_has_room(&t->o, pages, low, high));
        return;
    }
    size_t page = (address - t->w.config.base) / t->w.config.page_size;
    assert_in_range(page, low, high - pages);
    assert_int_equal((t->o.first + page) % ((size_t)1 << oracle_ceiling_order(pages)), 0);
    assert_true(oracle_is(&t->o, page, pages, ORACLE_FREE));
    oracle_add_run(&t->o, page, pages);
}

static void try_alloc(trial *t)
{
    unsigned order = (unsigned)random_below(&t->random, t->w.config.max_order + 2);
    uintptr_t address = lfb_alloc_on(&t->w.lfb, any_lane(t), order);
    if (order > t->w.config.max_order) {
        assert_int_equal(address, LFB_NONE);
        return;
    }
    accept_run(t, address, (size_t)1 << order, 0, t->o.count);
}

static size_t any_length(trial *t)
{
    return 1 + random_skewed(&t->random, t->o.count + 1);
}

static void try_alloc_run(trial *t)
{
    size_t pages = any_length(t);
    accept_run(t, lfb_alloc_run_on(&t->w.lfb, any_lane(t), pages), pages, 0, t->o.count);
}

static void try_alloc_within(trial *t)
{
    size_t pages = any_length(t);
    size_t low = random_below(&t->random, t->o.count);
    size_t high = low + random_below(&t->random, t->o.count - low + 1);
    size_t inside = t->w.config.page_size > 1 ? random_below(&t->random, 2) : 0;
    uintptr_t first = low == 0 ? 0 : address_of(t, low) - inside;
    uintptr_t end = high == t->o.count ? LFB_NONE : address_of(t, high) + inside;
    accept_run(t, lfb_alloc_within_on(&t->w.lfb, any_lane(t), pages, first, end), pages, low, high);
}

/* Whether [page, page + pages) can be one run: it lies in a leaf, or starts at a slot of the lowest
 * node that covers it. */
static bool can_be_run(const trial *t, size_t page, size_t pages)
{
    size_t first = t->o.first + page;
    size_t last = first + pages - 1;
    unsigned slot_order = 0;
    unsigned order = LFB_LEAF_ORDER;
    for (unsigned level = 0; first >> order != last >> order; level++) {
        if (level == t->w.lfb.top) {
            return false;
        }
        slot_order = order;
        order += LFB_NODE_ORDER;
    }
    return first % ((size_t)1 << slot_order) == 0;
}

static void any_range(trial *t, size_t *page, size_t *pages)
{
    *page = random_below(&t->random, t->o.count);
    *pages = random_skewed(&t->random, t->o.count - *page + 2);
}

static lfb_status bad_range(const trial *t, size_t page, size_t pages)
{
    if (pages == 0) {
        return LFB_INVALID_ARGUMENT;
    }
    return pages > t->o.count - page ? LFB_OUT_OF_RANGE : LFB_OK;
}

static void try_alloc_at(trial *t)
{
    size_t page;
    size_t pages;
    any_range(t, &page, &pages);
    lfb_status expected = bad_range(t, page, pages);
    if (expected == LFB_OK) {
        expected = !can_be_run(t, page, pages)                   ? LFB_INVALID_ARGUMENT
                   : !oracle_is(&t->o, page, pages, ORACLE_FREE) ? LFB_BUSY
                                                                 : LFB_OK;
    }
    assert_int_equal(lfb_alloc_at_on(&t->w.lfb, any_lane(t), address_of(t, page), pages), expected);
    if (expected == LFB_OK) {
        oracle_add_run(&t->o, page, pages);
    }
}

static lfb_status run_status(const trial *t, size_t page)
{
    if (t->o.pages[page] <= 0) {
        return LFB_NOT_ALLOCATED;
    }
    return oracle_is_start(&t->o, page) ? LFB_OK : LFB_NOT_START;
}

/* A random page; mostly the start of a run, if one is near. */
static size_t any_run(trial *t)
{
    size_t page = random_below(&t->random, t->o.count);
    if (random_below(&t->random, 4)) {
        for (size_t i = page; i < t->o.count; i++) {
            if (oracle_is_start(&t->o, i)) {
                return i;
            }
        }
    }
    return page;
}

static void try_free(trial *t)
{
    size_t page = any_run(t);
    lfb_status expected = run_status(t, page);
    assert_int_equal(lfb_free_on(&t->w.lfb, any_lane(t), address_of(t, page)), expected);
    if (expected == LFB_OK) {
        oracle_set(&t->o, page, oracle_run_pages(&t->o, page), ORACLE_FREE);
    }
}

static void try_free_sized(trial *t)
{
    size_t page = any_run(t);
    size_t length = t->o.pages[page] > 0 ? oracle_run_pages(&t->o, page) : 1;
    size_t pages = random_below(&t->random, 4) ? length : random_skewed(&t->random, t->o.count + 2);
    lfb_status expected = pages == 0 ? LFB_INVALID_ARGUMENT : run_status(t, page);
    if (expected == LFB_OK && pages != length) {
        expected = LFB_SIZE_MISMATCH;
    }
    assert_int_equal(lfb_free_sized_on(&t->w.lfb, any_lane(t), address_of(t, page), pages),
                     expected);
    if (expected == LFB_OK) {
        oracle_set(&t->o, page, pages, ORACLE_FREE);
    }
}

/* What a cut left of a run behind `page`: one run or several, which the allocator names. */
static void learn_rest(trial *t, size_t page, long run)
{
    while (page < t->o.count && t->o.pages[page] == run) {
        size_t pages = lfb_size_of(&t->w.lfb, address_of(t, page));
        assert_in_range(pages, 1, t->o.count - page);
        assert_true(oracle_is(&t->o, page, pages, run));
        oracle_add_run(&t->o, page, pages);
        page += pages;
    }
}

static void try_free_range(trial *t)
{
    size_t page = any_run(t);
    size_t pages = random_skewed(&t->random, t->o.count - page + 2);
    lfb_status expected = bad_range(t, page, pages);
    if (expected == LFB_OK && !oracle_is_allocated(&t->o, page, pages)) {
        expected = LFB_NOT_ALLOCATED;
    }
    assert_int_equal(lfb_free_range_on(&t->w.lfb, any_lane(t), address_of(t, page), pages),
                     expected);
    if (expected == LFB_OK) {
        long last = t->o.pages[page + pages - 1];
        oracle_set(&t->o, page, pages, ORACLE_FREE);
        learn_rest(t, page + pages, last);
    }
}

static void try_resize(trial *t)
{
    size_t page = any_run(t);
    size_t old = t->o.pages[page] > 0 ? oracle_run_pages(&t->o, page) : 1;
    size_t pages = random_below(&t->random, 2) ? random_skewed(&t->random, old + 1)
                                               : old + random_skewed(&t->random, t->o.count + 1);
    lfb_status expected = pages == 0 ? LFB_INVALID_ARGUMENT : run_status(t, page);
    if (expected == LFB_OK && pages > old) {
        expected = pages > t->o.count - page                                 ? LFB_BUSY
                   : !can_be_run(t, page, pages)                             ? LFB_INVALID_ARGUMENT
                   : !oracle_is(&t->o, page + old, pages - old, ORACLE_FREE) ? LFB_BUSY
                                                                             : LFB_OK;
    }
    assert_int_equal(lfb_resize_on(&t->w.lfb, any_lane(t), address_of(t, page), pages), expected);
    if (expected == LFB_OK) {
        oracle_set(&t->o, page, old, ORACLE_FREE);
        oracle_add_run(&t->o, page, pages);
    }
}

static void try_hold_range(trial *t)
{
    size_t page;
    size_t pages;
    any_range(t, &page, &pages);
    lfb_status expected = bad_range(t, page, pages);
    if (expected == LFB_OK && !oracle_is(&t->o, page, pages, ORACLE_FREE)) {
        expected = LFB_BUSY;
    }
    assert_int_equal(lfb_hold_range_on(&t->w.lfb, any_lane(t), address_of(t, page), pages),
                     expected);
    if (expected == LFB_OK) {
        oracle_set(&t->o, page, pages, ORACLE_HELD);
    }
}

static void try_release_range(trial *t)
{
    size_t page;
    size_t pages;
    any_range(t, &page, &pages);
    while (random_below(&t->random, 8) && page + 1 < t->o.count &&
           t->o.pages[page] != ORACLE_HELD) {
        page++;
    }
    pages = pages > t->o.count - page ? t->o.count - page : pages;
    lfb_status expected = bad_range(t, page, pages);
    for (size_t i = page; expected == LFB_OK && i < page + pages; i++) {
        if (t->o.pages[i] != ORACLE_HELD) {
            expected = t->o.pages[i] == ORACLE_FREE ? LFB_NOT_ALLOCATED : LFB_BUSY;
        }
    }
    assert_int_equal(lfb_release_range_on(&t->w.lfb, any_lane(t), address_of(t, page), pages),
                     expected);
    if (expected == LFB_OK) {
        oracle_set(&t->o, page, pages, ORACLE_FREE);
    }
}

enum { BULK_MOST = 70 };

static void try_alloc_bulk(trial *t)
{
    uintptr_t out[BULK_MOST];
    unsigned order = (unsigned)random_below(&t->random, t->w.config.max_order + 1) / 2;
    size_t count = random_below(&t->random, BULK_MOST + 1);
    size_t got = lfb_alloc_bulk_on(&t->w.lfb, any_lane(t), order, count, out);
    assert_in_range(got, 0, count);
    for (size_t i = 0; i < got; i++) {
        accept_run(t, out[i], (size_t)1 << order, 0, t->o.count);
    }
    if (got < count) {
        accept_run(t, LFB_NONE, (size_t)1 << order, 0, t->o.count);
    }
}

static void try_free_bulk(trial *t)
{
    uintptr_t in[BULK_MOST];
    size_t count = 0;
    size_t page = any_run(t);
    for (; page < t->o.count && count < BULK_MOST; page++) {
        if (oracle_is_start(&t->o, page) && random_below(&t->random, 8)) {
            in[count++] = address_of(t, page);
        }
    }
    size_t bad = count; /* where a wrong address is put in */
    if (count && random_below(&t->random, 4) == 0) {
        bad = random_below(&t->random, count);
        size_t wrong = random_below(&t->random, t->o.count);
        if (run_status(t, wrong) == LFB_OK) {
            bad = count;
        } else {
            in[bad] = address_of(t, wrong);
        }
    }
    assert_int_equal(lfb_free_bulk_on(&t->w.lfb, any_lane(t), count, in), bad);
    for (size_t i = 0; i < bad; i++) {
        page = (in[i] - t->w.config.base) / t->w.config.page_size;
        oracle_set(&t->o, page, oracle_run_pages(&t->o, page), ORACLE_FREE);
    }
}

static void look_at(trial *t)
{
    size_t page = random_below(&t->random, t->o.count);
    uintptr_t address = address_of(t, page);
    size_t expected = oracle_is_start(&t->o, page) ? oracle_run_pages(&t->o, page) : 0;
    assert_int_equal(lfb_size_of(&t->w.lfb, address), expected);
    lfb_extent extent;
    uintptr_t inside = address + random_below(&t->random, t->w.config.page_size);
    assert_int_equal(lfb_find(&t->w.lfb, inside, &extent), LFB_OK);
    size_t first = (extent.address - t->w.config.base) / t->w.config.page_size;
    assert_in_range(page, first, first + extent.pages - 1);
    long state = t->o.pages[page];
    assert_int_equal(extent.kind, state > 0              ? LFB_EXTENT_RUN
                                  : state == ORACLE_FREE ? LFB_EXTENT_FREE
                                                         : LFB_EXTENT_HELD);
    assert_true(oracle_is(&t->o, first, extent.pages, state));
    if (state != ORACLE_FREE) {
        assert_true(first == 0 || t->o.pages[first - 1] != state);
        assert_int_equal(extent.pages, oracle_run_pages(&t->o, first));
    }
}

static void drain(trial *t)
{
    lfb_drain(&t->w.lfb);
    lfb_report report;
    assert_int_equal(lfb_check(&t->w.lfb, &report), LFB_OK);
    assert_int_equal(report.warm_nodes, 0);
}

static void step(trial *t)
{
    static void (*const actions[])(trial *) = {
        try_alloc,      try_alloc,     try_alloc,        try_alloc_run,  try_alloc_run,
        try_free,       try_free,      try_free,         try_free_sized, try_free_range,
        try_alloc_at,   try_resize,    try_resize,       try_hold_range, try_release_range,
        try_alloc_bulk, try_free_bulk, try_alloc_within, look_at,        drain,
    };
    actions[random_below(&t->random, sizeof(actions) / sizeof(*actions))](t);
    world_assert_sound(&t->w);
    oracle_compare(&t->o, &t->w.lfb);
}

static lfb_config any_config(random_source *random)
{
    size_t page_size = (size_t)1 << random_below(random, 31);
    size_t page_count = 1 + random_skewed(random, 3000);
    uintptr_t room = UINTPTR_MAX / page_size - page_count;
    uintptr_t first =
        random_below(random, 3) ? random_skewed(random, 5000) : room - random_below(random, 3000);
    first = first < room ? first : room;
    lfb_config config =
        world_config(first * page_size, page_size, page_count, (unsigned)random_below(random, 15));
    if (random_below(random, 8) == 0) {
        config.max_order = LFB_MAX_ORDER;
    }
    config.lanes = 1 + (unsigned)random_below(random, 5);
    config.start_held = random_below(random, 4) == 0;
    config.metadata_zeroed = random_below(random, 2);
    return config;
}

static void free_everything(trial *t)
{
    for (size_t page = 0; page < t->o.count;) {
        size_t pages = oracle_run_pages(&t->o, page);
        if (t->o.pages[page] > 0) {
            assert_int_equal(lfb_free(&t->w.lfb, address_of(t, page)), LFB_OK);
        } else if (t->o.pages[page] == ORACLE_HELD) {
            assert_int_equal(lfb_release_range(&t->w.lfb, address_of(t, page), pages), LFB_OK);
        }
        page += pages;
    }
    world_assert_all_free(&t->w);
}

static unsigned long steps_wanted(void)
{
    const char *given = getenv("LFB_STEPS");
    return given ? strtoul(given, NULL, 0) : 300000;
}

static void test_random_operations(void **state)
{
    (void)state;
    uint64_t seed = random_seed();
    print_message("LFB_SEED=%#jx repeats this run\n", (uintmax_t)seed);
    random_source seeds = {seed};
    for (unsigned long left = steps_wanted(); left > 0;) {
        trial t = {.random = {random_next(&seeds)}};
        lfb_config config = any_config(&t.random);
        world_start(&t.w, &config);
        oracle_start(&t.o, &config);
        world_assert_sound(&t.w);
        oracle_compare(&t.o, &t.w.lfb);
        for (unsigned i = 0; i < 400 && left > 0; i++, left--) {
            step(&t);
        }
        free_everything(&t);
        oracle_end(&t.o);
        world_end(&t.w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations),
    };
    return cmocka_run_group_tests_name("property", tests, NULL, NULL);
}
