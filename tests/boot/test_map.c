/* SPDX-License-Identifier: MIT */
/* The map of the boot kit: adding, rounding, taking; each status. */
#include "regions.h"

enum { PAGE = 4096, DUMMY = 77 };

static void cleared_map_is_one_gap(void **state)
{
    (void)state;
    test_map t;
    lfb_boot_map *map = test_map_clear(&t);
    assert_map_is(map, NULL, 0);
    assert_int_equal(lfb_boot_clear(NULL, t.regions, 1), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_clear(map, NULL, 1), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_clear(map, t.regions, 0), LFB_BOOT_INVALID_ARGUMENT);
}

static void worst_kind_wins_in_any_order(void **state)
{
    (void)state;
    static const lfb_boot_region added[] = {
        {0x1000, 0x9000, USABLE},
        {0x2000, 0x5000, RECLAIMABLE},
        {0x4000, 0xa000, RESERVED},
        {0x6000, 0x7000, BAD},
    };
    static const unsigned char orders[][4] = {
        {0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}};
    for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
        test_map t;
        lfb_boot_map *map = test_map_clear(&t);
        for (size_t k = 0; k < 4; k++) {
            const lfb_boot_region *r = &added[orders[i][k]];
            assert_int_equal(lfb_boot_add(map, r->start, r->end - r->start, r->kind), LFB_BOOT_OK);
            assert_map_sound(map);
        }
        ASSERT_MAP(map, {0x1000, 0x2000, USABLE}, {0x2000, 0x4000, RECLAIMABLE},
                   {0x4000, 0x6000, RESERVED}, {0x6000, 0x7000, BAD}, {0x7000, 0xa000, RESERVED});
    }
}

static void neighbours_join(void **state)
{
    (void)state;
    test_map t;
    lfb_boot_map *map = test_map_clear(&t);
    assert_int_equal(lfb_boot_add(map, 0, 10, USABLE), LFB_BOOT_OK);
    assert_int_equal(lfb_boot_add(map, 20, 10, USABLE), LFB_BOOT_OK);
    assert_int_equal(lfb_boot_add(map, 10, 10, USABLE), LFB_BOOT_OK);
    assert_int_equal(lfb_boot_add(map, 30, 0, BAD), LFB_BOOT_OK);
    ASSERT_MAP(map, {0, 30, USABLE});
}

static void impossible_regions_are_refused(void **state)
{
    (void)state;
    test_map t;
    lfb_boot_map *map = test_map_clear(&t);
    assert_int_equal(lfb_boot_add(map, LFB_BOOT_END - 1, 1, USABLE), LFB_BOOT_OK);
    assert_int_equal(lfb_boot_add(map, LFB_BOOT_END - 1, 2, BAD), LFB_BOOT_TOO_HIGH);
    assert_int_equal(lfb_boot_add(map, 0, LFB_BOOT_END + 1, BAD), LFB_BOOT_TOO_HIGH);
    assert_int_equal(lfb_boot_add(map, LFB_BOOT_END, 1, BAD), LFB_BOOT_TOO_HIGH);
    assert_int_equal(lfb_boot_add(map, UINT64_MAX, 1, BAD), LFB_BOOT_TOO_HIGH);
    assert_int_equal(lfb_boot_add(map, UINT64_MAX, 2, BAD), LFB_BOOT_WRAPS);
    assert_int_equal(lfb_boot_add(map, 2, UINT64_MAX, BAD), LFB_BOOT_WRAPS);
    assert_int_equal(lfb_boot_add(map, 0, 1, LFB_BOOT_GAP), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_add(map, 0, 1, (lfb_boot_kind)DUMMY), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_add(NULL, 0, 1, BAD), LFB_BOOT_INVALID_ARGUMENT);
    ASSERT_MAP(map, {LFB_BOOT_END - 1, LFB_BOOT_END, USABLE});
    assert_int_equal(lfb_boot_add(map, 0, LFB_BOOT_END, BAD), LFB_BOOT_OK);
    ASSERT_MAP(map, {0, LFB_BOOT_END, BAD});
}

static void full_array_refuses_and_keeps_the_map(void **state)
{
    (void)state;
    lfb_boot_region regions[4];
    lfb_boot_map map;
    assert_int_equal(lfb_boot_clear(&map, regions, 4), LFB_BOOT_OK);
    assert_int_equal(lfb_boot_add(&map, 0x1000, 0x1000, USABLE), LFB_BOOT_OK);
    assert_int_equal(map.count, 3);
    assert_int_equal(lfb_boot_add(&map, 0x5000, 0x1000, USABLE), LFB_BOOT_TOO_MANY);
    ASSERT_MAP(&map, {0x1000, 0x2000, USABLE});
    /* One bound more: there is room for that. */
    assert_int_equal(lfb_boot_add(&map, 0x1000, 0x800, BAD), LFB_BOOT_OK);
    ASSERT_MAP(&map, {0x1000, 0x1800, BAD}, {0x1800, 0x2000, USABLE});
}

