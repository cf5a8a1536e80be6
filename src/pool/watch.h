/* SPDX-License-Identifier: MIT */
/*
 * What memory checkers are told of a pool's pages: pages that are free are not to be touched.
 * AddressSanitizer is found at run time, by its functions, so that an ordinary build of this
 * library serves programs that are built with it. Valgrind is if its header was there
 * (LFB_VALGRIND). Where neither is at work, a call here is one look at a flag.
 *
 * What a checker knows is this process's: it doesn't see what others allocate and release in the
 * pool. So an address that comes from elsewhere is looked up as it becomes known here.
 */
#ifndef LFB_POOL_WATCH_H
#define LFB_POOL_WATCH_H

#include "state.h"

void watch_begin(lfb_pool *pool);
void watch_end(lfb_pool *pool);
void watch_open(const lfb_pool *pool, uintptr_t offset, size_t pages, bool defined);
void watch_shut(const lfb_pool *pool, uintptr_t offset, size_t pages);
void watch_grown(const lfb_pool *pool, uintptr_t offset, size_t before, size_t pages);
void watch_look(const lfb_pool *pool, uintptr_t offset, size_t pages);

/* A pool is mapped and its core runs: everything but its runs is shut. LFBUDDY_WATCH=0 in the
 * environment prevents it. */
static inline void pool_watch_begin(lfb_pool *pool)
{
    watch_begin(pool);
}

/* Before the mapping goes. */
static inline void pool_watch_end(lfb_pool *pool)
{
    if (pool->watched) {
        watch_end(pool);
    }
}

/* A run that this call hands out. */
static inline void pool_watch_taken(const lfb_pool *pool, uintptr_t offset, size_t pages)
{
    if (pool->watched) {
        watch_open(pool, offset, pages, false);
    }
}

/* It is all zero. */
static inline void pool_watch_zeroed(const lfb_pool *pool, uintptr_t offset, size_t pages)
{
    if (pool->watched) {
        watch_open(pool, offset, pages, true);
    }
}

/* Pages of runs that are about to be released: once they are, another thread may own them. 0: the
 * whole run. */
static inline void pool_watch_released(const lfb_pool *pool, uintptr_t offset, size_t pages)
{
    if (pool->watched) {
        watch_shut(pool, offset, pages);
    }
}

static inline void pool_watch_grown(const lfb_pool *pool, uintptr_t offset, size_t before,
                                    size_t pages)
{
    if (pool->watched) {
        watch_grown(pool, offset, before, pages);
    }
}

/* Somebody learns of these pages here, or they weren't released after all: as the core has it. */
static inline void pool_watch_look(const lfb_pool *pool, uintptr_t offset, size_t pages)
{
    if (pool->watched) {
        watch_look(pool, offset, pages);
    }
}

#endif
