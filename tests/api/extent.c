/* SPDX-License-Identifier: MIT */
/*
 * How large, where and on how many lanes an allocator may be.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "random.h"
#include "scene.h"

/* ----------------------------------------------------------------------------------- lanes ---- */

typedef struct lane_log {
    unsigned lane;
    unsigned calls;
} lane_log;

static unsigned log_lane(void *context)
{
    lane_log *log = context;
    log->calls++;
    return log->lane;
}

/* Runs the call, which must ask for the lane. */
#define assert_asks(log, call, expected)                                                           \
    do {                                                                                           \
        (log)->calls = 0;                                                                          \
        assert_int_equal(call, expected);                                                          \
        assert_int_not_equal((log)->calls, 0);                                                     \
    } while (0)

static void use_each_function(lfb_t *lfb, lane_log *log)
{
    uintptr_t base = lfb->first_page << lfb->page_shift;
    uintptr_t out[2];
    assert_asks(log, lfb_alloc_at(lfb, base, 4), LFB_OK);
    assert_asks(log, lfb_resize(lfb, base, 2), LFB_OK);
    assert_asks(log, lfb_free_range(lfb, base + PAGE, 1), LFB_OK);
    assert_asks(log, lfb_free(lfb, base), LFB_OK);
    assert_asks(log, lfb_hold_range(lfb, base, 4), LFB_OK);
    assert_asks(log, lfb_release_range(lfb, base, 4), LFB_OK);
    assert_asks(log, lfb_alloc_within(lfb, 1, base, base + PAGE), base);
    assert_asks(log, lfb_free_sized(lfb, base, 1), LFB_OK);
    assert_asks(log, lfb_alloc_bulk(lfb, 0, 2, out), 2);
    assert_asks(log, lfb_free_bulk(lfb, 2, out), 2);
    assert_asks(log, (out[0] = lfb_alloc(lfb, 0)) == LFB_NONE, false);
    assert_asks(log, (out[1] = lfb_alloc_run(lfb, 3)) == LFB_NONE, false);
    assert_asks(log, (lfb_drain(lfb), 0), 0);
    assert_int_equal(lfb_free_bulk(lfb, 2, out), 2);
}

static void test_lane_callback(void **state)
{
    (void)state;
    static const unsigned lanes[] = {0, 1, 2, 3, 4, 7, 4096, UINT32_MAX};
    lane_log log = {0};
    world w;
    lfb_config config = scene_config();
    config.lanes = 3;
    config.current_lane = log_lane;
    config.lane_context = &log;
    world_start(&w, &config);
    for (size_t i = 0; i < sizeof(lanes) / sizeof(*lanes); i++) {
        log.lane = lanes[i];
        use_each_function(&w.lfb, &log);
        world_assert_all_free(&w);
    }
    lane_log attached = {0};
    lfb_t other;
    assert_int_equal(lfb_attach(&other, w.metadata, w.size, log_lane, &attached), LFB_OK);
    use_each_function(&other, &attached);
    world_end(&w);
}

/* Whoever is told the lane doesn't ask for it, and one that doesn't exist will do. */
static void test_lane_told(void **state)
{
    (void)state;
    lane_log log = {0};
    world w;
    lfb_config config = scene_config();
    config.current_lane = log_lane;
    config.lane_context = &log;
    world_start(&w, &config);
    uintptr_t base = world_page(&w, 0);
    for (unsigned lane = 0; lane < 100; lane++) {
        unsigned far = lane * 43046721U;
        uintptr_t out[2];
        assert_int_equal(lfb_alloc_at_on(&w.lfb, far, base, 4), LFB_OK);
        assert_int_equal(lfb_resize_on(&w.lfb, far, base, 2), LFB_OK);
        assert_int_equal(lfb_free_range_on(&w.lfb, far, base + PAGE, 1), LFB_OK);
        assert_int_equal(lfb_free_on(&w.lfb, far, base), LFB_OK);
        assert_int_equal(lfb_hold_range_on(&w.lfb, far, base, 4), LFB_OK);
        assert_int_equal(lfb_release_range_on(&w.lfb, far, base, 4), LFB_OK);
        assert_int_equal(lfb_alloc_within_on(&w.lfb, far, 1, base, base + PAGE), base);
        assert_int_equal(lfb_free_sized_on(&w.lfb, far, base, 1), LFB_OK);
        assert_int_equal(lfb_alloc_bulk_on(&w.lfb, far, 0, 2, out), 2);
        assert_int_equal(lfb_free_bulk_on(&w.lfb, far, 2, out), 2);
        assert_int_equal(lfb_free_on(&w.lfb, far, lfb_alloc_on(&w.lfb, far, 5)), LFB_OK);
        assert_int_equal(lfb_free_on(&w.lfb, far, lfb_alloc_run_on(&w.lfb, far, 5)), LFB_OK);
    }
    assert_int_equal(log.calls, 0);
    world_assert_all_free(&w);
    world_end(&w);
}

