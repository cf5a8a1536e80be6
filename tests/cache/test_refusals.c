/* SPDX-License-Identifier: MIT */
/*
 * What the cache refuses: configurations, and releases, with and without `checked`. Runs in several
 * geometries of the core.
 */
#include <stdlib.h>
#include <string.h>

#include "scene.h"

enum { PAGE = 4096, PAGES = 1000, MAX_ORDER = 9, SLOTS = 3, ORDERS = 4, MAGAZINE = 32, LINE = 128 };

/* The first page has an odd number, so the range's ends are in the midst of blocks. */
static void start(scene *s, bool checked)
{
    lfb_config config = world_config((uintptr_t)PAGE * 1237, PAGE, PAGES, MAX_ORDER);
    lfb_cache_config cache = scene_cache_config(SLOTS, ORDERS, MAGAZINE);
    cache.checked = checked;
    scene_start(s, &config, cache);
}

/* ------------------------------------------------------------------------------ init ---- */

static void assert_config_refused(const lfb_t *lfb, lfb_cache_config config)
{
    static unsigned char memory[1 << 16];
    static unsigned char before[sizeof(memory)];
    lfb_cache_t cache;
    memset(memory, 0xa5, sizeof(memory));
    memset(before, 0xa5, sizeof(before));
    assert_int_equal(lfb_cache_size(lfb, &config), 0);
    lfb_t copy = *lfb;
    assert_int_equal(lfb_cache_init(&cache, &copy, &config, memory, sizeof(memory)),
                     LFB_INVALID_ARGUMENT);
    assert_memory_equal(memory, before, sizeof(memory));
}

static void test_config(void **state)
{
    (void)state;
    const lfb_cache_config good = scene_cache_config(SLOTS, ORDERS, MAGAZINE);
    scene s;
    start(&s, false);
    const lfb_t *lfb = &s.w.lfb;
    static const unsigned slots[] = {0, LFB_MAX_LANES + 1, ~0U};
    static const unsigned orders[] = {0, LFB_CACHE_MAX_ORDERS + 1, 32, 33, ~0U};
    static const unsigned pages[] = {0, 7, LFB_CACHE_MAX_PAGES + 1, ~0U};
    lfb_cache_config config = good;
    config.struct_size--;
    assert_config_refused(lfb, config);
    for (size_t i = 0; i < sizeof(slots) / sizeof(*slots); i++) {
        config = good;
        config.slots = slots[i];
        assert_config_refused(lfb, config);
    }
    for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
        config = good;
        config.orders = orders[i];
        assert_config_refused(lfb, config);
    }
    for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
        config = good;
        config.magazine_pages = pages[i];
        assert_config_refused(lfb, config);
    }
    lfb_t none = {0};
    assert_config_refused(&none, good);
    assert_int_equal(lfb_cache_size(NULL, &good), 0);
    assert_int_equal(lfb_cache_size(lfb, NULL), 0);
    scene_end(&s);
}

static void test_init_arguments(void **state)
{
    (void)state;
    lfb_cache_config config = scene_cache_config(SLOTS, ORDERS, MAGAZINE);
    scene s;
    start(&s, false);
    lfb_cache_t cache;
    lfb_t *lfb = &s.w.lfb;
    assert_int_equal(lfb_cache_init(NULL, lfb, &config, s.memory, s.size), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_cache_init(&cache, NULL, &config, s.memory, s.size), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_cache_init(&cache, lfb, NULL, s.memory, s.size), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_cache_init(&cache, lfb, &config, NULL, s.size), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_cache_init(&cache, lfb, &config, s.memory, s.size - 1),
                     LFB_INVALID_ARGUMENT);
    scene_end(&s);
}

static void use_all(lfb_cache_t *cache, unsigned order, unsigned count)
{
    uintptr_t block[3 * 19];
    for (unsigned i = 0; i < count; i++) {
        block[i] = lfb_cache_alloc(cache, 1, order);
        assert_true(block[i] != LFB_NONE);
    }
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(lfb_cache_free(cache, 1, block[i], order), LFB_OK);
    }
}

/* Fills every magazine and empties it, in memory of exactly the size asked for, at any alignment.
 */
