/* SPDX-License-Identifier: MIT */
/*
 * Threads that allocate and release through a set of zones too small for all of them, on lanes of
 * their own and shared ones. Each owner marks its pages in plain memory: ThreadSanitizer sees a
 * page handed over without an order, the marks tell an overlap. What ordinary requests hold is
 * counted after each allocation and before each release, so that the sum is never too high; it must
 * never reach into the reserve. Before some atomic accesses the thread lets others go first: where
 * there are few CPUs, threads would seldom meet inside a call.
 *
 * LFB_SEED repeats the choices, not the timing; LFB_STEPS is how many calls in all, for each test.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "random.h"
#include "scene.h"

enum { THREADS = 4, ZONE_PAGES = 128, LOW = 48, MINIMUM = 16, HELD_MOST = 64 };

extern void (*each_access)(void); /* each_access.h */

static void yield_at_times(void)
{
    static _Thread_local unsigned accesses;
    accesses = accesses * 1103515245 + 12345;
    if (accesses >> 26 == 0) {
        sched_yield();
    }
}

void (*each_access)(void) = yield_at_times;

typedef struct arena {
    scene s;
    unsigned lanes;
    size_t batch;
    unsigned flags; /* that requests may have */
    unsigned char marks[ZONES * ZONE_PAGES];
    atomic_size_t held[ZONES];
    atomic_ulong wrong, failures;
} arena;

typedef struct worker {
    arena *a;
    unsigned char number;
    random_source random;
    uintptr_t held[HELD_MOST];
    size_t pages[HELD_MOST];
    unsigned count;
} worker;

static void expect(worker *k, bool right)
{
    if (!right) {
        atomic_fetch_add(&k->a->wrong, 1);
    }
}

static void set_marks(worker *k, uintptr_t address, size_t pages, unsigned char from,
                      unsigned char to)
{
    size_t first = address / PAGE - ZONE_PAGES; /* the zones are neighbours */
    for (size_t i = first; i < first + pages; i++) {
        expect(k, k->a->marks[i] == from);
        k->a->marks[i] = to;
    }
}

static void do_alloc(worker *k)
{
    lfb_zone_request request = {
        .pages = 1 + (size_t)random_skewed(&k->random, 12),
        .lane = k->number % k->a->lanes,
        .flags = (unsigned)random_below(&k->random, 4) & k->a->flags,
        .first = (unsigned)random_below(&k->random, ZONES),
    };
    uintptr_t address = lfb_zones_alloc(&k->a->s.set, &request);
    if (address == LFB_NONE) {
        atomic_fetch_add_explicit(&k->a->failures, 1, memory_order_relaxed);
        return;
    }
    unsigned zone = lfb_zones_find(&k->a->s.set, address);
    size_t held = atomic_fetch_add(&k->a->held[zone], request.pages) + request.pages;
    expect(k, held <= ZONE_PAGES - (k->a->flags & LFB_ZONE_RESERVE ? 0 : MINIMUM));
    expect(k, !(request.flags & LFB_ZONE_ONLY) || zone == request.first);
    set_marks(k, address, request.pages, 0, k->number);
    k->held[k->count] = address;
    k->pages[k->count++] = request.pages;
}

static void do_free(worker *k)
{
    unsigned i = (unsigned)random_below(&k->random, k->count);
    uintptr_t address = k->held[i];
    set_marks(k, address, k->pages[i], k->number, 0);
    unsigned zone = lfb_zones_find(&k->a->s.set, address);
    atomic_fetch_sub(&k->a->held[zone], k->pages[i]);
    expect(k, lfb_zones_free(&k->a->s.set, k->number % k->a->lanes, address) == LFB_OK);
    k->count--;
    k->held[i] = k->held[k->count];
    k->pages[i] = k->pages[k->count];
}

static void step(worker *k)
{
    uint64_t dice = random_below(&k->random, 100);
    if (dice < 1) {
        size_t pages = lfb_zones_free_pages(&k->a->s.set, k->number % ZONES);
        /* Read while it changes: pages may be seen in the word, and in each stock again. */
        expect(k, pages <= ZONE_PAGES + k->a->lanes * k->a->batch);
    } else if (k->count == 0 || (k->count < HELD_MOST && dice % 5 < 3)) {
        do_alloc(k);
    } else {
        do_free(k);
    }
}

