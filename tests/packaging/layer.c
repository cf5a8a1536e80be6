/* SPDX-License-Identifier: MIT */
/*
 * As program.c, for the layers: compiled with USES_CACHE, USES_ZONE, USES_POOL or USES_HEAP.
 * Whoever uses a layer may call the core too.
 */
#include <stdio.h>

#if defined USES_CACHE
#include <lfbuddy/cache.h>

static size_t use(void)
{
    lfb_cache_t cache;
    return lfb_cache_init(&cache, NULL, NULL, NULL, 0) == LFB_INVALID_ARGUMENT ? 8 : 0;
}
#elif defined USES_ZONE
#include <lfbuddy/zone.h>

static size_t use(void)
{
    lfb_zones_config config = {.struct_size = sizeof(config), .zones = 1, .lanes = 1};
    return lfb_zones_size(&config) ? 8 : 0;
}
#elif defined USES_POOL
#include <lfbuddy/pool.h>

static size_t use(void)
{
    lfb_pool_config config = {.size = (size_t)1 << 20};
    lfb_pool *pool = lfb_pool_create(&config, NULL);
    size_t pages = pool ? lfb_pool_size_of(pool, lfb_pool_alloc(pool, 3)) : 0;
    lfb_pool_close(pool);
    return pages;
}
#elif defined USES_HEAP
#include <lfbuddy/heap.h>

static size_t use(void)
{
    lfb_pool_config config = {.size = (size_t)64 << 20};
    lfb_pool *pool = lfb_pool_create(&config, NULL);
    lfb_heap *heap = pool ? lfb_heap_create(pool, 0, NULL) : NULL;
    void *object = heap ? lfb_heap_malloc(heap, 100) : NULL;
    lfb_heap_destroy(heap);
    lfb_pool_close(pool);
    return object ? 8 : 0;
}
#else
#error "a layer that this program doesn't know: say here how it is used"
#endif

int main(void)
{
    printf("%s, %zu pages\n", lfb_status_name(LFB_OK), use());
    return 0;
}
