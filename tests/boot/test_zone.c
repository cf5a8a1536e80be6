/* SPDX-License-Identifier: MIT */
/*
 * From a map to allocators. Physical memory is numbers here, except for the metadata, which a
 * mapping that we choose (zone.offset) brings into an array of ours.
 */
#include "regions.h"

enum { PAGE = 4096, METADATA_ROOM = 1 << 20 };

static const uint64_t MIB = 1 << 20;

static _Alignas(PAGE) unsigned char metadata_room[METADATA_ROOM];

/* All of the memory below `reach`, the metadata in the last bytes of it. */
static lfb_boot_zone zone_up_to(uint64_t reach)
{
    return (lfb_boot_zone){
        .high = LFB_BOOT_END,
        .reach = reach,
        .offset = (uintptr_t)metadata_room - (uintptr_t)(reach - METADATA_ROOM),
        .config = {.page_size = PAGE, .max_order = 10, .lanes = 4},
    };
}

static void add(lfb_boot_map *map, uint64_t start, uint64_t end, lfb_boot_kind kind)
{
    assert_int_equal(lfb_boot_add(map, start, end - start, kind), LFB_BOOT_OK);
}

/* A PC: low memory, a hole, a kernel at 1 MiB, ACPI tables near the end; and memory above 4 GiB. */
static lfb_boot_map *pc(test_map *t)
{
    lfb_boot_map *map = test_map_clear(t);
    add(map, 0, 0x9fc00, USABLE);
    add(map, 0xf0000, MIB, RESERVED);
    add(map, MIB, 3072 * MIB, USABLE);
    add(map, MIB, 3 * MIB + 5, RESERVED);
    add(map, 3000 * MIB, 3001 * MIB, RECLAIMABLE);
    add(map, 0, PAGE, RESERVED);
    add(map, 4096 * MIB, 5120 * MIB, USABLE);
    return map;
}

static lfb_extent_kind kind_at(const lfb_t *lfb, uint64_t address)
{
    lfb_extent extent;
    assert_int_equal(lfb_find(lfb, (uintptr_t)address, &extent), LFB_OK);
    return extent.kind;
}

static size_t free_pages(const lfb_t *lfb)
{
    lfb_report report;
    assert_int_equal(lfb_check(lfb, &report), LFB_OK);
    return report.stats.free_pages;
}

static void all_that_is_usable_is_handed_over(void **state)
{
    (void)state;
    test_map t;
    lfb_t lfb;
    lfb_boot_map *map = pc(&t);
    lfb_boot_zone zone = zone_up_to(3072 * MIB);
    assert_int_equal(lfb_boot_start(&lfb, map, &zone), LFB_BOOT_OK);
    assert_int_equal(zone.config.base, PAGE);
    assert_int_equal(zone.config.page_count, 5120 * MIB / PAGE - 1);
    assert_int_equal(zone.metadata, 3072 * MIB - zone.metadata_size);
    assert_true(zone.metadata_size >= lfb_metadata_size(&zone.config));
    ASSERT_MAP(map, {0, PAGE, RESERVED}, {PAGE, 0x9f000, USABLE}, {0xf0000, 0x301000, RESERVED},
               {0x301000, 3000 * MIB, USABLE}, {3000 * MIB, 3001 * MIB, RECLAIMABLE},
               {3001 * MIB, zone.metadata, USABLE}, {zone.metadata, 3072 * MIB, RESERVED},
               {4096 * MIB, 5120 * MIB, USABLE});
    size_t low = 0x9e + (3000 * MIB - 0x301000) / PAGE;
    size_t high = 71 * MIB / PAGE - zone.metadata_size / PAGE + 1024 * MIB / PAGE;
    assert_int_equal(free_pages(&lfb), low + high);
    assert_int_equal(kind_at(&lfb, 0x9f000), LFB_EXTENT_HELD);
    assert_int_equal(kind_at(&lfb, 2 * MIB), LFB_EXTENT_HELD);
    assert_int_equal(kind_at(&lfb, 0x301000), LFB_EXTENT_FREE);
    assert_int_equal(kind_at(&lfb, zone.metadata), LFB_EXTENT_HELD);
    assert_int_equal(kind_at(&lfb, 3500 * MIB), LFB_EXTENT_HELD);
    assert_int_equal(lfb_alloc_at(&lfb, 2 * MIB, 1), LFB_BUSY);
    assert_int_not_equal(lfb_alloc(&lfb, 10), LFB_NONE);
}

