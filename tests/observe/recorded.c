/* SPDX-License-Identifier: MIT */
/*
 * Two threads at work on a pool that is recorded into the file that the argument names. Prints how
 * many lines the trace has to have, and how many pages are allocated at the end.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <lfbuddy/pool.h>

enum { THREADS = 2, STEPS = 6000, HELD = 64, LEFT = 5 };

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition);                        \
            exit(3);                                                                               \
        }                                                                                          \
    } while (0)

static lfb_pool *pool;
static _Atomic unsigned long lines;
static pthread_barrier_t both;

/* A run that starts where a block that holds it could: a block for each bit of its length. */
static void count_run(size_t pages)
{
    lines += (unsigned)__builtin_popcountll(pages);
}

/* Of those that are allowed, the n-th: threads on the same CPU would be one in the trace. */
static void stay_on_cpu(unsigned n)
{
    cpu_set_t allowed;
    cpu_set_t one;
    MUST(sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
    n %= (unsigned)CPU_COUNT(&allowed);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed) && n-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            MUST(pthread_setaffinity_np(pthread_self(), sizeof(one), &one) == 0);
        }
    }
}

static void *work(void *seed)
{
    void *held[HELD] = {NULL};
    size_t pages[HELD] = {0};
    unsigned state = *(unsigned *)seed;
    stay_on_cpu(state - 1);
    pthread_barrier_wait(&both);
    for (int step = 0; step < STEPS; step++) {
        int i = rand_r(&state) % HELD;
        if (held[i]) {
            MUST(lfb_pool_free(pool, held[i]) == LFB_OK);
            MUST(lfb_pool_free(pool, (char *)held[i] + 1) == LFB_INVALID_ARGUMENT);
            count_run(pages[i]);
            held[i] = NULL;
            continue;
        }
        unsigned order = (unsigned)rand_r(&state) % 7;
        bool block = rand_r(&state) % 2;
        pages[i] = block ? (size_t)1 << order : 1 + (size_t)rand_r(&state) % 100;
        held[i] = block ? lfb_pool_alloc(pool, order) : lfb_pool_alloc_run(pool, pages[i]);
        MUST(held[i] != NULL);
        count_run(pages[i]);
    }
    for (int i = 0; i < HELD; i++) {
        if (held[i]) {
            MUST(lfb_pool_free(pool, held[i]) == LFB_OK);
            count_run(pages[i]);
        }
    }
    return NULL;
}

/* Runs that are cut, shrink, grow, and are refused. */
static void change(void)
{
    enum { PAGE = 4096 };
    char *run = lfb_pool_alloc_run(pool, 8);
    MUST(run && lfb_pool_free_range(pool, run + 2 * PAGE, 3) == LFB_OK); /* 2-3, 4 */
    MUST(lfb_pool_free_range(pool, run, 8) == LFB_NOT_ALLOCATED);
    MUST(lfb_pool_free(pool, run + 3 * PAGE) == LFB_NOT_ALLOCATED);
    MUST(lfb_pool_free(pool, run) == LFB_OK);
    MUST(lfb_pool_free(pool, run + 5 * PAGE) == LFB_OK); /* 5, 6-7 */
    lines += 1 + 2 + 1 + 2;
    run = lfb_pool_alloc_run(pool, 16);
    MUST(run && lfb_pool_resize(pool, run, 5) == LFB_OK); /* 5, 6-7, 8-15 */
    MUST(lfb_pool_resize(pool, run, 7) == LFB_OK);        /* 5, 6 */
    MUST(lfb_pool_resize(pool, run + PAGE, 2) == LFB_NOT_START);
    MUST(lfb_pool_free(pool, run) == LFB_OK); /* 0-3, 4-5, 6 */
    lines += 1 + 3 + 2 + 3;
    run = lfb_pool_alloc_zeroed(pool, 4);
    MUST(run && lfb_pool_free(pool, run) == LFB_OK && lfb_pool_alloc_at(pool, run, 4) == LFB_OK);
    MUST(lfb_pool_alloc_at(pool, run, 4) == LFB_BUSY && lfb_pool_free(pool, run) == LFB_OK);
    MUST(lfb_pool_alloc_run(pool, (size_t)1 << 20) == NULL);
    lines += 4;
}

/* A child made by fork neither writes nor disturbs. */
static void have_child(void)
{
    if (fork() == 0) {
        lfb_pool_free(pool, lfb_pool_alloc(pool, 3));
        lfb_pool_close(pool);
        _exit(0);
    }
}

int main(int count, char **arguments)
{
    pthread_t threads[THREADS];
    unsigned seeds[THREADS];
    lfb_pool_error error;
    pool = lfb_pool_create(&(lfb_pool_config){.size = (size_t)64 << 20}, NULL);
    MUST(count == 2 && pool);
    void *before = lfb_pool_alloc(pool, 0);
    MUST(!lfb_pool_record(pool, "/nowhere/at/all", &error) && error.status != LFB_POOL_OK);
    MUST(lfb_pool_record(pool, arguments[1], &error));
    MUST(!lfb_pool_record(pool, arguments[1], &error) && error.status == LFB_POOL_INVALID);
    MUST(lfb_pool_free(pool, before) == LFB_OK); /* whose allocation isn't in the trace */
    lines++;
    pthread_barrier_init(&both, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        seeds[i] = i + 1;
        MUST(pthread_create(&threads[i], NULL, work, &seeds[i]) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        MUST(pthread_join(threads[i], NULL) == 0);
    }
    change();
    have_child();
    for (int i = 0; i < LEFT; i++) {
        MUST(lfb_pool_alloc(pool, 2));
        lines++;
    }
    lfb_pool_close(pool);
    printf("%lu %d\n", lines, LEFT * 4);
    return 0;
}
