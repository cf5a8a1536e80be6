/* SPDX-License-Identifier: MIT */
/*
 * The memory of free pages returned to the system, and how much of a pool is in memory. To give a
 * block's memory back, it is allocated for that long.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "clean.h"

/* ------------------------------------------------------------------------------- trimming ---- */

typedef struct trimming {
    lfb_pool *pool;
    size_t least; /* pages of a block worth the trouble */
    size_t most;  /* pages that are withheld from others at a time */
    size_t bytes; /* given back */
    int code;
} trimming;

/* Allocates a part of what was a free block, gives its memory back, releases it. */
static void trim_piece(trimming *t, uintptr_t offset, size_t pages)
{
    void *address = t->pool->data + offset;
    if (pool_is_clean(t->pool, offset, pages << t->pool->page_shift) ||
        pool_take_at(t->pool, offset, pages) != LFB_OK) {
        return;
    }
    t->bytes += pool_give_back(t->pool, offset, pages << t->pool->page_shift, &t->code);
    lfb_pool_free(t->pool, address);
}

static bool trim_extent(void *context, const lfb_extent *extent)
{
    trimming *t = context;
    if (extent->kind != LFB_EXTENT_FREE || extent->pages < t->least) {
        return true;
    }
    size_t step = extent->pages < t->most ? extent->pages : t->most;
    for (size_t done = 0; done < extent->pages && !t->code; done += step) {
        trim_piece(t, extent->address + (done << t->pool->page_shift), step);
    }
    return t->code == 0;
}

size_t lfb_pool_trim(lfb_pool *pool, unsigned order, lfb_pool_error *error)
{
    if (error) {
        *error = (lfb_pool_error){.status = LFB_POOL_OK};
    }
    if (pool->read_only || order > LFB_MAX_ORDER) {
        pool_fail(error, LFB_POOL_INVALID, 0, "can't trim: %s",
                  pool->read_only ? "the pool was opened read_only" : "order is too large");
        return 0;
    }
    trimming t = {.pool = pool, .least = (size_t)1 << order};
    size_t granule = pool->granule >> pool->page_shift;
    t.least = t.least > granule ? t.least : granule;
    t.most = ((size_t)1 << pool->plan.chunk_shift) >> pool->page_shift;
    t.most = t.most > t.least ? t.most : t.least;
    lfb_walk(&pool->core, trim_extent, &t);
    if (t.code) {
        pool_fail_system(error, t.code, "pool", "give its memory back");
    }
    return t.bytes;
}

/* ------------------------------------------------------------------------------- counting ---- */

/* Bytes of [at, end) that are in memory. */
static int count_resident(const lfb_pool *pool, uintptr_t at, uintptr_t end, size_t *bytes)
{
    enum { PAGES = 16384 };
    unsigned char in_memory[PAGES];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    while (at < end) {
        size_t part = end - at < PAGES * page ? end - at : PAGES * page;
        if (mincore(pool->data + at, part, in_memory) != 0) {
            return errno;
        }
        for (size_t i = 0; i < part / page; i++) {
            *bytes += (in_memory[i] & 1) * page;
        }
        at += part;
    }
    return 0;
}

/* Where the file has blocks from *at on; false: nowhere. */
static bool next_data(const lfb_pool *pool, uintptr_t *at)
{
    off_t base = (off_t)pool->plan.data_at;
    off_t found = lseek(pool->fd, base + (off_t)*at, SEEK_DATA);
    *at = found < 0 ? pool->bytes : (uintptr_t)(found - base);
    return *at < pool->bytes;
}

static uintptr_t hole_after(const lfb_pool *pool, uintptr_t at)
{
    off_t base = (off_t)pool->plan.data_at;
    off_t found = lseek(pool->fd, base + (off_t)at, SEEK_HOLE);
    uintptr_t hole = found < 0 ? pool->bytes : (uintptr_t)(found - base);
    return hole < pool->bytes ? hole : pool->bytes;
}

int lfb_pool_get_usage(const lfb_pool *pool, lfb_pool_usage *usage)
{
    struct stat about;
    *usage = (lfb_pool_usage){.size = pool->bytes, .metadata = (size_t)pool->plan.data_at};
    if (pool_is_private(pool)) {
        int code = count_resident(pool, 0, pool->bytes, &usage->resident);
        usage->committed = usage->resident;
        return code;
    }
    if (fstat(pool->fd, &about) != 0) {
        return errno;
    }
    usage->committed = (size_t)about.st_blocks * 512;
    /* From one hole to the next: a sparse pool of 1 TiB has 2^28 pages. */
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
    uintptr_t at = 0;
    while (next_data(pool, &at)) {
        uintptr_t end = (hole_after(pool, at) + page) & ~page;
        int code = count_resident(pool, at & ~page, end, &usage->resident);
        if (code) {
            return code;
        }
        at = end;
    }
    return 0;
}