static void reclaimable_memory_comes_later_and_once(void **state)
{
    (void)state;
    test_map t;
    lfb_t lfb;
    lfb_boot_map *map = pc(&t);
    lfb_boot_zone zone = zone_up_to(3072 * MIB);
    assert_int_equal(lfb_boot_start(&lfb, map, &zone), LFB_BOOT_OK);
    size_t before = free_pages(&lfb);
    assert_int_equal(kind_at(&lfb, 3000 * MIB), LFB_EXTENT_HELD);
    map->room = map->count;
    assert_int_equal(lfb_boot_reclaim(&lfb, map, &zone), 256);
    assert_int_equal(free_pages(&lfb), before + 256);
    assert_int_equal(kind_at(&lfb, 3000 * MIB), LFB_EXTENT_FREE);
    assert_map_sound(map);
    /* Held again, it is no longer the map's. */
    assert_int_equal(lfb_hold_range(&lfb, 3000 * MIB, 256), LFB_OK);
    assert_int_equal(lfb_boot_reclaim(&lfb, map, &zone), 0);
    assert_int_equal(lfb_boot_reclaim(NULL, map, &zone), 0);
    assert_int_equal(lfb_boot_reclaim(&lfb, NULL, &zone), 0);
    assert_int_equal(lfb_boot_reclaim(&lfb, map, NULL), 0);
}

/* Three allocators, the highest first: each has its own addresses, and nothing else. */
static void zones_keep_apart_what_devices_reach(void **state)
{
    (void)state;
    static const uint64_t ends[] = {0, LFB_BOOT_DMA_END, LFB_BOOT_DMA32_END, LFB_BOOT_END};
    test_map t;
    lfb_t lfb[3];
    lfb_boot_zone zone[3];
    lfb_boot_map *map = pc(&t);
    add(map, 15 * MIB, 17 * MIB, RECLAIMABLE); /* over the bound of two zones */
    for (size_t i = 3; i-- > 0;) {
        zone[i] = zone_up_to(3072 * MIB);
        zone[i].low = ends[i];
        zone[i].high = ends[i + 1];
        assert_int_equal(lfb_boot_start(&lfb[i], map, &zone[i]), LFB_BOOT_OK);
        assert_in_range(zone[i].metadata, 3071 * MIB, 3072 * MIB);
    }
    assert_int_equal(free_pages(&lfb[2]), 1024 * MIB / PAGE);
    assert_int_equal(free_pages(&lfb[0]), 0x9e + (15 * MIB - 0x301000) / PAGE);
    for (size_t i = 0; i < 3; i++) {
        uintptr_t block = lfb_alloc(&lfb[i], 3);
        assert_in_range(block, ends[i], ends[i + 1] - 8 * PAGE);
        assert_int_equal(lfb_free(&lfb[i], block), LFB_OK);
    }
    assert_int_equal(lfb_boot_reclaim(&lfb[0], map, &zone[0]), 256);
    assert_int_equal(kind_at(&lfb[0], 15 * MIB), LFB_EXTENT_FREE);
    assert_int_equal(kind_at(&lfb[1], 16 * MIB), LFB_EXTENT_HELD);
    assert_int_equal(lfb_boot_reclaim(&lfb[1], map, &zone[1]), 512);
    assert_int_equal(lfb_boot_reclaim(&lfb[2], map, &zone[2]), 0);
    assert_int_equal(kind_at(&lfb[1], 16 * MIB), LFB_EXTENT_FREE);
}

