/* SPDX-License-Identifier: MIT */
/*
 * The map: a step function from address to kind, kept as the list of its steps.
 *
 * I1. regions[0].start is 0, each region starts where the one before ends, the last ends at
 *     LFB_BOOT_END; none is empty.
 * I2. Neighbours differ in kind.
 *
 * Adding a region cuts the list at its two ends, raises the kinds between them, and joins
 * neighbours that have become equal. So a table needs no sorting, and overlaps no special case.
 */
#include "map.h"

/* The region that the address lies in; the end has none: count. */
static size_t region_at(const lfb_boot_map *map, uint64_t address)
{
    size_t i = 0;
    while (i < map->count && map->regions[i].end <= address) {
        i++;
    }
    return i;
}

/* Makes the address the start of a region, unless it is the end of all; false: no room. */
static bool cut(lfb_boot_map *map, uint64_t address)
{
    size_t at = region_at(map, address);
    if (at == map->count || map->regions[at].start == address) {
        return true;
    }
    if (map->count == map->room) {
        return false;
    }
    for (size_t i = map->count++; i > at; i--) {
        map->regions[i] = map->regions[i - 1];
    }
    map->regions[at].end = address;
    map->regions[at + 1].start = address;
    return true;
}

/* Appends to the first *count regions, the last of which ends where this one starts. */
static void append(lfb_boot_map *map, size_t *count, lfb_boot_region region)
{
    if (*count > 0 && map->regions[*count - 1].kind == region.kind) {
        map->regions[*count - 1].end = region.end;
    } else {
        map->regions[(*count)++] = region;
    }
}

static void join_equals(lfb_boot_map *map)
{
    size_t count = 0;
    for (size_t i = 0; i < map->count; i++) {
        append(map, &count, map->regions[i]);
    }
    map->count = count;
}

static lfb_boot_kind worst(lfb_boot_kind a, lfb_boot_kind b)
{
    return a > b ? a : b;
}

/* What the kind replaces: anything, or gaps and what is better. */
enum change { REPLACE, ADD };

static lfb_boot_status change(lfb_boot_map *map, enum change how, uint64_t start, uint64_t end,
                              lfb_boot_kind kind)
{
    bool fits = cut(map, start) && cut(map, end);
    size_t last = region_at(map, end); /* count, at the end of all */
    for (size_t i = region_at(map, start); fits && i < last; i++) {
        lfb_boot_kind *old = &map->regions[i].kind;
        *old = how == REPLACE || *old == LFB_BOOT_GAP ? kind : worst(*old, kind);
    }
    join_equals(map); /* where nothing fits, what the first cut parted */
    return fits ? LFB_BOOT_OK : LFB_BOOT_TOO_MANY;
}

lfb_boot_status lfb_boot_set(lfb_boot_map *map, uint64_t start, uint64_t end, lfb_boot_kind kind)
{
    return change(map, REPLACE, start, end, kind);
}

/* ---------------------------------------------------------------------- public functions ---- */

lfb_boot_status lfb_boot_clear(lfb_boot_map *map, lfb_boot_region *regions, size_t room)
{
    if (!map || !regions || room == 0) {
        return LFB_BOOT_INVALID_ARGUMENT;
    }
    *map = (lfb_boot_map){.regions = regions, .count = 1, .room = room};
    regions[0] = (lfb_boot_region){0, LFB_BOOT_END, LFB_BOOT_GAP};
    return LFB_BOOT_OK;
}

lfb_boot_status lfb_boot_add(lfb_boot_map *map, uint64_t start, uint64_t size, lfb_boot_kind kind)
{
    if (!map || (unsigned)kind > LFB_BOOT_BAD || kind == LFB_BOOT_GAP) {
        return LFB_BOOT_INVALID_ARGUMENT;
    }
    if (size == 0) {
        return LFB_BOOT_OK;
    }
    if (size - 1 > UINT64_MAX - start) {
        return LFB_BOOT_WRAPS;
    }
    if (size > LFB_BOOT_END || start > LFB_BOOT_END - size) {
        return LFB_BOOT_TOO_HIGH;
    }
    return change(map, ADD, start, start + size, kind);
}

/* Each step writes at most one region more than it has read, and `region` is a copy; a page that
 * several share is of the kind of one of them, and joins it where that is the one before. */
lfb_boot_status lfb_boot_round(lfb_boot_map *map, uint64_t page_size)
{
    if (!map || !lfb_boot_is_power(page_size) || page_size > LFB_BOOT_END) {
        return LFB_BOOT_INVALID_ARGUMENT;
    }
    size_t count = 0;
    size_t next = 1;
    lfb_boot_region region = map->regions[0];
    for (uint64_t at = 0; at < LFB_BOOT_END;) {
        uint64_t whole = region.end & ~(page_size - 1);
        if (whole > at) {
            append(map, &count, (lfb_boot_region){at, whole, region.kind});
            at = whole;
        } else {
            lfb_boot_region page = {at, at + page_size, region.kind};
            while (region.end < page.end) {
                region = map->regions[next++];
                page.kind = worst(page.kind, region.kind);
            }
            append(map, &count, page);
            at = page.end;
        }
        if (region.end == at && at < LFB_BOOT_END) {
            region = map->regions[next++];
        }
    }
    map->count = count;
    return LFB_BOOT_OK;
}

lfb_boot_status lfb_boot_take(lfb_boot_map *map, uint64_t size, uint64_t align, uint64_t below,
                              uint64_t *address)
{
    if (!map || !address || size == 0 || !lfb_boot_is_power(align)) {
        return LFB_BOOT_INVALID_ARGUMENT;
    }
    for (size_t i = map->count; i-- > 0;) {
        const lfb_boot_region *region = &map->regions[i];
        uint64_t end = lfb_boot_min(region->end, below);
        if (region->kind != LFB_BOOT_USABLE || end < size) {
            continue;
        }
        uint64_t start = (end - size) & ~(align - 1);
        if (start >= region->start) {
            *address = start;
            return lfb_boot_add(map, start, size, LFB_BOOT_RESERVED);
        }
    }
    return LFB_BOOT_NO_ROOM;
}

const char *lfb_boot_status_name(lfb_boot_status status)
{
    static const char *const names[] = {
        [LFB_BOOT_OK] = "ok",
        [LFB_BOOT_INVALID_ARGUMENT] = "invalid argument",
        [LFB_BOOT_TRUNCATED] = "the table is cut off",
        [LFB_BOOT_MALFORMED] = "the table is malformed",
        [LFB_BOOT_WRAPS] = "a region wraps around the end of the address space",
        [LFB_BOOT_TOO_HIGH] = "a region ends above 2^52",
        [LFB_BOOT_TOO_MANY] = "more regions than the array holds",
        [LFB_BOOT_NO_MEMORY] = "no usable memory in the zone",
        [LFB_BOOT_NO_ROOM] = "no usable region is large enough",
        [LFB_BOOT_TOO_WIDE] = "the zone spans too many pages",
    };
    unsigned index = (unsigned)status;
    return index < sizeof(names) / sizeof(*names) ? names[index] : "unknown status";
}
