/* SPDX-License-Identifier: MIT */
/*
 * Heaps: arenas of jemalloc whose pages come from a pool (source.c).
 *
 * The library has a jemalloc of its own, linked into it and invisible outside, so that the
 * program's malloc, and a jemalloc that this may be, have nothing to do with it. malloc, calloc and
 * free in this file are that jemalloc's too: its arena 0, outside the pool.
 *
 * H1. Every object of a heap comes from an arena of the heap, and is never kept in a cache that
 *     serves anything but the heap. The cache that jemalloc has for each thread serves whoever asks
 *     that thread, so it isn't used: each thread has a cache for each heap, explicit ones in
 *     jemalloc's words, and every call names it.
 * H2. A cache is in the heap's list from its creation to the heap's end; `busy` says that a thread
 *     has it. When a thread ends its cache is emptied, and waits for another thread.
 *
 * jemalloc's calls that name a cache take some 250 instructions for an object made and freed, where
 * malloc and free take 80. So a cache has magazines too, one for each class of small objects, which
 * hand back what was freed last; the rest of the cache is jemalloc's. Idea: J. Bonwick, J. Adams,
 * "Magazines and Vmem" (USENIX 2001), section 3, of which the depot is left to jemalloc.
 */
#include "lfbuddy/heap.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

/* Without retain, pages that aren't needed go back to the pool instead of staying the arena's. The
 * one automatic arena holds what jemalloc needs for itself. */
extern const char *malloc_conf; /* jemalloc's, weak */
const char *malloc_conf = "retain:false,narenas:1";

enum {
    SMALL_MOST = 4096, /* bytes of an object that a magazine holds */
    SMALL_STEP = 8,    /* jemalloc's size classes are multiples of it, and up to SMALL_MOST */
    CLASSES = 32,      /* so many at most: four for each doubling */
    MAGAZINE_SLOTS = 32,
};

typedef struct magazine {
    unsigned count;
    void *objects[MAGAZINE_SLOTS]; /* all of one size class */
} magazine;

typedef struct heap_cache {
    struct heap_cache *next; /* constant once it is in the list */
    int flags;               /* for mallocx: arena and cache */
    unsigned number;         /* jemalloc's */
    atomic_bool busy;
    magazine magazines[CLASSES];
} heap_cache;

/* The heap that the thread used last, which is mostly the one that it uses next, and its cache
 * there. A heap is known by a number that is never used again, not by its address. */
typedef struct heap_memo {
    uint64_t heap;
    heap_cache *cache;
} heap_memo;

/* initial-exec: without a call for the address; jemalloc in here is that way already. */
static _Thread_local heap_memo last __attribute__((tls_model("initial-exec")));

struct lfb_heap {
    uint64_t number;
    heap_source source;
    pthread_key_t key; /* a thread's heap_cache */
    _Atomic(heap_cache *) caches;
    atomic_uint cache_count;
    uint8_t class_of[SMALL_MOST / SMALL_STEP]; /* constant; see magazine_of */
    unsigned arena_count;
    unsigned arenas[LFB_HEAP_MAX_ARENAS];
};

/* ------------------------------------------------------------------ arenas, controls ---- */

/* A control of one arena: its name has a place for the number. */
static int control_arena(const char *pattern, unsigned arena, void *out, size_t *out_size)
{
    char name[64];
    snprintf(name, sizeof(name), pattern, arena);
    return mallctl(name, out, out_size, NULL, 0);
}

/* As jemalloc 5.3 declares it for "experimental.arenas_create_ext". */
typedef struct arena_config {
    extent_hooks_t *hooks;
    bool metadata_use_hooks; /* whether the arena's own memory comes from the hooks too */
} arena_config;

static int create_arena(lfb_heap *heap, unsigned *arena)
{
    arena_config config = {.hooks = &heap->source.hooks};
    size_t size = sizeof(*arena);
    return mallctl("experimental.arenas_create_ext", arena, &size, &config, sizeof(config));
}

