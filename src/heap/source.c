/* SPDX-License-Identifier: MIT */
/*
 * The hooks. An extent is jemalloc's word for pages it has; it may be cut anywhere and joined with
 * its neighbours, whichever runs of the pool they were: lfb_pool_free_range releases any pages of
 * live runs. So splitting and merging need nothing done, and an extent can be put together from
 * several runs.
 *
 * Sizes and alignments are multiples of jemalloc's page, and that is one of the pool's.
 */
#include "source.h"

#include <string.h>
#include <sys/mman.h>

static heap_source *source_of(extent_hooks_t *hooks)
{
    return (heap_source *)hooks;
}

static bool source_release(heap_source *s, void *address, size_t pages)
{
    if (s->one_at_a_time) {
        pthread_mutex_lock(&s->lock);
    }
    lfb_status status = lfb_pool_free_range(s->pool, address, pages);
    if (s->one_at_a_time) {
        pthread_mutex_unlock(&s->lock);
    }
    return status == LFB_OK;
}

/* -------------------------------------------------------------------------- allocate ---- */

/* The largest power of two of pages, at most `pages`, that a block at this page can have. */
static size_t block_at(uintptr_t page, size_t pages)
{
    size_t block = pages;
    while (block & (block - 1)) {
        block &= block - 1;
    }
    while (page & (block - 1)) {
        block >>= 1;
    }
    return block;
}

/*
 * The pages at an address, by which an object grows in place. A single run can't start and end just
 * anywhere, blocks can: so they are taken block by block, all or none.
 */
static void *take_at(heap_source *s, unsigned char *wanted, size_t pages, bool zero)
{
    uintptr_t page = (uintptr_t)(wanted - s->first) >> s->page_shift;
    size_t done = 0;
    while (done < pages) {
        size_t block = block_at(page + done, pages - done);
        if (lfb_pool_alloc_at(s->pool, wanted + (done << s->page_shift), block) != LFB_OK) {
            break;
        }
        done += block;
    }
    if (done < pages) {
        if (done) {
            source_release(s, wanted, done);
        }
        return NULL;
    }
    if (zero) {
        memset(wanted, 0, pages << s->page_shift);
    }
    return wanted;
}

/* A run is aligned to the block that would hold it. Who wants more gets a longer one, cut. */
static void *take_anywhere(heap_source *s, size_t pages, size_t aligned, bool zero)
{
    size_t whole = pages > aligned / 2 ? pages : aligned;
    unsigned char *run =
        zero ? lfb_pool_alloc_zeroed(s->pool, whole) : lfb_pool_alloc_run(s->pool, whole);
    size_t keep = run && (uintptr_t)run >> s->page_shift & (aligned - 1) ? 0 : pages;
    if (run && keep < whole) {
        source_release(s, run + (keep << s->page_shift), whole - keep);
    }
    return keep ? run : NULL;
}

static void *hook_alloc(extent_hooks_t *hooks, void *wanted, size_t size, size_t alignment,
                        bool *zero, bool *commit, unsigned arena)
{
    (void)arena;
    heap_source *s = source_of(hooks);
    size_t pages = size >> s->page_shift;
    *commit = true; /* pages of a pool always are */
    return wanted ? take_at(s, wanted, pages, *zero)
                  : take_anywhere(s, pages, alignment >> s->page_shift, *zero);
}

/* --------------------------------------------------------------------------- release ---- */

/* The hooks below return true for "no". */

static bool hook_dalloc(extent_hooks_t *hooks, void *address, size_t size, bool committed,
                        unsigned arena)
{
    (void)committed, (void)arena;
    heap_source *s = source_of(hooks);
    return !source_release(s, address, size >> s->page_shift);
}

/* An arena ends, and had pages that a hook refused to take, or (option retain) was told to keep. */
static void hook_destroy(extent_hooks_t *hooks, void *address, size_t size, bool committed,
                         unsigned arena)
{
    hook_dalloc(hooks, address, size, committed, arena);
}

/* Pages that the arena keeps. The pool's own notes then take them for written: no harm. */
static bool hook_purge(extent_hooks_t *hooks, void *address, size_t size, size_t offset,
                       size_t length, unsigned arena)
{
    (void)size, (void)arena;
    return madvise((char *)address + offset, length, source_of(hooks)->advice) != 0;
}

static bool hook_split(extent_hooks_t *hooks, void *address, size_t size, size_t first,
                       size_t second, bool committed, unsigned arena)
{
    (void)hooks, (void)address, (void)size, (void)first, (void)second;
    (void)committed, (void)arena;
    return false;
}

static bool hook_merge(extent_hooks_t *hooks, void *first, size_t first_size, void *second,
                       size_t second_size, bool committed, unsigned arena)
{
    (void)hooks, (void)first, (void)first_size, (void)second, (void)second_size;
    (void)committed, (void)arena;
    return false;
}

/* ------------------------------------------------------------------------------ life ---- */

void heap_source_init(heap_source *source, lfb_pool *pool, const lfb_pool_info *info)
{
    bool huge = info->huge == LFB_POOL_HUGE_2M || info->huge == LFB_POOL_HUGE_1G;
    *source = (heap_source){
        .hooks =
            {
                .alloc = hook_alloc,
                .dalloc = hook_dalloc,
                .destroy = hook_destroy,
                .commit = NULL,   /* never asked for: nothing can be decommitted, which purging */
                .decommit = NULL, /* would do as well */
                /* No part of a hugetlb page goes back to the system. */
                .purge_lazy = huge ? NULL : hook_purge,
                .purge_forced = huge ? NULL : hook_purge,
                .split = hook_split,
                .merge = hook_merge,
            },
        .pool = pool,
        .first = info->address,
        .advice = info->kind == LFB_POOL_PRIVATE ? MADV_DONTNEED : MADV_REMOVE,
        .one_at_a_time = info->owner_tags,
    };
    while (info->page_size >> source->page_shift > 1) {
        source->page_shift++;
    }
    pthread_mutex_init(&source->lock, NULL);
}

void heap_source_destroy(heap_source *source)
{
    pthread_mutex_destroy(&source->lock);
}
