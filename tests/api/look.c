/* SPDX-License-Identifier: MIT */
/*
 * What the functions that look say: of a page, of all, of the metadata.
 */
#include <string.h>

#include "scene.h"

/* --------------------------------------------------------------------------------- looking ---- */

static void assert_found(const world *w, uintptr_t address, size_t page, size_t pages,
                         lfb_extent_kind kind)
{
    lfb_extent extent;
    lfb_extent expected = {world_page(w, page), pages, kind};
    assert_int_equal(lfb_find(&w->lfb, address, &extent), LFB_OK);
    assert_same_extent(&extent, &expected);
}

static void test_find(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < RUNS; i++) {
        for (size_t page = runs[i].page; page < runs[i].page + runs[i].pages; page++) {
            uintptr_t address = world_page(w, page);
            assert_found(w, address, runs[i].page, runs[i].pages, LFB_EXTENT_RUN);
            assert_found(w, address + PAGE - 1, runs[i].page, runs[i].pages, LFB_EXTENT_RUN);
        }
    }
    for (size_t page = HOLE_PAGE; page < HOLE_PAGE + HOLE_PAGES; page++) {
        assert_found(w, world_page(w, page) + 9, HOLE_PAGE, HOLE_PAGES, LFB_EXTENT_HELD);
    }
    assert_found(w, world_page(w, 0), 0, 1, LFB_EXTENT_FREE);
    assert_found(w, world_page(w, 5) + 5, 5, 1, LFB_EXTENT_FREE);
    assert_found(w, world_page(w, FREE_PAGE + 1), 6, 2, LFB_EXTENT_FREE);
    assert_found(w, world_page(w, 800), 768, 256, LFB_EXTENT_FREE);
}

/* A free block is as large as what can be asked for, and no larger. */
static void test_find_largest(void **state)
{
    (void)state;
    world w;
    lfb_config config = world_config(0, PAGE, 1024, 9);
    world_start(&w, &config);
    assert_found(&w, world_page(&w, 600), 512, 512, LFB_EXTENT_FREE);
    world_end(&w);
}

static void test_find_refused(void **state)
{
    world *w = *state;
    lfb_extent extent;
    assert_refused(w, lfb_find(&w->lfb, world_page(w, 0), NULL), LFB_INVALID_ARGUMENT);
    assert_refused(w, lfb_find(&w->lfb, world_page(w, 0) - 1, &extent), LFB_OUT_OF_RANGE);
    assert_refused(w, lfb_find(&w->lfb, world_page(w, SCENE_PAGES), &extent), LFB_OUT_OF_RANGE);
    assert_refused(w, lfb_find(&w->lfb, 0, &extent), LFB_OUT_OF_RANGE);
    assert_refused(w, lfb_find(&w->lfb, LFB_NONE, &extent), LFB_OUT_OF_RANGE);
    assert_int_equal(lfb_find(&w->lfb, world_page(w, SCENE_PAGES) - 1, &extent), LFB_OK);
}

static void test_walk(void **state)
{
    world *w = *state;
    static shown all;
    all = (shown){.most = SCENE_PAGES};
    assert_refused(w, lfb_walk(&w->lfb, NULL, NULL), LFB_INVALID_ARGUMENT);
    assert_refused(w, lfb_walk(&w->lfb, show, &all), LFB_OK);
    uintptr_t next = w->config.base;
    size_t of_kind[3] = {0};
    for (size_t i = 0; i < all.count; i++) {
        assert_int_equal(all.extents[i].address, next);
        next += all.extents[i].pages * PAGE;
        of_kind[all.extents[i].kind]++;
    }
    assert_int_equal(next, world_page(w, SCENE_PAGES));
    assert_int_equal(of_kind[LFB_EXTENT_RUN], RUNS);
    assert_int_equal(of_kind[LFB_EXTENT_HELD], 1);
    for (size_t most = 1; most <= all.count; most++) {
        static shown some;
        some = (shown){.most = most};
        assert_int_equal(lfb_walk(&w->lfb, show, &some), LFB_OK);
        assert_int_equal(some.count, most);
        assert_same_extent(&some.extents[most - 1], &all.extents[most - 1]);
    }
}