static void test_init_any_alignment(void **state)
{
    (void)state;
    scene s;
    start(&s, false);
    lfb_cache_config config = scene_cache_config(2, LFB_CACHE_MAX_ORDERS, 19);
    /* Only the last pages are to be had, and their marks are the last bits. */
    assert_int_equal(lfb_hold_range(&s.w.lfb, s.w.config.base, PAGES - 200), LFB_OK);
    for (unsigned checked = 0; checked < 2; checked++) {
        config.checked = checked;
        size_t size = lfb_cache_size(&s.w.lfb, &config);
        unsigned char *room = malloc(size + 3 * LINE);
        assert_non_null(room);
        for (size_t off = LINE; off < 2 * LINE; off++) {
            memset(room, 0xa5, size + 3 * LINE);
            lfb_cache_t cache;
            assert_int_equal(lfb_cache_init(&cache, &s.w.lfb, &config, room + off, size), LFB_OK);
            for (unsigned order = 0; order < LFB_CACHE_MAX_ORDERS; order++) {
                use_all(&cache, order, 3 * 19U >> order);
            }
            lfb_cache_drain(&cache);
            for (size_t i = 0; i < LINE; i++) {
                assert_int_equal(room[off - 1 - i], 0xa5);
                assert_int_equal(room[off + size + i], 0xa5);
            }
            assert_int_equal(scene_allocated(&s), 0);
        }
        free(room);
    }
    assert_int_equal(lfb_release_range(&s.w.lfb, s.w.config.base, PAGES - 200), LFB_OK);
    scene_end(&s);
}

/* A core that serves fewer orders than are to be cached; and ranges smaller than a block. */
static void test_small_cores(void **state)
{
    (void)state;
    for (size_t pages = 1; pages < 20; pages++) {
        for (unsigned max_order = 0; max_order < 3; max_order++) {
            scene s;
            lfb_config config = world_config(3 * PAGE, PAGE, pages, max_order);
            scene_start(&s, &config, scene_cache_config(1, 5, 16));
            assert_true(lfb_cache_alloc(&s.cache, 0, max_order + 1) == LFB_NONE);
            assert_int_equal(lfb_cache_free(&s.cache, 0, 8 * PAGE, 3), LFB_INVALID_ARGUMENT);
            uintptr_t page[20];
            scene_take(&s, 0, 0, pages, page);
            assert_true(lfb_cache_alloc(&s.cache, 0, 0) == LFB_NONE);
            scene_give(&s, 0, 0, pages, page);
            scene_end(&s);
        }
    }
}

/* ------------------------------------------------------------------------- bad releases ---- */

static void test_statuses(void **state)
{
    (void)state;
    for (unsigned checked = 0; checked < 2; checked++) {
        scene s;
        start(&s, checked);
        uintptr_t base = s.w.config.base;
        uintptr_t block = lfb_cache_alloc(&s.cache, 0, 2);
        lfb_cache_stats before = scene_stats(&s);
        assert_int_equal(lfb_cache_free(&s.cache, 0, base - PAGE, 0), LFB_OUT_OF_RANGE);
        assert_int_equal(lfb_cache_free(&s.cache, 0, base + (uintptr_t)PAGES * PAGE, 0),
                         LFB_OUT_OF_RANGE);
        assert_int_equal(lfb_cache_free(&s.cache, 0, LFB_NONE, 0), LFB_OUT_OF_RANGE);
        assert_int_equal(lfb_cache_free(&s.cache, 0, block + 1, 0), LFB_INVALID_ARGUMENT);
        assert_int_equal(lfb_cache_free(&s.cache, 0, block, MAX_ORDER + 1), LFB_INVALID_ARGUMENT);
        assert_int_equal(lfb_cache_free(&s.cache, 0, block, ~0U), LFB_INVALID_ARGUMENT);
        assert_int_equal(lfb_cache_free(&s.cache, 0, block + PAGE, 2), LFB_NOT_START);
        if (checked) {
            assert_int_equal(lfb_cache_free(&s.cache, 0, block, ORDERS), LFB_SIZE_MISMATCH);
            assert_int_equal(lfb_cache_free(&s.cache, LFB_CACHE_NO_SLOT, block, 1),
                             LFB_SIZE_MISMATCH);
        }
        assert_int_equal(scene_stats(&s).cached_pages, before.cached_pages);
        assert_int_equal(lfb_size_of(&s.w.lfb, block), 4);
        assert_int_equal(lfb_cache_free(&s.cache, 0, block, 2), LFB_OK);
        assert_int_equal(lfb_cache_drain_slot(&s.cache, SLOTS), LFB_INVALID_ARGUMENT);
        assert_int_equal(lfb_cache_drain_slot(&s.cache, 0), LFB_OK);
        assert_int_equal(lfb_cache_free(&s.cache, LFB_CACHE_NO_SLOT, block, 2), LFB_NOT_ALLOCATED);
        assert_int_equal(s.refused, 0);
        scene_end(&s);
    }
}

