/* SPDX-License-Identifier: MIT */
/* The readers of E820, Multiboot 1 and 2, and Limine: captured tables, each cut off at each byte,
 * and tables of our own for what those don't have. */
#include "reading.h"

static lfb_boot_status read_pvh(lfb_boot_map *map, const void *bytes, size_t size)
{
    return lfb_boot_read_e820(map, bytes, size, 24);
}

static lfb_boot_status read_20(lfb_boot_map *map, const void *bytes, size_t size)
{
    return lfb_boot_read_e820(map, bytes, size, 20);
}

/* ----------------------------------------------------------------------- captured tables ---- */

static void captured_pvh(void **state)
{
    (void)state;
    test_map t;
    table raw = captured("qemu-pc-600M.pvh");
    lfb_boot_map *map = assert_reads(&t, read_pvh, raw.bytes, raw.size, LFB_BOOT_OK);
    ASSERT_MAP(map, {0, 0x9fc00, USABLE}, {0x9fc00, 0xa0000, RESERVED},
               {0xf0000, 0x100000, RESERVED}, {0x100000, 0x257e0000, USABLE},
               {0x257e0000, 0x25800000, RESERVED}, {0xfffc0000, 0x100000000, RESERVED},
               {0xfd00000000, 0x10000000000, RESERVED});
    free(raw.bytes);
}

static void captured_multiboot(void **state)
{
    (void)state;
    test_map t;
    table raw = captured("qemu-pc-3G.multiboot");
    lfb_boot_map *map = assert_reads(&t, lfb_boot_read_multiboot, raw.bytes, raw.size, LFB_BOOT_OK);
    ASSERT_MAP(map, {0, 0x9fc00, USABLE}, {0x9fc00, 0xa0000, RESERVED},
               {0xf0000, 0x100000, RESERVED}, {0x100000, 0xbffe0000, USABLE},
               {0xbffe0000, 0xc0000000, RESERVED}, {0xfffc0000, 0x100000000, RESERVED},
               {0xfd00000000, 0x10000000000, RESERVED});
    free(raw.bytes);
}

static void captured_multiboot2(void **state)
{
    (void)state;
    test_map t;
    table raw = captured("grub-two-modules.multiboot2");
    lfb_boot_map *map =
        assert_reads(&t, lfb_boot_read_multiboot2, raw.bytes, raw.size, LFB_BOOT_OK);
    ASSERT_MAP(map, {0, 0x9fc00, USABLE}, {0x9fc00, 0xa0000, RESERVED},
               {0xf0000, 0x100000, RESERVED}, {0x100000, 0x122000, USABLE},
               {0x122000, 0x12209e, RESERVED}, {0x12209e, 0x123000, USABLE},
               {0x123000, 0x131e98, RESERVED}, {0x131e98, 0x257e0000, USABLE},
               {0x257e0000, 0x25800000, RESERVED}, {0xfffc0000, 0x100000000, RESERVED},
               {0xfd00000000, 0x10000000000, RESERVED});
    free(raw.bytes);
}

static void cut_tables_are_seen(void **state)
{
    (void)state;
    assert_cut_is_seen("qemu-pc-600M.pvh", read_pvh, 24);
    assert_cut_is_seen("qemu-pc-3G.multiboot", lfb_boot_read_multiboot, 24);
    assert_cut_is_seen("grub-two-modules.multiboot2", lfb_boot_read_multiboot2, 0);
    /* The same, where the header agrees with the cut. */
    table raw = captured("grub-two-modules.multiboot2");
    for (size_t size = 8; size < raw.size; size++) {
        test_map t;
        memcpy(raw.bytes, &(uint32_t){(uint32_t)size}, 4);
        assert_reads(&t, lfb_boot_read_multiboot2, raw.bytes, size, LFB_BOOT_TRUNCATED);
    }
    free(raw.bytes);
}

/* ----------------------------------------------------------------------------- PC tables ---- */

typedef struct entry {
    uint64_t start;
    uint64_t size;
    uint64_t type;
} entry;

static size_t put_entries(unsigned char *bytes, size_t step, const entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memset(bytes + i * step, 0xff, step);
        memcpy(bytes + i * step, &entries[i].start, 8);
        memcpy(bytes + i * step + 8, &entries[i].size, 8);
        memcpy(bytes + i * step + 16, &entries[i].type, 4);
    }
    return count * step;
}

