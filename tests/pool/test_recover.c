/* SPDX-License-Identifier: MIT */
/* lfb_pool_recover beside threads that allocate and release all the time, and beside itself. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pools.h"
#include "random.h"

enum { PAGES = 4096 };

static const lfb_pool_config tagged = {.kind = LFB_POOL_SHARED,
                                       .size = PAGES * 4096,
                                       .page_size = 4096,
                                       .processes = 4,
                                       .owner_tags = true};

typedef struct notes {
    atomic_int stage;
} notes;

static notes *shared;
static lfb_pool *pool;

static int setup(void **state)
{
    (void)state;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    pool = pools_create(&tagged);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    munmap(shared, sizeof(*shared));
    lfb_pool_close(pool);
    return 0;
}

static void take_and_exit(lfb_pool *own)
{
    for (size_t i = 1; i < 9; i++) {
        lfb_pool_alloc_run(own, i);
    }
    _exit(0);
}

static atomic_bool over;

static void *hammer(void *lane)
{
    random_source random = {.state = (uint64_t)(uintptr_t)lane};
    while (!atomic_load(&over)) {
        void *run = lfb_pool_alloc_run(pool, 1 + random_below(&random, 40));
        if (run) {
            pools_mark(pool, run, 1, (uint64_t)(uintptr_t)run);
            sched_yield();
            if (!pools_is_marked(pool, run, 1, (uint64_t)(uintptr_t)run) ||
                lfb_pool_free(pool, run) != LFB_OK) {
                return "a run was taken away";
            }
        }
    }
    return NULL;
}

static void take_till_killed(lfb_pool *own)
{
    random_source random = {.state = (uint64_t)getpid()};
    void *run[16] = {0};
    for (size_t i = 0;; i = (i + 1) % 16) {
        if (run[i]) {
            lfb_pool_free(own, run[i]);
        }
        run[i] = lfb_pool_alloc_run(own, 1 + random_below(&random, 60));
        atomic_store(&shared->stage, 1);
    }
}

/* Others allocate and release all the time, while one after another is killed and recovered. */
static void test_beside_others(void **state)
{
    (void)state;
    enum { HAMMERS = 2, KILLS = 100 };
    pthread_t thread[HAMMERS];
    size_t runs = 0;
    atomic_store(&over, false);
    for (uintptr_t i = 0; i < HAMMERS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, hammer, (void *)(i + 1)), 0);
    }
    for (int i = 0; i < KILLS; i++) {
        lfb_pool_recovery done;
        atomic_store(&shared->stage, 0);
        pid_t child = pools_start(pool, take_till_killed);
        while (!atomic_load(&shared->stage)) {
            sched_yield();
        }
        usleep((useconds_t)(i * 37 % 2000));
        kill(child, SIGKILL);
        pools_reap(child);
        struct timespec late = pools_in(60000);
        assert_int_equal(lfb_pool_recover(pool, &late, &done), LFB_OK);
        assert_int_equal(done.processes, 1);
        runs += done.runs;
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < HAMMERS; i++) {
        void *complaint;
        assert_int_equal(pthread_join(thread[i], &complaint), 0);
        assert_null(complaint);
    }
    print_message("%d killed, %zu runs given back beside %d threads\n", KILLS, runs, HAMMERS);
    assert_int_equal(pools_allocated(pool), 0);
    pools_assert_sound(pool);
}

/* Recoveries at once: one works, the others are told so, all is given back once. */
static void *recover_often(void *unused)
{
    (void)unused;
    while (!atomic_load(&over)) {
        lfb_status status = lfb_pool_recover(pool, NULL, NULL);
        if (status != LFB_OK && status != LFB_BUSY) {
            return "refused";
        }
    }
    return NULL;
}

static void test_recoverers(void **state)
{
    (void)state;
    pthread_t thread[2];
    atomic_store(&over, false);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, recover_often, NULL), 0);
    }
    for (int i = 0; i < 30; i++) {
        pools_reap(pools_start(pool, take_and_exit));
        while (pools_allocated(pool) > 0) {
            sched_yield();
        }
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < 2; i++) {
        void *complaint;
        assert_int_equal(pthread_join(thread[i], &complaint), 0);
        assert_null(complaint);
    }
    assert_int_equal(lfb_pool_recover(pool, NULL, NULL), LFB_OK);
    pools_assert_sound(pool);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_recoverers), TEST(test_beside_others)};
    return cmocka_run_group_tests_name("recover", tests, NULL, NULL);
}
