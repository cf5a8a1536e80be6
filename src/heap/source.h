/* SPDX-License-Identifier: MIT */
/* Where the arenas of a heap get their pages: jemalloc's extent hooks, over a pool. */
#ifndef LFB_HEAP_SOURCE_H
#define LFB_HEAP_SOURCE_H

#include <jemalloc/jemalloc.h>
#include <pthread.h>

#include "lfbuddy/pool.h"

/* jemalloc hands the hooks a pointer to their table: that is how they know their pool. */
typedef struct heap_source {
    extent_hooks_t hooks; /* first */
    lfb_pool *pool;
    unsigned char *first; /* page */
    unsigned page_shift;
    int advice;           /* for madvise: gives memory back, which then reads as 0 */
    bool one_at_a_time;   /* the pool has owner tags: see pool.h, GUARANTEES */
    pthread_mutex_t lock; /* for that */
} heap_source;

void heap_source_init(heap_source *source, lfb_pool *pool, const lfb_pool_info *info);
void heap_source_destroy(heap_source *source);

#endif
