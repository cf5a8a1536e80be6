/* SPDX-License-Identifier: MIT */
/*
 * A malloc over a pool: small objects in the pool's pages, by jemalloc through its extent hooks.
 *
 *     lfb_heap *heap = lfb_heap_create(pool, 0, NULL);
 *     char *text = lfb_heap_malloc(heap, 100);
 *     lfb_heap_free(heap, text);
 *     lfb_heap_destroy(heap);
 *
 * jemalloc asks the pool for runs of pages, cuts and joins them as it likes, and gives back any
 * part; no page is lost to rounding on that way. Every object lies in the pool; what is known of
 * the objects lies outside it, in this process. docs/heap.md is the guide.
 *
 * WHOSE. A heap belongs to the process that created it. Several heaps, of one process or of many,
 * may share a pool, and each can use lfb_pool_alloc beside them; an object in a shared pool can be
 * read and written by all who know its offset, but only its heap's process frees it. After a fork
 * the child may go on with its copy of a private pool's heap; the heap of a shared or file pool is
 * the parent's, and the child must not touch it. No heap outlives its process: what a process
 * leaves behind in a pool that stays are runs, which lfb_pool_recover gives back where the pool has
 * owner tags.
 *
 * CONCURRENCY. All functions may run beside each other, except lfb_heap_destroy: nothing of this
 * heap may run beside it, and no thread that has used the heap may be ending meanwhile.
 *
 * PROGRESS. jemalloc's: it takes locks, though seldom two threads the same one. Not safe in signal
 * handlers. A heap is for programs; what must never wait takes pages from the pool itself.
 *
 * FULL. NULL means that the pool had no room for what jemalloc wanted to add, also after what the
 * heap keeps for later use was given back: that of all arenas, and of the calling thread. Other
 * threads keep some freed objects of up to 32 KiB each until they end. Nothing is lost.
 *
 * MISUSE. As with malloc: an object that is freed twice, or that this heap didn't make, is beyond
 * what can be promised.
 */
#ifndef LFBUDDY_HEAP_H
#define LFBUDDY_HEAP_H

#include <lfbuddy/pool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lfb_heap lfb_heap;

/* The most arenas a heap may have. */
#define LFB_HEAP_MAX_ARENAS 256

/*
 * Makes a heap in a pool, which must stay open until the heap is destroyed. Threads are spread over
 * its arenas; more of them means fewer waits and more memory kept. 0: as many as there are CPUs.
 * Nothing is allocated in the pool yet. Returns NULL and fills *error (which may be NULL):
 * LFB_POOL_INVALID: no pool, a read-only one, or too many arenas; LFB_POOL_GEOMETRY: the pool's
 * pages are larger than jemalloc's; LFB_POOL_NO_MEMORY; LFB_POOL_SYSTEM; LFB_POOL_VERSION: built
 * with a jemalloc that can't keep its own memory out of the pool.
 */
lfb_heap *lfb_heap_create(lfb_pool *pool, unsigned arenas, lfb_pool_error *error);

/* Ends the heap and everything in it; all its pages are the pool's again. NULL is fine. */
void lfb_heap_destroy(lfb_heap *heap);

/* `size` bytes, aligned for any type. Size 0 gives an object of its own too. NULL: full, here and
 * below. */
void *lfb_heap_malloc(lfb_heap *heap, size_t size);

/* count * size bytes, all 0. NULL also if the product overflows. */
void *lfb_heap_calloc(lfb_heap *heap, size_t count, size_t size);

/* `size` bytes at a multiple of `alignment`, a power of two; above the alignment of the pool's
 * first page (lfb_pool_info; at least 2 MiB) it may fail. NULL also if it is no power of two. */
void *lfb_heap_aligned_alloc(lfb_heap *heap, size_t alignment, size_t size);

/* Gives the object another size: in place if it can, else it moves with its contents. NULL: the old
 * object is as it was. object NULL: lfb_heap_malloc. Size 0 frees nothing: it is a size like 1. */
void *lfb_heap_realloc(lfb_heap *heap, void *object, size_t size);

/* Frees an object; NULL is fine. Any thread may free what another one allocated. */
void lfb_heap_free(lfb_heap *heap, void *object);

/* Bytes of the object that may be used: what was asked for, or more. object NULL: 0. */
size_t lfb_heap_usable_size(lfb_heap *heap, const void *object);

/* Gives all pages that the heap keeps for later use back to the pool, and first what the calling
 * thread keeps. It happens by itself too: some 10 seconds after the pages were last used, while
 * threads call, and when the pool is full. */
void lfb_heap_trim(lfb_heap *heap);

typedef struct lfb_heap_stats {
    size_t allocated; /* bytes in objects, those that threads keep among them */
    size_t active;    /* bytes of the pages that objects lie in */
    size_t kept;      /* bytes of pages kept for later use */
} lfb_heap_stats;

/* active + kept is what the heap has of the pool, to the byte, when nothing runs beside it. */
void lfb_heap_get_stats(lfb_heap *heap, lfb_heap_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