static void e820_types(void **state)
{
    (void)state;
    static const entry entries[] = {
        {0x6000, 0x1000, 12}, {0x5000, 0x1000, 5}, {0x4000, 0x1000, 4}, {0x3000, 0x1000, 3},
        {0x2000, 0x1000, 2},  {0x1000, 0x1000, 1}, {0x9000, 0, 1},
    };
    unsigned char bytes[256];
    test_map t;
    for (size_t step = 20; step <= 24; step += 4) {
        size_t size = put_entries(bytes, step, entries, 7);
        lfb_boot_map *map =
            assert_reads(&t, step == 20 ? read_20 : read_pvh, bytes, size, LFB_BOOT_OK);
        ASSERT_MAP(map, {0x1000, 0x2000, USABLE}, {0x2000, 0x3000, RESERVED},
                   {0x3000, 0x4000, RECLAIMABLE}, {0x4000, 0x5000, RESERVED}, {0x5000, 0x6000, BAD},
                   {0x6000, 0x7000, RESERVED});
    }
    assert_int_equal(lfb_boot_read_e820(&t.map, bytes, 20, 19), LFB_BOOT_MALFORMED);
    assert_int_equal(lfb_boot_read_e820(&t.map, NULL, 20, 20), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_read_e820(NULL, bytes, 20, 20), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_read_e820(&t.map, NULL, 0, 20), LFB_BOOT_OK);
}

static void bad_entries_are_named(void **state)
{
    (void)state;
    static const struct {
        entry second;
        lfb_boot_status status;
    } cases[] = {
        {{0xfffffffffffff000, 0x2000, 1}, LFB_BOOT_WRAPS},
        {{0xfffffffffffff000, 0x1000, 1}, LFB_BOOT_TOO_HIGH},
        {{0x1000, 0x10000000000000, 2}, LFB_BOOT_TOO_HIGH},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        entry entries[] = {{0, 0x1000, 1}, cases[i].second, {0x4000, 0x1000, 1}};
        unsigned char bytes[256];
        test_map t;
        size_t size = put_entries(bytes, 20, entries, 3);
        lfb_boot_map *map = assert_reads(&t, read_20, bytes, size, cases[i].status);
        assert_int_equal(map->position, 20);
        ASSERT_MAP(map, {0, 0x1000, USABLE});
    }
}

static void too_many_entries_are_refused(void **state)
{
    (void)state;
    unsigned char bytes[24 * REGIONS_ROOM];
    entry entries[REGIONS_ROOM];
    for (uint64_t i = 0; i < REGIONS_ROOM; i++) {
        entries[i] = (entry){i * 0x2000, 0x1000, 1};
    }
    test_map t;
    size_t size = put_entries(bytes, 20, entries, REGIONS_ROOM);
    lfb_boot_map *map = assert_reads(&t, read_20, bytes, size, LFB_BOOT_TOO_MANY);
    assert_int_equal(map->position, 20 * (REGIONS_ROOM / 2));
}

static void multiboot_entries_have_lengths(void **state)
{
    (void)state;
    static const entry entries[] = {{0x1000, 0x1000, 1}, {0x3000, 0x1000, 5}};
    unsigned char bytes[64] = {28}; /* 8 bytes more than it needs */
    put_entries(bytes + 4, 28, entries, 1);
    bytes[32] = 20;
    put_entries(bytes + 36, 20, entries + 1, 1);
    test_map t;
    lfb_boot_map *map = assert_reads(&t, lfb_boot_read_multiboot, bytes, 56, LFB_BOOT_OK);
    ASSERT_MAP(map, {0x1000, 0x2000, USABLE}, {0x3000, 0x4000, BAD});
    bytes[32] = 21;
    assert_reads(&t, lfb_boot_read_multiboot, bytes, 56, LFB_BOOT_TRUNCATED);
    bytes[32] = 19;
    map = assert_reads(&t, lfb_boot_read_multiboot, bytes, 56, LFB_BOOT_MALFORMED);
    assert_int_equal(map->position, 32);
    bytes[36 + 5] = 0x10; /* 2^44: still fine */
    bytes[32] = 20;
    assert_reads(&t, lfb_boot_read_multiboot, bytes, 56, LFB_BOOT_OK);
    bytes[36 + 6] = 0x10;
    map = assert_reads(&t, lfb_boot_read_multiboot, bytes, 56, LFB_BOOT_TOO_HIGH);
    assert_int_equal(map->position, 32);
    memset(bytes + 32, 0xff, 4);
    assert_reads(&t, lfb_boot_read_multiboot, bytes, 56, LFB_BOOT_TRUNCATED);
    memset(bytes, 0, 4);
    assert_reads(&t, lfb_boot_read_multiboot, bytes, 4, LFB_BOOT_MALFORMED);
    assert_int_equal(lfb_boot_read_multiboot(&t.map, NULL, 4), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_read_multiboot(NULL, bytes, 4), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_read_multiboot(&t.map, NULL, 0), LFB_BOOT_OK);
}

/* One tag and the end, little-endian words. */
static lfb_boot_map *assert_tag(test_map *t, const uint32_t *tag, size_t words,
                                lfb_boot_status expected)
{
    uint32_t information[32] = {(uint32_t)(16 + 4 * words), 0};
    memcpy(information + 2, tag, 4 * words);
    information[2 + words] = 0;
    information[3 + words] = 8;
    return assert_reads(t, lfb_boot_read_multiboot2, information, information[0], expected);
}

