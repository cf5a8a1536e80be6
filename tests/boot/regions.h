/* SPDX-License-Identifier: MIT */
/* A map under test, and what it should be. */
#ifndef TESTS_BOOT_REGIONS_H
#define TESTS_BOOT_REGIONS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lfbuddy/boot.h"

enum { REGIONS_ROOM = 64 };

typedef struct test_map {
    lfb_boot_map map;
    lfb_boot_region regions[REGIONS_ROOM];
} test_map;

static inline lfb_boot_map *test_map_clear(test_map *t)
{
    assert_int_equal(lfb_boot_clear(&t->map, t->regions, REGIONS_ROOM), LFB_BOOT_OK);
    return &t->map;
}

/* From 0 to the end without a break, neighbours of different kinds. */
static inline void assert_map_sound(const lfb_boot_map *map)
{
    assert_in_range(map->count, 1, map->room);
    uint64_t end = 0;
    for (size_t i = 0; i < map->count; i++) {
        const lfb_boot_region *r = &map->regions[i];
        assert_int_equal(r->start, end);
        assert_true(r->end > r->start);
        assert_true(i == 0 || r->kind != map->regions[i - 1].kind);
        end = r->end;
    }
    assert_int_equal(end, LFB_BOOT_END);
}

/* Exactly these regions, and gaps between them. */
static inline void assert_map_is(const lfb_boot_map *map, const lfb_boot_region *expected,
                                 size_t count)
{
    assert_map_sound(map);
    size_t seen = 0;
    for (size_t i = 0; i < map->count; i++) {
        if (map->regions[i].kind != LFB_BOOT_GAP) {
            assert_true(seen < count);
            assert_int_equal(map->regions[i].start, expected[seen].start);
            assert_int_equal(map->regions[i].end, expected[seen].end);
            assert_int_equal(map->regions[i].kind, expected[seen].kind);
            seen++;
        }
    }
    assert_int_equal(seen, count);
}

#define ASSERT_MAP(map, ...)                                                                       \
    assert_map_is(map, (const lfb_boot_region[]){__VA_ARGS__},                                     \
                  sizeof((const lfb_boot_region[]){__VA_ARGS__}) / sizeof(lfb_boot_region))

/* Kinds, to write a region in one line. */
#define USABLE      LFB_BOOT_USABLE
#define RECLAIMABLE LFB_BOOT_RECLAIMABLE
#define RESERVED    LFB_BOOT_RESERVED
#define BAD         LFB_BOOT_BAD

#endif
