/* SPDX-License-Identifier: MIT */
/*
 * What is refused: releases of what isn't a live run, and bad ranges.
 */
#include <pthread.h>
#include <string.h>

#include "scene.h"

/* ---------------------------------------------------------------------------- bad releases ---- */

static void test_free_inside_run(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < RUNS; i++) {
        for (size_t page = 1; page < runs[i].pages; page++) {
            assert_no_run_at(w, world_page(w, runs[i].page + page), LFB_NOT_START);
        }
    }
}

/* The pages where a run goes on in another node. */
static void test_free_continuation(void **state)
{
    world *w = *state;
    uintptr_t long_run = world_page(w, runs[LONG_RUN].page);
    assert_int_equal(lfb_size_of(&w->lfb, long_run), runs[LONG_RUN].pages);
    assert_no_run_at(w, world_page(w, 4 * LEAF + LEAF), LFB_NOT_START);
    assert_no_run_at(w, world_page(w, 1024 + 512), LFB_NOT_START);
    assert_no_run_at(w, world_page(w, 1024 + 512 + 3 * LEAF), LFB_NOT_START);
    assert_int_equal(lfb_free_sized(&w->lfb, long_run, runs[LONG_RUN].pages), LFB_OK);
}

static void test_free_inside_page(void **state)
{
    world *w = *state;
    static const uintptr_t inside[] = {1, 8, PAGE / 2, PAGE - 1};
    for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++) {
        assert_no_run_at(w, world_page(w, runs[1].page) + inside[i], LFB_INVALID_ARGUMENT);
        assert_no_run_at(w, world_page(w, FREE_PAGE) + inside[i], LFB_INVALID_ARGUMENT);
        assert_no_run_at(w, world_page(w, SCENE_PAGES - 1) + inside[i], LFB_INVALID_ARGUMENT);
    }
}

static void test_free_out_of_range(void **state)
{
    world *w = *state;
    uintptr_t base = world_page(w, 0);
    uintptr_t end = world_page(w, SCENE_PAGES);
    const uintptr_t wrong[] = {0,       1,          base - PAGE,           base - 1, end,
                               end + 1, end + PAGE, LFB_NONE - (PAGE - 1), LFB_NONE};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_no_run_at(w, wrong[i], LFB_OUT_OF_RANGE);
    }
}

static void test_free_what_is_free(void **state)
{
    world *w = *state;
    static const size_t pages[] = {0,
                                   FREE_PAGE,
                                   5,
                                   LEAF - 1,
                                   2 * LEAF,
                                   HOLE_PAGE - 1,
                                   HOLE_PAGE + HOLE_PAGES,
                                   SCENE_PAGES - 1};
    for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
        assert_no_run_at(w, world_page(w, pages[i]), LFB_NOT_ALLOCATED);
    }
}

static void test_free_what_never_was(void **state)
{
    world *w = *state;
    for (size_t page = 0; page < SCENE_PAGES; page++) {
        assert_no_run_at(w, world_page(w, page), LFB_NOT_ALLOCATED);
    }
}

static void test_free_held(void **state)
{
    world *w = *state;
    for (size_t page = HOLE_PAGE; page < HOLE_PAGE + HOLE_PAGES; page++) {
        assert_no_run_at(w, world_page(w, page), LFB_NOT_ALLOCATED);
    }
}

static void test_free_twice(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < RUNS; i++) {
        uintptr_t address = world_page(w, runs[i].page);
        assert_int_equal(lfb_free(&w->lfb, address), LFB_OK);
        assert_no_run_at(w, address, LFB_NOT_ALLOCATED);
        lfb_drain(&w->lfb);
        assert_no_run_at(w, address, LFB_NOT_ALLOCATED);
    }
}

/* A node that was emptied looks, slot by slot, like runs or managed pages, whatever its tag is. */
static void test_free_twice_under_any_tag(void **state)
{
    (void)state;
    world w;
    lfb_config config = scene_config();
    config.lanes = 1; /* tags are 1, 2, 3, ... */
    world_start(&w, &config);
    for (unsigned i = 0; i < 300; i++) {
        uintptr_t address = world_page(&w, LEAF << LFB_NODE_ORDER | 2 * LEAF);
        assert_int_equal(lfb_alloc_at(&w.lfb, address, LEAF), LFB_OK);
        assert_int_equal(lfb_free(&w.lfb, address), LFB_OK);
        assert_no_run_at(&w, address, LFB_NOT_ALLOCATED);
    }
    world_end(&w);
}

