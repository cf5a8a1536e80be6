/* SPDX-License-Identifier: MIT */
/*
 * Allocation, resizing, and ranges freed, held and released.
 */
#include "scene.h"

/* ------------------------------------------------------------------------------ allocating ---- */

static void test_alloc_refused(void **state)
{
    world *w = *state;
    static const unsigned orders[] = {SCENE_MAX_ORDER + 1, 36, 37, 63, 64, UINT32_MAX};
    uintptr_t out[2] = {7, 8};
    for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
        assert_none(w, lfb_alloc(&w->lfb, orders[i]));
        assert_none(w, lfb_alloc_on(&w->lfb, 3, orders[i]));
        assert_refused(w, lfb_alloc_bulk(&w->lfb, orders[i], 2, out), 0);
    }
    assert_refused(w, lfb_alloc_bulk(&w->lfb, 0, 0, NULL), 0);
    assert_true(out[0] == 7 && out[1] == 8);
    static const size_t lengths[] = {0, ((size_t)1 << SCENE_MAX_ORDER) + 1, SIZE_MAX / 2 + 1,
                                     SIZE_MAX / 2 + 2, SIZE_MAX};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        assert_none(w, lfb_alloc_run(&w->lfb, lengths[i]));
        assert_none(w, lfb_alloc_run_on(&w->lfb, 1, lengths[i]));
        assert_none(w, lfb_alloc_within(&w->lfb, lengths[i], 0, LFB_NONE));
    }
}

/* The range is smaller than a block of its largest order, but one run can have all of it. */
static void test_alloc_more_than_there_is(void **state)
{
    world *w = *state;
    uintptr_t out[1];
    assert_true(lfb_alloc(&w->lfb, SCENE_MAX_ORDER) == LFB_NONE);
    assert_true(lfb_alloc_run(&w->lfb, SCENE_PAGES + 1) == LFB_NONE);
    assert_int_equal(lfb_alloc_run(&w->lfb, SCENE_PAGES), world_page(w, 0));
    assert_int_equal(lfb_size_of(&w->lfb, world_page(w, 0)), SCENE_PAGES);
    assert_true(lfb_alloc(&w->lfb, 0) == LFB_NONE);
    assert_int_equal(lfb_alloc_bulk(&w->lfb, 0, 1, out), 0);
    assert_true(lfb_alloc_within(&w->lfb, 1, 0, LFB_NONE) == LFB_NONE);
    assert_int_equal(lfb_free(&w->lfb, world_page(w, 0)), LFB_OK);
    world_assert_all_free(w);
}

static void test_alloc_every_order(void **state)
{
    world *w = *state;
    for (unsigned order = 0; order < SCENE_MAX_ORDER; order++) {
        uintptr_t address = lfb_alloc(&w->lfb, order);
        assert_true(address != LFB_NONE);
        assert_int_equal(address % ((uintptr_t)PAGE << order), 0);
        assert_int_equal(lfb_size_of(&w->lfb, address), (size_t)1 << order);
        assert_int_equal(lfb_free_sized(&w->lfb, address, (size_t)1 << order), LFB_OK);
    }
    world_assert_all_free(w);
}

/* A run is aligned to its ceiling order, and what its block has beyond it is free. */
static void test_alloc_every_length(void **state)
{
    world *w = *state;
    for (size_t pages = 1; pages <= 1024; pages++) {
        unsigned order = 0;
        while ((size_t)1 << order < pages) {
            order++;
        }
        uintptr_t address = lfb_alloc_run(&w->lfb, pages);
        assert_true(address != LFB_NONE);
        assert_int_equal(address % ((uintptr_t)PAGE << order), 0);
        assert_int_equal(lfb_size_of(&w->lfb, address), pages);
        assert_int_equal(stats_of(w).free_pages, SCENE_PAGES - pages);
        assert_int_equal(lfb_free_sized(&w->lfb, address, pages), LFB_OK);
    }
    world_assert_all_free(w);
}

/* One beside the other, through leaf after leaf. */
static void test_alloc_runs_in_a_row(void **state)
{
    world *w = *state;
    enum { ROW = SCENE_PAGES / 4, PAGES_EACH = 3 };
    static uintptr_t row[ROW];
    for (size_t i = 0; i < ROW; i++) {
        row[i] = lfb_alloc_run(&w->lfb, PAGES_EACH);
        assert_int_equal(lfb_size_of(&w->lfb, row[i]), PAGES_EACH);
    }
    assert_int_equal(stats_of(w).free_pages, SCENE_PAGES - ROW * PAGES_EACH);
    for (size_t i = 0; i < ROW; i++) {
        assert_int_equal(lfb_free_sized(&w->lfb, row[i], PAGES_EACH), LFB_OK);
    }
    world_assert_all_free(w);
}

