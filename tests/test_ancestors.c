/* SPDX-License-Identifier: MIT */
/*
 * What lfbuddy's ancestors do wrong with one thread alone, as programs that lfbuddy must get right,
 * with blocks of every size. The Rust crate lock_free_buddy_allocator hands out [0, 1) and
 * then [0, 8) of 16 fresh pages, and can't allocate inside a block that was released. The search of
 * NBBS, as published, never ends where a block holds its start and all behind it. (What NBBS does
 * wrong with three threads is ancestors/explore_nbbs.c.)
 */
#include <stdlib.h>
#include <string.h>

#include "world.h"

unsigned long count_accesses;

enum { PAGES = 1 << 11, ORDER_MOST = 11, BASE = 1 << 30 };

typedef struct arena {
    world w;
    unsigned char used[PAGES];
} arena;

static void start(arena *a, size_t pages, unsigned max_order)
{
    memset(a, 0, sizeof(*a));
    lfb_config config = world_config(BASE, 1, pages, max_order);
    world_start(&a->w, &config);
}

static void end(arena *a)
{
    world_assert_all_free(&a->w);
    world_end(&a->w);
}

/* Fails the test unless the block lies in the range, is aligned and overlaps no other. */
static void own(arena *a, uintptr_t address, unsigned order)
{
    size_t pages = (size_t)1 << order;
    size_t page = address - BASE;
    assert_int_not_equal(address, LFB_NONE);
    assert_true(page + pages <= a->w.config.page_count);
    assert_int_equal(page % pages, 0);
    for (size_t i = page; i < page + pages; i++) {
        assert_false(a->used[i]);
        a->used[i] = 1;
    }
    assert_int_equal(lfb_size_of(&a->w.lfb, address), pages);
    world_assert_sound(&a->w);
}

static uintptr_t take(arena *a, unsigned lane, unsigned order)
{
    uintptr_t address = lfb_alloc_on(&a->w.lfb, lane, order);
    own(a, address, order);
    return address;
}

static void give(arena *a, unsigned lane, uintptr_t address, unsigned order)
{
    memset(a->used + (address - BASE), 0, (size_t)1 << order);
    assert_int_equal(lfb_free_on(&a->w.lfb, lane, address), LFB_OK);
    world_assert_sound(&a->w);
}

/* ----------------------------------------------------------------------------- the crate ---- */

/* Two blocks, one after the other, from fresh pages. */
static void take_two(size_t pages, unsigned max_order, unsigned first, unsigned second)
{
    arena a;
    start(&a, pages, max_order);
    uintptr_t one = take(&a, 0, first);
    uintptr_t two = take(&a, 0, second);
    give(&a, 0, one, first);
    give(&a, 0, two, second);
    end(&a);
}

static void test_large_beside_small(void **state)
{
    (void)state;
    take_two(16, 4, 0, 3);
    for (unsigned first = 0; first < ORDER_MOST; first++) {
        for (unsigned second = 0; second < ORDER_MOST; second++) {
            take_two(PAGES, ORDER_MOST, first, second);
        }
    }
}

/* A block is released, and then all of it is allocated again in smaller ones. Around it nothing is
 * free, so they can lie nowhere else. */
static void take_inside(unsigned outer, unsigned inner)
{
    arena a;
    start(&a, PAGES, ORDER_MOST);
    static uintptr_t blocks[PAGES];
    unsigned count = 1U << (ORDER_MOST - outer);
    for (unsigned i = 0; i < count; i++) {
        blocks[i] = take(&a, 0, outer);
    }
    uintptr_t released = blocks[count / 2];
    give(&a, 0, released, outer);
    static uintptr_t parts[PAGES];
    unsigned part_count = 1U << (outer - inner);
    for (unsigned i = 0; i < part_count; i++) {
        parts[i] = take(&a, 0, inner);
        assert_int_equal((parts[i] ^ released) >> outer, 0);
    }
    assert_int_equal(lfb_alloc(&a.w.lfb, inner), LFB_NONE);
    for (unsigned i = 0; i < part_count; i++) {
        give(&a, 0, parts[i], inner);
    }
    for (unsigned i = 0; i < count; i++) {
        if (i != count / 2) {
            give(&a, 0, blocks[i], outer);
        }
    }
    end(&a);
}

static void test_allocate_inside_released(void **state)
{
    (void)state;
    for (unsigned outer = 0; outer <= ORDER_MOST; outer++) {
        for (unsigned inner = 0; inner <= outer; inner++) {
            take_inside(outer, inner);
        }
    }
}

/* ------------------------------------------------------------------ the search without end ---- */

/* No order from `order` up is there for any lane, and finding that out takes a few accesses a word:
 * there are fewer words than pages, whatever the slots of a node. */
static void fail_in_bounds(arena *a, unsigned order)
{
    for (; order <= ORDER_MOST; order++) {
        for (unsigned lane = 0; lane < a->w.config.lanes; lane++) {
            count_accesses = 0;
            assert_int_equal(lfb_alloc_on(&a->w.lfb, lane, order), LFB_NONE);
            assert_in_range(count_accesses, 1, 8 * PAGES);
        }
    }
    world_assert_sound(&a->w);
}

/* All pages are in blocks of one order, the last one that of all pages. */
static void test_full(void **state)
{
    (void)state;
    for (unsigned order = 0; order <= ORDER_MOST; order++) {
        arena a;
        start(&a, PAGES, ORDER_MOST);
        for (unsigned i = 0; i < 1U << (ORDER_MOST - order); i++) {
            take(&a, i % a.w.config.lanes, order);
        }
        fail_in_bounds(&a, 0);
        for (size_t page = 0; page < PAGES; page += (size_t)1 << order) {
            give(&a, 0, BASE + page, order);
        }
        end(&a);
    }
}

/* Half of the pages are free, in blocks of one order: too small for every larger one. */
static void test_full_but_for_pieces(void **state)
{
    (void)state;
    for (unsigned order = 0; order < ORDER_MOST; order++) {
        arena a;
        start(&a, PAGES, ORDER_MOST);
        size_t block = (size_t)1 << order;
        for (size_t page = 0; page < PAGES; page += block) {
            take(&a, 0, order);
        }
        for (size_t page = 0; page < PAGES; page += 2 * block) {
            /* Now the left one of two, now the right one. */
            give(&a, 0, BASE + page + (page / (2 * block) % 2) * block, order);
        }
        fail_in_bounds(&a, order + 1);
        for (size_t page = 0; page < PAGES; page += 2 * block) {
            take(&a, 1, order);
        }
        fail_in_bounds(&a, 0);
        for (size_t page = 0; page < PAGES; page += block) {
            give(&a, 1, BASE + page, order);
        }
        end(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_beside_small),
        cmocka_unit_test(test_allocate_inside_released),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_full_but_for_pieces),
    };
    return cmocka_run_group_tests_name("ancestors", tests, NULL, NULL);
}
