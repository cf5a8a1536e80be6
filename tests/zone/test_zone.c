/* SPDX-License-Identifier: MIT */
/* Each status and each promise of zones, one at a time, on one thread. */
#include "scene.h"

#include <stdlib.h>

enum { LOW = 20, MINIMUM = 8, PAGES = 64 };

/* --------------------------------------------------------------------------- life of a set ---- */

static void test_size_refuses(void **state)
{
    (void)state;
    const lfb_zones_config good = {sizeof(good), LFB_ZONES_MAX, LFB_MAX_LANES, 0};
    assert_true(lfb_zones_size(&good) > (size_t)LFB_ZONES_MAX * LFB_MAX_LANES * 128);
    assert_int_equal(lfb_zones_size(NULL), 0);
    lfb_zones_config bad[7];
    for (unsigned i = 0; i < 7; i++) {
        bad[i] = good;
    }
    bad[0].struct_size--;
    bad[1].zones = 0;
    bad[2].zones++;
    bad[3].lanes = 0;
    bad[4].lanes++;
    bad[5].batch = SIZE_MAX;
    bad[6].batch = ((size_t)1 << (LFB_WORD_BITS - 8)) + 1;
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(lfb_zones_size(&bad[i]), 0);
    }
}

static void test_init_refuses(void **state)
{
    (void)state;
    lfb_zones_config config = {sizeof(config), 2, 3, 16};
    size_t size = lfb_zones_size(&config);
    char *memory = malloc(size + 1);
    lfb_zones_t set;
    assert_int_equal(lfb_zones_init(NULL, &config, memory, size), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_zones_init(&set, NULL, memory, size), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_zones_init(&set, &config, NULL, size), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_zones_init(&set, &config, memory, size - 1), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_zones_init(&set, &config, memory + 1, size), LFB_OK);
    lfb_zone_request request = scene_request(1, 0);
    assert_int_equal(lfb_zones_alloc(&set, &request), LFB_NONE); /* there are no zones */
    assert_int_equal(lfb_zones_free(&set, 0, 0), LFB_OUT_OF_RANGE);
    assert_int_equal(lfb_zones_find(&set, 0), LFB_ZONE_NONE);
    free(memory);
}

static lfb_status add(scene *s, world *w, uintptr_t first_page, size_t pages)
{
    lfb_config core = world_config(first_page * PAGE, PAGE, pages, 6);
    world_start(w, &core);
    lfb_zone_config config = {sizeof(config), &w->lfb, 0, 0, NULL, NULL};
    lfb_status status = lfb_zones_add(&s->set, &config);
    world_end(w);
    return status;
}

static void test_add_refuses_overlap(void **state)
{
    (void)state;
    scene s;
    world other;
    scene_start(&s, 1, 0);
    scene_add(&s, 200, 100, 0, 0);
    scene_add(&s, 100, 50, 0, 0);
    assert_int_equal(add(&s, &other, 299, 10), LFB_BUSY);
    assert_int_equal(add(&s, &other, 190, 11), LFB_BUSY);
    assert_int_equal(add(&s, &other, 220, 10), LFB_BUSY); /* inside */
    assert_int_equal(add(&s, &other, 90, 300), LFB_BUSY); /* around */
    assert_int_equal(add(&s, &other, 149, 1), LFB_BUSY);
    assert_int_equal(s.set.count, 2);
    scene_add(&s, 150, 50, 0, 0); /* touches both */
    assert_int_equal(add(&s, &other, 300, 10), LFB_EXHAUSTED);
    scene_end(&s);
}

static void test_add_refuses_config(void **state)
{
    (void)state;
    scene s;
    scene_start(&s, 1, 0);
    world w;
    lfb_config core = world_config(0, PAGE, PAGES, 6);
    world_start(&w, &core);
    const lfb_zone_config good = {sizeof(good), &w.lfb, PAGES, PAGES, NULL, NULL};
    lfb_t not_started = {0};
    lfb_zone_config bad[5] = {good, good, good, good, good};
    bad[0].struct_size++;
    bad[1].lfb = NULL;
    bad[2].low--; /* below the minimum */
    bad[3].low++; /* more than there are */
    bad[4].lfb = &not_started;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(lfb_zones_add(&s.set, &bad[i]), LFB_INVALID_ARGUMENT);
    }
    assert_int_equal(lfb_zones_add(NULL, &good), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_zones_add(&s.set, NULL), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_zones_add(&s.set, &good), LFB_OK);
    world_end(&w);
    free(s.memory);
}

