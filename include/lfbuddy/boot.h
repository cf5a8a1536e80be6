/* SPDX-License-Identifier: MIT */
/*
 * The boot kit: from the machine's memory map to a running allocator, before any heap exists.
 *
 *     1. lfb_boot_clear       an empty map in an array of yours
 *     2. lfb_boot_read_...    the firmware's or the loader's table into it
 *     3. lfb_boot_add         what the table doesn't know: the kernel's image, the table itself
 *     4. lfb_boot_take        memory before the allocator runs: page tables, stacks of other CPUs
 *     5. lfb_boot_start       metadata placed in the memory itself, allocator started, the rest
 *                             of the usable memory handed over to it
 *     6. lfb_boot_reclaim     later: memory that the firmware or the loader needed until now
 *
 * A map is plain data: the physical addresses from 0 to LFB_BOOT_END cut into regions, by rising
 * address, without overlap, each with a kind. Tables may list regions in any order, overlapping,
 * or empty: where several claim a byte, the worst kind has it. What can't be right gets a status.
 *
 * Nothing here keeps state of its own, locks, or allocates; no libc is needed beyond memset and
 * memcpy. One CPU uses a map at a time. Sources: src/boot, beside the core's.
 */
#ifndef LFBUDDY_BOOT_H
#define LFBUDDY_BOOT_H

#include "../lfbuddy.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One past the highest physical address that a map may have. */
#define LFB_BOOT_END ((uint64_t)1 << 52)

/* Ends of zones on PCs: what ISA devices reach, and what 32-bit ones do. */
#define LFB_BOOT_DMA_END   ((uint64_t)1 << 24)
#define LFB_BOOT_DMA32_END ((uint64_t)1 << 32)

typedef enum lfb_boot_status {
    LFB_BOOT_OK = 0,
    LFB_BOOT_INVALID_ARGUMENT, /* a NULL, a page size that isn't a power of two, ... */
    LFB_BOOT_TRUNCATED,        /* the table ends, or its bytes do, in the middle of something */
    LFB_BOOT_MALFORMED,        /* not such a table, or fields that contradict each other */
    LFB_BOOT_WRAPS,            /* a region goes on beyond address 2^64 - 1 */
    LFB_BOOT_TOO_HIGH,         /* a region ends above LFB_BOOT_END */
    LFB_BOOT_TOO_MANY,         /* the array of regions is full: give a larger one */
    LFB_BOOT_NO_MEMORY,        /* nothing usable in the zone */
    LFB_BOOT_NO_ROOM,          /* no usable region takes what is wanted */
    LFB_BOOT_TOO_WIDE          /* more than LFB_MAX_PAGES from first to last: start several zones */
} lfb_boot_status;

/* A short English sentence, static, never NULL. */
const char *lfb_boot_status_name(lfb_boot_status status);

/* ---------------------------------------------------------------------------- the map ---- */

/* From good to bad: a page has the worst kind that any byte of it has. */
typedef enum lfb_boot_kind {
    LFB_BOOT_USABLE,
    LFB_BOOT_RECLAIMABLE, /* usable as soon as nobody needs what is in it: lfb_boot_reclaim */
    LFB_BOOT_GAP,         /* no table says anything of it; any kind added there replaces it */
    LFB_BOOT_RESERVED,
    LFB_BOOT_BAD
} lfb_boot_kind;

typedef struct lfb_boot_region {
    uint64_t start;
    uint64_t end; /* one past the last byte */
    lfb_boot_kind kind;
} lfb_boot_region;

typedef struct lfb_boot_map {
    lfb_boot_region *regions; /* regions[0 .. count): from 0 to LFB_BOOT_END without a break; no
                                 two neighbours are of the same kind */
    size_t count;
    size_t room;
    size_t position; /* where in its table a reader that failed stopped: bytes; Limine: entries */
} lfb_boot_map;

/* One gap, in an array of `room` regions. n additions take 2n + 1 at most. Returns LFB_BOOT_OK;
 * LFB_BOOT_INVALID_ARGUMENT: a NULL, or no room. */
lfb_boot_status lfb_boot_clear(lfb_boot_map *map, lfb_boot_region *regions, size_t room);

/*
 * Adds `size` bytes from address `start`; where regions overlap the worst kind wins. 0 bytes are
 * fine, and nothing. Time: proportional to the regions in the map. Returns LFB_BOOT_OK;
 * LFB_BOOT_WRAPS; LFB_BOOT_TOO_HIGH; LFB_BOOT_TOO_MANY; LFB_BOOT_INVALID_ARGUMENT: a kind that
 * isn't one, or LFB_BOOT_GAP. Refused, the map is as it was.
 */
lfb_boot_status lfb_boot_add(lfb_boot_map *map, uint64_t start, uint64_t size, lfb_boot_kind kind);

/* Moves the bounds of regions to pages (page_size: bytes, a power of two up to LFB_BOOT_END): a
 * page has the worst kind that any byte of it has, so usable memory shrinks and reserved memory
 * grows. Returns LFB_BOOT_OK or LFB_BOOT_INVALID_ARGUMENT. */