/* ----------------------------------------------------------------- caches of threads ---- */

static void empty_cache(heap_cache *cache)
{
    for (magazine *m = cache->magazines; m < cache->magazines + CLASSES; m++) {
        while (m->count > 0) {
            dallocx(m->objects[--m->count], cache->flags);
        }
    }
    mallctl("tcache.flush", NULL, NULL, &cache->number, sizeof(cache->number));
}

/* A thread that has used the heap ends. */
static void leave_cache(void *context)
{
    heap_cache *cache = context;
    last = (heap_memo){0}; /* the thread may yet call, from other destructors */
    empty_cache(cache);
    /* release: the next thread finds it empty */
    atomic_store_explicit(&cache->busy, false, memory_order_release);
}

static heap_cache *find_idle(lfb_heap *heap)
{
    /* acquire: the entry is complete */
    heap_cache *cache = atomic_load_explicit(&heap->caches, memory_order_acquire);
    for (; cache; cache = cache->next) {
        bool busy = false;
        /* acquire: after what the former thread did */
        if (atomic_compare_exchange_strong_explicit(&cache->busy, &busy, true, memory_order_acquire,
                                                    memory_order_relaxed)) {
            return cache;
        }
    }
    return NULL;
}

static heap_cache *new_cache(lfb_heap *heap)
{
    heap_cache *cache = calloc(1, sizeof(*cache));
    size_t size = sizeof(cache->number);
    if (!cache || mallctl("tcache.create", &cache->number, &size, NULL, 0) != 0) {
        free(cache);
        return NULL;
    }
    unsigned count = atomic_fetch_add_explicit(&heap->cache_count, 1, memory_order_relaxed);
    unsigned arena = heap->arenas[count % heap->arena_count];
    cache->flags = MALLOCX_ARENA(arena) | MALLOCX_TCACHE(cache->number);
    atomic_init(&cache->busy, true);
    cache->next = atomic_load_explicit(&heap->caches, memory_order_relaxed);
    /* release: whoever finds it finds it complete */
    while (!atomic_compare_exchange_weak_explicit(&heap->caches, &cache->next, cache,
                                                  memory_order_release, memory_order_relaxed)) {
    }
    return cache;
}

/* The first call of a thread. */
static heap_cache *join_heap(lfb_heap *heap)
{
    heap_cache *cache = find_idle(heap);
    cache = cache ? cache : new_cache(heap);
    if (cache && pthread_setspecific(heap->key, cache) != 0) {
        leave_cache(cache);
        cache = NULL;
    }
    return cache;
}

static __attribute__((noinline)) heap_cache *find_cache(lfb_heap *heap)
{
    heap_cache *cache = pthread_getspecific(heap->key);
    cache = cache ? cache : join_heap(heap);
    if (cache) {
        last = (heap_memo){.heap = heap->number, .cache = cache};
    }
    return cache;
}

/* NULL: none can be had. The thread does without, until one can. */
static inline heap_cache *cache_of_thread(lfb_heap *heap)
{
    return last.heap == heap->number ? last.cache : find_cache(heap);
}

/* For mallocx and its like. */
static inline int flags_of(const lfb_heap *heap, const heap_cache *cache)
{
    return cache ? cache->flags : (int)(MALLOCX_ARENA(heap->arenas[0]) | MALLOCX_TCACHE_NONE);
}

/* Numbers jemalloc's size classes, in the order of their sizes. */
static void number_classes(lfb_heap *heap)
{
    size_t largest = 0; /* of the class */
    uint8_t class = 0;
    for (size_t i = 0; i < SMALL_MOST / SMALL_STEP; i++) {
        size_t size = (i + 1) * SMALL_STEP;
        if (size > largest) {
            class = (uint8_t)(class + (largest > 0));
            largest = nallocx(size, 0);
        }
        heap->class_of[i] = class;
    }
}

