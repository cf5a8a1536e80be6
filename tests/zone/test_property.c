/* SPDX-License-Identifier: MIT */
/*
 * Random requests and releases on one thread, against an oracle: which zone serves a request, how
 * many pages each has free, how often each was told. Zones, watermarks, lanes and batches are
 * random.
 *
 * LFB_SEED repeats a run; LFB_STEPS is how many calls.
 */
#include <stdlib.h>

#include "oracle.h"
#include "random.h"
#include "scene.h"

enum { RUNS_MOST = 400, PAGES_LEAST = 4, PAGES_MOST = 160, STEPS_EACH = 2000 };

typedef struct expected_zone {
    oracle o;
    size_t free, low, minimum;
    bool told;
    unsigned tellings;
} expected_zone;

typedef struct run {
    uintptr_t address;
    size_t pages;
    unsigned zone;
} run;

typedef struct game {
    scene s;
    random_source random;
    expected_zone zones[ZONES];
    run runs[RUNS_MOST];
    unsigned count;
} game;

static unsigned pick(game *g, unsigned limit)
{
    return (unsigned)random_below(&g->random, limit);
}

static size_t page_in_zone(const game *g, run r)
{
    return (r.address - g->s.zones[r.zone].config.base) / PAGE;
}

/* -------------------------------------------------------------------------------- expected ---- */

static bool serves(const expected_zone *zone, const lfb_zone_request *request)
{
    size_t kept = request->flags & LFB_ZONE_RESERVE ? 0 : zone->minimum;
    return request->pages > 0 && request->pages + kept <= zone->free &&
           oracle_has_room(&zone->o, request->pages, 0, zone->o.count);
}

static unsigned serving_zone(const game *g, const lfb_zone_request *request)
{
    unsigned count = request->list ? request->count : ZONES;
    for (unsigned i = request->first; i < count; i++) {
        unsigned number = request->list ? request->list[i] : i;
        if (number < ZONES && serves(&g->zones[number], request)) {
            return number;
        }
        if (request->flags & LFB_ZONE_ONLY) {
            break;
        }
    }
    return LFB_ZONE_NONE;
}

static void expect_alloc(game *g, run r)
{
    expected_zone *zone = &g->zones[r.zone];
    size_t page = page_in_zone(g, r);
    assert_true(oracle_is(&zone->o, page, r.pages, ORACLE_FREE));
    oracle_add_run(&zone->o, page, r.pages);
    zone->free -= r.pages;
    if (zone->free < zone->low && !zone->told) {
        zone->told = true;
        zone->tellings++;
    }
}

static void expect_free(game *g, run r)
{
    expected_zone *zone = &g->zones[r.zone];
    oracle_set(&zone->o, page_in_zone(g, r), r.pages, ORACLE_FREE);
    zone->free += r.pages;
    zone->told = zone->told && zone->free < zone->low;
}

/* ----------------------------------------------------------------------------------- steps ---- */

static void do_alloc(game *g)
{
    unsigned short list[4];
    for (unsigned i = 0; i < 4; i++) {
        list[i] = (unsigned short)pick(g, ZONES + 1);
    }
    lfb_zone_request request = {
        .pages = (size_t)random_skewed(&g->random, PAGES_MOST / 2),
        .lane = pick(g, 6),
        .flags = pick(g, 4),
        .list = pick(g, 2) ? list : NULL,
        .count = pick(g, 5),
        .first = pick(g, 3),
    };
    unsigned zone = serving_zone(g, &request);
    uintptr_t address = lfb_zones_alloc(&g->s.set, &request);
    assert_int_equal(lfb_zones_find(&g->s.set, address), zone);
    if (address != LFB_NONE) {
        run r = {address, request.pages, zone};
        expect_alloc(g, r);
        g->runs[g->count++] = r;
    }
}

static void do_free(game *g)
{
    unsigned i = pick(g, g->count);
    run r = g->runs[i];
    if (r.pages > 1) {
        assert_int_equal(lfb_zones_free(&g->s.set, 0, r.address + PAGE), LFB_NOT_START);
    }
    lfb_status status = pick(g, 2)
                            ? lfb_zones_free(&g->s.set, pick(g, 6), r.address)
                            : lfb_zones_free_sized(&g->s.set, pick(g, 6), r.address, r.pages);
    assert_int_equal(status, LFB_OK);
    assert_int_equal(lfb_zones_free(&g->s.set, 0, r.address), LFB_NOT_ALLOCATED);
    expect_free(g, r);
    g->runs[i] = g->runs[--g->count];
}

static void compare(game *g)
{
    for (unsigned i = 0; i < ZONES; i++) {
        assert_int_equal(lfb_zones_free_pages(&g->s.set, i), g->zones[i].free);
        assert_int_equal(atomic_load(&g->s.told[i]), g->zones[i].tellings);
    }
}

static void start(game *g)
{
    scene_start(&g->s, 1 + pick(g, 4), (size_t)random_skewed(&g->random, 100));
    uintptr_t first = 1 + pick(g, 1000);
    g->count = 0;
    for (unsigned i = 0; i < ZONES; i++) {
        size_t pages = PAGES_LEAST + pick(g, PAGES_MOST - PAGES_LEAST + 1);
        size_t low = pick(g, (unsigned)pages / 2);
        size_t minimum = low ? pick(g, (unsigned)low + 1) : 0;
        scene_add(&g->s, first, pages, low, minimum);
        first += pages + pick(g, 20);
        g->zones[i] = (expected_zone){.free = pages, .low = low, .minimum = minimum};
        oracle_start(&g->zones[i].o, &g->s.zones[i].config);
    }
}

static void play(game *g)
{
    start(g);
    for (unsigned i = 0; i < STEPS_EACH; i++) {
        unsigned tendency = i / 100 % 3; /* rather release, rather allocate */
        if (g->count == 0 || (g->count < RUNS_MOST && pick(g, 4) <= tendency)) {
            do_alloc(g);
        } else {
            do_free(g);
        }
        compare(g);
    }
    scene_assert_counts(&g->s);
    while (g->count) {
        do_free(g);
    }
    scene_end(&g->s);
    for (unsigned i = 0; i < ZONES; i++) {
        oracle_end(&g->zones[i].o);
    }
}

static void test_random(void **state)
{
    (void)state;
    static game g;
    uint64_t seed = random_seed();
    const char *given = getenv("LFB_STEPS");
    unsigned long steps = given ? strtoul(given, NULL, 0) : 400000;
    print_message("LFB_SEED=%#jx\n", (uintmax_t)seed);
    g.random = (random_source){seed};
    unsigned long tellings = 0;
    for (unsigned long done = 0; done < steps; done += STEPS_EACH) {
        play(&g);
        for (unsigned i = 0; i < ZONES; i++) {
            tellings += g.zones[i].tellings;
        }
    }
    print_message("%lu tellings\n", tellings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests_name("zone property", tests, NULL, NULL);
}
