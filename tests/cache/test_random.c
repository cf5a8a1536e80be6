/* SPDX-License-Identifier: MIT */
/*
 * Random calls on one thread, on several slots, on none and on the core, against a map of what is
 * live. What is compared: blocks never overlap; the core's allocated pages are the live and the
 * cached ones; a failing call leaves nothing that it could have had; the bounds; and, in a cache
 * that is checked, that bad releases are refused and change nothing.
 *
 * LFB_SEED repeats a run, LFB_STEPS is how many calls in each configuration.
 */
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "scene.h"

enum { SLOTS = 3, PAGES_MOST = 700, MAX_ORDER = 6, LIVE_MOST = PAGES_MOST };

typedef struct block {
    uintptr_t address;
    unsigned order;
} block;

typedef struct model {
    scene s;
    random_source random;
    lfb_cache_config config;
    bool used[PAGES_MOST];
    block live[LIVE_MOST];
    size_t count;
    size_t pages;
    unsigned long failures;
} model;

static size_t page_of(const model *m, uintptr_t address)
{
    return (address - m->s.w.config.base) / m->s.w.config.page_size;
}

static void set_used(model *m, block b, bool used)
{
    size_t first = page_of(m, b.address);
    assert_true(first + ((size_t)1 << b.order) <= m->s.w.config.page_count);
    for (size_t i = first; i < first + ((size_t)1 << b.order); i++) {
        assert_int_equal(m->used[i], !used);
        m->used[i] = used;
    }
    m->pages += used ? (size_t)1 << b.order : -((size_t)1 << b.order);
}

/* One that exists, or none. */
static unsigned any_slot(model *m)
{
    unsigned slot = (unsigned)random_below(&m->random, SLOTS + 1);
    return slot < SLOTS ? slot : LFB_CACHE_NO_SLOT;
}

/* ------------------------------------------------------------------------------- calls ---- */

static void assert_nothing_left(model *m, unsigned slot, unsigned order)
{
    lfb_stats core;
    lfb_get_stats(&m->s.w.lfb, &core);
    assert_true(core.largest_free_order < (int)order);
    size_t others = slot < SLOTS ? SLOTS - 1 : SLOTS;
    size_t loaded = (size_t)m->config.orders * m->config.magazine_pages;
    assert_true(scene_stats(&m->s).cached_pages <= others * loaded);
}

static void do_alloc(model *m)
{
    unsigned slot = any_slot(m);
    unsigned order = (unsigned)random_skewed(&m->random, MAX_ORDER + 2);
    block b = {lfb_cache_alloc(&m->s.cache, slot, order), order};
    if (b.address == LFB_NONE) {
        m->failures++;
        if (order <= MAX_ORDER) {
            assert_nothing_left(m, slot, order);
        }
        return;
    }
    assert_int_equal(b.address % (m->s.w.config.page_size << order), 0);
    set_used(m, b, true);
    m->live[m->count++] = b;
}

static void do_core_alloc(model *m)
{
    block b = {LFB_NONE, (unsigned)random_below(&m->random, 3)};
    b.address = lfb_alloc(&m->s.w.lfb, b.order);
    if (b.address != LFB_NONE) {
        set_used(m, b, true);
        m->live[m->count++] = b;
    }
}

static block pick(model *m)
{
    size_t i = random_below(&m->random, m->count);
    block b = m->live[i];
    m->live[i] = m->live[--m->count];
    set_used(m, b, false);
    return b;
}

static void do_free(model *m)
{
    block b = pick(m);
    assert_int_equal(lfb_cache_free(&m->s.cache, any_slot(m), b.address, b.order), LFB_OK);
}

static void do_core_free(model *m)
{
    assert_int_equal(lfb_free(&m->s.w.lfb, pick(m).address), LFB_OK);
}