lfb_boot_status lfb_boot_round(lfb_boot_map *map, uint64_t page_size);

/* ------------------------------------------------------------------------- the readers ---- */

/*
 * Each adds what a table says, as lfb_boot_add would. They read no byte outside the table and
 * `size`, whatever is in it. Returned are also the statuses of lfb_boot_add, and
 * LFB_BOOT_TRUNCATED or LFB_BOOT_MALFORMED; after any of these the map has only a part of the
 * table in it, and map->position says where the trouble is: don't use such a map.
 */

/* BIOS INT 15h, E820: entries of {u64 address, u64 size, u32 type}, entry_size bytes apart: 20, or
 * 24 with a word that isn't read (ACPI 3.0 attributes; the memory map of PVH). */
lfb_boot_status lfb_boot_read_e820(lfb_boot_map *map, const void *table, size_t size,
                                   size_t entry_size);

/* Multiboot 1: mmap_addr and mmap_length of its information. It doesn't list the modules in the
 * map: lfb_boot_add them, RESERVED. */
lfb_boot_status lfb_boot_read_multiboot(lfb_boot_map *map, const void *table, size_t size);

/* Multiboot 2: the whole boot information, of which at most `size` bytes may be read. Modules are
 * reserved; the information itself isn't: lfb_boot_add it. */
lfb_boot_status lfb_boot_read_multiboot2(lfb_boot_map *map, const void *information, size_t size);

/* Limine: `entries` and `entry_count` of the response to its memory map request. Kernel, modules
 * and framebuffer are reserved; the loader's own memory is reclaimable. */
lfb_boot_status lfb_boot_read_limine(lfb_boot_map *map, const void *entries, size_t count);

/*
 * Flattened device tree (Devicetree Specification 0.4, version 17), of which at most `size` bytes
 * may be read. Usable: nodes of device_type "memory". Reserved: the memory reservation block,
 * children of /reserved-memory that have an address, and the initial RAM disk in /chosen. Nodes
 * with a status other than "okay" are left out. The tree itself isn't reserved: lfb_boot_add it.
 */
lfb_boot_status lfb_boot_read_fdt(lfb_boot_map *map, const void *tree, size_t size);

/* ----------------------------------------------------------------- from map to allocator ---- */

/*
 * Takes `size` bytes, aligned to `align` (a power of two), that end at or below `below`, from the
 * highest usable region that has them, and marks them reserved. *address: where. Returns
 * LFB_BOOT_OK; LFB_BOOT_NO_ROOM; LFB_BOOT_TOO_MANY; LFB_BOOT_INVALID_ARGUMENT. Refused, the map is
 * as it was.
 */
lfb_boot_status lfb_boot_take(lfb_boot_map *map, uint64_t size, uint64_t align, uint64_t below,
                              uint64_t *address);

/*
 * What one allocator manages: the memory in [low, high). For a machine without zones: 0 and
 * LFB_BOOT_END. For zones, one lfb_t each: an allocation tries the highest zone that its device
 * reaches, then those below; so that ordinary allocations don't use up what few addresses a device
 * has. (Where that doesn't matter, one lfb_t and lfb_alloc_within do.) Start the highest first.
 */
typedef struct lfb_boot_zone {
    uint64_t low;
    uint64_t high;
    uint64_t reach;       /* metadata ends at or below this: what is mapped so early */
    uintptr_t offset;     /* what to add to a physical address to reach it; 0: identity mapping */
    lfb_config config;    /* page_size, max_order, lanes, current_lane and lane_context from you;
                             the other fields are filled in */
    uintptr_t metadata;   /* filled in: its physical address */
    size_t metadata_size; /* and bytes, whole pages */
} lfb_boot_zone;

/*
 * Rounds the map to pages, takes metadata for the pages from the first to the last of the zone that
 * are usable or reclaimable, starts the allocator with all of them held, and releases the usable
 * ones to it. What is reserved (kernel, initial RAM disk, metadata) stays held. Addresses that the
 * allocator returns are physical; 0 is one of them unless you reserve it. Memory above UINTPTR_MAX
 * is left out.
 * Returns LFB_BOOT_OK; LFB_BOOT_NO_MEMORY; LFB_BOOT_NO_ROOM; LFB_BOOT_TOO_WIDE; LFB_BOOT_TOO_MANY;
 * LFB_BOOT_INVALID_ARGUMENT: what lfb_init would refuse, too. Nothing else may run beside it.
 */
lfb_boot_status lfb_boot_start(lfb_t *lfb, lfb_boot_map *map, lfb_boot_zone *zone);

/*
 * Releases the zone's reclaimable memory to the running allocator, and marks it usable in the map.
 * The caller no longer uses what is there: tables, the boot loader's stack and page tables.
 * Any call of the allocator may run beside it. Returns how many pages came into use.
 */
size_t lfb_boot_reclaim(lfb_t *lfb, lfb_boot_map *map, const lfb_boot_zone *zone);

#ifdef __cplusplus
}
#endif

#endif