typedef struct thief {
    lfb_t *lfb;
    uintptr_t address;
    lfb_status status;
} thief;

static void *steal(void *context)
{
    thief *t = context;
    t->status = lfb_free_on(t->lfb, 2, t->address);
    return NULL;
}

static lfb_status free_elsewhere(lfb_t *lfb, uintptr_t address)
{
    thief t = {lfb, address, LFB_OK};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, steal, &t), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return t.status;
}

static void test_free_twice_in_two_threads(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < RUNS; i++) {
        uintptr_t address = world_page(w, runs[i].page);
        assert_int_equal(free_elsewhere(&w->lfb, address), LFB_OK);
        assert_no_run_at(w, address, LFB_NOT_ALLOCATED);
        assert_refused(w, free_elsewhere(&w->lfb, address), LFB_NOT_ALLOCATED);
    }
}

static void test_free_wrong_size(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < RUNS; i++) {
        uintptr_t address = world_page(w, runs[i].page);
        for (size_t pages = 1; pages <= runs[i].pages + LEAF; pages++) {
            if (pages != runs[i].pages) {
                assert_refused(w, lfb_free_sized(&w->lfb, address, pages), LFB_SIZE_MISMATCH);
            }
        }
        assert_refused(w, lfb_free_sized(&w->lfb, address, 0), LFB_INVALID_ARGUMENT);
        assert_refused(w, lfb_free_sized(&w->lfb, address, SIZE_MAX), LFB_SIZE_MISMATCH);
        assert_int_equal(lfb_free_sized(&w->lfb, address, runs[i].pages), LFB_OK);
    }
}

/* Two good ones, a bad one, a good one. */
static void assert_bulk_stops(world *w, uintptr_t bad)
{
    size_t live = stats_of(w).runs;
    uintptr_t in[4];
    for (size_t i = 0; i < 4; i++) {
        in[i] = lfb_alloc(&w->lfb, 0);
        assert_true(in[i] != LFB_NONE);
    }
    uintptr_t good = in[2];
    in[2] = bad;
    assert_int_equal(lfb_free_bulk(&w->lfb, 4, in), 2);
    assert_int_equal(stats_of(w).runs, live + 2);
    assert_int_equal(lfb_size_of(&w->lfb, in[3]), 1);
    assert_refused(w, lfb_free_bulk(&w->lfb, 2, in + 2), 0);
    in[2] = good;
    assert_int_equal(lfb_free_bulk_on(&w->lfb, 1, 2, in + 2), 2);
    assert_int_equal(stats_of(w).runs, live);
}

static void test_free_bulk_with_a_bad_one(void **state)
{
    world *w = *state;
    assert_bulk_stops(w, world_page(w, SCENE_PAGES - 1));
    assert_bulk_stops(w, world_page(w, runs[1].page + 1));
    assert_bulk_stops(w, world_page(w, runs[LONG_RUN].page + 512));
    assert_bulk_stops(w, world_page(w, HOLE_PAGE));
    assert_bulk_stops(w, world_page(w, runs[0].page) + 1);
    assert_bulk_stops(w, world_page(w, SCENE_PAGES));
    assert_bulk_stops(w, 0);
    assert_bulk_stops(w, LFB_NONE);
    assert_refused(w, lfb_free_bulk(&w->lfb, 0, NULL), 0);
}

/* The second mention of a run is a double release. */
static void test_free_bulk_twice_the_same(void **state)
{
    world *w = *state;
    uintptr_t in[3] = {world_page(w, 1), world_page(w, 2), world_page(w, 1)};
    assert_int_equal(lfb_free_bulk(&w->lfb, 3, in), 2);
    assert_refused(w, lfb_free_bulk(&w->lfb, 1, in + 2), 0);
    uintptr_t long_run[2] = {world_page(w, 1024), world_page(w, 1024)};
    assert_int_equal(lfb_free_bulk(&w->lfb, 2, long_run), 1);
    assert_refused(w, lfb_free_bulk(&w->lfb, 1, long_run), 0);
}

