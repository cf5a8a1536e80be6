/* SPDX-License-Identifier: MIT */
/*
 * The cache on one thread: what is cached and what isn't, when magazines move, what a failure
 * brings back. Runs in several geometries of the core.
 */
#include "scene.h"

enum { PAGE = 4096, PAGES = 1000, MAX_ORDER = 9, SLOTS = 3, ORDERS = 4, MAGAZINE = 32 };

static void start(scene *s)
{
    lfb_config config = world_config((uintptr_t)PAGE * 1237, PAGE, PAGES, MAX_ORDER);
    scene_start(s, &config, scene_cache_config(SLOTS, ORDERS, MAGAZINE));
}

/* A small range with order 0 cached: `capacity` blocks a magazine. */
static void start_small(scene *s, size_t pages, unsigned capacity)
{
    lfb_config config = world_config(0, 1, pages, MAX_ORDER);
    scene_start(s, &config, scene_cache_config(SLOTS, 1, capacity));
}

/* ------------------------------------------------------------------------ what is cached ---- */

static void test_last_in_first_out(void **state)
{
    (void)state;
    scene s;
    start(&s);
    for (unsigned order = 0; order < ORDERS; order++) {
        uintptr_t block[3];
        scene_take(&s, 0, order, 3, block);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(block[i] % ((uintptr_t)PAGE << order), 0);
            assert_int_equal(lfb_size_of(&s.w.lfb, block[i]), 1U << order);
        }
        scene_give(&s, 0, order, 3, block);
        assert_int_equal(lfb_size_of(&s.w.lfb, block[2]), 1U << order); /* the core doesn't know */
        for (unsigned i = 3; i-- > 0;) {
            assert_true(lfb_cache_alloc(&s.cache, 0, order) == block[i]);
        }
        scene_give(&s, 0, order, 3, block);
    }
    assert_int_equal(scene_stats(&s).cached_pages, scene_allocated(&s));
    scene_end(&s);
}

/* A block may come back to another slot than it came from, or from the core and go to the cache. */
static void test_slots_are_apart(void **state)
{
    (void)state;
    scene s;
    start(&s);
    uintptr_t block = lfb_cache_alloc(&s.cache, 0, 0);
    uintptr_t direct = lfb_alloc(&s.w.lfb, 0);
    scene_give(&s, 1, 0, 1, &block);
    scene_give(&s, 2, 0, 1, &direct);
    assert_int_equal(scene_stats(&s).cached_blocks[0], 2);
    assert_true(lfb_cache_alloc(&s.cache, 1, 0) == block);
    assert_true(lfb_cache_alloc(&s.cache, 2, 0) == direct);
    assert_int_equal(lfb_free(&s.w.lfb, block), LFB_OK);
    assert_int_equal(lfb_free(&s.w.lfb, direct), LFB_OK);
    scene_end(&s);
}

static void test_not_cached(void **state)
{
    (void)state;
    scene s;
    start(&s);
    static const unsigned slots[] = {SLOTS, LFB_CACHE_NO_SLOT, 0};
    static const unsigned orders[] = {0, 2, ORDERS};
    for (unsigned i = 0; i < 3; i++) {
        uintptr_t block = lfb_cache_alloc(&s.cache, slots[i], orders[i]);
        assert_int_equal(lfb_size_of(&s.w.lfb, block), 1U << orders[i]);
        assert_int_equal(lfb_cache_free(&s.cache, slots[i], block, orders[i]), LFB_OK);
        assert_int_equal(scene_allocated(&s), 0);
    }
    lfb_cache_stats stats = scene_stats(&s);
    assert_int_equal(stats.refills + stats.flushes, 0);
    scene_end(&s);
}

/* Each refill asks for twice as many, up to a magazine. */
static void test_refills_double(void **state)
{
    (void)state;
    scene s;
    start(&s);
    uintptr_t block[MAGAZINE];
    size_t taken = 0;
    for (unsigned ask = 1; ask <= 4 * MAGAZINE; ask *= 2) {
        size_t got = ask < MAGAZINE ? ask : MAGAZINE;
        scene_take(&s, 0, 0, 1, block);
        assert_int_equal(scene_stats(&s).cached_blocks[0], got - 1);
        for (size_t i = 1; i < got; i++) {
            lfb_cache_alloc(&s.cache, 0, 0);
        }
        taken += got;
        assert_int_equal(scene_stats(&s).cached_blocks[0], 0);
    }
    assert_int_equal(scene_stats(&s).refills, 8);
    assert_int_equal(scene_allocated(&s), taken);
    for (size_t i = 0; i < PAGES; i++) {
        lfb_free(&s.w.lfb, world_page(&s.w, i));
    }
    scene_end(&s);
}

