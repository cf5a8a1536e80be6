/* SPDX-License-Identifier: MIT */
/*
 * Threads allocate, resize and free in two heaps of one small pool, sizes from 1 byte to 4 MiB, and
 * hand objects to each other. Every byte of an object follows from its key, and is checked before
 * the object is resized or freed; every object must lie in the pool; what comes from calloc must be
 * zero. The pool is too small for all that is wanted: NULL is an answer that must change nothing.
 *
 * usage: stress [tagged]: in a shared pool with owner tags.
 * LFB_SEED repeats the choices, not the timing; LFB_STEPS is how many calls in all.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "heaps.h"
#include "random.h"

enum { THREADS = 4, HEAPS = 2, HELD = 64, EXCHANGE = 16, MIB = 1 << 20, POOL_MIB = 48 };

typedef struct object {
    unsigned char *bytes;
    size_t size;
    uint64_t key;
    lfb_heap *heap;
} object;

typedef struct scene {
    lfb_pool *pool;
    lfb_heap *heaps[HEAPS];
    _Atomic(object *) exchange[EXCHANGE];
    atomic_ulong served, refused, outside, wrong, misaligned;
    unsigned long steps; /* of each thread */
    uint64_t seed;
} scene;

typedef struct worker {
    pthread_t thread;
    scene *s;
    random_source random;
    object held[HELD];
} worker;

static int tagged;

/* --------------------------------------------------------------------------- objects ---- */

static unsigned char byte_at(uint64_t key, size_t i)
{
    return (unsigned char)((key + i / 8) * UINT64_C(0x9e3779b97f4a7c15) >> 56 ^ (i & 7));
}

static void paint(const object *o, size_t from)
{
    for (size_t i = from; i < o->size; i++) {
        o->bytes[i] = byte_at(o->key, i);
    }
}

static void check(scene *s, const object *o, size_t size)
{
    size_t wrong = 0;
    for (size_t i = 0; i < size; i++) {
        wrong += o->bytes[i] != byte_at(o->key, i);
    }
    atomic_fetch_add(&s->wrong, wrong != 0);
}

static void check_zero(scene *s, const object *o)
{
    size_t wrong = 0;
    for (size_t i = 0; i < o->size; i++) {
        wrong += o->bytes[i] != 0;
    }
    atomic_fetch_add(&s->wrong, wrong != 0);
}

/* Whether there is one; counts. */
static int admit(scene *s, const object *o)
{
    atomic_fetch_add(o->bytes ? &s->served : &s->refused, 1);
    if (o->bytes && !heaps_in_pool(s->pool, o->bytes, o->size)) {
        atomic_fetch_add(&s->outside, 1);
        return 0;
    }
    return o->bytes != NULL;
}

static void make(worker *w, object *o)
{
    size_t alignment = 1;
    *o = (object){.size = (size_t)random_skewed(&w->random, 4 * MIB),
                  .key = random_next(&w->random),
                  .heap = w->s->heaps[random_below(&w->random, HEAPS)]};
    uint64_t kind = random_below(&w->random, 10);
    if (kind == 0) {
        o->bytes = lfb_heap_calloc(o->heap, o->size, 1);
    } else if (kind == 1) {
        alignment = (size_t)1 << random_below(&w->random, 18);
        o->bytes = lfb_heap_aligned_alloc(o->heap, alignment, o->size);
    } else {
        o->bytes = lfb_heap_malloc(o->heap, o->size);
    }
    if (!admit(w->s, o)) {
        o->bytes = NULL;
        return;
    }
    if (kind == 0) {
        check_zero(w->s, o);
    }
    atomic_fetch_add(&w->s->misaligned, (uintptr_t)o->bytes % alignment != 0);
    paint(o, 0);
}

static void resize(worker *w, object *o)
{
    object other = *o;
    other.size = (size_t)random_skewed(&w->random, 4 * MIB);
    size_t kept = other.size < o->size ? other.size : o->size;
    other.bytes = lfb_heap_realloc(o->heap, o->bytes, other.size);
    if (!admit(w->s, &other)) {
        check(w->s, o, o->size);
        return;
    }
    check(w->s, &other, kept);
    paint(&other, kept);
    *o = other;
}

