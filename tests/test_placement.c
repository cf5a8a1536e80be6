/* SPDX-License-Identifier: MIT */
/*
 * Where blocks are placed: under churn, what is free gathers in whole nodes of level 1 (huge pages,
 * where pages are 4 KiB), whatever the order of the blocks.
 */
#include <string.h>

#include "random.h"
#include "room.h"
#include "world.h"

enum {
    MAX_ORDER = 17,
    PAGES = 1 << MAX_ORDER,
    NODE_ORDER = LFB_LEAF_ORDER + LFB_NODE_ORDER,
    NODES = PAGES >> NODE_ORDER,
    LANES = 2,
    ROUNDS = 100,
};

typedef struct churn {
    world w;
    random_source random;
    unsigned order;
    uintptr_t held[PAGES];
    size_t count;
} churn;

static uintptr_t must_alloc(churn *c, size_t i)
{
    uintptr_t address = lfb_alloc_on(&c->w.lfb, (unsigned)(i % LANES), c->order);
    assert_int_not_equal(address, LFB_NONE);
    return address;
}

static void must_free(churn *c, size_t i)
{
    assert_int_equal(lfb_free_on(&c->w.lfb, (unsigned)(i % LANES), c->held[i]), LFB_OK);
}

/* Brings `count` random blocks to the front. */
static void pick(churn *c, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t other = i + random_below(&c->random, c->count - i);
        uintptr_t block = c->held[i];
        c->held[i] = c->held[other];
        c->held[other] = block;
    }
}

/* Fills 95 % of the range, releases at random down to `percent`, and replaces a tenth of the blocks
 * a round. */
static void work(churn *c, size_t percent)
{
    size_t blocks = (size_t)PAGES >> c->order;
    for (c->count = 0; c->count < blocks * 95 / 100; c->count++) {
        c->held[c->count] = must_alloc(c, c->count);
    }
    size_t surplus = c->count - blocks * percent / 100;
    pick(c, surplus);
    for (size_t i = 0; i < surplus; i++) {
        must_free(c, i);
        c->held[i] = c->held[--c->count];
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        pick(c, c->count / 10);
        for (size_t i = 0; i < c->count / 10; i++) {
            must_free(c, i);
        }
        for (size_t i = 0; i < c->count / 10; i++) {
            c->held[i] = must_alloc(c, i);
        }
    }
}

/* Nodes in which nothing is held. */
static size_t count_whole(const churn *c)
{
    static bool in_use[NODES];
    size_t whole = NODES;
    memset(in_use, 0, sizeof(in_use));
    for (size_t i = 0; i < c->count; i++) {
        bool *node = &in_use[c->held[i] / c->w.config.page_size >> NODE_ORDER];
        whole -= !*node;
        *node = true;
    }
    return whole;
}

static void check_order(unsigned max_order, unsigned order, size_t percent, size_t least)
{
    static churn c;
    lfb_config config = world_config(0, 4096, PAGES, max_order);
    config.lanes = LANES;
    world_start(&c.w, &config);
    c.random = (random_source){1};
    c.order = order;
    work(&c, percent);
    size_t whole = count_whole(&c);
    size_t ideal = (PAGES - (c.count << order)) >> NODE_ORDER;
    print_message("largest order %u, order %u, %zu %% in use: %zu of %zu whole\n", max_order, order,
                  percent, whole, ideal);
    assert_in_range(whole * 100, ideal * least, ideal * 100);
    world_end(&c.w);
}

/* At least so many hundredths of what there could be, whether nodes of level 1 merge or, with the
 * largest order as large as they are, don't. */
static void check_all(size_t percent, size_t least)
{
    for (unsigned order = 0; order < NODE_ORDER; order++) {
        check_order(NODE_ORDER, order, percent, least);
        check_order(MAX_ORDER, order, percent, least);
    }
}

static void test_half_in_use(void **state)
{
    (void)state;
    check_all(50, 85);
}

static void test_four_fifths_in_use(void **state)
{
    (void)state;
    check_all(80, 60);
}

static uintptr_t alloc_page(world *w)
{
    uintptr_t page = lfb_alloc(&w->lfb, 0);
    assert_int_not_equal(page, LFB_NONE);
    return page;
}