static void rounding_shrinks_what_is_usable(void **state)
{
    (void)state;
    test_map t;
    lfb_boot_map *map = test_map_clear(&t);
    lfb_boot_add(map, 0x10, 0x2ff0, USABLE);  /* page 0 in part: lost */
    lfb_boot_add(map, 0x3000, 0x800, USABLE); /* two halves: page 3 whole */
    lfb_boot_add(map, 0x3800, 0x800, USABLE);
    lfb_boot_add(map, 0x4000, 0x900, USABLE); /* with the next: reclaimable */
    lfb_boot_add(map, 0x4900, 0x700, RECLAIMABLE);
    lfb_boot_add(map, 0x5ff0, 0x20, RESERVED);    /* over a bound: pages 5 and 6 */
    lfb_boot_add(map, 0x8100, 0x10, RECLAIMABLE); /* in part: lost */
    lfb_boot_add(map, 0x9000, 0x1000, USABLE);
    lfb_boot_add(map, 0x9400, 1, BAD);
    assert_int_equal(lfb_boot_round(map, PAGE), LFB_BOOT_OK);
    ASSERT_MAP(map, {0x1000, 0x4000, USABLE}, {0x4000, 0x5000, RECLAIMABLE},
               {0x5000, 0x7000, RESERVED}, {0x9000, 0xa000, BAD});
    assert_int_equal(lfb_boot_round(map, 3 * PAGE), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_round(map, 0), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_round(map, LFB_BOOT_END * 2), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_round(NULL, PAGE), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_round(map, LFB_BOOT_END), LFB_BOOT_OK);
    ASSERT_MAP(map, {0, LFB_BOOT_END, BAD});
}

/* No more entries than regions: AddressSanitizer would see a look beyond. */
static void rounding_needs_no_room(void **state)
{
    (void)state;
    lfb_boot_region regions[1];
    lfb_boot_map map;
    assert_int_equal(lfb_boot_clear(&map, regions, 1), LFB_BOOT_OK);
    assert_int_equal(lfb_boot_round(&map, PAGE), LFB_BOOT_OK);
    assert_map_is(&map, NULL, 0);
    assert_int_equal(lfb_boot_add(&map, 0, LFB_BOOT_END, RESERVED), LFB_BOOT_OK);
    assert_int_equal(lfb_boot_round(&map, PAGE), LFB_BOOT_OK);
    ASSERT_MAP(&map, {0, LFB_BOOT_END, RESERVED});
}

static void memory_is_taken_from_the_top(void **state)
{
    (void)state;
    test_map t;
    lfb_boot_map *map = test_map_clear(&t);
    uint64_t at = DUMMY;
    lfb_boot_add(map, 0x1000, 0x7000, USABLE);
    lfb_boot_add(map, 0x10000, 0x1000, USABLE);
    lfb_boot_add(map, 0x20000, 0x9000, RECLAIMABLE);
    assert_int_equal(lfb_boot_take(map, 0x800, 0x10, LFB_BOOT_END, &at), LFB_BOOT_OK);
    assert_int_equal(at, 0x10800);
    assert_int_equal(lfb_boot_take(map, 0x900, 1, LFB_BOOT_END, &at), LFB_BOOT_OK);
    assert_int_equal(at, 0x7700);
    assert_int_equal(lfb_boot_take(map, 0x800, 0x1000, LFB_BOOT_END, &at), LFB_BOOT_OK);
    assert_int_equal(at, 0x10000);
    assert_int_equal(lfb_boot_take(map, 0x100, 0x100, 0x2080, &at), LFB_BOOT_OK);
    assert_int_equal(at, 0x1f00);
    ASSERT_MAP(map, {0x1000, 0x1f00, USABLE}, {0x1f00, 0x2000, RESERVED}, {0x2000, 0x7700, USABLE},
               {0x7700, 0x8000, RESERVED}, {0x10000, 0x11000, RESERVED},
               {0x20000, 0x29000, RECLAIMABLE});
    at = DUMMY;
    assert_int_equal(lfb_boot_take(map, 0x5701, 1, LFB_BOOT_END, &at), LFB_BOOT_NO_ROOM);
    assert_int_equal(lfb_boot_take(map, 0x10, 1, 0x1005, &at), LFB_BOOT_NO_ROOM);
    assert_int_equal(lfb_boot_take(map, UINT64_MAX, 1, LFB_BOOT_END, &at), LFB_BOOT_NO_ROOM);
    assert_int_equal(lfb_boot_take(map, 0, 1, LFB_BOOT_END, &at), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_take(map, 1, 3, LFB_BOOT_END, &at), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_take(NULL, 1, 1, LFB_BOOT_END, &at), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(lfb_boot_take(map, 1, 1, LFB_BOOT_END, NULL), LFB_BOOT_INVALID_ARGUMENT);
    assert_int_equal(at, DUMMY);
    map->room = map->count;
    assert_int_equal(lfb_boot_take(map, 0x100, 1, 0x7000, &at), LFB_BOOT_TOO_MANY);
}

static void each_status_has_a_name(void **state)
{
    (void)state;
    const char *unknown = lfb_boot_status_name((lfb_boot_status)DUMMY);
    for (int i = 0; i <= LFB_BOOT_TOO_WIDE; i++) {
        const char *name = lfb_boot_status_name((lfb_boot_status)i);
        assert_string_not_equal(name, unknown);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(name, lfb_boot_status_name((lfb_boot_status)k));
        }
    }
    assert_string_equal(unknown, lfb_boot_status_name((lfb_boot_status)(LFB_BOOT_TOO_WIDE + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleared_map_is_one_gap),
        cmocka_unit_test(worst_kind_wins_in_any_order),
        cmocka_unit_test(neighbours_join),
        cmocka_unit_test(impossible_regions_are_refused),
        cmocka_unit_test(full_array_refuses_and_keeps_the_map),
        cmocka_unit_test(rounding_shrinks_what_is_usable),
        cmocka_unit_test(rounding_needs_no_room),
        cmocka_unit_test(memory_is_taken_from_the_top),
        cmocka_unit_test(each_status_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
