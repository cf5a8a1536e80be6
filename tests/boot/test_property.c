/* SPDX-License-Identifier: MIT */
/*
 * Random maps, hostile ones among them, from the first region to an allocator, beside an oracle
 * that knows the kind of each byte of a small window of the address space. LFB_SEED repeats a run,
 * LFB_STEPS sets how many maps.
 */
#include <stdio.h>
#include <stdlib.h>

#include "random.h"
#include "regions.h"

enum { WINDOW = 1 << 14, ADDITIONS_MOST = 24, STEPS = 10000 };

typedef struct scene {
    random_source random;
    test_map t;
    lfb_boot_map *map;
    uint64_t origin;             /* address of the window's first byte */
    lfb_boot_kind kinds[WINDOW]; /* by byte, later by page */
    size_t page_size;
    size_t pages;
    lfb_boot_zone zone;
    lfb_t lfb;
} scene;

/* What stands for physical memory. */
static _Alignas(WINDOW) unsigned char memory[WINDOW];

/* ----------------------------------------------------------------------------- additions ---- */

static lfb_boot_kind added(lfb_boot_kind old, lfb_boot_kind kind)
{
    return old == LFB_BOOT_GAP || kind > old ? kind : old;
}

static void add_region(scene *s, size_t start, size_t size, lfb_boot_kind kind)
{
    lfb_boot_status status = lfb_boot_add(s->map, s->origin + start, size, kind);
    if (status == LFB_BOOT_TOO_MANY) {
        assert_true(s->map->room - s->map->count < 2);
        return;
    }
    assert_int_equal(status, LFB_BOOT_OK);
    for (size_t i = start; i < start + size; i++) {
        s->kinds[i] = added(s->kinds[i], kind);
    }
}

static void add_random(scene *s)
{
    static const lfb_boot_kind kinds[] = {USABLE, USABLE, RECLAIMABLE, RESERVED, BAD};
    size_t start = random_below(&s->random, WINDOW);
    size_t size = random_skewed(&s->random, WINDOW - start + 1);
    if (random_below(&s->random, 3) == 0) { /* whole pages */
        start &= ~(s->page_size - 1);
        size &= ~(s->page_size - 1);
    }
    add_region(s, start, size, kinds[random_below(&s->random, 5)]);
}

/* A region that can't be: nothing happens. */
static void add_impossible(scene *s)
{
    uint64_t start = random_skewed(&s->random, UINT64_MAX);
    uint64_t room = start <= LFB_BOOT_END ? LFB_BOOT_END - start : 0;
    uint64_t size = room + 1 + random_below(&s->random, UINT64_MAX - room);
    bool wraps = size - 1 > UINT64_MAX - start;
    assert_int_equal(lfb_boot_add(s->map, start, size, BAD),
                     wraps ? LFB_BOOT_WRAPS : LFB_BOOT_TOO_HIGH);
}

static const lfb_boot_region *region_of(const lfb_boot_map *map, uint64_t address)
{
    const lfb_boot_region *r = map->regions;
    while (r->end <= address) {
        r++;
    }
    return r;
}

static void check_bytes(const scene *s)
{
    assert_map_sound(s->map);
    for (size_t i = 0; i < WINDOW; i++) {
        assert_int_equal(region_of(s->map, s->origin + i)->kind, s->kinds[i]);
    }
}

/* ---------------------------------------------------------------------------------- pages ---- */

/* From here on kinds[i] is that of page i: the worst of its bytes. */
static void round_oracle(scene *s)
{
    for (size_t page = 0; page < s->pages; page++) {
        lfb_boot_kind worst = USABLE;
        for (size_t i = page * s->page_size; i < (page + 1) * s->page_size; i++) {
            worst = s->kinds[i] > worst ? s->kinds[i] : worst;
        }
        s->kinds[page] = worst;
    }
}

static uint64_t page_address(const scene *s, size_t page)
{
    return s->origin + page * s->page_size;
}

static bool in_zone(const scene *s, size_t page)
{
    return page_address(s, page) >= s->zone.low &&
           page_address(s, page) + s->page_size <= s->zone.high;
}

static void check_pages(const scene *s)
{
    assert_map_sound(s->map);
    for (size_t i = 0; i < s->pages; i++) {
        const lfb_boot_region *r = region_of(s->map, page_address(s, i));
        assert_int_equal(r->kind, s->kinds[i]);
        assert_true(r->end >= page_address(s, i) + s->page_size);
    }
}

/* ---------------------------------------------------------------------------- allocators ---- */

/* Whether some place for the metadata exists: usable pages in a row, below the reach. */
static bool has_room(const scene *s)
{
    size_t wanted = s->zone.metadata_size / s->page_size;
    size_t row = 0;
    for (size_t i = 0; i < s->pages; i++) {
        uint64_t end = page_address(s, i) + s->page_size;
        row = s->kinds[i] == USABLE && end <= s->zone.reach ? row + 1 : 0;
        if (row >= wanted) {
            return true;
        }
    }
    return false;
}

static bool any_page(const scene *s)
{
    for (size_t i = 0; i < s->pages; i++) {
        if (in_zone(s, i) && s->kinds[i] <= RECLAIMABLE) {
            return true;
        }
    }
    return false;
}