/* A slot that was just released is taken again in a node that is full but for it; one that is
 * draining is left alone. */
static void test_vacancies(void **state)
{
    enum { NODE_PAGES = 1 << NODE_ORDER };
    (void)state;
    world w;
    lfb_config config = world_config(0, 1, (size_t)4 * NODE_PAGES, NODE_ORDER + 2);
    world_start(&w, &config);
    for (size_t i = 0; i < (size_t)2 * NODE_PAGES; i++) {
        assert_in_range(alloc_page(&w), 0, 2 * NODE_PAGES - 1);
    }
    uintptr_t page = alloc_page(&w);
    assert_in_range(page, 2 * NODE_PAGES, 4 * NODE_PAGES - 1);
    uintptr_t vacancy = NODE_PAGES + NODE_PAGES / 2;
    assert_int_equal(lfb_free(&w.lfb, vacancy), LFB_OK);
    assert_int_equal(alloc_page(&w), vacancy);

    for (uintptr_t i = 0; i < NODE_PAGES; i += 2) {
        assert_int_equal(lfb_free(&w.lfb, i), LFB_OK);
    }
    do { /* the first of them may have been noted, with the rest of its leaf */
        page = alloc_page(&w);
    } while (page < NODE_PAGES);
    assert_int_equal(lfb_free(&w.lfb, NODE_PAGES / 2 + 1), LFB_OK);
    assert_int_equal(alloc_page(&w) / NODE_PAGES, page / NODE_PAGES);
    world_end(&w);
}

/* A lane fills a node of level 2 to the end before it begins another one, even if somebody else has
 * made the room in it. */
static void test_room_in_a_node_beside(void **state)
{
    (void)state;
    enum { BLOCKS = 2 * NODE_SLOTS };
    world w;
    lfb_config config = world_config(0, 1, PAGES, MAX_ORDER);
    config.lanes = LANES;
    world_start(&w, &config);
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_in_range(lfb_alloc_on(&w.lfb, 0, NODE_ORDER), 0, (BLOCKS - 1) << NODE_ORDER);
    }
    assert_int_equal(lfb_free_on(&w.lfb, 1, 1 << NODE_ORDER), LFB_OK);
    assert_int_equal(lfb_alloc_on(&w.lfb, 0, NODE_ORDER), 1 << NODE_ORDER);
    assert_int_equal(lfb_alloc_on(&w.lfb, 0, NODE_ORDER), BLOCKS << NODE_ORDER);
    world_end(&w);
}

/* While a room is counted, a lane enters a leaf after its parent was read, so that both words say
 * of its pages that they are free. The node isn't full for that. */
static void test_a_leaf_is_entered_meanwhile(void **state)
{
    (void)state;
    world w;
    lfb_config config = world_config(0, 4096, (size_t)1 << NODE_ORDER, NODE_ORDER);
    world_start(&w, &config);
    uintptr_t page = lfb_alloc(&w.lfb, 0);
    assert_int_equal(page, 0);
    lfb_atomic *leaf = lfb_word_of(&w.lfb, (lfb_node){0, 1});
    lfb_word empty = lfb_load_relaxed(leaf);
    lfb_store_relaxed(leaf, word_hold(word_all(empty, 0, CODE_FREE), 0, 1));
    lfb_byte room = lfb_byte_at(w.lfb.rooms, 0);
    lfb_store_relaxed(room.word, ROOM_FULL);
    lfb_room_refresh(&w.lfb, (lfb_node){1, 0});
    assert_int_equal(byte_in(room, lfb_load_relaxed(room.word)), 0);
    lfb_store_relaxed(leaf, empty);
    assert_int_equal(lfb_free(&w.lfb, page), LFB_OK);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_in_use),
        cmocka_unit_test(test_four_fifths_in_use),
        cmocka_unit_test(test_vacancies),
        cmocka_unit_test(test_room_in_a_node_beside),
        cmocka_unit_test(test_a_leaf_is_entered_meanwhile),
    };
    return cmocka_run_group_tests_name("placement", tests, NULL, NULL);
}
