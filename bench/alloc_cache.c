/* SPDX-License-Identifier: MIT */
/*
 * The library with its cache of magazines (lfbuddy/cache.h), a slot a thread. All orders go through
 * it; those above 3 aren't cached. Its sources are part of this file, so that an operation is one
 * call, the harness's: what a program pays that calls the library directly.
 */
#include "alloc_lfbuddy.h"

#include <stdlib.h>

#include "../src/cache/cache.c"
#include "../src/cache/magazine.c"
#include "../src/cache/marks.c"

enum { CACHE_ORDERS = 4, CACHE_PAGES = 32 };

static lfb_cache_t subject_cache;
static void *cache_memory;
static size_t cache_size;

static int cache_init(size_t pages, size_t page_size, unsigned threads)
{
    lfb_cache_config config = {
        .struct_size = sizeof(config),
        .slots = threads,
        .orders = CACHE_ORDERS,
        .magazine_pages = CACHE_PAGES,
    };
    if (subject_init(pages, page_size, threads) != 0) {
        return -1;
    }
    cache_size = lfb_cache_size(&subject, &config);
    cache_memory = malloc(cache_size);
    return lfb_cache_init(&subject_cache, &subject, &config, cache_memory, cache_size) == LFB_OK
               ? 0
               : -1;
}

static int64_t cache_get(unsigned thread, unsigned order)
{
    return subject_page(lfb_cache_alloc(&subject_cache, thread, order));
}

static void cache_put(unsigned thread, int64_t page, unsigned order)
{
    lfb_cache_free(&subject_cache, thread, (uintptr_t)page << subject_shift, order);
}

/* Runs come from the core, and what magazines hold may be what is missing. */
static int64_t cache_get_run(unsigned thread, size_t pages)
{
    int64_t page = subject_get_run(thread, pages);
    return page >= 0 || lfb_cache_reclaim(&subject_cache, thread) == 0
               ? page
               : subject_get_run(thread, pages);
}

static void cache_fini(void)
{
    free(cache_memory);
    subject_fini();
}

static size_t cache_metadata(void)
{
    return subject_metadata_bytes() + cache_size;
}

static bool cache_check(void)
{
    lfb_cache_drain(&subject_cache);
    return subject_check();
}

const allocator allocator_cache = {
    .name = "cache",
    .about = "this library with magazines for each thread",
    .kind = ALLOCATOR_RANGE,
    .init = cache_init,
    .get = cache_get,
    .put = cache_put,
    .fini = cache_fini,
    .get_run = cache_get_run,
    .put_run = subject_put_run,
    .metadata = cache_metadata,
    .check = cache_check,
};