/* ---------------------------------------------------------------------------------- ranges ---- */

/* Every order there is; what the range can't have is refused. */
static void use_orders(world *w)
{
    for (unsigned order = 0; order <= LFB_MAX_ORDER + 1; order++) {
        uintptr_t address = lfb_alloc(&w->lfb, order);
        if (address != LFB_NONE) {
            assert_true(order <= w->config.max_order);
            assert_int_equal(address / w->config.page_size % ((uintptr_t)1 << order), 0);
            assert_int_equal(lfb_free_sized(&w->lfb, address, (size_t)1 << order), LFB_OK);
        }
    }
}

static void assert_byte_is(const world *w, uintptr_t address, lfb_extent_kind kind)
{
    lfb_extent extent;
    assert_int_equal(lfb_find(&w->lfb, address, &extent), LFB_OK);
    assert_int_equal(extent.kind, kind);
    assert_true(address - extent.address <= extent.pages * w->config.page_size - 1);
}

/* Takes the first page, then half of the range, then its last page out of use. */
static void use_holes(world *w)
{
    size_t pages = w->config.page_count;
    const place places[] = {{0, 1}, {0, pages / 2 + 1}, {pages - 1, 1}, {0, pages}};
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        uintptr_t address = world_page(w, places[i].page);
        uintptr_t last_byte = address + (places[i].pages * w->config.page_size - 1);
        assert_int_equal(lfb_hold_range(&w->lfb, address, places[i].pages), LFB_OK);
        assert_int_equal(stats_of(w).held_pages, places[i].pages);
        assert_byte_is(w, address, LFB_EXTENT_HELD);
        assert_byte_is(w, last_byte, LFB_EXTENT_HELD);
        world_assert_sound(w);
        assert_int_equal(lfb_release_range(&w->lfb, address, places[i].pages), LFB_OK);
        assert_byte_is(w, last_byte, LFB_EXTENT_FREE);
    }
}

static void use_range(const lfb_config *config)
{
    world w;
    world_start(&w, config);
    world_assert_sound(&w);
    assert_int_equal(stats_of(&w).free_pages, config->page_count);
    use_all(&w.lfb, config->page_count);
    use_orders(&w);
    use_holes(&w);
    world_assert_all_free(&w);
    world_end(&w);
}

static void use_range_of(uintptr_t base, size_t page_size, size_t page_count)
{
    static const unsigned orders[] = {0, 1, 9, LFB_MAX_ORDER};
    for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
        lfb_config config = world_config(base, page_size, page_count, orders[i]);
        use_range(&config);
        config.lanes = i % 2 ? 1 : 64;
        config.metadata_zeroed = true;
        use_range(&config);
    }
}

static void test_base_zero(void **state)
{
    (void)state;
    use_range_of(0, PAGE, 1);
    use_range_of(0, PAGE, 1000);
    use_range_of(0, PAGE, 1024);
    lfb_config config = world_config(0, PAGE, 8, 3);
    world w;
    world_start(&w, &config);
    assert_int_equal(lfb_alloc(&w.lfb, 3), 0); /* an address like any other */
    assert_int_equal(lfb_free(&w.lfb, 0), LFB_OK);
    world_end(&w);
}

static void test_last_address(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, LEAF, LEAF + 1, 1000};
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        use_range_of(UINTPTR_MAX - counts[i] * PAGE + 1, PAGE, counts[i]);
        use_range_of(UINTPTR_MAX - counts[i], 1, counts[i]);
        use_range_of(UINTPTR_MAX - counts[i] * 2 + 1, 2, counts[i]);
    }
}

/* The block that ends with the address space. */
static void test_last_block(void **state)
{
    (void)state;
    lfb_config config = world_config(UINTPTR_MAX - 1024 * (uintptr_t)PAGE + 1, PAGE, 1024, 10);
    world w;
    world_start(&w, &config);
    assert_int_equal(lfb_alloc(&w.lfb, 10), config.base);
    assert_int_equal(lfb_resize(&w.lfb, config.base, 1000), LFB_OK);
    assert_int_equal(lfb_resize(&w.lfb, config.base, 1024), LFB_OK);
    assert_refused(&w, lfb_resize(&w.lfb, config.base, 1025), LFB_BUSY);
    assert_int_equal(lfb_free_range(&w.lfb, world_page(&w, 1000), 24), LFB_OK);
    uintptr_t last = world_page(&w, 1023);
    assert_int_equal(lfb_alloc_within(&w.lfb, 1, last, LFB_NONE), last);
    assert_int_equal(lfb_free(&w.lfb, last), LFB_OK);
    assert_int_equal(lfb_free(&w.lfb, config.base), LFB_OK);
    world_assert_all_free(&w);
    world_end(&w);
}

