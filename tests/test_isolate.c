/* SPDX-License-Identifier: MIT */
/*
 * Isolation: pages that go out of use while runs live in them. Each way of releasing, in and across
 * the range; other calls' view of it; and threads that go on while ranges come and go.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "world.h"

enum { PAGES = 4096, FIRST = 1000, COUNT = 700, THREADS = 4, ROUNDS = 200, HELD_MOST = 64 };

static int start(void **state)
{
    static world w;
    lfb_config config = world_config(0x40000000, 4096, PAGES, 12);
    config.lanes = THREADS + 1;
    world_start(&w, &config);
    *state = &w;
    return 0;
}

static int end(void **state)
{
    world_end(*state);
    return 0;
}

static lfb_status isolate(world *w, size_t *in_use)
{
    return lfb_isolate_range(&w->lfb, world_page(w, FIRST), COUNT, in_use);
}

static void assert_in_use(world *w, size_t pages)
{
    size_t in_use = 0;
    assert_int_equal(isolate(w, &in_use), pages ? LFB_BUSY : LFB_OK);
    assert_int_equal(in_use, pages);
    world_assert_sound(w);
}

static bool is_isolated(const world *w, uintptr_t address, size_t pages)
{
    return address != LFB_NONE && address < world_page(w, FIRST + COUNT) &&
           address + pages * 4096 > world_page(w, FIRST);
}

/* Allocates all that there is, page by page: nothing of it may lie in the range. */
static void assert_shunned(world *w)
{
    static uintptr_t got[PAGES];
    size_t count = 0;
    while ((got[count] = lfb_alloc(&w->lfb, 0)) != LFB_NONE) {
        assert_false(is_isolated(w, got[count], 1));
        count++;
    }
    assert_true(lfb_alloc_within(&w->lfb, 1, world_page(w, FIRST), world_page(w, FIRST + COUNT)) ==
                LFB_NONE);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(lfb_free(&w->lfb, got[i]), LFB_OK);
    }
}

/* Without another call of lfb_isolate_range, which would take it: so much is out of use. */
static void assert_held(world *w, size_t pages)
{
    lfb_stats stats;
    lfb_get_stats(&w->lfb, &stats);
    assert_int_equal(stats.held_pages, pages);
}

static void give_back(world *w)
{
    assert_int_equal(lfb_release_range(&w->lfb, world_page(w, FIRST), COUNT), LFB_OK);
    world_assert_all_free(w);
}

static void test_free_range_at_once(void **state)
{
    world *w = *state;
    assert_in_use(w, 0);
    assert_shunned(w);
    give_back(w);
}

static void test_bad_arguments(void **state)
{
    world *w = *state;
    size_t in_use = 77;
    uintptr_t page = world_page(w, FIRST);
    world_remember(w);
    assert_int_equal(lfb_isolate_range(&w->lfb, page, 0, &in_use), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_isolate_range(&w->lfb, page + 1, 1, &in_use), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_isolate_range(&w->lfb, page, 1, NULL), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_isolate_range(&w->lfb, page, PAGES, &in_use), LFB_OUT_OF_RANGE);
    assert_int_equal(lfb_isolate_range(&w->lfb, 0, 1, &in_use), LFB_OUT_OF_RANGE);
    assert_int_equal(in_use, 77);
    world_assert_unchanged(w);
}

static void test_one_at_a_time(void **state)
{
    world *w = *state;
    size_t in_use;
    assert_int_equal(lfb_alloc_at(&w->lfb, world_page(w, FIRST), 1), LFB_OK);
    assert_in_use(w, 1);
    assert_int_equal(lfb_isolate_range(&w->lfb, world_page(w, 0), 10, &in_use), LFB_EXHAUSTED);
    lfb_isolate_end(&w->lfb);
    assert_int_equal(lfb_isolate_range(&w->lfb, world_page(w, 0), 10, &in_use), LFB_OK);
    assert_int_equal(lfb_release_range(&w->lfb, world_page(w, 0), 10), LFB_OK);
    /* The first range isn't isolated any more: what is released there is free. */
    assert_int_equal(lfb_free(&w->lfb, world_page(w, FIRST)), LFB_OK);
    assert_int_equal(lfb_alloc_at(&w->lfb, world_page(w, FIRST), 1), LFB_OK);
    assert_int_equal(lfb_free(&w->lfb, world_page(w, FIRST)), LFB_OK);
    assert_int_equal(lfb_release_range(&w->lfb, world_page(w, FIRST + 1), COUNT - 1), LFB_OK);
    world_assert_all_free(w);
}

