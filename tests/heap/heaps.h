/* SPDX-License-Identifier: MIT */
/* What the tests of heaps share. */
#ifndef TESTS_HEAPS_H
#define TESTS_HEAPS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lfbuddy/heap.h"

/* A pool, a heap in it; both or the test fails with the message. */
static inline lfb_pool *heaps_pool(const lfb_pool_config *config)
{
    lfb_pool_error error;
    lfb_pool *pool = lfb_pool_create(config, &error);
    if (!pool) {
        fail_msg("%s", error.text);
    }
    return pool;
}

static inline lfb_pool *heaps_private(size_t mib)
{
    lfb_pool_config config = {.size = mib << 20};
    return heaps_pool(&config);
}

static inline lfb_heap *heaps_create(lfb_pool *pool, unsigned arenas)
{
    lfb_pool_error error;
    lfb_heap *heap = lfb_heap_create(pool, arenas, &error);
    if (!heap) {
        fail_msg("%s", error.text);
    }
    return heap;
}

/* Bytes that the pool has handed out. */
static inline size_t heaps_taken(const lfb_pool *pool)
{
    lfb_pool_info info;
    lfb_stats stats;
    lfb_pool_get_info(pool, &info);
    lfb_get_stats(lfb_pool_core(pool), &stats);
    return stats.allocated_pages * info.page_size;
}

static inline int heaps_in_pool(const lfb_pool *pool, const void *object, size_t size)
{
    const char *last = (const char *)object + (size ? size - 1 : 0);
    return lfb_pool_offset(pool, object) != LFB_NONE && lfb_pool_offset(pool, last) != LFB_NONE;
}

/* The heap says that it has exactly what the pool gave away: nothing was lost to rounding. */
static inline void heaps_assert_exact(const lfb_pool *pool, lfb_heap *heap)
{
    lfb_heap_stats stats;
    lfb_heap_get_stats(heap, &stats);
    assert_int_equal(stats.active + stats.kept, heaps_taken(pool));
    assert_true(stats.allocated <= stats.active);
}

/* Nothing is allocated any more, and the core is sound. */
static inline void heaps_close_empty(lfb_pool *pool)
{
    assert_int_equal(heaps_taken(pool), 0);
    lfb_pool_report report;
    if (lfb_pool_check(pool, &report) != LFB_OK) {
        fail_msg("%s", report.core.first_fault);
    }
    lfb_pool_close(pool);
}

#endif