static void *work(void *argument)
{
    worker *k = argument;
    const char *given = getenv("LFB_STEPS");
    unsigned long steps = (given ? strtoul(given, NULL, 0) : 100000) / THREADS;
    for (unsigned long i = 0; i < steps; i++) {
        step(k);
    }
    while (k->count) {
        do_free(k);
    }
    return NULL;
}

/* In quiet, and with everything free: whether each zone is told once on the way down. The last one
 * has no watermarks where there is a reserve to be used in the others. */
static void assert_low_is_armed(scene *s, bool reserve)
{
    unsigned armed = reserve ? ZONES - 1 : ZONES;
    assert_true(!reserve || atomic_load(&s->told[armed]) == 0);
    for (unsigned i = 0; i < armed; i++) {
        unsigned before = atomic_load(&s->told[i]);
        assert_true(before > 0);
        lfb_zone_request request = {.pages = 1, .flags = LFB_ZONE_ONLY, .first = i};
        uintptr_t page[ZONE_PAGES - LOW + 1];
        for (unsigned n = 0; n < ZONE_PAGES - LOW + 1; n++) {
            assert_int_equal(atomic_load(&s->told[i]), before);
            page[n] = lfb_zones_alloc(&s->set, &request);
        }
        assert_int_equal(atomic_load(&s->told[i]), before + 1);
        for (unsigned n = 0; n < ZONE_PAGES - LOW + 1; n++) {
            assert_int_equal(lfb_zones_free(&s->set, n, page[n]), LFB_OK);
        }
    }
}

static void run(unsigned lanes, size_t batch, unsigned flags)
{
    static arena a; /* one at a time */
    a = (arena){.lanes = lanes, .batch = batch, .flags = flags};
    scene_start(&a.s, lanes, batch);
    bool reserve = flags & LFB_ZONE_RESERVE;
    for (uintptr_t i = 0; i < ZONES; i++) {
        bool marked = i < ZONES - 1 || !reserve;
        scene_add(&a.s, ZONE_PAGES * (i + 1), ZONE_PAGES, marked ? LOW : 0, marked ? MINIMUM : 0);
    }
    uint64_t seed = random_seed();
    worker workers[THREADS];
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (worker){.a = &a, .number = (unsigned char)(i + 1), .random = {seed + i}};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    print_message("LFB_SEED=%#jx: %lu wrong, %lu failures, told %u %u %u\n", (uintmax_t)seed,
                  atomic_load(&a.wrong), atomic_load(&a.failures), atomic_load(&a.s.told[0]),
                  atomic_load(&a.s.told[1]), atomic_load(&a.s.told[2]));
    assert_int_equal(atomic_load(&a.wrong), 0);
    assert_true(atomic_load(&a.failures) > 0); /* the reserve and all else was asked for */
    scene_assert_counts(&a.s);
    assert_low_is_armed(&a.s, reserve);
    scene_end(&a.s);
}

static void test_ordinary(void **state)
{
    (void)state;
    run(THREADS, 16, LFB_ZONE_ONLY);
    run(THREADS, 64, LFB_ZONE_ONLY);
    run(1, 4, LFB_ZONE_ONLY);
}

static void test_with_reserve(void **state)
{
    (void)state;
    run(THREADS, 16, LFB_ZONE_ONLY | LFB_ZONE_RESERVE);
    run(2, 64, LFB_ZONE_ONLY | LFB_ZONE_RESERVE);
}

static void test_without_stocks(void **state)
{
    (void)state;
    run(THREADS, 0, LFB_ZONE_ONLY | LFB_ZONE_RESERVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ordinary),
        cmocka_unit_test(test_with_reserve),
        cmocka_unit_test(test_without_stocks),
    };
    return cmocka_run_group_tests_name("zone threads", tests, NULL, NULL);
}
