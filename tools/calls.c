/* SPDX-License-Identifier: MIT */
/*
 * Reading the calls' counters: see calls.h.
 */
#include "calls.h"

#include "layout.h"

#include <string.h>
#include <sys/mman.h>

/* A call word is | entries, ever (48) | inside now (16) |. */
enum { ENTRIES_SHIFT = 16 };

static size_t row_size(const pool_plan *plan)
{
    return (plan->slots * sizeof(pool_u64) + POOL_LINE - 1) / POOL_LINE * POOL_LINE;
}

calls_map calls_open(const lfb_pool *pool)
{
    calls_map map = {NULL, 0, 0};
    lfb_pool_info info;
    lfb_pool_get_info(pool, &info);
    int fd = lfb_pool_fd(pool);
    if (fd < 0 || !info.owner_tags) {
        return map;
    }
    void *start = mmap(NULL, info.metadata, PROT_READ, MAP_SHARED, fd, 0);
    if (start == MAP_FAILED) {
        return map;
    }
    map = (calls_map){start, info.metadata, info.lanes};
    const pool_plan *plan = start;
    if (plan->format != POOL_FORMAT || plan->slots > CALLS_SLOTS ||
        plan->calls_at + info.lanes * row_size(plan) > info.metadata) {
        calls_close(&map);
    }
    return map;
}

void calls_close(calls_map *map)
{
    if (map->start != NULL) {
        munmap((void *)(uintptr_t)map->start, map->size);
        map->start = NULL;
    }
}

void calls_read(const calls_map *map, calls_count *count)
{
    memset(count, 0, sizeof(*count));
    if (map->start == NULL) {
        return;
    }
    const pool_plan *plan = map->start;
    for (unsigned lane = 0; lane < map->lanes; lane++) {
        const char *start = (const char *)map->start + plan->calls_at + lane * row_size(plan);
        const pool_u64 *words = (const void *)start;
        for (unsigned slot = 0; slot < plan->slots; slot++) {
            uint64_t entries =
                atomic_load_explicit(&words[slot], memory_order_relaxed) >> ENTRIES_SHIFT;
            count->lanes[lane] += entries;
            count->slots[slot] += entries;
        }
    }
}