/* A bad release is refused while a range is isolated as it is else. */
static void test_bad_releases(void **state)
{
    world *w = *state;
    uintptr_t run = world_page(w, 1024);
    assert_int_equal(lfb_alloc_at(&w->lfb, run, 64), LFB_OK);
    assert_in_use(w, 64);
    world_remember(w);
    assert_int_equal(lfb_free(&w->lfb, run + 4096), LFB_NOT_START);
    assert_int_equal(lfb_free(&w->lfb, run + 1), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_free(&w->lfb, world_page(w, FIRST)), LFB_NOT_ALLOCATED);
    assert_int_equal(lfb_free(&w->lfb, world_page(w, PAGES)), LFB_OUT_OF_RANGE);
    assert_int_equal(lfb_free_sized(&w->lfb, run, 63), LFB_SIZE_MISMATCH);
    assert_int_equal(lfb_resize(&w->lfb, run, 0), LFB_INVALID_ARGUMENT);
    world_assert_unchanged(w);
    assert_int_equal(lfb_free_sized(&w->lfb, run, 64), LFB_OK);
    assert_int_equal(lfb_free(&w->lfb, run), LFB_NOT_ALLOCATED);
    assert_in_use(w, 0);
    give_back(w);
}

/* Runs at both ends reach beyond the range; each is released in another way. */
static void test_ways_to_release(void **state)
{
    world *w = *state;
    uintptr_t before = world_page(w, 992);  /* to 1023: its last 24 pages are in the range */
    uintptr_t inside = world_page(w, 1100); /* a leaf's worth in one leaf or less */
    uintptr_t large = world_page(w, 1536);  /* to 1791: its first 164 pages */
    uintptr_t bulk[3] = {world_page(w, 1210), world_page(w, 1211), world_page(w, 900)};
    assert_int_equal(lfb_alloc_at(&w->lfb, before, 32), LFB_OK);
    assert_int_equal(lfb_alloc_at(&w->lfb, inside, 4), LFB_OK);
    assert_int_equal(lfb_alloc_at(&w->lfb, large, 256), LFB_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(lfb_alloc_at(&w->lfb, bulk[i], 1), LFB_OK);
    }
    assert_in_use(w, 24 + 4 + 164 + 2);
    assert_shunned(w);
    assert_int_equal(lfb_free_bulk(&w->lfb, 3, bulk), 3);
    assert_held(w, COUNT - (24 + 4 + 164));
    assert_in_use(w, 24 + 4 + 164);
    assert_int_equal(lfb_resize(&w->lfb, inside, 1), LFB_OK);
    assert_int_equal(lfb_resize(&w->lfb, inside, 2), LFB_BUSY);
    assert_held(w, COUNT - (24 + 1 + 164));
    assert_in_use(w, 24 + 1 + 164);
    assert_int_equal(lfb_free_range(&w->lfb, large + 100 * 4096, 156), LFB_OK);
    assert_held(w, COUNT - (24 + 1 + 100));
    assert_in_use(w, 24 + 1 + 100);
    assert_shunned(w);
    assert_int_equal(lfb_free(&w->lfb, before), LFB_OK);
    assert_in_use(w, 1 + 100);
    assert_int_equal(lfb_free(&w->lfb, large), LFB_OK);
    assert_int_equal(lfb_free(&w->lfb, inside), LFB_OK);
    assert_held(w, COUNT);
    assert_in_use(w, 0);
    give_back(w);
}

/* A run around all of the range. */
static void test_run_around(void **state)
{
    world *w = *state;
    assert_int_equal(lfb_alloc_at(&w->lfb, world_page(w, 0), 2048 + 37), LFB_OK);
    assert_in_use(w, COUNT);
    assert_int_equal(lfb_free(&w->lfb, world_page(w, 0)), LFB_OK);
    assert_in_use(w, 0);
    assert_shunned(w);
    give_back(w);
}

/* Random runs fill the range; one after the other goes. */
static void test_random_runs(void **state)
{
    world *w = *state;
    static uintptr_t runs[PAGES];
    for (unsigned seed = 1; seed <= 30; seed++) {
        srand(seed);
        size_t count = 0;
        while ((runs[count] = lfb_alloc_run(&w->lfb, (size_t)rand() % 90 + 1)) != LFB_NONE) {
            count++;
        }
        size_t last = COUNT + 1;
        while (count > 0) {
            size_t in_use = 0;
            isolate(w, &in_use);
            assert_true(in_use < last || (in_use == last && in_use > 0) || last == 0);
            last = in_use;
            size_t which = (size_t)rand() % count;
            assert_int_equal(lfb_free(&w->lfb, runs[which]), LFB_OK);
            runs[which] = runs[--count];
        }
        assert_in_use(w, 0);
        give_back(w);
    }
}