/* ------------------------------------------------------------------------ find and release ---- */

static void test_find(void **state)
{
    (void)state;
    scene s;
    scene_start(&s, 1, 0);
    scene_add(&s, UINTPTR_MAX / PAGE - 9, 9, 0, 0); /* to the last page that an lfb may have */
    scene_add(&s, 0, 10, 0, 0);
    scene_add(&s, 20, 10, 0, 0);
    assert_int_equal(lfb_zones_find(&s.set, 0), 1);
    assert_int_equal(lfb_zones_find(&s.set, 10 * PAGE - 1), 1);
    assert_int_equal(lfb_zones_find(&s.set, 10 * PAGE), LFB_ZONE_NONE);
    assert_int_equal(lfb_zones_find(&s.set, 20 * PAGE - 1), LFB_ZONE_NONE);
    assert_int_equal(lfb_zones_find(&s.set, 20 * PAGE), 2);
    assert_int_equal(lfb_zones_find(&s.set, 30 * PAGE - 1), 2);
    assert_int_equal(lfb_zones_find(&s.set, 30 * PAGE), LFB_ZONE_NONE);
    assert_int_equal(lfb_zones_find(&s.set, UINTPTR_MAX - 10 * PAGE), LFB_ZONE_NONE);
    assert_int_equal(lfb_zones_find(&s.set, UINTPTR_MAX - 9 * PAGE - PAGE + 1), 0);
    assert_int_equal(lfb_zones_find(&s.set, UINTPTR_MAX - PAGE), 0);
    assert_int_equal(lfb_zones_find(&s.set, UINTPTR_MAX), LFB_ZONE_NONE);
    scene_end(&s);
}

/* Pages of one byte: only then may a range end at the last address but one, and its end is it. */
static void test_find_at_the_end(void **state)
{
    (void)state;
    scene s;
    scene_start(&s, 1, 0);
    lfb_config core = world_config(UINTPTR_MAX - 64, 1, 64, 6);
    world_start(&s.zones[0], &core);
    lfb_zone_config config = {sizeof(config), &s.zones[0].lfb, 0, 0, NULL, NULL};
    assert_int_equal(lfb_zones_add(&s.set, &config), LFB_OK);
    assert_int_equal(lfb_zones_find(&s.set, UINTPTR_MAX - 1), 0);
    assert_int_equal(lfb_zones_find(&s.set, UINTPTR_MAX - 64), 0);
    assert_int_equal(lfb_zones_find(&s.set, UINTPTR_MAX - 65), LFB_ZONE_NONE);
    assert_int_equal(lfb_zones_find(&s.set, UINTPTR_MAX), LFB_ZONE_NONE);
    scene_end(&s);
}

static void test_free_refuses(void **state)
{
    (void)state;
    scene s;
    scene_start(&s, 2, 16);
    scene_add(&s, 64, PAGES, 0, 0);
    lfb_zone_request request = scene_request(5, 0);
    uintptr_t run = lfb_zones_alloc(&s.set, &request);
    assert_int_not_equal(run, LFB_NONE);
    scene_assert_counts(&s);
    world_remember(&s.zones[0]);
    assert_int_equal(lfb_zones_free(&s.set, 0, run + PAGE), LFB_NOT_START);
    assert_int_equal(lfb_zones_free(&s.set, 0, run + 1), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_zones_free(&s.set, 0, scene_page(&s, 0, 40)), LFB_NOT_ALLOCATED);
    assert_int_equal(lfb_zones_free(&s.set, 0, scene_page(&s, 0, PAGES)), LFB_OUT_OF_RANGE);
    assert_int_equal(lfb_zones_free(&s.set, 0, scene_page(&s, 0, 0) - PAGE), LFB_OUT_OF_RANGE);
    assert_int_equal(lfb_zones_free_sized(&s.set, 0, run, 4), LFB_SIZE_MISMATCH);
    assert_int_equal(lfb_zones_free_sized(&s.set, 0, run, SIZE_MAX), LFB_SIZE_MISMATCH);
    assert_int_equal(lfb_zones_free_sized(&s.set, 0, run, 0), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_zones_free_sized(&s.set, 0, 0, 1), LFB_OUT_OF_RANGE);
    world_assert_unchanged(&s.zones[0]);
    scene_assert_counts(&s);
    assert_int_equal(lfb_zones_free(&s.set, 77, run), LFB_OK); /* a lane that doesn't exist */
    assert_int_equal(lfb_zones_free(&s.set, 0, run), LFB_NOT_ALLOCATED);
    scene_end(&s);
}

