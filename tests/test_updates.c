/* SPDX-License-Identifier: MIT */
/*
 * The promise of the title page, counted on the core's own source: in steady state an allocation is
 * one successful atomic update and a release is one, whatever the order, with the address alone.
 */
#include <string.h>

#include "random.h"
#include "world.h"

unsigned long count_updates;
unsigned long count_stores;

enum { PAGES = 1 << 18, ORDER_MOST = 14, ROUNDS = 1000 };

static void start(world *w)
{
    lfb_config config = world_config(0x40000000, 4096, PAGES, ORDER_MOST);
    world_start(w, &config);
}

static void count_pairs(world *w, unsigned order)
{
    /* The first pair may have to split; from then on the lane stays where it is. */
    assert_int_equal(lfb_free(&w->lfb, lfb_alloc(&w->lfb, order)), LFB_OK);
    count_updates = 0;
    count_stores = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uintptr_t address = lfb_alloc(&w->lfb, order);
        assert_int_not_equal(address, LFB_NONE);
        assert_int_equal(count_updates, 2 * i + 1);
        assert_int_equal(lfb_free(&w->lfb, address), LFB_OK);
        assert_int_equal(count_updates, 2 * i + 2);
    }
    assert_int_equal(count_stores, 0);
}

/* Nothing else is allocated. */
static void test_empty(void **state)
{
    (void)state;
    for (unsigned order = 0; order <= ORDER_MOST; order++) {
        world w;
        start(&w);
        count_pairs(&w, order);
        world_end(&w);
    }
}

/* Half of the pages are held, in single pages, at random. */
static void test_half_full(void **state)
{
    (void)state;
    world w;
    start(&w);
    random_source random = {random_seed()};
    static uintptr_t held[PAGES];
    assert_int_equal(lfb_alloc_bulk(&w.lfb, 0, PAGES, held), PAGES);
    for (unsigned i = 0; i < PAGES; i++) {
        if (random_below(&random, 2)) {
            assert_int_equal(lfb_free(&w.lfb, held[i]), LFB_OK);
        }
    }
    count_pairs(&w, 0);
    world_end(&w);
}

/* Runs that aren't powers of two, as long as one word can hold them. */
static void test_runs(void **state)
{
    (void)state;
    static const size_t lengths[] = {3, 7, 31, 96, 480, 512 * 5};
    world w;
    start(&w);
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        assert_int_equal(lfb_free(&w.lfb, lfb_alloc_run(&w.lfb, lengths[i])), LFB_OK);
        count_updates = 0;
        uintptr_t address = lfb_alloc_run(&w.lfb, lengths[i]);
        assert_int_equal(lfb_size_of(&w.lfb, address), lengths[i]);
        assert_int_equal(count_updates, 1);
        assert_int_equal(lfb_free(&w.lfb, address), LFB_OK);
        assert_int_equal(count_updates, 2);
    }
    world_end(&w);
}

/* A leaf's worth of pages: one update to take what the lane's node has left, one to release. */
static void test_bulk(void **state)
{
    (void)state;
    world w;
    start(&w);
    uintptr_t pages[LFB_LEAF_ORDER * 8];
    size_t count = 1U << LFB_LEAF_ORDER;
    assert_true(count <= sizeof(pages) / sizeof(*pages));
    assert_int_equal(lfb_free(&w.lfb, lfb_alloc(&w.lfb, 0)), LFB_OK);
    count_updates = 0;
    assert_int_equal(lfb_alloc_bulk(&w.lfb, 0, count, pages), count);
    assert_int_equal(count_updates, 1);
    assert_int_equal(lfb_free_bulk(&w.lfb, count, pages), count);
    assert_int_equal(count_updates, 2);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_half_full),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_bulk),
    };
    return cmocka_run_group_tests_name("updates", tests, NULL, NULL);
}