/* Every page is free that should be, and no other. */
static void check_free(const scene *s)
{
    size_t free_pages = 0;
    lfb_report report;
    for (size_t i = 0; i < s->pages; i++) {
        lfb_extent extent = {.kind = LFB_EXTENT_HELD};
        lfb_status status = lfb_find(&s->lfb, (uintptr_t)page_address(s, i), &extent);
        assert_true(status == LFB_OK || status == LFB_OUT_OF_RANGE);
        bool expected = in_zone(s, i) && s->kinds[i] == USABLE;
        assert_int_equal(extent.kind, expected ? LFB_EXTENT_FREE : LFB_EXTENT_HELD);
        free_pages += expected;
    }
    assert_int_equal(lfb_check(&s->lfb, &report), LFB_OK);
    assert_int_equal(report.stats.free_pages, free_pages);
}

static void start_random_zone(scene *s)
{
    uint64_t low = random_below(&s->random, 3) ? 0 : random_below(&s->random, WINDOW / 2);
    uint64_t high = random_below(&s->random, 3) ? WINDOW : random_below(&s->random, 2 * WINDOW);
    uint64_t reach = random_below(&s->random, 3) ? WINDOW : random_below(&s->random, WINDOW);
    s->zone = (lfb_boot_zone){
        .low = s->origin + low,
        .high = s->origin + high,
        .reach = s->origin + reach,
        .offset = (uintptr_t)memory - (uintptr_t)s->origin,
        .config = {.page_size = s->page_size,
                   .max_order = (unsigned)random_below(&s->random, 10),
                   .lanes = 1 + (unsigned)random_below(&s->random, 3)},
    };
    lfb_boot_status status = lfb_boot_start(&s->lfb, s->map, &s->zone);
    if (!any_page(s)) {
        assert_int_equal(status, LFB_BOOT_NO_MEMORY);
    } else if (status == LFB_BOOT_NO_ROOM) {
        /* Pages smaller than a cache line: an aligned place may be missing in a long row. */
        assert_true(!has_room(s) || s->page_size < 128);
    } else if (status == LFB_BOOT_TOO_MANY) {
        assert_true(s->map->room - s->map->count < 2);
    } else {
        assert_int_equal(status, LFB_BOOT_OK);
    }
    if (status != LFB_BOOT_OK) {
        check_pages(s);
        return;
    }
    for (size_t i = 0; i < s->zone.metadata_size / s->page_size; i++) {
        size_t page = (size_t)(s->zone.metadata - s->origin) / s->page_size + i;
        assert_int_equal(s->kinds[page], USABLE);
        s->kinds[page] = RESERVED;
    }
    assert_true(s->zone.metadata + s->zone.metadata_size <= s->zone.reach);
    check_pages(s);
    check_free(s);
    s->map->room = REGIONS_ROOM; /* the ends of the zone may be two more bounds */
    size_t reclaimed = 0;
    for (size_t i = 0; i < s->pages; i++) {
        if (in_zone(s, i) && s->kinds[i] == RECLAIMABLE) {
            s->kinds[i] = USABLE;
            reclaimed++;
        }
    }
    assert_int_equal(lfb_boot_reclaim(&s->lfb, s->map, &s->zone), reclaimed);
    check_pages(s);
    check_free(s);
    assert_int_equal(lfb_boot_reclaim(&s->lfb, s->map, &s->zone), 0);
}

/* ------------------------------------------------------------------------------- the test ---- */

static void one_map(uint64_t seed)
{
    static const uint64_t origins[] = {0, LFB_BOOT_END - WINDOW, (uint64_t)WINDOW << 20};
    scene s = {.random = {seed}};
    s.map = test_map_clear(&s.t);
    s.origin = origins[random_below(&s.random, 3)];
    s.page_size = (size_t)16 << random_below(&s.random, 6);
    s.pages = WINDOW / s.page_size;
    for (size_t i = 0; i < WINDOW; i++) {
        s.kinds[i] = LFB_BOOT_GAP;
    }
    s.map->room = 1 + (size_t)random_below(&s.random, REGIONS_ROOM);
    if (random_below(&s.random, 2)) {
        add_region(&s, 0, WINDOW, USABLE);
    }
    for (size_t i = random_below(&s.random, ADDITIONS_MOST); i > 0; i--) {
        add_random(&s);
        add_impossible(&s);
    }
    check_bytes(&s);
    assert_int_equal(lfb_boot_round(s.map, s.page_size), LFB_BOOT_OK);
    round_oracle(&s);
    check_pages(&s);
    start_random_zone(&s);
}

static void maps_are_as_the_oracle_says(void **state)
{
    (void)state;
    uint64_t seed = random_seed();
    const char *steps = getenv("LFB_STEPS");
    printf("LFB_SEED=0x%llx\n", (unsigned long long)seed);
    fflush(stdout);
    for (unsigned long i = 0; i < (steps ? strtoul(steps, NULL, 0) : STEPS); i++) {
        one_map(seed + i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(maps_are_as_the_oracle_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