/* Bounds inside pages: the zone has what lies wholly in it. */
static void zone_is_rounded_inward(void **state)
{
    (void)state;
    test_map t;
    lfb_t lfb;
    lfb_boot_map *map = test_map_clear(&t);
    add(map, 0, 64 * MIB, USABLE);
    lfb_boot_zone zone = zone_up_to(64 * MIB);
    zone.low = MIB + 1;
    zone.high = 2 * MIB - 1;
    assert_int_equal(lfb_boot_start(&lfb, map, &zone), LFB_BOOT_OK);
    assert_int_equal(zone.config.base, MIB + PAGE);
    assert_int_equal(zone.config.page_count, 254);
    assert_int_equal(free_pages(&lfb), 254);
}

static void metadata_stays_where_it_can_be_reached(void **state)
{
    (void)state;
    test_map t;
    lfb_t lfb;
    lfb_boot_map *map = pc(&t);
    lfb_boot_zone zone = zone_up_to(8 * MIB + 5);
    zone.offset += 5; /* the last page in reach ends at 8 MiB */
    assert_int_equal(lfb_boot_start(&lfb, map, &zone), LFB_BOOT_OK);
    assert_int_equal(zone.metadata, 8 * MIB - zone.metadata_size);
    map = pc(&t);
    zone.reach = 0x40000; /* less than it takes */
    assert_int_equal(lfb_boot_start(&lfb, map, &zone), LFB_BOOT_NO_ROOM);
    zone.reach = 0;
    assert_int_equal(lfb_boot_start(&lfb, map, &zone), LFB_BOOT_NO_ROOM);
}

static void what_cannot_be_started_is_refused(void **state)
{
    (void)state;
    test_map t;
    lfb_t lfb;
    lfb_boot_map *map = pc(&t);
    lfb_boot_zone zone = zone_up_to(3072 * MIB);
    zone.low = 0xa0000;
    zone.high = MIB;
    assert_int_equal(lfb_boot_start(&lfb, map, &zone), LFB_BOOT_NO_MEMORY);
    zone.low = UINT64_MAX;
    assert_int_equal(lfb_boot_start(&lfb, map, &zone), LFB_BOOT_NO_MEMORY);
    zone = zone_up_to(3072 * MIB);
    map = pc(&t);
    add(map, LFB_BOOT_END - MIB, LFB_BOOT_END, USABLE);
    assert_int_equal(lfb_boot_start(&lfb, map, &zone), LFB_BOOT_TOO_WIDE);
    zone.high = (uint64_t)LFB_MAX_PAGES * PAGE + PAGE; /* page 0 isn't usable */
    add(map, zone.high - PAGE, zone.high, USABLE);
    assert_int_equal(lfb_boot_start(&lfb, map, &zone), LFB_BOOT_NO_ROOM); /* for 18 GiB */
    zone.high += PAGE;
    add(map, zone.high - PAGE, zone.high, USABLE);
    assert_int_equal(lfb_boot_start(&lfb, map, &zone), LFB_BOOT_TOO_WIDE);
    zone.high = 5000 * MIB;
    assert_int_equal(lfb_boot_start(NULL, map, &zone), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_start(&lfb, NULL, &zone), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_start(&lfb, map, NULL), LFB_BOOT_INVALID_ARGUMENT);
    zone.config.page_size = 3;
    assert_int_equal(lfb_boot_start(&lfb, map, &zone), LFB_BOOT_INVALID_ARGUMENT);
    zone.config.page_size = PAGE;
    zone.config.lanes = 0;
    assert_int_equal(lfb_boot_start(&lfb, map, &zone), LFB_BOOT_INVALID_ARGUMENT);
    zone.config.lanes = 1;
    zone.offset++;
    assert_int_equal(lfb_boot_start(&lfb, map, &zone), LFB_BOOT_INVALID_ARGUMENT);
    zone.offset--;
    map->room = map->count;
    zone.reach = 3000 * MIB;
    assert_int_equal(lfb_boot_start(&lfb, map, &zone), LFB_BOOT_TOO_MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_usable_is_handed_over),
        cmocka_unit_test(reclaimable_memory_comes_later_and_once),
        cmocka_unit_test(zones_keep_apart_what_devices_reach),
        cmocka_unit_test(zone_is_rounded_inward),
        cmocka_unit_test(metadata_stays_where_it_can_be_reached),
        cmocka_unit_test(what_cannot_be_started_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
