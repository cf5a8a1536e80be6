/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a release: many threads, and processes, want more than there is. A round is one
 * allocation that waits with a deadline far away: one that reaches it has lost a wake-up.
 *
 * LFB_ROUNDS says how many rounds.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pools.h"
#include "random.h"

enum { THREADS = 6, CHILDREN = 3, PAGES = 4, ROUNDS_USUAL = 100000, FAR = 60000 };

static unsigned long rounds_wanted(void)
{
    const char *given = getenv("LFB_ROUNDS");
    return given ? strtoul(given, NULL, 0) : ROUNDS_USUAL;
}

static lfb_pool_config small(bool tagged)
{
    return (lfb_pool_config){.kind = LFB_POOL_SHARED,
                             .size = PAGES * 4096,
                             .page_size = 4096,
                             .lanes = 2,
                             .owner_tags = tagged};
}

typedef struct waiter {
    lfb_pool *pool;
    unsigned long rounds;
    uint64_t seed;
    const char *complaint;
    unsigned long waits; /* rounds that found too little */
} waiter;

/* Takes one page or more, often all, and gives them back after a while, in one call or two. */
static const char *wait_and_release(waiter *w, random_source *random, unsigned long round)
{
    lfb_pool *pool = w->pool;
    static const size_t sizes[] = {1, 2, 3, 4, 4, 4};
    struct timespec far = pools_in(FAR);
    size_t pages = sizes[random_below(random, sizeof(sizes) / sizeof(*sizes))];
    uint64_t mark = random->state + round;
    void *run = lfb_pool_alloc_run(pool, pages);
    if (!run) {
        w->waits++;
        run = lfb_pool_alloc_wait(pool, pages, &far);
    }
    if (!run) {
        return "the deadline passed: a wake-up was lost";
    }
    pools_mark(pool, run, pages, mark);
    if (round % 4) {
        sched_yield();
    }
    if (!pools_is_marked(pool, run, pages, mark)) {
        return "two owners";
    }
    if (pages > 1 && round % 3 == 0 && lfb_pool_resize(pool, run, 1) != LFB_OK) {
        return "resize refused";
    }
    return lfb_pool_free(pool, run) == LFB_OK ? NULL : "release refused";
}

static void *wait_often(void *context)
{
    waiter *w = context;
    random_source random = {.state = w->seed};
    for (unsigned long i = 0; i < w->rounds && !w->complaint; i++) {
        w->complaint = wait_and_release(w, &random, i);
    }
    return NULL;
}

static void many_threads(lfb_pool *pool, unsigned long rounds)
{
    pthread_t thread[THREADS];
    waiter waiters[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        waiters[i] = (waiter){pool, rounds / THREADS, random_seed() + i, NULL, 0};
        assert_int_equal(pthread_create(&thread[i], NULL, wait_often, &waiters[i]), 0);
    }
    unsigned long waits = 0;
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        waits += waiters[i].waits;
        if (waiters[i].complaint) {
            fail_msg("%s", waiters[i].complaint);
        }
    }
    print_message("%lu rounds, %lu of them waited\n", rounds, waits);
    assert_true(waits > 0);
    assert_int_equal(pools_allocated(pool), 0);
}

static void test_threads(void **state)
{
    (void)state;
    lfb_pool_config config = {.size = PAGES * 4096, .page_size = 4096};
    lfb_pool *pool = pools_create(&config);
    many_threads(pool, rounds_wanted() / 2);
    lfb_pool_close(pool);
    config = small(true);
    pool = pools_create(&config);
    many_threads(pool, rounds_wanted() / 2);
    pools_assert_sound(pool);
    lfb_pool_close(pool);
}