/* Windows at the end of the address space, where rounding up would wrap. */
static void test_within_at_last_address(void **state)
{
    (void)state;
    world w;
    lfb_config config = world_config(LFB_NONE - 100, 1, 100, 9);
    world_start(&w, &config);
    for (size_t pages = 1; pages <= 9; pages++) {
        uintptr_t size = 1;
        while (size < pages) {
            size *= 2;
        }
        for (uintptr_t before_none = 1; before_none <= 40; before_none++) {
            uintptr_t low = LFB_NONE - before_none;
            uintptr_t skipped = (size - low % size) % size;
            uintptr_t expected = skipped + pages <= before_none ? low + skipped : LFB_NONE;
            assert_int_equal(lfb_alloc_within(&w.lfb, pages, low, LFB_NONE), expected);
            assert_int_equal(lfb_free(&w.lfb, expected),
                             expected == LFB_NONE ? LFB_OUT_OF_RANGE : LFB_OK);
        }
    }
    world_assert_all_free(&w);
    world_end(&w);
}

static void test_page_sizes(void **state)
{
    (void)state;
    use_range_of(12345, 1, 777);
    use_range_of(0, 1, 777);
    if (sizeof(uintptr_t) == 8) {
        size_t gigabyte = (size_t)1 << 30;
        use_range_of(0, gigabyte, 500);
        use_range_of(gigabyte * 33, gigabyte, 500);
    }
    size_t half = (size_t)1 << (sizeof(size_t) * 8 - 1); /* half the address space a page */
    use_range_of(0, half, 1);
    use_range_of(half, half, 1);
}

static void test_one_page(void **state)
{
    (void)state;
    for (uintptr_t page = 0; page < 70; page++) {
        use_range_of(page * PAGE, PAGE, 1);
    }
}

static void test_lane_counts(void **state)
{
    (void)state;
    static const unsigned lanes[] = {1, 2, 3, 127, 128, 4095, LFB_MAX_LANES};
    for (size_t i = 0; i < sizeof(lanes) / sizeof(*lanes); i++) {
        lfb_config config = world_config(3 * PAGE, PAGE, 900, 9);
        config.lanes = lanes[i];
        use_range(&config);
    }
}

/* A range whose pages each lane takes in turns. */
static void test_all_lanes_share(void **state)
{
    (void)state;
    world w;
    lfb_config config = world_config(0, PAGE, 900, 9);
    config.lanes = LFB_MAX_LANES;
    world_start(&w, &config);
    for (unsigned i = 0; i < 900; i++) {
        assert_true(lfb_alloc_on(&w.lfb, i * 5, 0) != LFB_NONE);
    }
    assert_true(lfb_alloc_on(&w.lfb, 4095, 0) == LFB_NONE);
    for (unsigned i = 0; i < 900; i++) {
        assert_int_equal(lfb_free_on(&w.lfb, i * 7, world_page(&w, i)), LFB_OK);
    }
    world_assert_all_free(&w);
    world_end(&w);
}

/* ---------------------------------------------------------------------------- large ranges ---- */

/* 2.5 bits a page, 128 bytes a lane and a constant; small nodes need more. */
static void test_metadata_size(void **state)
{
    (void)state;
    random_source random = {1};
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t most = sizeof(size_t) == 8 ? LFB_MAX_PAGES : (uint64_t)1 << 20;
        size_t pages = 1 + (size_t)random_skewed(&random, most);
        uintptr_t base = (uintptr_t)random_skewed(&random, (uint64_t)1 << 20) * PAGE;
        lfb_config config =
            world_config(base, PAGE, pages, (unsigned)random_below(&random, LFB_MAX_ORDER + 1));
        config.lanes = 1 + (unsigned)random_below(&random, LFB_MAX_LANES);
        size_t size = lfb_metadata_size(&config);
        assert_in_range(size, 1, pages / 16 * 5 + 5 + (size_t)128 * config.lanes + 4096);
    }
}

typedef struct large {
    lfb_t lfb;
    void *metadata;
    size_t size;
} large;