/* That of the objects of a size from 1 to SMALL_MOST. */
static inline magazine *magazine_of(const lfb_heap *heap, heap_cache *cache, size_t size)
{
    return &cache->magazines[heap->class_of[(size - 1) / SMALL_STEP]];
}

/* -------------------------------------------------------------------- life of a heap ---- */

static lfb_heap *fail(lfb_pool_error *error, lfb_pool_status status, int code, const char *text)
{
    if (error) {
        *error = (lfb_pool_error){.status = status, .system_error = code};
        snprintf(error->text, sizeof(error->text), "heap: %s%s%s", text, code ? ": " : "",
                 code ? strerror(code) : "");
    }
    return NULL;
}

static unsigned count_cpus(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    if (count < 1) {
        return 1;
    }
    return count < LFB_HEAP_MAX_ARENAS ? (unsigned)count : LFB_HEAP_MAX_ARENAS;
}

static lfb_heap *new_heap(lfb_pool *pool, const lfb_pool_info *info, lfb_pool_error *error)
{
    lfb_heap *heap = calloc(1, sizeof(*heap));
    if (!heap) {
        return fail(error, LFB_POOL_NO_MEMORY, ENOMEM, "can't make a handle");
    }
    int code = pthread_key_create(&heap->key, leave_cache);
    if (code) {
        free(heap);
        return fail(error, LFB_POOL_SYSTEM, code, "can't have a pthread key: end other heaps");
    }
    size_t size = sizeof(heap->number);
    mallctl("epoch", &heap->number, &size, &heap->number, size); /* each call gets another one */
    heap_source_init(&heap->source, pool, info);
    number_classes(heap);
    return heap;
}

lfb_heap *lfb_heap_create(lfb_pool *pool, unsigned arenas, lfb_pool_error *error)
{
    lfb_pool_info info;
    size_t page;
    size_t size = sizeof(page);
    if (!pool || arenas > LFB_HEAP_MAX_ARENAS) {
        return fail(error, LFB_POOL_INVALID, 0, pool ? "too many arenas: 256 at most" : "no pool");
    }
    lfb_pool_get_info(pool, &info);
    if (info.read_only) {
        return fail(error, LFB_POOL_INVALID, 0, "the pool is read_only: open it for writing");
    }
    if (mallctl("arenas.page", &page, &size, NULL, 0) != 0 || info.page_size > page) {
        return fail(error, LFB_POOL_GEOMETRY, 0,
                    "the pool's pages are larger than jemalloc's: create it with a smaller "
                    "page_size, such as the system's");
    }
    lfb_heap *heap = new_heap(pool, &info, error);
    arenas = arenas ? arenas : count_cpus();
    for (; heap && heap->arena_count < arenas; heap->arena_count++) {
        int code = create_arena(heap, &heap->arenas[heap->arena_count]);
        if (code) {
            lfb_heap_destroy(heap);
            return fail(error, code == ENOENT ? LFB_POOL_VERSION : LFB_POOL_NO_MEMORY, code,
                        "jemalloc refuses an arena: end other heaps, or ask for fewer arenas");
        }
    }
    return heap;
}

void lfb_heap_destroy(lfb_heap *heap)
{
    if (!heap) {
        return;
    }
    pthread_key_delete(heap->key);
    heap_cache *next;
    for (heap_cache *cache = atomic_load(&heap->caches); cache; cache = next) {
        next = cache->next;
        mallctl("tcache.destroy", NULL, NULL, &cache->number, sizeof(cache->number));
        free(cache);
    }
    for (unsigned i = 0; i < heap->arena_count; i++) {
        control_arena("arena.%u.destroy", heap->arenas[i], NULL, NULL);
    }
    heap_source_destroy(&heap->source);
    free(heap);
}

/* ----------------------------------------------------------------- kept, and counted ---- */