/* ------------------------------------------------------------------------------- requests ---- */

/* Three zones of 8 pages, added in the order 0, 1, 2, at falling addresses. */
static void start_three(scene *s)
{
    scene_start(s, 1, 0);
    for (unsigned i = 0; i < ZONES; i++) {
        scene_add(s, 96 - i * 16, 8, 0, 0);
    }
}

/* Asks for a block of 8 until there is none; whence they came, as digits. */
static unsigned order_of(scene *s, lfb_zone_request request)
{
    request.pages = 8;
    unsigned digits = 0, blocks = 0;
    uintptr_t block[ZONES];
    while ((block[blocks] = lfb_zones_alloc(&s->set, &request)) != LFB_NONE) {
        digits = digits * 10 + lfb_zones_find(&s->set, block[blocks]) + 1;
        blocks++;
        if (blocks == ZONES) {
            assert_int_equal(lfb_zones_alloc(&s->set, &request), LFB_NONE);
            break;
        }
    }
    while (blocks > 0) {
        assert_int_equal(lfb_zones_free(&s->set, 0, block[--blocks]), LFB_OK);
    }
    return digits;
}

static void test_order_of_fallback(void **state)
{
    (void)state;
    static const unsigned short list[] = {2, 0, 1}, odd[] = {3, 1, 65535, 1, 0};
    scene s;
    start_three(&s);
    assert_int_equal(order_of(&s, (lfb_zone_request){0}), 123);
    assert_int_equal(order_of(&s, (lfb_zone_request){.first = 1}), 23);
    assert_int_equal(order_of(&s, (lfb_zone_request){.first = 3}), 0);
    assert_int_equal(order_of(&s, (lfb_zone_request){.list = list, .count = 3}), 312);
    assert_int_equal(order_of(&s, (lfb_zone_request){.list = list, .count = 3, .first = 1}), 12);
    assert_int_equal(order_of(&s, (lfb_zone_request){.list = list, .count = 2}), 31);
    assert_int_equal(order_of(&s, (lfb_zone_request){.list = list, .count = 0}), 0);
    assert_int_equal(order_of(&s, (lfb_zone_request){.list = odd, .count = 5}), 21);
    scene_end(&s);
}

static void test_only(void **state)
{
    (void)state;
    static const unsigned short list[] = {2, 0, 1};
    scene s;
    start_three(&s);
    lfb_zone_request request = {.flags = LFB_ZONE_ONLY};
    assert_int_equal(order_of(&s, request), 1);
    request.first = 2;
    assert_int_equal(order_of(&s, request), 3);
    request.first = UINT32_MAX;
    assert_int_equal(order_of(&s, request), 0);
    request = (lfb_zone_request){.flags = LFB_ZONE_ONLY, .list = list, .count = 3, .first = 1};
    assert_int_equal(order_of(&s, request), 1);
    scene_end(&s);
}

static void test_sizes(void **state)
{
    (void)state;
    scene s;
    scene_start(&s, 1, 8);
    scene_add(&s, 64, PAGES, 0, 0);
    const size_t never[] = {0, PAGES + 1, SIZE_MAX, SIZE_MAX / 2 + 1};
    for (unsigned i = 0; i < 4; i++) {
        lfb_zone_request request = scene_request(never[i], LFB_ZONE_RESERVE * (i % 2));
        assert_int_equal(lfb_zones_alloc(&s.set, &request), LFB_NONE);
    }
    for (size_t pages = 1; pages <= PAGES; pages++) {
        lfb_zone_request request = scene_request(pages, 0);
        uintptr_t run = lfb_zones_alloc(&s.set, &request);
        assert_int_equal(lfb_size_of(&s.zones[0].lfb, run), pages);
        scene_assert_counts(&s);
        assert_int_equal(lfb_zones_free(&s.set, 0, run), LFB_OK);
        scene_assert_counts(&s);
    }
    scene_end(&s);
}

