/* SPDX-License-Identifier: MIT */
/*
 * Threads that allocate and release through a cache, in a range too small for all, so that they
 * steal from each other and are asked to give back; blocks change hands, and so do slots. Each
 * owner marks its pages in plain memory: ThreadSanitizer sees a page handed over without an order,
 * the marks tell an overlap.
 *
 * LFB_SEED repeats the choices, not the timing; LFB_STEPS is how many calls in all, for each test.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "random.h"
#include "scene.h"

enum { THREADS = 4, PAGES = 300, ORDERS = 4, ORDER_MOST = 5, HELD_MOST = 64, EXCHANGE = 16 };

typedef struct block {
    uintptr_t address;
    unsigned order;
} block;

typedef struct arena {
    scene s;
    unsigned slots;
    unsigned char marks[PAGES];
    atomic_flag taken[THREADS];            /* slots that a thread is using */
    _Atomic(uintptr_t) exchange[EXCHANGE]; /* address and order of a block that nobody has */
    atomic_ulong wrong;
    atomic_ulong failures;
} arena;

typedef struct worker {
    arena *a;
    unsigned char number;
    unsigned slot;
    random_source random;
    block held[HELD_MOST];
    unsigned count;
} worker;

/* ------------------------------------------------------------------------------- blocks ---- */

static void set_marks(worker *k, block b, unsigned char from, unsigned char to)
{
    size_t first = (b.address - k->a->s.w.config.base) / k->a->s.w.config.page_size;
    for (size_t i = first; i < first + ((size_t)1 << b.order); i++) {
        if (k->a->marks[i] != from) {
            atomic_fetch_add(&k->a->wrong, 1);
        }
        k->a->marks[i] = to;
    }
}

static void keep(worker *k, block b)
{
    set_marks(k, b, 0, k->number);
    k->held[k->count++] = b;
}

static block let_go(worker *k)
{
    unsigned i = (unsigned)random_below(&k->random, k->count);
    block b = k->held[i];
    k->held[i] = k->held[--k->count];
    set_marks(k, b, k->number, 0);
    return b;
}

static void do_alloc(worker *k)
{
    block b = {LFB_NONE, (unsigned)random_skewed(&k->random, ORDER_MOST + 1)};
    b.address = lfb_cache_alloc(&k->a->s.cache, k->slot, b.order);
    if (b.address == LFB_NONE) {
        atomic_fetch_add_explicit(&k->a->failures, 1, memory_order_relaxed);
    } else {
        keep(k, b);
    }
}

static void do_free(worker *k)
{
    block b = let_go(k);
    if (lfb_cache_free(&k->a->s.cache, k->slot, b.address, b.order) != LFB_OK) {
        atomic_fetch_add(&k->a->wrong, 1);
    }
}

/* Leaves a block for others, takes what they left. Page sizes leave room for an order and for a bit
 * that tells a block from nothing. */
static void do_exchange(worker *k)
{
    enum { VALID = 0x100 };
    uintptr_t give = 0;
    if (k->count) {
        block b = let_go(k);
        give = b.address | VALID | b.order;
    }
    unsigned i = (unsigned)random_below(&k->random, EXCHANGE);
    uintptr_t got = atomic_exchange_explicit(&k->a->exchange[i], give, memory_order_acq_rel);
    if (got) {
        keep(k, (block){got & ~(uintptr_t)(2 * VALID - 1), (unsigned)(got & (VALID - 1))});
    }
}

/* -------------------------------------------------------------------------------- slots ---- */

static void leave_slot(worker *k)
{
    if (k->slot < k->a->slots) {
        atomic_flag_clear_explicit(&k->a->taken[k->slot], memory_order_release);
    }
    k->slot = LFB_CACHE_NO_SLOT;
}

static void change_slot(worker *k)
{
    leave_slot(k);
    unsigned slot = (unsigned)random_below(&k->random, k->a->slots);
    if (!atomic_flag_test_and_set_explicit(&k->a->taken[slot], memory_order_acquire)) {
        k->slot = slot;
    }
}

/* ------------------------------------------------------------------------------ the run ---- */

static void step(worker *k)
{
    uint64_t dice = random_below(&k->random, 1000);
    if (dice < 10 && k->a->slots < THREADS) {
        change_slot(k);
    } else if (dice < 12) {
        lfb_cache_reclaim(&k->a->s.cache, k->slot);
    } else if (dice < 14) {
        lfb_cache_drain_slot(&k->a->s.cache, k->slot);
    } else if (dice < 16) {
        lfb_cache_stats stats;
        lfb_cache_get_stats(&k->a->s.cache, &stats);
    } else if (dice < 26) {
        sched_yield(); /* where there are few CPUs, threads would seldom meet */
    } else if (dice < 70) {
        do_exchange(k);
    } else if (k->count == 0 || (k->count < HELD_MOST - 1 && dice % 2)) {
        do_alloc(k);
    } else {
        do_free(k);
    }
}