/* What lies in a node before the first of two runs may belong to one that began before the node. */
static void test_free_bulk_the_end_before(void **state)
{
    world *w = *state;
    static const struct {
        place behind;
        size_t end;
    } nodes[] = {
        {{5 * LEAF + 8, 3}, 5 * LEAF},
        {{1536 + 4 * LEAF, LEAF}, 1536},
    };
    for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
        uintptr_t in[2] = {world_page(w, nodes[i].behind.page), world_page(w, nodes[i].end)};
        assert_int_equal(lfb_alloc_at(&w->lfb, in[0], nodes[i].behind.pages), LFB_OK);
        assert_int_equal(lfb_free_bulk(&w->lfb, 2, in), 1);
        assert_refused(w, lfb_free_bulk(&w->lfb, 1, in + 1), 0);
    }
    assert_int_equal(lfb_size_of(&w->lfb, world_page(w, 4 * LEAF)), LEAF + 8);
    assert_int_equal(lfb_size_of(&w->lfb, world_page(w, 1024)), runs[LONG_RUN].pages);
}

/* Allocates the pages of a leaf one by one, and notes their addresses. */
static void alloc_leaf_at(world *w, size_t page, uintptr_t out[])
{
    for (size_t i = 0; i < LEAF; i++) {
        out[i] = world_page(w, page + i);
        assert_int_equal(lfb_alloc_at(&w->lfb, out[i], 1), LFB_OK);
    }
}

/* First and last are those of a whole leaf, but one in the middle is there twice. */
static void test_free_bulk_twice_in_a_leaf(void **state)
{
    world *w = *state;
    uintptr_t in[LEAF];
    alloc_leaf_at(w, 512, in);
    uintptr_t other = in[5];
    in[5] = in[4];
    assert_int_equal(lfb_free_bulk(&w->lfb, LEAF, in), 5);
    assert_int_equal(lfb_size_of(&w->lfb, other), 1);
    in[5] = other;
    assert_int_equal(lfb_free_bulk(&w->lfb, LEAF - 5, in + 5), LEAF - 5);
    world_assert_all_free(w);
}

/* The node above two leaves changes between their releases; and yet nothing is left to a drain. One
 * page stays in use, so that no node is all FREE that its lane might keep. */
static void test_free_bulk_merges(void **state)
{
    world *w = *state;
    uintptr_t in[2 * LEAF + 1];
    alloc_leaf_at(w, 512, in);
    in[LEAF] = world_page(w, 512 + LEAF);
    assert_int_equal(lfb_alloc_at(&w->lfb, in[LEAF], LEAF), LFB_OK);
    alloc_leaf_at(w, 512 + 2 * LEAF, in + LEAF + 1);
    assert_int_equal(lfb_alloc_at(&w->lfb, world_page(w, 512 + 3 * LEAF), 1), LFB_OK);
    assert_int_equal(lfb_free_bulk(&w->lfb, 2 * LEAF + 1, in), 2 * LEAF + 1);
    world_remember(w);
    lfb_drain(&w->lfb);
    assert_memory_equal(w->metadata, w->before, w->size);
}

/* Every run, and then every page. */
static void test_free_bulk_pairs(void **state)
{
    world *w = *state;
    world_remember(w);
    size_t free_before = stats_of(w).free_pages;
    for (size_t i = 0; i < RUNS; i++) {
        for (size_t page = 0; page < SCENE_PAGES; page++) {
            uintptr_t in[2] = {world_page(w, runs[i].page), world_page(w, page)};
            size_t second = page == runs[i].page ? 0 : lfb_size_of(&w->lfb, in[1]);
            assert_int_equal(lfb_free_bulk(&w->lfb, 2, in), second ? 2 : 1);
            assert_int_equal(stats_of(w).free_pages, free_before + runs[i].pages + second);
            world_assert_sound(w);
            memcpy(w->metadata, w->before, w->size);
        }
    }
}

static void test_free_bulk_of_all(void **state)
{
    world *w = *state;
    uintptr_t in[RUNS];
    for (size_t i = 0; i < RUNS; i++) {
        in[i] = world_page(w, runs[i].page);
    }
    assert_int_equal(lfb_free_bulk(&w->lfb, RUNS, in), RUNS);
    assert_int_equal(stats_of(w).allocated_pages, 0);
}

/* ------------------------------------------------------------------------------ bad ranges ---- */

typedef lfb_status range_function(lfb_t *lfb, uintptr_t address, size_t pages);

/* What every function that takes a range refuses alike. `page` can be the first of a good one. */
static void assert_ranges_judged(world *w, range_function *f, size_t page)
{
    uintptr_t address = world_page(w, page);
    uintptr_t last = world_page(w, SCENE_PAGES - 1);
    assert_refused(w, f(&w->lfb, address, 0), LFB_INVALID_ARGUMENT);
    assert_refused(w, f(&w->lfb, address + 1, 1), LFB_INVALID_ARGUMENT);
    assert_refused(w, f(&w->lfb, address + PAGE - 1, 1), LFB_INVALID_ARGUMENT);
    assert_refused(w, f(&w->lfb, address, SCENE_PAGES - page + 1), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, address, SIZE_MAX), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, address, SIZE_MAX / PAGE), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, last, 2), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, last + PAGE, 1), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, w->config.base - PAGE, 2), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, w->config.base - 1, 1), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, 0, 1), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, LFB_NONE, 1), LFB_OUT_OF_RANGE);
}