/* ------------------------------------------------------------------------------ watermarks ---- */

/* With and without stocks the watermarks are exact, as no two calls run at a time. */
static const size_t batches[] = {0, 1, 2, 7, 16, 1000};
enum { BATCHES = 6, LANES = 3 };

static uintptr_t take_page(scene *s, unsigned lane, unsigned flags)
{
    lfb_zone_request request = {.pages = 1, .lane = lane, .flags = flags};
    return lfb_zones_alloc(&s->set, &request);
}

static void test_low_is_told_once(void **state)
{
    (void)state;
    for (unsigned b = 0; b < BATCHES; b++) {
        scene s;
        scene_start(&s, LANES, batches[b]);
        scene_add(&s, 64, PAGES, LOW, 0);
        uintptr_t page[PAGES];
        for (size_t round = 0; round < 3; round++) {
            for (size_t i = 0; i < PAGES; i++) {
                page[i] = take_page(&s, (unsigned)i, 0);
                assert_int_not_equal(page[i], LFB_NONE);
                assert_int_equal(s.told[0], round + (PAGES - 1 - i < LOW));
            }
            assert_int_equal(take_page(&s, 0, 0), LFB_NONE);
            /* Up to one below, down, up to the mark, down: told again only then. */
            for (size_t i = 0; i < LOW - 1; i++) {
                assert_int_equal(lfb_zones_free(&s.set, (unsigned)i, page[i]), LFB_OK);
            }
            page[LOW - 2] = take_page(&s, 1, 0);
            assert_int_equal(s.told[0], round + 1);
            for (size_t i = LOW - 2; i < PAGES; i++) {
                assert_int_equal(lfb_zones_free(&s.set, (unsigned)i, page[i]), LFB_OK);
            }
            scene_assert_counts(&s);
        }
        scene_end(&s);
    }
}

/* At the mark itself nobody is told; one below somebody is; back at it, it may be told again. */
static void test_low_is_exact(void **state)
{
    (void)state;
    for (unsigned b = 0; b < BATCHES; b++) {
        scene s;
        scene_start(&s, LANES, batches[b]);
        scene_add(&s, 64, PAGES, LOW, 0);
        lfb_zone_request request = scene_request(PAGES - LOW, 0);
        uintptr_t run = lfb_zones_alloc(&s.set, &request);
        assert_int_equal(s.told[0], 0);
        for (unsigned i = 1; i <= 20; i++) {
            uintptr_t page = take_page(&s, i, 0);
            assert_int_equal(s.told[0], i);
            assert_int_equal(lfb_zones_free(&s.set, i + 1, page), LFB_OK);
        }
        assert_int_equal(lfb_zones_free(&s.set, 0, run), LFB_OK);
        scene_end(&s);
    }
}

/* A request that gets nothing tells nobody, though it had asked for all that is free. */
static void test_failure_tells_nobody(void **state)
{
    (void)state;
    for (unsigned b = 0; b < BATCHES; b++) {
        scene s;
        scene_start(&s, LANES, batches[b]);
        scene_add(&s, 64, PAGES, LOW, 0);
        assert_int_equal(lfb_alloc_at(&s.zones[0].lfb, scene_page(&s, 0, PAGES / 2), 1), LFB_OK);
        assert_int_equal(lfb_zones_recount(&s.set, 0), LFB_OK);
        for (unsigned flags = 0; flags <= LFB_ZONE_RESERVE; flags += LFB_ZONE_RESERVE) {
            lfb_zone_request request = scene_request(PAGES - 2, flags);
            assert_int_equal(lfb_zones_alloc(&s.set, &request), LFB_NONE);
            assert_int_equal(s.told[0], 0);
            scene_assert_counts(&s);
        }
        assert_int_equal(lfb_zones_free(&s.set, 0, scene_page(&s, 0, PAGES / 2)), LFB_OK);
        scene_end(&s);
    }
}

