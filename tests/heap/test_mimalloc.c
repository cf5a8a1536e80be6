/* SPDX-License-Identifier: MIT */
/*
 * mimalloc's arenas on a block of a pool, by mi_manage_os_memory_ex: at least 32 MiB, so aligned;
 * a block of a pool is aligned to its size. mimalloc 2.0 can't give an arena back: the block is its
 * own until the process ends. The library replaces this program's malloc.
 */
#include <pthread.h>
#include <stdlib.h>

#include <mimalloc.h>

#include "heaps.h"
#include "random.h"

enum { MIB = 1 << 20, BLOCK = 256 * MIB, ORDER = 16, OBJECTS = 2000, STEPS = 100000, THREADS = 3 };

typedef struct scene {
    char *block;
    mi_arena_id_t arena;
} scene;

typedef struct worker {
    pthread_t thread;
    const scene *s;
    random_source random;
    unsigned long served, outside, wrong;
} worker;

static void check(worker *w, const unsigned char *object, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        w->wrong += object[i] != (unsigned char)size;
    }
}

static void admit(worker *w, const unsigned char *object, size_t size)
{
    w->served++;
    size_t offset = (size_t)((uintptr_t)object - (uintptr_t)w->s->block);
    w->outside += offset >= BLOCK || BLOCK - offset < size;
}

/* A heap of mimalloc's belongs to the thread that made it. */
static void *work(void *context)
{
    worker *w = context;
    static _Thread_local unsigned char *objects[OBJECTS];
    static _Thread_local size_t sizes[OBJECTS];
    mi_heap_t *heap = mi_heap_new_in_arena(w->s->arena);
    for (unsigned i = 0; i < STEPS && heap; i++) {
        size_t k = random_below(&w->random, OBJECTS);
        if (objects[k]) {
            check(w, objects[k], sizes[k]);
            mi_free(objects[k]);
        }
        sizes[k] = 1 + (size_t)random_skewed(&w->random, 64 * 1024);
        objects[k] = mi_heap_malloc(heap, sizes[k]);
        if (objects[k]) {
            admit(w, objects[k], sizes[k]);
            memset(objects[k], (int)(unsigned char)sizes[k], sizes[k]);
        }
    }
    if (heap) {
        mi_heap_destroy(heap);
    }
    return NULL;
}

static void test_arena(void **state)
{
    (void)state;
    static scene s;
    static worker workers[THREADS];
    lfb_pool *pool = heaps_private(512);
    uint64_t seed = random_seed();
    void *other = lfb_pool_alloc(pool, 0); /* so that the block isn't the pool's first */
    s.block = lfb_pool_alloc(pool, ORDER);
    assert_non_null(s.block);
    assert_int_equal((uintptr_t)s.block % (32 * MIB), 0);
    assert_true(mi_manage_os_memory_ex(s.block, BLOCK, true, false, true, -1, true, &s.arena));
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (worker){.s = &s, .random.state = seed + i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_true(workers[i].served > STEPS / 2);
        assert_int_equal(workers[i].outside, 0);
        assert_int_equal(workers[i].wrong, 0);
    }
    /* The pool's own users aren't disturbed. */
    assert_int_equal(lfb_pool_free(pool, other), LFB_OK);
    assert_int_equal(heaps_taken(pool), BLOCK);
    assert_int_equal(lfb_pool_check(pool, NULL), LFB_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_arena)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