/* Six magazines full are released; two stay, of each order in turn. */
static void test_bound(void **state)
{
    (void)state;
    scene s;
    start(&s);
    for (unsigned order = 0; order < ORDERS; order++) {
        uintptr_t block[PAGES];
        size_t count = (size_t)6 * MAGAZINE >> order;
        scene_take(&s, 0, order, count, block);
        lfb_cache_drain_slot(&s.cache, 0);
        size_t before = scene_stats(&s).flushes;
        scene_give(&s, 0, order, count, block);
        lfb_cache_stats stats = scene_stats(&s);
        assert_int_equal(stats.cached_blocks[order], (size_t)2 * MAGAZINE >> order);
        assert_int_equal(stats.cached_pages, 2 * MAGAZINE);
        assert_int_equal(scene_allocated(&s), 2 * MAGAZINE);
        assert_int_equal(stats.flushes - before, 4);
        for (size_t i = 0; i < count; i++) { /* those released last stay */
            bool cached = lfb_size_of(&s.w.lfb, block[i]) != 0;
            assert_int_equal(cached, i >= count - stats.cached_blocks[order]);
        }
    }
    scene_end(&s);
}

/* Where the loaded magazine is full or empty, going up and down by less than a magazine costs no
 * trip to the core, wherever it starts. */
static void test_no_thrashing(void **state)
{
    (void)state;
    enum { HELD = 5 * MAGAZINE, SWING = MAGAZINE - 1 };
    for (size_t begin = 0; begin < 2 * MAGAZINE; begin++) {
        scene s;
        start(&s);
        uintptr_t block[HELD];
        scene_take(&s, 0, 0, HELD, block);
        scene_give(&s, 0, 0, 4 * MAGAZINE - begin, block);
        uintptr_t *swing = block + 4 * MAGAZINE - begin;
        scene_give(&s, 0, 0, SWING, swing);
        scene_take(&s, 0, 0, SWING, swing);
        lfb_cache_stats before = scene_stats(&s);
        for (unsigned i = 0; i < 10; i++) {
            scene_give(&s, 0, 0, SWING, swing);
            scene_take(&s, 0, 0, SWING, swing);
        }
        lfb_cache_stats after = scene_stats(&s);
        assert_int_equal(before.refills, after.refills);
        assert_int_equal(before.flushes, after.flushes);
        scene_give(&s, 0, 0, (size_t)(block + HELD - swing), swing);
        scene_end(&s);
    }
}

/* ------------------------------------------------------------------ failing and reclaiming ---- */

/* Eight pages, all with slot 0: two loaded, two on the shelf, four in use. */
static void fill_slot_0(scene *s, uintptr_t block[8])
{
    start_small(s, 8, 2);
    scene_take(s, 0, 0, 8, block);
    scene_give(s, 0, 0, 4, block);
    assert_int_equal(scene_stats(s).cached_blocks[0], 4);
    assert_int_equal(scene_allocated(s), 8);
}

static void test_failure_brings_shelves_back(void **state)
{
    (void)state;
    scene s;
    uintptr_t block[8];
    uintptr_t stolen[2];
    fill_slot_0(&s, block);
    scene_take(&s, 1, 0, 2, stolen);
    assert_true(lfb_cache_alloc(&s.cache, 1, 0) == LFB_NONE); /* what is loaded isn't to be had */
    assert_true(lfb_cache_alloc(&s.cache, LFB_CACHE_NO_SLOT, 0) == LFB_NONE);
    lfb_cache_stats stats = scene_stats(&s);
    assert_int_equal(stats.cached_blocks[0], 2);
    assert_int_equal(stats.stolen, 1);
    scene_give(&s, 0, 0, 4, block + 4);
    scene_give(&s, 0, 0, 2, stolen);
    scene_end(&s);
}