static void test_ranges_judged(void **state)
{
    world *w = *state;
    assert_ranges_judged(w, lfb_free_range, runs[1].page);
    assert_ranges_judged(w, lfb_alloc_at, FREE_PAGE);
    assert_ranges_judged(w, lfb_hold_range, FREE_PAGE);
    assert_ranges_judged(w, lfb_release_range, HOLE_PAGE);
}

static void assert_range_refused(world *w, range_function *f, size_t page, size_t pages,
                                 lfb_status expected)
{
    assert_refused(w, f(&w->lfb, world_page(w, page), pages), expected);
}

static void test_free_range_refused(void **state)
{
    world *w = *state;
    static const place wrong[] = {
        {FREE_PAGE, 1},
        {0, 2},                     /* a free page, then a run */
        {2, 4},                     /* a run, then a free page */
        {1, 2 * LEAF - 1},          /* free pages between runs */
        {1024, 512 + 3 * LEAF + 6}, /* one page too long */
        {1024 + 512, 3 * LEAF + 6}, /* the same from within the run */
        {HOLE_PAGE, 1},
        {HOLE_PAGE + 1, HOLE_PAGES - 2},
        {HOLE_PAGE - 1, HOLE_PAGES + 2},
        {0, SCENE_PAGES},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_range_refused(w, lfb_free_range, wrong[i].page, wrong[i].pages, LFB_NOT_ALLOCATED);
    }
    assert_range_refused(w, lfb_free_range, SCENE_PAGES - 1, 1, LFB_NOT_ALLOCATED);
}

static void test_hold_range_refused(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < RUNS; i++) {
        size_t end = runs[i].page + runs[i].pages;
        assert_range_refused(w, lfb_hold_range, runs[i].page, 1, LFB_BUSY);
        assert_range_refused(w, lfb_hold_range, runs[i].page, runs[i].pages, LFB_BUSY);
        assert_range_refused(w, lfb_hold_range, end - 1, 2, LFB_BUSY);
        assert_range_refused(w, lfb_hold_range, 0, end, LFB_BUSY);
    }
    assert_range_refused(w, lfb_hold_range, HOLE_PAGE + HOLE_PAGES - 1, 3, LFB_BUSY);
    assert_range_refused(w, lfb_hold_range, HOLE_PAGE - 20, 21, LFB_BUSY);
    assert_range_refused(w, lfb_hold_range, HOLE_PAGE, HOLE_PAGES, LFB_BUSY);
    /* Nodes that were never touched, then a run. */
    assert_range_refused(w, lfb_hold_range, 801, 1024 - 801 + 1, LFB_BUSY);
}

static void test_release_range_refused(void **state)
{
    world *w = *state;
    assert_range_refused(w, lfb_release_range, FREE_PAGE, 1, LFB_NOT_ALLOCATED);
    assert_range_refused(w, lfb_release_range, HOLE_PAGE, HOLE_PAGES + 1, LFB_NOT_ALLOCATED);
    assert_range_refused(w, lfb_release_range, HOLE_PAGE - 1, 2, LFB_NOT_ALLOCATED);
    assert_range_refused(w, lfb_release_range, HOLE_PAGE - 1, HOLE_PAGES, LFB_NOT_ALLOCATED);
    for (size_t i = 0; i < RUNS; i++) {
        assert_range_refused(w, lfb_release_range, runs[i].page, 1, LFB_BUSY);
        assert_range_refused(w, lfb_release_range, runs[i].page, runs[i].pages, LFB_BUSY);
        assert_range_refused(w, lfb_release_range, runs[i].page + runs[i].pages - 1, 1, LFB_BUSY);
    }
}

