/* SPDX-License-Identifier: MIT */
/*
 * Memory goes back to the system while others allocate: threads write to all pages of their runs,
 * and find them as they were; what they allocate zeroed is zero. One thread trims all the time, in
 * small pieces and large ones; another handle trims as it releases.
 *
 * LFB_SEED repeats the choices, LFB_STEPS says how many allocations.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "pools.h"
#include "random.h"

enum { THREADS = 3, HELD = 6, STEPS_USUAL = 20000, RUN_MOST = 1500 };

static atomic_bool over;

typedef struct worker {
    lfb_pool *pool;
    uint64_t seed;
    unsigned long steps;
    unsigned long zeroed;
    const char *complaint;
} worker;

typedef struct held {
    void *run;
    size_t pages;
    uint64_t mark;
} held;

static void take(worker *w, random_source *random, held *h)
{
    h->pages = 1 + random_skewed(random, RUN_MOST);
    bool zeroed = random_below(random, 2);
    h->run =
        zeroed ? lfb_pool_alloc_zeroed(w->pool, h->pages) : lfb_pool_alloc_run(w->pool, h->pages);
    if (!h->run) {
        return;
    }
    if (zeroed) {
        w->zeroed++;
        w->complaint = pools_is_zero(w->pool, h->run, h->pages) ? w->complaint : "not zero";
    }
    h->mark = random_next(random);
    pools_mark(w->pool, h->run, h->pages, h->mark);
}

static void give(worker *w, held *h)
{
    if (!pools_is_marked(w->pool, h->run, h->pages, h->mark)) {
        w->complaint = "memory taken from under its owner";
    }
    if (lfb_pool_free(w->pool, h->run) != LFB_OK) {
        w->complaint = "a release refused";
    }
    h->run = NULL;
}

static void *work(void *context)
{
    worker *w = context;
    random_source random = {.state = w->seed};
    held runs[HELD] = {{0}};
    for (unsigned long i = 0; i < w->steps && !w->complaint; i++) {
        held *h = &runs[random_below(&random, HELD)];
        if (h->run) {
            give(w, h);
        } else {
            take(w, &random, h);
        }
        if (i % 16 == 0) {
            sched_yield();
        }
    }
    for (size_t i = 0; i < HELD; i++) {
        if (runs[i].run) {
            give(w, &runs[i]);
        }
    }
    return NULL;
}

static void *trim(void *context)
{
    lfb_pool *pool = context;
    size_t *bytes = calloc(1, sizeof(*bytes));
    for (unsigned i = 0; bytes && !atomic_load(&over); i++) {
        lfb_pool_error error;
        *bytes += lfb_pool_trim(pool, i % 12, &error);
        if (error.status != LFB_POOL_OK) {
            fprintf(stderr, "%s\n", error.text);
            abort();
        }
        sched_yield();
    }
    return bytes;
}

/* A second handle maps the pool a second time. ThreadSanitizer takes one word at two addresses for
 * two, and what threads tell each other through both for nothing: there one handle does both. */
#if defined __SANITIZE_THREAD__
enum { MAPPINGS = 1 };
#else
enum { MAPPINGS = 2 };
#endif

static void run_all(const lfb_pool_config *config)
{
    const char *given = getenv("LFB_STEPS");
    unsigned long steps = given ? strtoul(given, NULL, 0) : STEPS_USUAL;
    pthread_t thread[THREADS + 1];
    worker workers[THREADS];
    unsigned long zeroed = 0;
    uint64_t seed = random_seed();
    lfb_pool *pool = pools_create(config);
    lfb_pool *trimming = NULL;
    if (config->kind != LFB_POOL_PRIVATE && MAPPINGS > 1) {
        lfb_pool_config as_released = {.kind = LFB_POOL_SHARED, .trim_order = 6};
        trimming = lfb_pool_open_fd(lfb_pool_fd(pool), &as_released, NULL);
        assert_non_null(trimming);
    }
    atomic_store(&over, false);
    assert_int_equal(pthread_create(&thread[THREADS], NULL, trim, pool), 0);
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (worker){.pool = i == 0 && trimming ? trimming : pool,
                              .seed = seed + i,
                              .steps = steps / 2 / THREADS};
        assert_int_equal(pthread_create(&thread[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        zeroed += workers[i].zeroed;
        if (workers[i].complaint) {
            fail_msg("LFB_SEED=%#jx: %s", (uintmax_t)seed, workers[i].complaint);
        }
    }
    atomic_store(&over, true);
    void *bytes;
    assert_int_equal(pthread_join(thread[THREADS], &bytes), 0);
    print_message("LFB_SEED=%#jx: %zu MiB given back, %lu runs zeroed\n", (uintmax_t)seed,
                  *(size_t *)bytes >> 20, zeroed);
    assert_true(*(size_t *)bytes > 0 && zeroed > 0);
    free(bytes);
    assert_int_equal(pools_allocated(pool), 0);
    pools_assert_sound(pool);
    lfb_pool_close(trimming);
    lfb_pool_close(pool);
}

static void test_private(void **state)
{
    (void)state;
    lfb_pool_config config = {.size = 32 << 20};
    run_all(&config);
}

static void test_shared(void **state)
{
    (void)state;
    lfb_pool_config config = {.kind = LFB_POOL_SHARED,
                              .size = 32 << 20,
                              .owner_tags = true,
                              .trim_order = MAPPINGS > 1 ? 0 : 6};
    run_all(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private),
        cmocka_unit_test(test_shared),
    };
    return cmocka_run_group_tests_name("trim", tests, NULL, NULL);
}