static void test_stats(void **state)
{
    world *w = *state;
    size_t allocated = 0;
    for (size_t i = 0; i < RUNS; i++) {
        allocated += runs[i].pages;
    }
    world_remember(w);
    lfb_stats stats = stats_of(w);
    assert_int_equal(stats.total_pages, SCENE_PAGES);
    assert_int_equal(stats.allocated_pages, allocated);
    assert_int_equal(stats.held_pages, HOLE_PAGES);
    assert_int_equal(stats.free_pages, SCENE_PAGES - allocated - HOLE_PAGES);
    assert_int_equal(stats.runs, RUNS);
    size_t in_blocks = 0;
    for (unsigned order = 0; order <= LFB_MAX_ORDER; order++) {
        in_blocks += stats.free_blocks[order] << (order <= SCENE_MAX_ORDER ? order : 0);
        assert_true(order <= SCENE_MAX_ORDER || stats.free_blocks[order] == 0);
    }
    assert_int_equal(in_blocks, stats.free_pages);
    assert_int_equal(stats.largest_free_order, 8);
    world_assert_unchanged(w);
}

static void test_stats_of_the_full(void **state)
{
    world *w = *state;
    assert_int_equal(stats_of(w).largest_free_order, 10);
    assert_int_equal(lfb_alloc_at(&w->lfb, world_page(w, 0), SCENE_PAGES), LFB_OK);
    lfb_stats stats = stats_of(w);
    assert_int_equal(stats.largest_free_order, -1);
    assert_int_equal(stats.free_pages, 0);
    assert_int_equal(stats.runs, 1);
}

static void test_check(void **state)
{
    world *w = *state;
    lfb_report report;
    memset(&report, 0xa5, sizeof(report));
    assert_refused(w, lfb_check(&w->lfb, NULL), LFB_OK);
    assert_refused(w, lfb_check(&w->lfb, &report), LFB_OK);
    lfb_stats stats = stats_of(w);
    assert_int_equal(report.faults, 0);
    assert_null(report.first_fault);
    assert_int_equal(report.low_hints, 0);
    assert_memory_equal(&report.stats, &stats, sizeof(stats));
    ((unsigned char *)w->metadata)[0] ^= 1;
    assert_int_equal(lfb_check(&w->lfb, NULL), LFB_DAMAGED);
    ((unsigned char *)w->metadata)[0] ^= 1;
}

static void test_drain(void **state)
{
    world *w = *state;
    uintptr_t address = lfb_alloc(&w->lfb, 0);
    assert_int_equal(lfb_free(&w->lfb, address), LFB_OK);
    lfb_report report;
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_OK);
    assert_int_not_equal(report.warm_nodes, 0); /* kept for the next one */
    static shown before;
    before = (shown){.most = SCENE_PAGES};
    assert_int_equal(lfb_walk(&w->lfb, show, &before), LFB_OK);
    world_assert_all_free(w);
    static shown after;
    after = (shown){.most = SCENE_PAGES};
    assert_int_equal(lfb_walk(&w->lfb, show, &after), LFB_OK);
    assert_int_equal(before.count, after.count);
    assert_refused(w, (lfb_drain(&w->lfb), 0), 0); /* nothing is left to merge */
}

/* A release merges at once, but where a lane keeps a node for the next allocation. */
static void test_merge_at_release(void **state)
{
    world *w = *state;
    for (size_t page = 0; page < SCENE_PAGES; page += 3 * LEAF) {
        assert_int_equal(lfb_alloc_at(&w->lfb, world_page(w, page), 1), LFB_OK);
        assert_int_equal(lfb_alloc_at(&w->lfb, world_page(w, page + 1), 1), LFB_OK);
    }
    for (size_t page = 0; page < SCENE_PAGES; page += 3 * LEAF) {
        assert_int_equal(lfb_free(&w->lfb, world_page(w, page)), LFB_OK);
        assert_int_equal(lfb_free(&w->lfb, world_page(w, page + 1)), LFB_OK);
    }
    lfb_report report;
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_OK);
    assert_in_range(report.warm_nodes, 0, 2); /* one a level, where the lane starts */
}

int api_look(void)
{
    static const struct CMUnitTest tests[] = {
        IN_SCENE(test_find),
        cmocka_unit_test(test_find_largest),
        IN_SCENE(test_find_refused),
        IN_SCENE(test_walk),
        IN_SCENE(test_stats),
        IN_RANGE(test_stats_of_the_full),
        IN_SCENE(test_check),
        IN_RANGE(test_drain),
        IN_RANGE(test_merge_at_release),
    };
    return cmocka_run_group_tests_name("look", tests, NULL, NULL);
}
