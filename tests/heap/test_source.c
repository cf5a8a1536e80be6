/* SPDX-License-Identifier: MIT */
/* The extent hooks by themselves, called as jemalloc may call them, also where it seldom does. */
#include <pthread.h>

#include "../../src/heap/source.h"
#include "heaps.h"

enum { PAGE = 4096, MIB = 1 << 20, LONG = 2048 };

static void start(heap_source *source, const lfb_pool_config *config)
{
    lfb_pool *pool = heaps_pool(config);
    lfb_pool_info info;
    lfb_pool_get_info(pool, &info);
    assert_int_equal(info.page_size, PAGE);
    heap_source_init(source, pool, &info);
}

static void start_private(heap_source *source)
{
    lfb_pool_config config = {.size = 64 * MIB, .page_size = PAGE};
    start(source, &config);
}

static void end(heap_source *source)
{
    heap_source_destroy(source);
    heaps_close_empty(source->pool);
}

static unsigned char *take(heap_source *s, void *wanted, size_t pages, size_t alignment, bool zero)
{
    bool is_zero = zero;
    bool commit = false;
    unsigned char *at =
        s->hooks.alloc(&s->hooks, wanted, pages * PAGE, alignment, &is_zero, &commit, 7);
    assert_true(!at || commit);
    assert_true(!zero || is_zero);
    return at;
}

static bool give(heap_source *s, void *at, size_t pages)
{
    return !s->hooks.dalloc(&s->hooks, at, pages * PAGE, true, 7);
}

static bool is_filled(const unsigned char *at, size_t size, unsigned char with)
{
    for (size_t i = 0; i < size; i++) {
        if (at[i] != with) {
            return false;
        }
    }
    return true;
}

/* ----------------------------------------------------------------------------- tests ---- */

static void test_alignment(void **state)
{
    (void)state;
    heap_source s;
    start_private(&s);
    for (size_t alignment = PAGE; alignment <= 4 * MIB; alignment *= 2) {
        for (size_t pages = 1; pages < 1000; pages = pages * 3 + 2) {
            size_t before = heaps_taken(s.pool);
            unsigned char *at = take(&s, NULL, pages, alignment, false);
            assert_int_equal((uintptr_t)at % alignment, 0);
            assert_int_equal(heaps_taken(s.pool), before + pages * PAGE);
            assert_true(give(&s, at, pages));
        }
    }
    assert_null(take(&s, NULL, 1, (size_t)1 << 40, false));
    end(&s);
}

/* Blocks above 1 GiB needn't be aligned to their size: right or not at all. */
static void test_large_alignment(void **state)
{
    (void)state;
    heap_source s;
    lfb_pool_config config = {.size = (size_t)8 << 30, .page_size = PAGE};
    for (unsigned i = 0; i < 8; i++) {
        start(&s, &config);
        unsigned char *at = take(&s, NULL, 3, config.size / 2, false);
        assert_int_equal((uintptr_t)at % (config.size / 2), 0);
        assert_int_equal(heaps_taken(s.pool), at ? 3 * PAGE : 0);
        assert_true(!at || give(&s, at, 3));
        end(&s);
        config.size *= 2;
    }
}

/* Any number of pages behind any extent, all or none; zero if they must be. */
static void test_growth(void **state)
{
    (void)state;
    heap_source s;
    start_private(&s);
    for (size_t first = 1; first < 300; first += 7) {
        for (size_t more = 1; more < 300; more += 13) {
            unsigned char *at = take(&s, NULL, 1024, PAGE, false);
            memset(at, 0xee, 1024 * PAGE);
            assert_true(give(&s, at + first * PAGE, 1024 - first));
            assert_ptr_equal(take(&s, at + first * PAGE, more, PAGE, more % 2), at + first * PAGE);
            assert_true(is_filled(at, first * PAGE, 0xee));
            assert_true(more % 2 == 0 || is_filled(at + first * PAGE, more * PAGE, 0));
            /* The next page is free, those that start in the grown part aren't. */
            size_t taken = heaps_taken(s.pool);
            assert_null(take(&s, at + (first + more - 1) * PAGE, 50, PAGE, false));
            unsigned char *block = at + 1000 * PAGE;
            assert_ptr_equal(take(&s, block, 1, PAGE, false), block);
            assert_null(take(&s, at + (first + more) * PAGE, 1000, PAGE, false));
            assert_int_equal(heaps_taken(s.pool), taken + PAGE);
            assert_true(give(&s, block, 1));
            assert_true(give(&s, at, first + more)); /* merged: one extent of several runs */
        }
    }
    end(&s);
}