void lfb_heap_trim(lfb_heap *heap)
{
    heap_cache *cache = pthread_getspecific(heap->key);
    if (cache) {
        empty_cache(cache);
    }
    for (unsigned i = 0; i < heap->arena_count; i++) {
        control_arena("arena.%u.purge", heap->arenas[i], NULL, NULL);
    }
}

static size_t read_stat(const char *pattern, unsigned arena)
{
    size_t value = 0;
    size_t size = sizeof(value);
    control_arena(pattern, arena, &value, &size);
    return value;
}

void lfb_heap_get_stats(lfb_heap *heap, lfb_heap_stats *stats)
{
    uint64_t epoch = 1;
    size_t page = 0;
    size_t size = sizeof(page);
    mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)); /* count anew */
    mallctl("arenas.page", &page, &size, NULL, 0);
    *stats = (lfb_heap_stats){0};
    for (unsigned i = 0; i < heap->arena_count; i++) {
        unsigned arena = heap->arenas[i];
        stats->allocated += read_stat("stats.arenas.%u.small.allocated", arena) +
                            read_stat("stats.arenas.%u.large.allocated", arena);
        stats->active += read_stat("stats.arenas.%u.pactive", arena) * page;
        stats->kept += (read_stat("stats.arenas.%u.pdirty", arena) +
                        read_stat("stats.arenas.%u.pmuzzy", arena)) *
                           page +
                       read_stat("stats.arenas.%u.retained", arena);
    }
}

/* --------------------------------------------------------------------------- objects ---- */

/* mallocx knows no size 0, and takes the logarithm of an alignment as its lowest flags. */
static inline size_t at_least_one(size_t size)
{
    return size ? size : 1;
}

static __attribute__((noinline)) void *allocate(lfb_heap *heap, size_t size, int wish)
{
    size = at_least_one(size);
    int flags = flags_of(heap, cache_of_thread(heap)) | wish;
    void *object = mallocx(size, flags);
    if (__builtin_expect(!object, 0)) {
        lfb_heap_trim(heap);
        object = mallocx(size, flags);
    }
    return object;
}

void *lfb_heap_malloc(lfb_heap *heap, size_t size)
{
    heap_cache *cache = cache_of_thread(heap);
    if (cache && size >= 1 && size <= SMALL_MOST) {
        magazine *m = magazine_of(heap, cache, size);
        if (m->count > 0) {
            return m->objects[--m->count];
        }
    }
    return allocate(heap, size, 0);
}

void *lfb_heap_calloc(lfb_heap *heap, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    return allocate(heap, bytes, MALLOCX_ZERO);
}

void *lfb_heap_aligned_alloc(lfb_heap *heap, size_t alignment, size_t size)
{
    if (!alignment || alignment & (alignment - 1)) {
        return NULL;
    }
    return allocate(heap, size, MALLOCX_ALIGN(alignment));
}

void *lfb_heap_realloc(lfb_heap *heap, void *object, size_t size)
{
    if (!object) {
        return lfb_heap_malloc(heap, size);
    }
    size = at_least_one(size);
    int flags = flags_of(heap, cache_of_thread(heap));
    void *moved = rallocx(object, size, flags);
    if (!moved) {
        lfb_heap_trim(heap);
        moved = rallocx(object, size, flags);
    }
    return moved;
}

void lfb_heap_free(lfb_heap *heap, void *object)
{
    if (!object) {
        return;
    }
    heap_cache *cache = cache_of_thread(heap);
    size_t size = sallocx(object, 0);
    if (cache && size <= SMALL_MOST) {
        magazine *m = magazine_of(heap, cache, size);
        if (m->count < MAGAZINE_SLOTS) {
            m->objects[m->count++] = object;
            return;
        }
    }
    dallocx(object, flags_of(heap, cache));
}

size_t lfb_heap_usable_size(lfb_heap *heap, const void *object)
{
    (void)heap;
    return object ? sallocx(object, 0) : 0;
}