static void test_alloc_at_refused(void **state)
{
    world *w = *state;
    assert_range_refused(w, lfb_alloc_at, 1, 1, LFB_BUSY);
    assert_range_refused(w, lfb_alloc_at, 0, 2, LFB_BUSY);
    assert_range_refused(w, lfb_alloc_at, 0, LEAF, LFB_BUSY);
    assert_range_refused(w, lfb_alloc_at, LEAF + 1, 2, LFB_BUSY);
    assert_range_refused(w, lfb_alloc_at, 0, SCENE_PAGES, LFB_BUSY);
    assert_range_refused(w, lfb_alloc_at, HOLE_PAGE, 1, LFB_BUSY);
    assert_range_refused(w, lfb_alloc_at, 1024 + 512 + 3 * LEAF + 4, 1, LFB_BUSY);
    /* Places where no run can be, free or not. */
    assert_range_refused(w, lfb_alloc_at, 2 * LEAF + 1, LEAF, LFB_INVALID_ARGUMENT);
    assert_range_refused(w, lfb_alloc_at, 3 * LEAF - 1, 2, LFB_INVALID_ARGUMENT);
    assert_range_refused(w, lfb_alloc_at, 1, SCENE_PAGES - 1, LFB_INVALID_ARGUMENT);
    assert_range_refused(w, lfb_alloc_at, LEAF - 1, LEAF + 2, LFB_INVALID_ARGUMENT);
}

/* With small orders the tree is low, and no node covers a long range. */
static void test_alloc_at_above_the_tree(void **state)
{
    (void)state;
    world w;
    lfb_config config = world_config(0, PAGE, 10 * LEAF, 1);
    world_start(&w, &config);
    assert_range_refused(&w, lfb_alloc_at, 0, 10 * LEAF, LFB_INVALID_ARGUMENT);
    assert_range_refused(&w, lfb_alloc_at, 0, LEAF + 1, LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_alloc_at(&w.lfb, 0, LEAF), LFB_OK);
    world_end(&w);
}

/* In a range that starts out of use nothing is free and nothing is allocated. */
static void test_start_held(void **state)
{
    world *w = *state;
    assert_int_equal(stats_of(w).held_pages, SCENE_PAGES);
    for (size_t page = 0; page < SCENE_PAGES; page += 7) {
        assert_no_run_at(w, world_page(w, page), LFB_NOT_ALLOCATED);
    }
    assert_range_refused(w, lfb_free_range, 0, SCENE_PAGES, LFB_NOT_ALLOCATED);
    assert_range_refused(w, lfb_hold_range, 0, SCENE_PAGES, LFB_BUSY);
    assert_range_refused(w, lfb_alloc_at, 0, 1, LFB_BUSY);
    assert_true(lfb_alloc(&w->lfb, 0) == LFB_NONE);
    assert_int_equal(lfb_release_range(&w->lfb, world_page(w, 77), 1), LFB_OK);
    assert_int_equal(lfb_alloc(&w->lfb, 0), world_page(w, 77));
    assert_int_equal(lfb_free(&w->lfb, world_page(w, 77)), LFB_OK);
    assert_int_equal(lfb_release_range(&w->lfb, world_page(w, 0), 77), LFB_OK);
    assert_int_equal(lfb_release_range(&w->lfb, world_page(w, 78), SCENE_PAGES - 78), LFB_OK);
    world_assert_all_free(w);
}

int api_refuse(void)
{
    static const struct CMUnitTest tests[] = {
        IN_SCENE(test_free_inside_run),
        IN_SCENE(test_free_continuation),
        IN_SCENE(test_free_inside_page),
        IN_SCENE(test_free_out_of_range),
        IN_SCENE(test_free_what_is_free),
        IN_RANGE(test_free_what_never_was),
        IN_SCENE(test_free_held),
        IN_SCENE(test_free_twice),
        cmocka_unit_test(test_free_twice_under_any_tag),
        IN_SCENE(test_free_twice_in_two_threads),
        IN_SCENE(test_free_wrong_size),
        IN_SCENE(test_free_bulk_with_a_bad_one),
        IN_SCENE(test_free_bulk_twice_the_same),
        IN_SCENE(test_free_bulk_pairs),
        IN_SCENE(test_free_bulk_the_end_before),
        IN_RANGE(test_free_bulk_twice_in_a_leaf),
        IN_RANGE(test_free_bulk_merges),
        IN_SCENE(test_free_bulk_of_all),
        IN_SCENE(test_ranges_judged),
        IN_SCENE(test_free_range_refused),
        IN_SCENE(test_hold_range_refused),
        IN_SCENE(test_release_range_refused),
        IN_SCENE(test_alloc_at_refused),
        cmocka_unit_test(test_alloc_at_above_the_tree),
        IN_HELD(test_start_held),
    };
    return cmocka_run_group_tests_name("refuse", tests, NULL, NULL);
}