/* Zero-filled memory that is there only once it is written; false: the system has none. */
static bool large_start(large *l, const lfb_config *config)
{
    l->size = lfb_metadata_size(config);
    l->metadata = mmap(NULL, l->size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (l->metadata == MAP_FAILED) {
        print_message("skipped: no %zu bytes of address space\n", l->size);
        return false;
    }
    madvise(l->metadata, l->size, MADV_NOHUGEPAGE);
    assert_int_equal(lfb_init(&l->lfb, config, l->metadata, l->size), LFB_OK);
    return true;
}

static size_t large_resident(const large *l)
{
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = (l->size + page_size - 1) / page_size;
    unsigned char *is_there = malloc(pages);
    assert_non_null(is_there);
    assert_int_equal(mincore(l->metadata, l->size, is_there), 0);
    size_t resident = 0;
    for (size_t i = 0; i < pages; i++) {
        resident += is_there[i] & 1 ? page_size : 0;
    }
    free(is_there);
    return resident;
}

/* The largest block of each order, and pages at both ends. */
static void large_use(large *l, const lfb_config *config)
{
    for (unsigned order = 0; order <= config->max_order; order++) {
        if (config->base == 0 && (size_t)1 << order <= config->page_count) {
            uintptr_t address = lfb_alloc(&l->lfb, order);
            assert_true(address != LFB_NONE);
            assert_int_equal(lfb_free_sized(&l->lfb, address, (size_t)1 << order), LFB_OK);
        }
    }
    uintptr_t last = config->base + (config->page_count - 1) * config->page_size;
    assert_int_equal(lfb_alloc_at(&l->lfb, config->base, 1), LFB_OK);
    assert_int_equal(lfb_alloc_at(&l->lfb, last, 1), LFB_OK);
    assert_int_equal(lfb_alloc_at(&l->lfb, last, 1), LFB_BUSY);
    lfb_stats stats;
    lfb_get_stats(&l->lfb, &stats);
    assert_int_equal(stats.total_pages, config->page_count);
    assert_int_equal(stats.free_pages, config->page_count - 2);
    assert_int_equal(lfb_free(&l->lfb, last), LFB_OK);
    assert_int_equal(lfb_free(&l->lfb, config->base), LFB_OK);
}

static void use_large_range(lfb_config config)
{
    large l;
    config.metadata_zeroed = true;
    if (!large_start(&l, &config)) {
        return;
    }
    assert_in_range(large_resident(&l), 1, (size_t)1 << 20);
    large_use(&l, &config);
    assert_in_range(large_resident(&l), 1, (size_t)1 << 20);
    lfb_destroy(&l.lfb);
    munmap(l.metadata, l.size);
}

static void test_one_tebibyte(void **state)
{
    (void)state;
    if (sizeof(uintptr_t) < 8) {
        print_message("skipped: addresses are too short\n");
        return;
    }
    size_t pages = (size_t)1 << 28;
    lfb_config config = world_config(0, PAGE, pages, 18);
    config.lanes = 64;
    size_t size = lfb_metadata_size(&config);
    assert_in_range(size, pages / 4, pages / 16 * 5 + 128 * 64 + 4096);
    use_large_range(config);
    config.max_order = LFB_MAX_ORDER;
    use_large_range(config);
    config.base = 5 * PAGE;
    use_large_range(config);
}

static void test_most_pages(void **state)
{
    (void)state;
    if (sizeof(uintptr_t) < 8) {
        print_message("skipped: addresses are too short\n");
        return;
    }
    lfb_config config = world_config(0, PAGE, (size_t)LFB_MAX_PAGES, LFB_MAX_ORDER);
    use_large_range(config);
    config.base = PAGE;
    use_large_range(config);
    config.max_order = 0;
    use_large_range(config);
    config.base = UINTPTR_MAX - (config.page_count * PAGE - 1);
    use_large_range(config);
}

int api_extent(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lane_callback), cmocka_unit_test(test_lane_told),
        cmocka_unit_test(test_base_zero),     cmocka_unit_test(test_last_address),
        cmocka_unit_test(test_last_block),    cmocka_unit_test(test_within_at_last_address),
        cmocka_unit_test(test_page_sizes),    cmocka_unit_test(test_one_page),
        cmocka_unit_test(test_lane_counts),   cmocka_unit_test(test_all_lanes_share),
        cmocka_unit_test(test_metadata_size), cmocka_unit_test(test_one_tebibyte),
        cmocka_unit_test(test_most_pages),
    };
    return cmocka_run_group_tests_name("extent", tests, NULL, NULL);
}