static unsigned long steps_in_all(void)
{
    const char *given = getenv("LFB_STEPS");
    return given ? strtoul(given, NULL, 0) : 600000;
}

static void *work(void *argument)
{
    worker *k = argument;
    unsigned long steps = steps_in_all() / THREADS;
    for (unsigned long i = 0; i < steps; i++) {
        step(k);
    }
    while (k->count) {
        do_free(k);
    }
    leave_slot(k);
    return NULL;
}

static void free_exchange(arena *a)
{
    worker last = {.a = a, .number = 1, .slot = LFB_CACHE_NO_SLOT};
    for (unsigned i = 0; i < EXCHANGE; i++) {
        do_exchange(&last);
        last.random.state++;
    }
    for (unsigned i = 0; i < EXCHANGE; i++) {
        uintptr_t left = atomic_load(&a->exchange[i]);
        if (left) {
            assert_int_equal(lfb_free(&a->s.w.lfb, left & ~(uintptr_t)0x1ff), LFB_OK);
        }
    }
    while (last.count) {
        do_free(&last);
    }
}

static void run(unsigned slots, unsigned magazine_pages, bool checked)
{
    static arena a; /* one at a time */
    a = (arena){.slots = slots};
    uint64_t seed = random_seed();
    lfb_config core = world_config((uintptr_t)4096 * 1237, 4096, PAGES, ORDER_MOST);
    lfb_cache_config config = scene_cache_config(slots, ORDERS, magazine_pages);
    config.checked = checked;
    scene_start(&a.s, &core, config);
    worker workers[THREADS];
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        unsigned slot = slots < THREADS ? LFB_CACHE_NO_SLOT : i;
        workers[i] = (worker){&a, (unsigned char)(i + 1), slot, {seed + i}, {{0, 0}}, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    free_exchange(&a);
    lfb_cache_stats stats = scene_stats(&a.s);
    print_message("LFB_SEED=%#jx: %lu wrong, %lu failures, %zu refills, %zu flushes, %zu stolen\n",
                  (uintmax_t)seed, atomic_load(&a.wrong), atomic_load(&a.failures), stats.refills,
                  stats.flushes, stats.stolen);
    assert_int_equal(atomic_load(&a.wrong), 0);
    assert_int_equal(a.s.refused, 0);
    assert_true(atomic_load(&a.failures) > 0); /* one thread alone may want all that there is */
    scene_end(&a.s);
}

/* A slot a thread. */
static void test_own_slots(void **state)
{
    (void)state;
    run(THREADS, 32, false);
    run(THREADS, 8, false);
}

/* Fewer slots than threads: whoever finds one free uses it for a while; the others use none. */
static void test_slots_change_hands(void **state)
{
    (void)state;
    run(THREADS - 1, 8, false);
}

static void test_checked(void **state)
{
    (void)state;
    run(THREADS, 8, true);
    run(THREADS - 1, 32, true);
}

/* -------------------------------------------------------------------------- the edge S2 ---- */

enum { LEAF = 1 << LFB_LEAF_ORDER, SPREAD = 16 * LEAF };

static void *steal(void *argument)
{
    lfb_cache_reclaim(&((scene *)argument)->cache, 1);
    return NULL;
}

static void give(scene *s, uintptr_t page)
{
    assert_int_equal(lfb_cache_free(&s->cache, 0, page, 0), LFB_OK);
}

/*
 * The owner uses an array again that a thief has emptied. The two work in different leaves of the
 * core, and the main thread waits without an order, so that the shelf's word alone orders them
 * (magazine.h): ThreadSanitizer must find nothing missing.
 */
static void test_array_comes_back(void **state)
{
    (void)state;
    scene s;
    pthread_t thief;
    lfb_config config = world_config(0, 1, SPREAD, LFB_LEAF_ORDER + 4);
    scene_start(&s, &config, scene_cache_config(2, 1, 2));
    for (uintptr_t page = 0; page < SPREAD; page++) {
        assert_int_equal(lfb_alloc_at(&s.w.lfb, page, 1), LFB_OK);
    }
    uintptr_t far = SPREAD / 2;
    give(&s, 0);
    give(&s, 1);
    give(&s, far); /* 0 and 1 go to the shelf */
    assert_int_equal(pthread_create(&thief, NULL, steal, &s), 0);
    while (scene_stats(&s).stolen == 0) {
        sched_yield();
    }
    /* One of these finds that the owner was asked; the last one fills the shelf again. */
    for (uintptr_t page = far + LEAF + 1; scene_stats(&s).cached_pages < 3; page++) {
        give(&s, page);
    }
    pthread_join(thief, NULL);
    lfb_cache_drain(&s.cache);
    for (uintptr_t page = 0; page < SPREAD; page++) {
        lfb_free(&s.w.lfb, page);
    }
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_slots),
        cmocka_unit_test(test_slots_change_hands),
        cmocka_unit_test(test_checked),
        cmocka_unit_test(test_array_comes_back),
    };
    return cmocka_run_group_tests_name("cache threads", tests, NULL, NULL);
}