/* -------------------------------------------------------------------------------- threads ---- */

typedef struct worker {
    world *w;
    unsigned lane;
    unsigned wrong;
} worker;

static atomic_uchar owner[PAGES];
static atomic_bool over;

static void mark(worker *k, uintptr_t address, size_t pages, unsigned char from, unsigned char to)
{
    size_t page = (address - world_page(k->w, 0)) / 4096;
    for (size_t i = page; i < page + pages; i++) {
        k->wrong += atomic_exchange(&owner[i], to) != from;
    }
}

static void *churn(void *argument)
{
    worker *k = argument;
    unsigned seed = k->lane;
    uintptr_t held[HELD_MOST];
    size_t count = 0;
    while (!atomic_load(&over)) {
        if (count < HELD_MOST && rand_r(&seed) % 2) {
            size_t pages = (size_t)rand_r(&seed) % 50 + 1;
            held[count] = lfb_alloc_run_on(&k->w->lfb, k->lane, pages);
            if (held[count] != LFB_NONE) {
                mark(k, held[count++], pages, 0, (unsigned char)k->lane);
            }
        } else if (count > 0) {
            size_t which = (size_t)rand_r(&seed) % count;
            mark(k, held[which], lfb_size_of(&k->w->lfb, held[which]), (unsigned char)k->lane, 0);
            k->wrong += lfb_free_on(&k->w->lfb, k->lane, held[which]) != LFB_OK;
            held[which] = held[--count];
        }
    }
    for (; count > 0; count--) {
        uintptr_t run = held[count - 1];
        mark(k, run, lfb_size_of(&k->w->lfb, run), (unsigned char)k->lane, 0);
        k->wrong += lfb_free_on(&k->w->lfb, k->lane, run) != LFB_OK;
    }
    return NULL;
}

/* Isolates the range while the others work; owns it then, and gives it back. */
static unsigned come_and_go(worker *k)
{
    size_t in_use;
    unsigned tries = 0;
    while (lfb_isolate_range_on(&k->w->lfb, k->lane, world_page(k->w, FIRST), COUNT, &in_use) !=
           LFB_OK) {
        tries++;
    }
    mark(k, world_page(k->w, FIRST), COUNT, 0, (unsigned char)k->lane);
    mark(k, world_page(k->w, FIRST), COUNT, (unsigned char)k->lane, 0);
    k->wrong += lfb_release_range_on(&k->w->lfb, k->lane, world_page(k->w, FIRST), COUNT) != LFB_OK;
    return tries;
}

static void test_threads(void **state)
{
    world *w = *state;
    worker workers[THREADS + 1];
    pthread_t threads[THREADS];
    memset(owner, 0, sizeof(owner));
    atomic_store(&over, false);
    for (unsigned i = 0; i <= THREADS; i++) {
        workers[i] = (worker){.w = w, .lane = i + 1 <= THREADS ? i + 1 : 0};
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &workers[i]), 0);
    }
    unsigned tries = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        tries += come_and_go(&workers[THREADS]);
    }
    atomic_store(&over, true);
    unsigned wrong = workers[THREADS].wrong;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        wrong += workers[i].wrong;
    }
    print_message("%d isolations, %u of their calls found pages in use\n", ROUNDS, tries);
    assert_int_equal(wrong, 0);
    world_assert_all_free(w);
}

/* 32-bit words don't hold the page numbers of so large a range, the metadata of which is mapped but
 * not touched. */
static void test_range_too_large(void **state)
{
    (void)state;
#if LFB_WORD_BITS == 32 && UINTPTR_MAX > UINT32_MAX
    lfb_t lfb;
    size_t in_use;
    lfb_config config = world_config(0, 4096, (size_t)1 << 33, 12);
    config.metadata_zeroed = true;
    size_t size = lfb_metadata_size(&config);
    void *metadata = mmap(NULL, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(metadata, MAP_FAILED);
    assert_int_equal(lfb_init(&lfb, &config, metadata, size), LFB_OK);
    assert_int_equal(lfb_isolate_range(&lfb, 0, 1, &in_use), LFB_INVALID_ARGUMENT);
    munmap(metadata, size);
#endif
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        TEST(test_free_range_at_once),
        TEST(test_bad_arguments),
        TEST(test_one_at_a_time),
        TEST(test_bad_releases),
        TEST(test_ways_to_release),
        TEST(test_run_around),
        TEST(test_random_runs),
        TEST(test_threads),
        cmocka_unit_test(test_range_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
