/* SPDX-License-Identifier: MIT */
/*
 * Tables for readers: ones that machines really made (data/README.md) and others. A table lies at
 * the end of its memory, so that AddressSanitizer sees a read beyond it.
 */
#ifndef TESTS_BOOT_READING_H
#define TESTS_BOOT_READING_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regions.h"

typedef struct table {
    unsigned char *bytes;
    size_t size;
} table;

static inline table table_of(const void *bytes, size_t size)
{
    table t = {malloc(size), size};
    assert_true(t.bytes || size == 0);
    if (size > 0) {
        memcpy(t.bytes, bytes, size);
    }
    return t;
}

static inline table captured(const char *name)
{
    char path[512];
    unsigned char bytes[16384];
    assert_in_range(snprintf(path, sizeof(path), "%s/%s", BOOT_DATA, name), 1, sizeof(path) - 1);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    assert_in_range(size, 1, sizeof(bytes) - 1);
    fclose(file);
    return table_of(bytes, size);
}

typedef lfb_boot_status reader(lfb_boot_map *map, const void *bytes, size_t size);

static inline lfb_boot_map *assert_reads(test_map *t, reader *read, const void *bytes, size_t size,
                                         lfb_boot_status expected)
{
    lfb_boot_map *map = test_map_clear(t);
    table copy = table_of(bytes, size);
    assert_int_equal(read(map, copy.bytes, copy.size), expected);
    free(copy.bytes);
    assert_map_sound(map);
    return map;
}

/* Whatever is left of a table: its entries so far, and a status; `step` bytes are whole entries. */
static inline void assert_cut_is_seen(const char *name, reader *read, size_t step)
{
    table raw = captured(name);
    for (size_t size = 0; size < raw.size; size++) {
        test_map t;
        bool whole = step > 0 && size % step == 0;
        assert_reads(&t, read, raw.bytes, size, whole ? LFB_BOOT_OK : LFB_BOOT_TRUNCATED);
    }
    free(raw.bytes);
}

#endif