static void test_parts(void **state)
{
    (void)state;
    heap_source s;
    start_private(&s);
    unsigned char *at = take(&s, NULL, 100, PAGE, false);
    assert_false(s.hooks.split(&s.hooks, at, 100 * PAGE, 30 * PAGE, 70 * PAGE, true, 7));
    assert_true(give(&s, at + 30 * PAGE, 20));
    assert_false(give(&s, at + 40 * PAGE, 20)); /* half of it is free already */
    assert_int_equal(heaps_taken(s.pool), 80 * PAGE);
    assert_ptr_equal(take(&s, at + 30 * PAGE, 20, PAGE, false), at + 30 * PAGE);
    assert_false(s.hooks.merge(&s.hooks, at, 50 * PAGE, at + 50 * PAGE, 50 * PAGE, true, 7));
    s.hooks.destroy(&s.hooks, at, 100 * PAGE, true, 7);
    end(&s);
}

static void purge(const lfb_pool_config *config)
{
    heap_source s;
    lfb_pool_usage before, after;
    start(&s, config);
    unsigned char *at = take(&s, NULL, LONG, PAGE, false);
    memset(at, 0xee, LONG * PAGE);
    assert_int_equal(lfb_pool_get_usage(s.pool, &before), 0);
    assert_false(s.hooks.purge_forced(&s.hooks, at, LONG * PAGE, PAGE, 1000 * PAGE, 7));
    assert_false(s.hooks.purge_lazy(&s.hooks, at, LONG * PAGE, 1500 * PAGE, 100 * PAGE, 7));
    assert_int_equal(lfb_pool_get_usage(s.pool, &after), 0);
    assert_int_equal(before.committed - after.committed, 1100 * PAGE);
    assert_true(is_filled(at, PAGE, 0xee));
    assert_true(is_filled(at + PAGE, 1000 * PAGE, 0));
    assert_true(is_filled(at + 1001 * PAGE, 499 * PAGE, 0xee));
    assert_true(give(&s, at, LONG));
    end(&s);
}

static void test_purge(void **state)
{
    (void)state;
    lfb_pool_config config = {.size = 64 * MIB, .page_size = PAGE};
    purge(&config);
    config.kind = LFB_POOL_SHARED;
    purge(&config);
}

/* ---------------------------------------------------------------------------- owners ---- */

typedef struct cutter {
    heap_source *s;
    unsigned char *run;
    size_t first;
    size_t refused;
    pthread_barrier_t *barrier;
} cutter;

static void *cut(void *context)
{
    cutter *c = context;
    pthread_barrier_wait(c->barrier);
    for (size_t i = c->first; i < LONG; i += 4) {
        c->refused += !give(c->s, c->run + i * PAGE, 1);
    }
    return NULL;
}

/* Two threads cut the same run; what they leave has an owner still. */
static void test_owners(void **state)
{
    (void)state;
    lfb_pool_config config = {
        .kind = LFB_POOL_SHARED, .size = 64 * MIB, .page_size = PAGE, .owner_tags = true};
    heap_source s;
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 2);
    start(&s, &config);
    for (unsigned round = 0; round < 100; round++) {
        pthread_t other;
        lfb_pool_report report;
        unsigned char *run = take(&s, NULL, LONG, PAGE, false);
        cutter a = {.s = &s, .run = run, .first = 1, .barrier = &barrier};
        cutter b = {.s = &s, .run = run, .first = 2, .barrier = &barrier};
        assert_int_equal(pthread_create(&other, NULL, cut, &a), 0);
        cut(&b);
        pthread_join(other, NULL);
        assert_int_equal(a.refused + b.refused, 0);
        assert_int_equal(heaps_taken(s.pool), LONG / 2 * PAGE);
        assert_int_equal(lfb_pool_check(s.pool, &report), LFB_OK);
        assert_int_equal(report.unowned, 0);
        for (size_t i = 0; i < LONG; i += 4) {
            assert_true(give(&s, run + i * PAGE, 1) && give(&s, run + (i + 3) * PAGE, 1));
        }
    }
    pthread_barrier_destroy(&barrier);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment), cmocka_unit_test(test_large_alignment),
        cmocka_unit_test(test_growth),    cmocka_unit_test(test_parts),
        cmocka_unit_test(test_purge),     cmocka_unit_test(test_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