static void test_alloc_bulk(void **state)
{
    world *w = *state;
    static uintptr_t out[SCENE_PAGES + 1];
    assert_int_equal(lfb_alloc_bulk(&w->lfb, 3, 10, out), 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(lfb_size_of(&w->lfb, out[i]), 8);
    }
    assert_int_equal(lfb_free_bulk(&w->lfb, 10, out), 10);
    assert_int_equal(lfb_alloc_bulk_on(&w->lfb, 9, 0, SCENE_PAGES + 1, out), SCENE_PAGES);
    assert_int_equal(stats_of(w).runs, SCENE_PAGES);
    assert_int_equal(lfb_free_bulk(&w->lfb, SCENE_PAGES, out), SCENE_PAGES);
    world_assert_all_free(w);
}

static void test_within_empty_windows(void **state)
{
    world *w = *state;
    uintptr_t base = world_page(w, 0);
    uintptr_t end = world_page(w, SCENE_PAGES);
    const struct {
        uintptr_t low;
        uintptr_t high;
    } windows[] = {
        {0, 0},
        {0, base},
        {0, base + PAGE - 1},
        {base, base},
        {base + 1, base + (uintptr_t)2 * PAGE - 1}, /* no whole page */
        {base + (uintptr_t)5 * PAGE, base + (uintptr_t)4 * PAGE},
        {end, LFB_NONE},
        {end - PAGE + 1, LFB_NONE},
        {end, base},
        {LFB_NONE, 0},
        {LFB_NONE, LFB_NONE},
        {end, end},
    };
    for (size_t i = 0; i < sizeof(windows) / sizeof(*windows); i++) {
        assert_none(w, lfb_alloc_within(&w->lfb, 1, windows[i].low, windows[i].high));
        assert_none(w, lfb_alloc_within_on(&w->lfb, 1, LEAF, windows[i].low, windows[i].high));
    }
}

static void test_within(void **state)
{
    world *w = *state;
    for (size_t pages = 1; pages <= 512; pages *= 2) {
        uintptr_t low = world_page(w, 512);
        uintptr_t high = world_page(w, 512 + pages);
        assert_true(lfb_alloc_within(&w->lfb, pages, low, high - 1) == LFB_NONE);
        assert_true(lfb_alloc_within(&w->lfb, pages, low + 1, high) == LFB_NONE);
        assert_int_equal(lfb_alloc_within(&w->lfb, pages, low, high), low);
        assert_true(lfb_alloc_within(&w->lfb, pages, low, high) == LFB_NONE);
        assert_int_equal(lfb_free_sized(&w->lfb, low, pages), LFB_OK);
        assert_int_equal(lfb_alloc_within(&w->lfb, pages, low - PAGE + 1, high + PAGE - 1), low);
        assert_int_equal(lfb_free(&w->lfb, low), LFB_OK);
    }
    uintptr_t last = world_page(w, SCENE_PAGES - 1);
    assert_int_equal(lfb_alloc_within(&w->lfb, 1, last, LFB_NONE), last);
    assert_int_equal(lfb_alloc_within(&w->lfb, 1, 0, world_page(w, 1)), world_page(w, 0));
}

/* ------------------------------------------------------------ ranges freed, held, released ---- */

static void test_free_range_cuts(void **state)
{
    world *w = *state;
    uintptr_t long_run = world_page(w, 1024);
    size_t pages = runs[LONG_RUN].pages;
    size_t low = 10;
    size_t high = 512 + LEAF + 3;
    size_t before = stats_of(w).free_pages;
    assert_int_equal(lfb_free_range(&w->lfb, world_page(w, 1024 + low), high - low), LFB_OK);
    world_assert_sound(w);
    assert_int_equal(stats_of(w).free_pages, before + high - low);
    assert_int_equal(lfb_size_of(&w->lfb, long_run), low);
    assert_no_run_at(w, world_page(w, 1024 + low), LFB_NOT_ALLOCATED);
    assert_int_not_equal(lfb_size_of(&w->lfb, world_page(w, 1024 + high)), 0);
    uintptr_t rest = world_page(w, 1024 + high);
    assert_int_equal(lfb_free_range(&w->lfb, rest, pages - high), LFB_OK);
    assert_int_equal(lfb_free(&w->lfb, long_run), LFB_OK);
    assert_int_equal(stats_of(w).free_pages, before + pages);
}

