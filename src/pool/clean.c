/* SPDX-License-Identifier: MIT */
#include "clean.h"

#include "mapping.h"

void pool_note_dirty(const lfb_pool *pool, uintptr_t offset, size_t bytes)
{
    size_t last = pool_last_chunk(pool, offset, bytes);
    for (size_t chunk = pool_first_chunk(pool, offset); chunk <= last; chunk++) {
        /* relaxed, both: E1 orders them; the load spares others the line */
        if (!pool_load8_relaxed(&pool->dirty[chunk])) {
            pool_store8_relaxed(&pool->dirty[chunk], 1);
        }
    }
}

bool pool_is_clean(const lfb_pool *pool, uintptr_t offset, size_t bytes)
{
    size_t last = pool_last_chunk(pool, offset, bytes);
    for (size_t chunk = pool_first_chunk(pool, offset); chunk <= last; chunk++) {
        if (pool_load8_relaxed(&pool->dirty[chunk])) { /* relaxed: E1 */
            return false;
        }
    }
    return true;
}

/* The chunks that lie in the range as a whole are zero now. */
static void note_clean(const lfb_pool *pool, uintptr_t offset, uintptr_t end)
{
    uintptr_t below = ((uintptr_t)1 << pool->plan.chunk_shift) - 1;
    size_t chunk = (offset + below) >> pool->plan.chunk_shift;
    size_t after = (end == pool->bytes ? end + below : end) >> pool->plan.chunk_shift;
    for (; chunk < after; chunk++) {
        pool_store8_relaxed(&pool->dirty[chunk], 0);
    }
}

size_t pool_give_back(const lfb_pool *pool, uintptr_t offset, size_t bytes, int *code)
{
    uintptr_t start = (offset + pool->granule - 1) & ~(uintptr_t)(pool->granule - 1);
    uintptr_t end = (offset + bytes) & ~(uintptr_t)(pool->granule - 1);
    if (start >= end || pool_is_clean(pool, start, end - start)) {
        return 0;
    }
    int refused = pool_punch(pool, start, end - start);
    if (code) {
        *code = refused;
    }
    if (refused) {
        return 0;
    }
    note_clean(pool, start, end);
    return end - start;
}
