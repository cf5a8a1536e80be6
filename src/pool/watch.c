/* SPDX-License-Identifier: MIT */
/*
 * See watch.h. AddressSanitizer knows bytes only. Valgrind is told of runs, as blocks of a malloc:
 * it then says whose end it was that somebody ran past, and where it was allocated. What is live
 * when the pool is closed isn't lost, so it is no leak. Valgrind runs one thread at a time: nothing
 * here can come between two threads.
 */
#include "watch.h"

#include <stdlib.h>
#include <string.h>

#ifdef LFB_VALGRIND
#include <valgrind/memcheck.h>
#endif

enum { WATCHED_BY_ASAN = 1, WATCHED_BY_VALGRIND = 2 };

/* AddressSanitizer writes a byte for each 8 that are shut or opened, and pools may be larger than
 * the machine: no more than this is shut at a time, and only parts of this size are opened in which
 * something was shut. */
enum { PART_SHIFT = 30 };
#define PART ((size_t)1 << PART_SHIFT)

/* Those of <sanitizer/asan_interface.h>, but there only if the program has them. */
extern void __asan_poison_memory_region(void const volatile *at, size_t size) __attribute__((weak));
extern void __asan_unpoison_memory_region(void const volatile *at, size_t size)
    __attribute__((weak));
extern int __asan_address_is_poisoned(void const volatile *at) __attribute__((weak));

static size_t bytes_of(const lfb_pool *pool, size_t pages)
{
    return pages << pool->page_shift;
}

/* ------------------------------------------------------------------------------- Valgrind ---- */

#ifdef LFB_VALGRIND

static bool runs_on_valgrind(void)
{
    return RUNNING_ON_VALGRIND != 0;
}

/* A chunk of this process's: a run of another one may still be unknown here. */
static bool chunk_is_known(const lfb_pool *pool, uintptr_t offset)
{
    unsigned char bits;
    enum { NOT_ADDRESSABLE = 3 };
    return VALGRIND_GET_VBITS(pool->data + offset, &bits, 1) != NOT_ADDRESSABLE;
}

static void chunk_add(const lfb_pool *pool, uintptr_t offset, size_t size, bool defined)
{
    if (!chunk_is_known(pool, offset)) {
        VALGRIND_MALLOCLIKE_BLOCK(pool->data + offset, size, 0, defined);
    }
    if (defined) {
        VALGRIND_MAKE_MEM_DEFINED(pool->data + offset, size);
    }
}

/* The run loses the bytes from `start` to `end`. */
static void chunk_cut(const lfb_pool *pool, const lfb_extent *run, uintptr_t start, uintptr_t end)
{
    unsigned char *first = pool->data + run->address;
    size_t size = bytes_of(pool, run->pages);
    uintptr_t run_end = run->address + size;
    if (!chunk_is_known(pool, run->address)) {
        return;
    }
    if (run->address < start) {
        VALGRIND_RESIZEINPLACE_BLOCK(first, size, start - run->address, 0);
    } else {
        VALGRIND_FREELIKE_BLOCK(first, 0);
    }
    if (end < run_end) {
        chunk_add(pool, end, run_end - end, true);
    }
}

static void chunk_grow(const lfb_pool *pool, uintptr_t offset, size_t before, size_t size)
{
    VALGRIND_RESIZEINPLACE_BLOCK(pool->data + offset, before, size, 0);
}

static void chunks_begin(const lfb_pool *pool)
{
    VALGRIND_MAKE_MEM_NOACCESS(pool->data, pool->bytes);
}

/* A run may have been released through another handle: so not by the core's word. */
static void chunks_end(const lfb_pool *pool)
{
    for (uintptr_t offset = 0; offset < pool->bytes; offset += bytes_of(pool, 1)) {
        if (chunk_is_known(pool, offset)) {
            VALGRIND_FREELIKE_BLOCK(pool->data + offset, 0);
        }
    }
}

#else

static bool runs_on_valgrind(void)
{
    return false;
}

static void chunk_add(const lfb_pool *pool, uintptr_t offset, size_t size, bool defined)
{
    (void)pool, (void)offset, (void)size, (void)defined;
}

static void chunk_cut(const lfb_pool *pool, const lfb_extent *run, uintptr_t start, uintptr_t end)
{
    (void)pool, (void)run, (void)start, (void)end;
}

static void chunk_grow(const lfb_pool *pool, uintptr_t offset, size_t before, size_t size)
{
    (void)pool, (void)offset, (void)before, (void)size;
}

static void chunks_begin(const lfb_pool *pool)
{
    (void)pool;
}

static void chunks_end(const lfb_pool *pool)
{
    (void)pool;
}

#endif

/* ----------------------------------------------------------------------------------- both ---- */