/* Runs beside each other go in one call. */
static void test_free_range_over_runs(void **state)
{
    world *w = *state;
    assert_int_equal(lfb_free_range_on(&w->lfb, 2, world_page(w, 1), 3), LFB_OK);
    assert_int_equal(lfb_size_of(&w->lfb, world_page(w, 4)), 1);
    assert_int_equal(lfb_free_range(&w->lfb, world_page(w, 4), 1), LFB_OK);
    assert_no_run_at(w, world_page(w, 4), LFB_NOT_ALLOCATED);
}

static void test_hold_and_release(void **state)
{
    world *w = *state;
    static const place places[] = {
        {0, 1},    {1, LEAF},        {LEAF, LEAF}, {LEAF - 1, 2},
        {3, 1500}, {0, SCENE_PAGES}, {512, 512},   {SCENE_PAGES - 1, 1},
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        uintptr_t address = world_page(w, places[i].page);
        assert_int_equal(lfb_hold_range(&w->lfb, address, places[i].pages), LFB_OK);
        assert_int_equal(stats_of(w).held_pages, places[i].pages);
        assert_int_equal(stats_of(w).runs, 0);
        world_assert_sound(w);
        assert_no_run_at(w, address, LFB_NOT_ALLOCATED);
        assert_int_equal(lfb_release_range(&w->lfb, address, places[i].pages), LFB_OK);
        assert_int_equal(stats_of(w).free_pages, SCENE_PAGES);
        assert_refused(w, lfb_release_range(&w->lfb, address, places[i].pages), LFB_NOT_ALLOCATED);
    }
    world_assert_all_free(w);
}

/* -------------------------------------------------------------------------------- resizing ---- */

static void test_resize_refused(void **state)
{
    world *w = *state;
    uintptr_t first = world_page(w, runs[0].page);
    uintptr_t second = world_page(w, runs[1].page);
    uintptr_t whole_leaf = world_page(w, runs[2].page);
    uintptr_t long_run = world_page(w, runs[LONG_RUN].page);
    assert_refused(w, lfb_resize(&w->lfb, first, 0), LFB_INVALID_ARGUMENT);
    assert_refused(w, lfb_resize(&w->lfb, first, 2), LFB_BUSY);
    assert_refused(w, lfb_resize(&w->lfb, second, LEAF), LFB_INVALID_ARGUMENT);
    assert_refused(w, lfb_resize(&w->lfb, second, SCENE_PAGES - 2), LFB_INVALID_ARGUMENT);
    assert_refused(w, lfb_resize(&w->lfb, second, SCENE_PAGES), LFB_BUSY);
    assert_refused(w, lfb_resize(&w->lfb, second, SIZE_MAX), LFB_BUSY);
    assert_refused(w, lfb_resize(&w->lfb, whole_leaf, 4 * LEAF), LFB_BUSY);
    assert_refused(w, lfb_resize(&w->lfb, long_run, SCENE_PAGES - 1024 + 1), LFB_BUSY);
    assert_refused(w, lfb_resize(&w->lfb, long_run, runs[LONG_RUN].pages), LFB_OK);
}

static void test_resize(void **state)
{
    world *w = *state;
    uintptr_t long_run = world_page(w, runs[LONG_RUN].page);
    static const size_t lengths[] = {700, 640, 513, 512, 511, LEAF + 1, LEAF, 3, 1, 976, 1, 700};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        assert_int_equal(lfb_resize(&w->lfb, long_run, lengths[i]), LFB_OK);
        assert_int_equal(lfb_size_of(&w->lfb, long_run), lengths[i]);
        assert_int_equal(stats_of(w).runs, RUNS);
        world_assert_sound(w);
    }
    assert_int_equal(lfb_free_sized(&w->lfb, long_run, 700), LFB_OK);
}

int api_change(void)
{
    static const struct CMUnitTest tests[] = {
        IN_SCENE(test_resize_refused),       IN_SCENE(test_resize),
        IN_SCENE(test_alloc_refused),        IN_RANGE(test_alloc_more_than_there_is),
        IN_RANGE(test_alloc_every_order),    IN_RANGE(test_alloc_every_length),
        IN_RANGE(test_alloc_runs_in_a_row),  IN_RANGE(test_alloc_bulk),
        IN_SCENE(test_within_empty_windows), IN_RANGE(test_within),
        IN_SCENE(test_free_range_cuts),      IN_SCENE(test_free_range_over_runs),
        IN_RANGE(test_hold_and_release),
    };
    return cmocka_run_group_tests_name("change", tests, NULL, NULL);
}
