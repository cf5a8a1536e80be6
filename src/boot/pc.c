/* SPDX-License-Identifier: MIT */
/*
 * Memory maps as PC firmware and boot loaders hand them over: E820, Multiboot 1 and 2, Limine. All
 * are arrays of little-endian {address, size, type}; they are read byte by byte, since nothing
 * promises their alignment.
 *
 * Multiboot Specification 0.6.96 (3.3) and 2.0 (3.6.8, 3.6.6); ACPI 6.5, section 15.3; the Limine
 * boot protocol, feature "memory map".
 */
#include "map.h"

enum {
    E820_ENTRY = 20,
    MULTIBOOT2_HEADER = 8, /* of the information, and of a tag */
    MULTIBOOT2_END = 0,
    MULTIBOOT2_MODULE = 3,
    MULTIBOOT2_MEMORY = 6
};

static uint32_t read_32(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t read_64(const unsigned char *at)
{
    return read_32(at) | (uint64_t)read_32(at + 4) << 32;
}

/* E820's types, which Multiboot took over. */
static lfb_boot_kind e820_kind(uint32_t type)
{
    switch (type) {
    case 1:
        return LFB_BOOT_USABLE;
    case 3: /* ACPI tables */
        return LFB_BOOT_RECLAIMABLE;
    case 5:
        return LFB_BOOT_BAD;
    default:
        return LFB_BOOT_RESERVED;
    }
}

static lfb_boot_status add_entry(lfb_boot_map *map, const unsigned char *entry)
{
    return lfb_boot_add(map, read_64(entry), read_64(entry + 8), e820_kind(read_32(entry + 16)));
}

/* The entries in bytes[map->position .. end). */
static lfb_boot_status add_entries(lfb_boot_map *map, const unsigned char *bytes, size_t end,
                                   size_t entry_size)
{
    if (entry_size < E820_ENTRY) {
        return LFB_BOOT_MALFORMED;
    }
    for (; end - map->position >= entry_size; map->position += entry_size) {
        lfb_boot_status status = add_entry(map, bytes + map->position);
        if (status != LFB_BOOT_OK) {
            return status;
        }
    }
    return map->position == end ? LFB_BOOT_OK : LFB_BOOT_TRUNCATED;
}

lfb_boot_status lfb_boot_read_e820(lfb_boot_map *map, const void *table, size_t size,
                                   size_t entry_size)
{
    if (!map || (!table && size)) {
        return LFB_BOOT_INVALID_ARGUMENT;
    }
    map->position = 0;
    return add_entries(map, table, size, entry_size);
}

/* Each entry says how long it is, not counting the word that says so. */
lfb_boot_status lfb_boot_read_multiboot(lfb_boot_map *map, const void *table, size_t size)
{
    if (!map || (!table && size)) {
        return LFB_BOOT_INVALID_ARGUMENT;
    }
    const unsigned char *bytes = table;
    for (map->position = 0; map->position < size;) {
        size_t left = size - map->position;
        if (left < 4 || read_32(bytes + map->position) > left - 4) {
            return LFB_BOOT_TRUNCATED;
        }
        size_t length = read_32(bytes + map->position);
        if (length < E820_ENTRY) {
            return LFB_BOOT_MALFORMED;
        }
        lfb_boot_status status = add_entry(map, bytes + map->position + 4);
        if (status != LFB_BOOT_OK) {
            return status;
        }
        map->position += 4 + length;
    }
    return LFB_BOOT_OK;
}

/* ---------------------------------------------------------------------------- Multiboot 2 ---- */

/* The tag at map->position, which has `length` bytes. */
static lfb_boot_status add_multiboot2_tag(lfb_boot_map *map, const unsigned char *bytes,
                                          uint32_t type, size_t length)
{
    const unsigned char *tag = bytes + map->position;
    size_t fields = 2 * MULTIBOOT2_HEADER; /* two words more than any tag has */
    if (type != MULTIBOOT2_MEMORY && type != MULTIBOOT2_MODULE) {
        return LFB_BOOT_OK;
    }
    if (length < fields) {
        return LFB_BOOT_MALFORMED;
    }
    uint32_t first = read_32(tag + MULTIBOOT2_HEADER);
    uint32_t second = read_32(tag + MULTIBOOT2_HEADER + 4);
    if (type == MULTIBOOT2_MODULE) { /* start, end */
        return second < first ? LFB_BOOT_MALFORMED
                              : lfb_boot_add(map, first, second - first, LFB_BOOT_RESERVED);
    }
    size_t end = map->position + length; /* entry size, version, entries */
    map->position += fields;
    return add_entries(map, bytes, end, first);
}

lfb_boot_status lfb_boot_read_multiboot2(lfb_boot_map *map, const void *information, size_t size)
{
    if (!map || !information) {
        return LFB_BOOT_INVALID_ARGUMENT;
    }
    const unsigned char *bytes = information;
    map->position = 0;
    if (size < MULTIBOOT2_HEADER || read_32(bytes) > size) {
        return LFB_BOOT_TRUNCATED;
    }
    size = read_32(bytes);
    if (size < MULTIBOOT2_HEADER) {
        return LFB_BOOT_MALFORMED;
    }
    for (size_t at = MULTIBOOT2_HEADER, step; size - at >= MULTIBOOT2_HEADER; at += step) {
        map->position = at;
        uint32_t type = read_32(bytes + at);
        uint32_t length = read_32(bytes + at + 4);
        if (type == MULTIBOOT2_END) {
            return LFB_BOOT_OK;
        }
        if (length < MULTIBOOT2_HEADER) {
            return LFB_BOOT_MALFORMED;
        }
        step = length > size - at ? size : ((size_t)length + 7) & ~(size_t)7;
        if (step > size - at) {
            return LFB_BOOT_TRUNCATED;
        }
        lfb_boot_status status = add_multiboot2_tag(map, bytes, type, length);
        if (status != LFB_BOOT_OK) {
            return status;
        }
    }
    return LFB_BOOT_TRUNCATED;
}

/* --------------------------------------------------------------------------------- Limine ---- */

static lfb_boot_kind limine_kind(uint64_t type)
{
    switch (type) {
    case 0:
        return LFB_BOOT_USABLE;
    case 2: /* ACPI tables */
    case 5: /* the boot loader's */
        return LFB_BOOT_RECLAIMABLE;
    case 4:
        return LFB_BOOT_BAD;
    default:
        return LFB_BOOT_RESERVED;
    }
}

lfb_boot_status lfb_boot_read_limine(lfb_boot_map *map, const void *entries, size_t count)
{
    if (!map || (!entries && count)) {
        return LFB_BOOT_INVALID_ARGUMENT;
    }
    const char *pointers = entries;
    for (map->position = 0; map->position < count; map->position++) {
        const unsigned char *entry;
        __builtin_memcpy(&entry, pointers + map->position * sizeof(entry), sizeof(entry));
        if (!entry) {
            return LFB_BOOT_MALFORMED;
        }
        lfb_boot_status status =
            lfb_boot_add(map, read_64(entry), read_64(entry + 8), limine_kind(read_64(entry + 16)));
        if (status != LFB_BOOT_OK) {
            return status;
        }
    }
    return LFB_BOOT_OK;
}
