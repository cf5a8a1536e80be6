/* SPDX-License-Identifier: MIT */
/*
 * From a map to an allocator. Its metadata must exist before it can hand out memory, and lies in
 * the very memory that it manages: a piece is cut from the map, and since everything starts out
 * held and only what the map still calls usable is released, nobody is ever given it.
 */
#include "map.h"

enum { CACHE_LINE = 128 };

/* One past the highest address that an lfb can manage. */
static uint64_t addresses_end(void)
{
    return lfb_boot_min(UINTPTR_MAX, LFB_BOOT_END - 1) + 1;
}

/* By shifts, not division: that may take a library where pages are counted in 64 bits. */
static uint64_t pages_of(lfb_boot_region region, size_t page_size)
{
    uint64_t pages = region.end - region.start;
    for (; page_size > 1; page_size /= 2) {
        pages /= 2;
    }
    return pages;
}

/* The pages of a region that lie in the zone; none: end <= start. */
static lfb_boot_region part_in_zone(const lfb_boot_zone *zone, lfb_boot_region region)
{
    uint64_t mask = zone->config.page_size - 1;
    uint64_t low = lfb_boot_min(zone->low, LFB_BOOT_END);
    uint64_t high = lfb_boot_min(zone->high, addresses_end());
    region.start = lfb_boot_max(region.start, (low + mask) & ~mask);
    region.end = lfb_boot_min(region.end, high & ~mask);
    return region;
}

/* From the first page to the last that is or will be usable; none: end is 0. */
static lfb_boot_region span(const lfb_boot_map *map, const lfb_boot_zone *zone)
{
    lfb_boot_region all = {LFB_BOOT_END, 0, LFB_BOOT_USABLE};
    for (size_t i = 0; i < map->count; i++) {
        lfb_boot_region part = part_in_zone(zone, map->regions[i]);
        if (part.kind <= LFB_BOOT_RECLAIMABLE && part.start < part.end) {
            all.start = lfb_boot_min(all.start, part.start);
            all.end = part.end;
        }
    }
    return all;
}

/* Finds out what to manage, and takes the metadata for it. */
static lfb_boot_status plan(lfb_boot_map *map, lfb_boot_zone *zone)
{
    lfb_config *config = &zone->config;
    lfb_boot_region all = span(map, zone);
    if (all.end == 0) {
        return LFB_BOOT_NO_MEMORY;
    }
    uint64_t pages = pages_of(all, config->page_size);
    if (pages > LFB_MAX_PAGES) {
        return LFB_BOOT_TOO_WIDE;
    }
    config->struct_size = sizeof(*config);
    config->base = (uintptr_t)all.start;
    config->page_count = (size_t)pages;
    config->start_held = true;
    config->metadata_zeroed = false;
    uint64_t size = lfb_metadata_size(config);
    if (size == 0) {
        return LFB_BOOT_INVALID_ARGUMENT;
    }
    uint64_t mask = config->page_size - 1;
    size = (size + mask) & ~mask;
    uint64_t metadata = 0;
    lfb_boot_status status = lfb_boot_take(map, size, lfb_boot_max(config->page_size, CACHE_LINE),
                                           lfb_boot_min(zone->reach, addresses_end()), &metadata);
    zone->metadata = (uintptr_t)metadata;
    zone->metadata_size = (size_t)size;
    return status;
}

/* Releases a usable region, as far as it lies in the zone. Returns the pages. */
static size_t release(lfb_t *lfb, const lfb_boot_zone *zone, lfb_boot_region region)
{
    lfb_boot_region part = part_in_zone(zone, region);
    size_t pages = (size_t)pages_of(part, zone->config.page_size);
    bool done = part.kind == LFB_BOOT_USABLE && part.start < part.end &&
                lfb_release_range(lfb, (uintptr_t)part.start, pages) == LFB_OK;
    return done ? pages : 0;
}

lfb_boot_status lfb_boot_start(lfb_t *lfb, lfb_boot_map *map, lfb_boot_zone *zone)
{
    if (!lfb || !map || !zone || lfb_boot_round(map, zone->config.page_size) != LFB_BOOT_OK) {
        return LFB_BOOT_INVALID_ARGUMENT;
    }
    lfb_boot_status status = plan(map, zone);
    if (status != LFB_BOOT_OK) {
        return status;
    }
    void *metadata = (void *)(zone->metadata + zone->offset);
    if (lfb_init(lfb, &zone->config, metadata, zone->metadata_size) != LFB_OK) {
        return LFB_BOOT_INVALID_ARGUMENT; /* an offset that misaligns it */
    }
    for (size_t i = 0; i < map->count; i++) {
        release(lfb, zone, map->regions[i]);
    }
    return LFB_BOOT_OK;
}

/* What is released may join its neighbours: the regions behind it move. */
size_t lfb_boot_reclaim(lfb_t *lfb, lfb_boot_map *map, const lfb_boot_zone *zone)
{
    size_t pages = 0;
    if (!lfb || !map || !zone) {
        return 0;
    }
    for (size_t i = 0; i < map->count; i++) {
        lfb_boot_region part = part_in_zone(zone, map->regions[i]);
        if (part.kind == LFB_BOOT_RECLAIMABLE && part.start < part.end &&
            lfb_boot_set(map, part.start, part.end, LFB_BOOT_USABLE) == LFB_BOOT_OK) {
            part.kind = LFB_BOOT_USABLE;
            pages += release(lfb, zone, part);
            i = 0; /* regions[0] starts at 0: looked at again, when it was the one */
        }
    }
    return pages;
}