static void shut_bytes(const lfb_pool *pool, uintptr_t offset, size_t size)
{
    size = size < PART ? size : PART;
    /* relaxed, as the loads: who opens the pages got them from who shut them, through the core */
    pool_store8_relaxed(&pool->shut[offset >> PART_SHIFT], 1);
    pool_store8_relaxed(&pool->shut[(offset + size) >> PART_SHIFT], 1);
    __asan_poison_memory_region(pool->data + offset, size);
}

static void open_bytes(const lfb_pool *pool, uintptr_t offset, size_t size)
{
    uintptr_t end = offset + size;
    for (uintptr_t at = offset, next; at < end; at = next) {
        size_t part = at >> PART_SHIFT;
        next = (uintptr_t)(part + 1) << PART_SHIFT;
        next = next < end ? next : end;
        if (pool_load8_relaxed(&pool->shut[part])) {
            __asan_unpoison_memory_region(pool->data + at, next - at);
        }
    }
}

void watch_open(const lfb_pool *pool, uintptr_t offset, size_t pages, bool defined)
{
    if (pool->watched & WATCHED_BY_ASAN) {
        open_bytes(pool, offset, bytes_of(pool, pages));
    }
    if (pool->watched & WATCHED_BY_VALGRIND) {
        chunk_add(pool, offset, bytes_of(pool, pages), defined);
    }
}

static bool find_run(const lfb_pool *pool, uintptr_t at, lfb_extent *extent)
{
    return lfb_find(&pool->core, at, extent) == LFB_OK && extent->kind == LFB_EXTENT_RUN;
}

void watch_shut(const lfb_pool *pool, uintptr_t offset, size_t pages)
{
    pages = pages ? pages : lfb_size_of(&pool->core, offset);
    uintptr_t end = offset + bytes_of(pool, pages);
    lfb_extent run;
    if (pool->watched & WATCHED_BY_ASAN) {
        shut_bytes(pool, offset, end - offset);
    }
    if (pool->watched & WATCHED_BY_VALGRIND) {
        for (uintptr_t at = offset; at < end && find_run(pool, at, &run);
             at = run.address + bytes_of(pool, run.pages)) {
            chunk_cut(pool, &run, offset, end);
        }
    }
}

void watch_grown(const lfb_pool *pool, uintptr_t offset, size_t before, size_t pages)
{
    if (pool->watched & WATCHED_BY_ASAN) {
        open_bytes(pool, offset, bytes_of(pool, pages));
    }
    if (pool->watched & WATCHED_BY_VALGRIND) {
        chunk_grow(pool, offset, bytes_of(pool, before), bytes_of(pool, pages));
    }
}

void watch_look(const lfb_pool *pool, uintptr_t offset, size_t pages)
{
    lfb_extent extent;
    uintptr_t end = offset + bytes_of(pool, pages);
    if (pages == 1 && pool->watched == WATCHED_BY_ASAN &&
        !__asan_address_is_poisoned(pool->data + offset)) {
        return;
    }
    for (uintptr_t at = offset; at < end && lfb_find(&pool->core, at, &extent) == LFB_OK;
         at = extent.address + bytes_of(pool, extent.pages)) {
        if (extent.kind == LFB_EXTENT_RUN) {
            watch_open(pool, extent.address, extent.pages, true);
        }
    }
}

static bool open_run(void *context, const lfb_extent *extent)
{
    const lfb_pool *pool = context;
    if (extent->kind == LFB_EXTENT_RUN) {
        watch_open(pool, extent->address, extent->pages, true);
    }
    return true;
}

/* ----------------------------------------------------------------------------------- life ---- */

void watch_begin(lfb_pool *pool)
{
    const char *wish = secure_getenv("LFBUDDY_WATCH");
    if (pool->watched || pool->read_only || (wish && strcmp(wish, "0") == 0)) {
        return;
    }
    pool->watched = runs_on_valgrind() ? WATCHED_BY_VALGRIND : 0;
    if (__asan_poison_memory_region) {
        pool->shut = calloc((pool->bytes >> PART_SHIFT) + 1, sizeof(pool_u8));
        pool->watched |= pool->shut ? WATCHED_BY_ASAN : 0;
    }
    if (pool->watched & WATCHED_BY_ASAN) {
        shut_bytes(pool, 0, pool->bytes);
    }
    if (pool->watched & WATCHED_BY_VALGRIND) {
        chunks_begin(pool);
    }
    if (pool->watched) {
        lfb_walk(&pool->core, open_run, pool);
    }
}

void watch_end(lfb_pool *pool)
{
    if (pool->watched & WATCHED_BY_ASAN) {
        open_bytes(pool, 0, pool->bytes);
    }
    if (pool->watched & WATCHED_BY_VALGRIND) {
        chunks_end(pool);
    }
    pool->watched = 0;
    free(pool->shut);
}