static void drop(scene *s, object *o)
{
    check(s, o, o->size);
    lfb_heap_free(o->heap, o->bytes);
    o->bytes = NULL;
}

/* Its object for one that another thread left there; the letter is an object too. */
static void exchange(worker *w, object *o)
{
    object *letter = lfb_heap_malloc(o->heap, sizeof(*letter));
    if (!letter) {
        return;
    }
    *letter = *o;
    o->bytes = NULL;
    letter = atomic_exchange(&w->s->exchange[random_below(&w->random, EXCHANGE)], letter);
    if (letter) {
        *o = *letter;
        lfb_heap_free(o->heap, letter);
    }
}

/* --------------------------------------------------------------------------- threads ---- */

static void *work(void *context)
{
    worker *w = context;
    for (unsigned long i = 0; i < w->s->steps; i++) {
        object *o = &w->held[random_below(&w->random, HELD)];
        uint64_t choice = random_below(&w->random, 1000);
        if (!o->bytes) {
            make(w, o);
        } else if (choice < 250) {
            resize(w, o);
        } else if (choice < 350) {
            exchange(w, o);
        } else {
            drop(w->s, o);
        }
        if (choice == 999) {
            lfb_heap_trim(w->s->heaps[i % HEAPS]);
        }
    }
    return NULL;
}

static void free_all(scene *s, worker workers[])
{
    for (unsigned i = 0; i < EXCHANGE; i++) {
        object *letter = atomic_load(&s->exchange[i]);
        if (letter) {
            object o = *letter;
            lfb_heap_free(o.heap, letter);
            drop(s, &o);
        }
    }
    for (unsigned i = 0; i < THREADS * HELD; i++) {
        object *o = &workers[i / HELD].held[i % HELD];
        if (o->bytes) {
            drop(s, o);
        }
    }
}

/* With dead threads and nothing in use no object is left; half of the time it ends without that. */
static void finish(scene *s, worker workers[], int tidy)
{
    lfb_heap_stats stats;
    size_t have = 0;
    if (tidy) {
        free_all(s, workers);
    }
    for (unsigned i = 0; i < HEAPS; i++) {
        lfb_heap_trim(s->heaps[i]);
        lfb_heap_get_stats(s->heaps[i], &stats);
        have += stats.active + stats.kept;
        assert_true(!tidy || stats.allocated == 0);
    }
    assert_int_equal(have, heaps_taken(s->pool));
}

static void run(scene *s, int tidy)
{
    static worker workers[THREADS];
    memset(workers, 0, sizeof(workers));
    for (unsigned i = 0; i < HEAPS; i++) {
        s->heaps[i] = heaps_create(s->pool, 2 * i);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].s = s;
        workers[i].random.state = s->seed + i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    finish(s, workers, tidy);
    for (unsigned i = 0; i < HEAPS; i++) {
        lfb_heap_destroy(s->heaps[i]);
    }
    assert_int_equal(heaps_taken(s->pool), 0);
}

static void test_stress(void **state)
{
    (void)state;
    const char *given = getenv("LFB_STEPS");
    unsigned long steps = given ? strtoul(given, NULL, 0) : 12000;
    lfb_pool_config config = {.kind = tagged ? LFB_POOL_SHARED : LFB_POOL_PRIVATE,
                              .size = (size_t)POOL_MIB << 20,
                              .owner_tags = tagged};
    scene s = {.pool = heaps_pool(&config), .seed = random_seed(), .steps = steps / THREADS / 2};
    for (unsigned tidy = 0; tidy < 2; tidy++) {
        memset((void *)s.exchange, 0, sizeof(s.exchange));
        run(&s, (int)tidy);
    }
    printf("seed %#llx: %lu served, %lu refused\n", (unsigned long long)s.seed, s.served,
           s.refused);
    assert_int_equal(s.outside, 0);
    assert_int_equal(s.wrong, 0);
    assert_int_equal(s.misaligned, 0);
    assert_true(s.served > s.refused);
    heaps_close_empty(s.pool);
}

int main(int argc, char **argv)
{
    tagged = argc > 1 && strcmp(argv[1], "tagged") == 0;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stress)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