#define ASSERT_TAG(t, status, ...)                                                                 \
    assert_tag(t, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4,    \
               status)

static void multiboot2_tags(void **state)
{
    (void)state;
    test_map t;
    lfb_boot_map *map = ASSERT_TAG(&t, LFB_BOOT_OK, 6, 40, 24, 0, 0x1000, 0, 0x1000, 0, 1, 0);
    ASSERT_MAP(map, {0x1000, 0x2000, USABLE});
    map = ASSERT_TAG(&t, LFB_BOOT_OK, 3, 17, 0x5000, 0x6000, 0, 0); /* padded to 24 */
    ASSERT_MAP(map, {0x5000, 0x6000, RESERVED});
    map = ASSERT_TAG(&t, LFB_BOOT_OK, 3, 16, 0x5000, 0x5000);
    assert_map_is(map, NULL, 0);
    ASSERT_TAG(&t, LFB_BOOT_OK, 6, 16, 24, 0); /* no entries */
    ASSERT_TAG(&t, LFB_BOOT_MALFORMED, 3, 16, 0x6000, 0x5000);
    ASSERT_TAG(&t, LFB_BOOT_MALFORMED, 3, 15, 0x5000, 0x6000);
    ASSERT_TAG(&t, LFB_BOOT_MALFORMED, 6, 8);
    ASSERT_TAG(&t, LFB_BOOT_MALFORMED, 6, 40, 19, 0, 0x1000, 0, 0x1000, 0, 1, 0);
    map = ASSERT_TAG(&t, LFB_BOOT_TRUNCATED, 6, 39, 24, 0, 0x1000, 0, 0x1000, 0, 1, 0);
    assert_int_equal(map->position, 24);
    map = ASSERT_TAG(&t, LFB_BOOT_TOO_HIGH, 6, 40, 24, 0, 0, 0x100000, 0x1000, 0, 1, 0);
    assert_int_equal(map->position, 24);
    map = ASSERT_TAG(&t, LFB_BOOT_MALFORMED, 1, 7);
    assert_int_equal(map->position, 8);
    ASSERT_TAG(&t, LFB_BOOT_TRUNCATED, 1, 0xfffffff9);
    ASSERT_TAG(&t, LFB_BOOT_TRUNCATED, 1, 17); /* the end lies beyond */
    ASSERT_TAG(&t, LFB_BOOT_OK, 1, 8);
    static const uint32_t too_small[2] = {7, 0};
    assert_reads(&t, lfb_boot_read_multiboot2, too_small, 8, LFB_BOOT_MALFORMED);
    assert_int_equal(lfb_boot_read_multiboot2(&t.map, NULL, 8), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_read_multiboot2(NULL, too_small, 8), LFB_BOOT_INVALID_ARGUMENT);
}

static void limine_types(void **state)
{
    (void)state;
    static const entry list[] = {
        {0x1000, 0x1000, 0}, {0x2000, 0x1000, 1}, {0x3000, 0x1000, 2}, {0x4000, 0x1000, 3},
        {0x5000, 0x1000, 4}, {0x6000, 0x1000, 5}, {0x7000, 0x1000, 6}, {0x8000, 0x1000, 7},
    };
    const entry *pointers[9];
    for (size_t i = 0; i < 8; i++) {
        pointers[7 - i] = &list[i];
    }
    test_map t;
    lfb_boot_map *map = test_map_clear(&t);
    assert_int_equal(lfb_boot_read_limine(map, pointers, 8), LFB_BOOT_OK);
    ASSERT_MAP(map, {0x1000, 0x2000, USABLE}, {0x2000, 0x3000, RESERVED},
               {0x3000, 0x4000, RECLAIMABLE}, {0x4000, 0x5000, RESERVED}, {0x5000, 0x6000, BAD},
               {0x6000, 0x7000, RECLAIMABLE}, {0x7000, 0x9000, RESERVED});
    pointers[8] = NULL;
    assert_int_equal(lfb_boot_read_limine(map, pointers, 9), LFB_BOOT_MALFORMED);
    assert_int_equal(map->position, 8);
    static const entry high = {LFB_BOOT_END, 1, 0};
    pointers[8] = &high;
    assert_int_equal(lfb_boot_read_limine(map, pointers, 9), LFB_BOOT_TOO_HIGH);
    assert_int_equal(lfb_boot_read_limine(map, NULL, 1), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_read_limine(NULL, pointers, 1), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_read_limine(map, NULL, 0), LFB_BOOT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_pvh),
        cmocka_unit_test(captured_multiboot),
        cmocka_unit_test(captured_multiboot2),
        cmocka_unit_test(cut_tables_are_seen),
        cmocka_unit_test(e820_types),
        cmocka_unit_test(bad_entries_are_named),
        cmocka_unit_test(too_many_entries_are_refused),
        cmocka_unit_test(multiboot_entries_have_lengths),
        cmocka_unit_test(multiboot2_tags),
        cmocka_unit_test(limine_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