static void test_deadline(void **state)
{
    (void)state;
    struct timespec now;
    lfb_pool_config config = small(false);
    lfb_pool *pool = pools_create(&config);
    void *all = lfb_pool_alloc_wait(pool, PAGES, NULL);
    assert_non_null(all);
    for (long milliseconds = 0; milliseconds <= 20; milliseconds += 10) {
        struct timespec at = pools_in(milliseconds);
        assert_null(lfb_pool_alloc_wait(pool, 1, &at));
        clock_gettime(CLOCK_MONOTONIC, &now);
        assert_true(now.tv_sec > at.tv_sec ||
                    (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec));
    }
    /* What can never be isn't waited for. */
    assert_null(lfb_pool_alloc_wait(pool, PAGES + 1, NULL));
    assert_null(lfb_pool_alloc_wait(pool, 0, NULL));
    assert_int_equal(lfb_pool_free(pool, all), LFB_OK);
    lfb_pool_close(pool);
}

/* ------------------------------------------------------------------------------ processes ---- */

static void test_processes(void **state)
{
    (void)state;
    pid_t child[CHILDREN];
    lfb_pool_config config = small(true);
    lfb_pool *pool = pools_create(&config);
    fflush(NULL);
    for (size_t i = 0; i < CHILDREN; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            waiter w = {lfb_pool_open_fd(lfb_pool_fd(pool), NULL, NULL), rounds_wanted() / 10, i,
                        NULL, 0};
            wait_often(&w);
            fprintf(stderr, "%s", w.complaint ? w.complaint : "");
            _exit(w.complaint != NULL);
        }
    }
    for (size_t i = 0; i < CHILDREN; i++) {
        int status;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(pools_allocated(pool), 0);
    lfb_pool_close(pool);
}

/* Waits for all pages, in a process of its own. */
static pid_t start_waiter(lfb_pool *pool)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct timespec far = pools_in(FAR);
        lfb_pool *own = lfb_pool_open_fd(lfb_pool_fd(pool), NULL, NULL);
        _exit(!lfb_pool_alloc_wait(own, PAGES, &far));
    }
    return child;
}

/* Asleep in its futex: state S, and the kernel's name for it where it tells. */
static bool is_asleep(pid_t pid)
{
    char path[64];
    char state = 0;
    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "r");
    bool read = file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
    if (file) {
        fclose(file);
    }
    return read && state == 'S';
}

static void wait_till_asleep(pid_t pid)
{
    while (!is_asleep(pid)) {
        sched_yield();
    }
    usleep(20000); /* it may sleep elsewhere first; then this tests less */
}

/* Killed waiters are in nobody's way; a killed owner's pages reach the waiters by a recovery. */
static void test_killed(void **state)
{
    (void)state;
    int status;
    lfb_pool_config config = small(true);
    lfb_pool *pool = pools_create(&config);
    void *all = lfb_pool_alloc_run(pool, PAGES);
    pid_t killed = start_waiter(pool);
    pid_t waiting = start_waiter(pool);
    wait_till_asleep(killed);
    wait_till_asleep(waiting);
    kill(killed, SIGKILL);
    assert_int_equal(waitpid(killed, &status, 0), killed);
    assert_int_equal(lfb_pool_free(pool, all), LFB_OK);
    assert_int_equal(waitpid(waiting, &status, 0), waiting);
    assert_int_equal(status, 0); /* it got all pages, and died with them */
    waiting = start_waiter(pool);
    wait_till_asleep(waiting);
    assert_int_equal(pools_allocated(pool), PAGES);
    assert_int_equal(lfb_pool_recover(pool, NULL, NULL), LFB_OK);
    assert_int_equal(waitpid(waiting, &status, 0), waiting);
    assert_int_equal(status, 0);
    assert_int_equal(lfb_pool_recover(pool, NULL, NULL), LFB_OK);
    assert_int_equal(pools_allocated(pool), 0);
    lfb_pool_close(pool);
}

int main(int count, char **arguments)
{
    /* One name for each suite: processes are beyond ThreadSanitizer. */
    const struct CMUnitTest threads[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_deadline),
    };
    const struct CMUnitTest processes[] = {
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_killed),
    };
    (void)arguments;
    return count > 1 ? cmocka_run_group_tests_name("wait, processes", processes, NULL, NULL)
                     : cmocka_run_group_tests_name("wait, threads", threads, NULL, NULL);
}