/* Ends of the range: a release of anything but a whole, aligned block in it isn't cached. */
static void assert_edges(uintptr_t base, size_t pages)
{
    scene s;
    lfb_config config = world_config(base, 1, pages, MAX_ORDER);
    scene_start(&s, &config, scene_cache_config(1, 4, 512));
    unsigned accepted = 0;
    for (unsigned order = 0; order < 4; order++) {
        for (uintptr_t page = base - 20; page != base + pages + 20; page++) {
            uintptr_t block = (uintptr_t)1 << order;
            bool cached =
                page % block == 0 && page - base < pages && block <= pages - (page - base);
            lfb_status status = lfb_cache_free(&s.cache, 0, page, order);
            assert_int_equal(status == LFB_OK, cached);
            accepted += cached;
        }
    }
    lfb_cache_drain(&s.cache);
    assert_int_equal(s.refused, accepted); /* nothing was allocated, after all */
    scene_end(&s);
}

static void test_edges(void **state)
{
    (void)state;
    for (size_t pages = 1; pages < 40; pages++) {
        for (uintptr_t base = 64; base < 80; base++) {
            assert_edges(base, pages);
        }
        assert_edges(0, pages);
        assert_edges(LFB_NONE - pages, pages);
    }
}

/* A run of four pages that isn't aligned to four mustn't come out as a block. */
static void test_unaligned_run(void **state)
{
    (void)state;
    scene s;
    lfb_config config = world_config(0, 1, 64, 6);
    scene_start(&s, &config, scene_cache_config(1, 4, 8));
    assert_int_equal(lfb_alloc_at(&s.w.lfb, 0, 1), LFB_OK);
    if (LFB_LEAF_ORDER >= 3) {
        assert_int_equal(lfb_alloc_at(&s.w.lfb, 1, 4), LFB_OK);
        assert_int_equal(lfb_cache_free(&s.cache, 0, 1, 2), LFB_OK);
        assert_int_equal(scene_allocated(&s), 1);
    }
    scene_give(&s, 0, 0, 1, &(uintptr_t){0});
    scene_end(&s);
}

/* Unchecked: what was accepted is found out when the magazine is emptied, the good blocks beside it
 * go back. */
static void test_unchecked(void **state)
{
    (void)state;
    scene s;
    start(&s, false);
    uintptr_t block[5];
    scene_take(&s, 0, 0, 5, block);
    scene_give(&s, 0, 0, 3, block);
    scene_give(&s, 0, 0, 1, &block[1]);
    scene_give(&s, 0, 0, 2, &block[3]);
    assert_int_equal(lfb_cache_drain_slot(&s.cache, 0), LFB_OK);
    assert_int_equal(s.refused, 1);
    assert_int_equal(s.refused_address, block[1]);
    assert_int_equal(s.refused_status, LFB_NOT_ALLOCATED);
    assert_int_equal(scene_allocated(&s), 0);
    uintptr_t run = lfb_alloc(&s.w.lfb, 3);
    scene_give(&s, 1, 0, 1, &(uintptr_t){run + PAGE});
    lfb_cache_drain(&s.cache);
    assert_int_equal(s.refused, 2);
    assert_int_equal(s.refused_address, run + PAGE);
    assert_int_equal(s.refused_status, LFB_NOT_START);
    assert_int_equal(scene_stats(&s).refused, 2);
    scene_give(&s, 1, 0, 1, &block[1]);
    assert_int_equal(lfb_cache_reclaim(&s.cache, 1), 0); /* it gave nothing back */
    assert_int_equal(s.refused, 3);
    assert_int_equal(lfb_free(&s.w.lfb, run), LFB_OK);
    scene_end(&s);
}