/* The owner that was asked gives back all that it has, at its next call. */
static void test_owner_is_asked(void **state)
{
    (void)state;
    for (unsigned releasing = 0; releasing < 2; releasing++) {
        scene s;
        uintptr_t block[8];
        uintptr_t got[5];
        fill_slot_0(&s, block);
        scene_take(&s, 1, 0, 2, got);
        assert_true(lfb_cache_alloc(&s.cache, 1, 0) == LFB_NONE);
        if (releasing) {
            scene_give(&s, 0, 0, 1, &block[7]);
            scene_take(&s, 1, 0, 3, got + 2); /* that one, and two that were loaded until now */
        } else {
            scene_take(&s, 0, 0, 1, got + 2);
            scene_take(&s, 1, 0, 1, got + 3);
        }
        assert_true(lfb_cache_alloc(&s.cache, 1, 0) == LFB_NONE);
        assert_int_equal(scene_stats(&s).cached_pages, 0);
        for (uintptr_t page = 0; page < 8; page++) {
            assert_int_equal(lfb_free(&s.w.lfb, page), LFB_OK);
        }
        scene_end(&s);
    }
}

/* A failure drains the caller's own slot, of all orders, for any order. */
static void test_failure_drains_own_slot(void **state)
{
    (void)state;
    scene s;
    lfb_config config = world_config(0, 1, 64, 6);
    scene_start(&s, &config, scene_cache_config(2, 3, 8));
    uintptr_t block[64];
    scene_take(&s, 0, 0, 32, block);
    scene_take(&s, 0, 1, 8, block + 32);
    scene_give(&s, 0, 0, 32, block);
    scene_give(&s, 0, 1, 8, block + 32);
    assert_true(scene_stats(&s).cached_pages > 16);
    assert_true(lfb_cache_alloc(&s.cache, 0, 7) == LFB_NONE); /* never served: no reason to */
    assert_true(scene_stats(&s).cached_pages > 16);
    assert_int_equal(lfb_cache_alloc(&s.cache, 0, 6), 0);
    assert_int_equal(scene_stats(&s).cached_pages, 0);
    assert_int_equal(lfb_cache_free(&s.cache, 0, 0, 6), LFB_OK);
    scene_end(&s);
}

static void test_reclaim_all_orders(void **state)
{
    (void)state;
    scene s;
    lfb_config config = world_config(0, 1, 64, 6);
    scene_start(&s, &config, scene_cache_config(2, 3, 8));
    uintptr_t block[16];
    for (unsigned order = 0; order < 3; order++) {
        size_t count = 16U >> order;
        for (size_t i = 0; i < count; i++) {
            block[i] = lfb_alloc(&s.w.lfb, order);
        }
        scene_give(&s, 0, order, count, block);
    }
    assert_int_equal(scene_stats(&s).cached_pages, 48);
    assert_int_equal(lfb_cache_reclaim(&s.cache, 1), 24);
    assert_int_equal(lfb_cache_reclaim(&s.cache, 0), 24);
    scene_end(&s);
}

static void test_reclaim(void **state)
{
    (void)state;
    scene s;
    uintptr_t block[8];
    fill_slot_0(&s, block);
    scene_give(&s, 2, 0, 1, &block[4]);
    assert_int_equal(lfb_cache_reclaim(&s.cache, LFB_CACHE_NO_SLOT), 2); /* the shelf of slot 0 */
    assert_int_equal(lfb_cache_reclaim(&s.cache, 2), 1);                 /* its own */
    assert_int_equal(lfb_cache_reclaim(&s.cache, 1), 0);
    assert_int_equal(scene_stats(&s).cached_blocks[0], 2);
    assert_int_equal(lfb_cache_reclaim(&s.cache, 0), 2);
    assert_int_equal(scene_allocated(&s), 3);
    scene_give(&s, 0, 0, 3, block + 5);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_in_first_out),
        cmocka_unit_test(test_slots_are_apart),
        cmocka_unit_test(test_not_cached),
        cmocka_unit_test(test_refills_double),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_no_thrashing),
        cmocka_unit_test(test_failure_brings_shelves_back),
        cmocka_unit_test(test_owner_is_asked),
        cmocka_unit_test(test_failure_drains_own_slot),
        cmocka_unit_test(test_reclaim),
        cmocka_unit_test(test_reclaim_all_orders),
    };
    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