/* A page that isn't live, or a live block by another order or from its midst. */
static void do_bad_free(model *m)
{
    size_t page = random_below(&m->random, m->s.w.config.page_count);
    unsigned order = (unsigned)random_below(&m->random, 4);
    uintptr_t address = world_page(&m->s.w, page);
    for (size_t i = 0; i < m->count; i++) {
        if (m->live[i].address == address && m->live[i].order == order) {
            return;
        }
    }
    size_t cached = scene_stats(&m->s).cached_pages;
    size_t allocated = scene_allocated(&m->s);
    unsigned slot = any_slot(m);
    assert_int_not_equal(lfb_cache_free(&m->s.cache, slot, address, order), LFB_OK);
    /* An owner that was asked to gives back what it has, whatever it is called for. */
    size_t given = cached - scene_stats(&m->s).cached_pages;
    assert_int_equal(scene_allocated(&m->s), allocated - given);
}

static void do_reclaim(model *m)
{
    size_t before = scene_allocated(&m->s);
    size_t given = lfb_cache_reclaim(&m->s.cache, any_slot(m));
    assert_int_equal(scene_allocated(&m->s), before - given);
}

static void do_drain(model *m)
{
    if (random_below(&m->random, 10) == 0) {
        lfb_cache_drain(&m->s.cache);
        assert_int_equal(scene_allocated(&m->s), m->pages);
    } else {
        lfb_cache_drain_slot(&m->s.cache, (unsigned)random_below(&m->random, SLOTS));
    }
}

/* ------------------------------------------------------------------------------ the run ---- */

static void compare(model *m)
{
    lfb_cache_stats stats = scene_stats(&m->s);
    size_t bound = (size_t)2 * m->config.magazine_pages * m->config.orders * SLOTS;
    assert_int_equal(scene_allocated(&m->s), m->pages + stats.cached_pages);
    assert_true(stats.cached_pages <= bound);
    assert_int_equal(stats.refused, 0);
}

/* Goes for a while rather up than down, then the other way. */
static void step(model *m, unsigned long i)
{
    bool up = i / 512 % 2;
    uint64_t dice = random_below(&m->random, 100);
    if (dice < 2) {
        do_reclaim(m);
    } else if (dice < 3) {
        do_drain(m);
    } else if (dice < 8 && m->config.checked) {
        do_bad_free(m);
    } else if (m->count == 0 || dice < (up ? 70U : 40U)) {
        dice % 8 ? do_alloc(m) : do_core_alloc(m);
    } else {
        dice % 8 ? do_free(m) : do_core_free(m);
    }
}

static void run(uint64_t seed, size_t pages, lfb_cache_config config)
{
    static model m; /* large */
    const char *given = getenv("LFB_STEPS");
    unsigned long steps = given ? strtoul(given, NULL, 0) : 8000;
    memset(&m, 0, sizeof(m));
    m.random.state = seed;
    m.config = config;
    lfb_config core = world_config((uintptr_t)4096 * 1237, 4096, pages, MAX_ORDER);
    scene_start(&m.s, &core, config);
    for (unsigned long i = 0; i < steps; i++) {
        step(&m, i);
        compare(&m);
        if (i % 64 == 0) {
            world_assert_sound(&m.s.w);
        }
    }
    assert_true(m.failures > 0);
    while (m.count) {
        do_free(&m);
    }
    assert_int_equal(m.s.refused, 0);
    scene_end(&m.s);
}

static void test_random(void **state)
{
    (void)state;
    static const unsigned magazines[] = {8, 9, 32};
    uint64_t seed = random_seed();
    print_message("LFB_SEED=%#jx\n", (uintmax_t)seed);
    for (size_t i = 0; i < sizeof(magazines) / sizeof(*magazines); i++) {
        for (unsigned checked = 0; checked < 2; checked++) {
            lfb_cache_config config = scene_cache_config(SLOTS, 4, magazines[i]);
            config.checked = checked;
            run(seed + i, 100, config);
            run(seed + i, PAGES_MOST, config);
            config.orders = 1;
            config.magazine_pages = 1;
            run(seed + i, 60, config);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests_name("cache random", tests, NULL, NULL);
}