static void test_reserve(void **state)
{
    (void)state;
    for (unsigned b = 0; b < BATCHES; b++) {
        scene s;
        scene_start(&s, LANES, batches[b]);
        scene_add(&s, 64, PAGES, LOW, MINIMUM);
        scene_add(&s, 256, 1, 0, 0);
        uintptr_t page[PAGES];
        for (unsigned i = 0; i < PAGES - MINIMUM; i++) {
            page[i] = take_page(&s, i, LFB_ZONE_ONLY);
            assert_int_not_equal(page[i], LFB_NONE);
        }
        assert_int_equal(take_page(&s, 0, LFB_ZONE_ONLY), LFB_NONE);
        uintptr_t next =
            take_page(&s, 0, 0); /* the reserve isn't used while another zone has some */
        assert_int_equal(lfb_zones_find(&s.set, next), 1);
        for (unsigned i = PAGES - MINIMUM; i < PAGES; i++) {
            page[i] = take_page(&s, i, LFB_ZONE_RESERVE);
            assert_int_equal(lfb_zones_find(&s.set, page[i]), 0);
            assert_int_equal(take_page(&s, 0, 0), LFB_NONE);
        }
        assert_int_equal(take_page(&s, 0, LFB_ZONE_RESERVE), LFB_NONE);
        /* The reserve is filled first. */
        for (unsigned i = 0; i < PAGES; i++) {
            assert_int_equal(lfb_zones_free(&s.set, i, page[i]), LFB_OK);
            uintptr_t again = take_page(&s, i, LFB_ZONE_ONLY);
            assert_int_equal(again != LFB_NONE, i >= MINIMUM);
            if (again != LFB_NONE) {
                assert_int_equal(lfb_zones_free(&s.set, i + 1, again), LFB_OK);
            }
        }
        assert_int_equal(lfb_zones_free(&s.set, 0, next), LFB_OK);
        scene_end(&s);
    }
}

/* The stock of one lane serves the others when there is nothing else. */
static void test_stocks_are_found(void **state)
{
    (void)state;
    scene s;
    scene_start(&s, LANES, 1000);
    scene_add(&s, 64, PAGES, 0, 0);
    uintptr_t page[PAGES];
    for (unsigned i = 0; i < PAGES; i++) {
        page[i] = take_page(&s, 0, 0);
    }
    for (unsigned i = 0; i < PAGES; i++) {
        assert_int_equal(lfb_zones_free(&s.set, 1, page[i]), LFB_OK); /* all in lane 1's stock */
    }
    lfb_zone_request request = {.pages = PAGES, .lane = 2};
    uintptr_t run = lfb_zones_alloc(&s.set, &request);
    assert_int_not_equal(run, LFB_NONE);
    assert_int_equal(lfb_zones_free(&s.set, 0, run), LFB_OK);
    scene_end(&s);
}

static void test_recount(void **state)
{
    (void)state;
    scene s;
    scene_start(&s, LANES, 16);
    scene_add(&s, 64, PAGES, LOW, MINIMUM);
    lfb_t *core = &s.zones[0].lfb;
    assert_int_equal(lfb_zones_free(&s.set, 1, take_page(&s, 1, 0)), LFB_OK); /* leaves a stock */
    assert_int_equal(lfb_hold_range(core, scene_page(&s, 0, 0), PAGES - 10), LFB_OK);
    assert_int_equal(lfb_zones_recount(&s.set, 1), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_zones_free_pages(&s.set, 1), 0);
    assert_int_equal(lfb_zones_recount(&s.set, 0), LFB_OK);
    assert_int_equal(lfb_zones_free_pages(&s.set, 0), 10);
    lfb_zone_request request = scene_request(4, 0);
    assert_int_equal(lfb_zones_alloc(&s.set, &request), LFB_NONE);
    assert_int_equal(lfb_release_range(core, scene_page(&s, 0, 0), PAGES - 10), LFB_OK);
    assert_int_equal(lfb_zones_recount(&s.set, 0), LFB_OK);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size_refuses),
        cmocka_unit_test(test_init_refuses),
        cmocka_unit_test(test_add_refuses_overlap),
        cmocka_unit_test(test_add_refuses_config),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_find_at_the_end),
        cmocka_unit_test(test_free_refuses),
        cmocka_unit_test(test_order_of_fallback),
        cmocka_unit_test(test_only),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_low_is_told_once),
        cmocka_unit_test(test_low_is_exact),
        cmocka_unit_test(test_failure_tells_nobody),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_stocks_are_found),
        cmocka_unit_test(test_recount),
    };
    return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}