/* Nobody to be told: it is counted. */
static void test_unchecked_without_callback(void **state)
{
    (void)state;
    scene s;
    start(&s, false);
    lfb_cache_config config = scene_cache_config(1, 1, MAGAZINE);
    size_t size = lfb_cache_size(&s.w.lfb, &config);
    void *memory = malloc(size);
    lfb_cache_t other;
    assert_int_equal(lfb_cache_init(&other, &s.w.lfb, &config, memory, size), LFB_OK);
    assert_int_equal(lfb_cache_free(&other, 0, s.w.config.base, 0), LFB_OK);
    lfb_cache_drain(&other);
    lfb_cache_stats stats;
    lfb_cache_get_stats(&other, &stats);
    assert_int_equal(stats.refused, 1);
    free(memory);
    scene_end(&s);
}

static void assert_second_release_refused(scene *s, uintptr_t address)
{
    size_t cached = scene_stats(s).cached_pages;
    for (unsigned slot = 0; slot <= SLOTS; slot++) {
        assert_int_equal(lfb_cache_free(&s->cache, slot, address, 0), LFB_NOT_ALLOCATED);
        assert_int_equal(lfb_cache_free(&s->cache, slot, address, ORDERS), LFB_NOT_ALLOCATED);
    }
    assert_int_equal(scene_stats(s).cached_pages, cached);
}

static void test_checked(void **state)
{
    (void)state;
    scene s;
    start(&s, true);
    uintptr_t block[3 * MAGAZINE];
    uintptr_t four = lfb_cache_alloc(&s.cache, 0, 2);
    assert_int_equal(lfb_cache_free(&s.cache, 0, four, 0), LFB_SIZE_MISMATCH);
    assert_int_equal(lfb_cache_free(&s.cache, 0, four, 3), LFB_SIZE_MISMATCH);
    assert_int_equal(lfb_cache_free(&s.cache, 0, four + PAGE, 0), LFB_NOT_START);
    scene_give(&s, 0, 2, 1, &four);
    scene_take(&s, 0, 0, 3 * MAGAZINE, block);
    size_t left = scene_stats(&s).cached_blocks[0]; /* of the last refill */
    for (unsigned i = 0; i < 3 * MAGAZINE; i++) {
        scene_give(&s, 0, 0, 1, &block[i]);
        assert_second_release_refused(&s, block[i]); /* whether loaded or on the shelf */
    }
    assert_second_release_refused(&s, block[0]); /* back in the core */
    assert_true(left < MAGAZINE);
    /* All through the magazines once more: no mark was left where none should be. */
    scene_take(&s, 0, 0, 3 * MAGAZINE, block);
    scene_give(&s, 1, 0, 3 * MAGAZINE, block);
    assert_int_equal(s.refused, 0);
    scene_end(&s);
}

/* A block that a refill brought, and nobody was given. */
static void test_checked_refill(void **state)
{
    (void)state;
    scene s;
    lfb_config config = world_config(0, 1, 64, 6);
    lfb_cache_config cache = scene_cache_config(1, 1, MAGAZINE);
    cache.checked = true;
    scene_start(&s, &config, cache);
    uintptr_t block[4];
    scene_take(&s, 0, 0, 4, block);
    assert_int_equal(scene_stats(&s).cached_blocks[0], 3); /* of 1 + 2 + 4 */
    unsigned refused = 0;
    for (uintptr_t page = 0; page < 64; page++) {
        bool mine = page == block[0] || page == block[1] || page == block[2] || page == block[3];
        if (!mine) {
            assert_int_equal(lfb_cache_free(&s.cache, 0, page, 0), LFB_NOT_ALLOCATED);
            refused++;
        }
    }
    assert_int_equal(refused, 60);
    scene_give(&s, 0, 0, 4, block);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_init_arguments),
        cmocka_unit_test(test_init_any_alignment),
        cmocka_unit_test(test_small_cores),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_unaligned_run),
        cmocka_unit_test(test_unchecked),
        cmocka_unit_test(test_unchecked_without_callback),
        cmocka_unit_test(test_checked),
        cmocka_unit_test(test_checked_refill),
    };
    return cmocka_run_group_tests_name("cache refusals", tests, NULL, NULL);
}
