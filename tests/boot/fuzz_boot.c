/* SPDX-License-Identifier: MIT */
/*
 * Tables of memory regions from a fuzzer: whatever is in them, a reader ends, reads no byte
 * outside, leaves a sound map, and an allocator started from that map hands out only what the map
 * calls usable. The first byte says which reader, the second how much room the map has.
 */
#include <stdlib.h>
#include <string.h>

#include "lfbuddy/boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM_MOST = 256, PAGE = 4096, METADATA_ROOM = 1 << 20, LIMINE_ENTRY = 24 };

static _Alignas(PAGE) unsigned char metadata_room[METADATA_ROOM];

static void must(bool fine)
{
    if (!fine) {
        abort();
    }
}

static lfb_boot_status read_limine(lfb_boot_map *map, const unsigned char *table, size_t size)
{
    size_t count = size / LIMINE_ENTRY;
    const unsigned char *entries[ROOM_MOST];
    count = count < ROOM_MOST ? count : ROOM_MOST;
    for (size_t i = 0; i < count; i++) {
        entries[i] = table + i * LIMINE_ENTRY;
    }
    return lfb_boot_read_limine(map, entries, count);
}

static lfb_boot_status read_table(lfb_boot_map *map, unsigned how, const unsigned char *table,
                                  size_t size)
{
    switch (how % 8) {
    case 0:
        return lfb_boot_read_e820(map, table, size, 20 + 4 * (how / 8 % 2));
    case 1:
        return lfb_boot_read_multiboot(map, table, size);
    case 2:
        return lfb_boot_read_multiboot2(map, table, size);
    case 3:
        return read_limine(map, table, size);
    default:
        return lfb_boot_read_fdt(map, table, size);
    }
}

static void check_map(const lfb_boot_map *map)
{
    must(map->count >= 1 && map->count <= map->room);
    uint64_t end = 0;
    for (size_t i = 0; i < map->count; i++) {
        const lfb_boot_region *r = &map->regions[i];
        must(r->start == end && r->end > r->start && (unsigned)r->kind <= LFB_BOOT_BAD);
        must(i == 0 || r->kind != map->regions[i - 1].kind);
        end = r->end;
    }
    must(end == LFB_BOOT_END);
}

static bool is_usable_extent(void *context, const lfb_extent *extent)
{
    const lfb_boot_map *map = context;
    const lfb_boot_region *r = map->regions;
    while (r->end <= extent->address) {
        r++;
    }
    must(extent->kind != LFB_EXTENT_RUN);
    must(
        extent->kind == LFB_EXTENT_HELD ||
        (r->kind == LFB_BOOT_USABLE && r->end - extent->address >= (uint64_t)extent->pages * PAGE));
    return true;
}

/* A window that metadata fits, around the first usable region. */
static void start(lfb_boot_map *map)
{
    size_t i = 0;
    while (i < map->count && map->regions[i].kind != LFB_BOOT_USABLE) {
        i++;
    }
    if (i == map->count) {
        return;
    }
    uint64_t low = map->regions[i].start & ~(uint64_t)(PAGE - 1);
    uint64_t reach = low + METADATA_ROOM;
    lfb_boot_zone zone = {
        .low = low,
        .high = low + ((uint64_t)1 << 26),
        .reach = reach,
        .offset = (uintptr_t)metadata_room - (uintptr_t)low,
        .config = {.page_size = PAGE, .max_order = 10, .lanes = 2},
    };
    lfb_t lfb;
    lfb_boot_status status = lfb_boot_start(&lfb, map, &zone);
    check_map(map);
    must(status == LFB_BOOT_OK || status == LFB_BOOT_NO_MEMORY || status == LFB_BOOT_NO_ROOM ||
         status == LFB_BOOT_TOO_MANY);
    if (status == LFB_BOOT_OK) {
        must(zone.metadata >= low && zone.metadata + zone.metadata_size <= reach);
        must(lfb_walk(&lfb, is_usable_extent, map) == LFB_OK);
        lfb_boot_reclaim(&lfb, map, &zone);
        check_map(map);
        must(lfb_walk(&lfb, is_usable_extent, map) == LFB_OK);
        must(lfb_check(&lfb, NULL) == LFB_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    unsigned char *table = malloc(size - 2); /* its end is the memory's */
    lfb_boot_region regions[ROOM_MOST];
    lfb_boot_map map;
    must(size == 2 || table);
    if (size > 2) {
        memcpy(table, data + 2, size - 2);
    }
    must(lfb_boot_clear(&map, regions, 1 + (size_t)data[1]) == LFB_BOOT_OK);
    lfb_boot_status status = read_table(&map, data[0], table, size - 2);
    check_map(&map);
    if (status == LFB_BOOT_OK) {
        start(&map);
    } else {
        must(map.position <= size - 2);
    }
    free(table);
    return 0;
}
