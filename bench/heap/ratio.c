/* SPDX-License-Identifier: MIT */
/*
 * How fast a heap on a pool is beside plain jemalloc, in steady state.
 *
 * All serve the same requests: each thread has a table of objects, and at each step frees one at
 * random and allocates another, whose first and last byte it writes. Nine objects of ten have up to
 * 1 KiB, small sizes as often as large ones; one up to 32 KiB; one of a hundred up to 256 KiB. The
 * tables stay from round to round, so that no start is measured. Rounds alternate,
 * which of them goes first too; what counts is the median of the ratios of a round. CPU time is
 * measured: others may use the machine too. It doesn't count waiting for locks; --wall does.
 *
 * Plain jemalloc is the system's library as it is, in two ways: by mallocx and dallocx, which the
 * heap uses too, and by malloc and free, which jemalloc has shorter ways for. The heap has a
 * jemalloc of its own, of the same version.
 */
#include <argp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jemalloc/jemalloc.h>

#include "lfbuddy/heap.h"
#include "support/random.h"

enum { ROUNDS_MOST = 1000, THREADS_MOST = 256, CONTENDERS = 3 };

typedef enum way { WAY_HEAP, WAY_MALLOCX, WAY_MALLOC } way;

typedef struct settings {
    unsigned threads, rounds, objects;
    unsigned long steps;
    size_t pool_mib;
    clockid_t clock;
} settings;

typedef struct contender {
    const char *name;
    way way;
    lfb_heap *heap;
    double seconds[ROUNDS_MOST];
} contender;

typedef struct worker {
    pthread_t thread;
    const contender *contender;
    clockid_t clock;
    double seconds;
    unsigned long steps;
    unsigned objects;
    random_source random;
    char **table;
    pthread_barrier_t *barrier;
} worker;

/* -------------------------------------------------------------------------- the load ---- */

static size_t some_size(random_source *random)
{
    uint64_t kind = random_below(random, 100);
    return 8 + (size_t)random_skewed(random, kind < 90 ? 1024 : kind < 99 ? 32768 : 262144);
}

static inline char *get(const contender *c, size_t size)
{
    switch (c->way) {
    case WAY_HEAP:
        return lfb_heap_malloc(c->heap, size);
    case WAY_MALLOCX:
        return mallocx(size, 0);
    default:
        return malloc(size);
    }
}

static inline void put(const contender *c, char *object)
{
    switch (c->way) {
    case WAY_HEAP:
        lfb_heap_free(c->heap, object);
        return;
    case WAY_MALLOCX:
        dallocx(object, 0);
        return;
    default:
        free(object);
    }
}

static void step(worker *w)
{
    char **slot = &w->table[random_below(&w->random, w->objects)];
    size_t size = some_size(&w->random);
    if (*slot) {
        put(w->contender, *slot);
    }
    char *object = get(w->contender, size);
    if (!object) {
        fprintf(stderr, "%s: out of memory: a larger --pool will do\n", w->contender->name);
        exit(1);
    }
    object[0] = 1;
    object[size - 1] = 1;
    *slot = object;
}

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *work(void *context)
{
    worker *w = context;
    pthread_barrier_wait(w->barrier);
    double start = now(w->clock);
    for (unsigned long i = 0; i < w->steps; i++) {
        step(w);
    }
    w->seconds = now(w->clock) - start;
    return NULL;
}

/* ------------------------------------------------------------------------- measuring ---- */

/* One round: seconds of a thread, on average. */
static double run(worker *workers, const settings *s, unsigned long steps, uint64_t seed)
{
    pthread_barrier_t barrier;
    double seconds = 0;
    pthread_barrier_init(&barrier, NULL, s->threads);
    for (unsigned i = 0; i < s->threads; i++) {
        workers[i].random.state = seed + i;
        workers[i].steps = steps;
        workers[i].barrier = &barrier;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            fprintf(stderr, "can't start thread %u of %u\n", i + 1, s->threads);
            exit(1);
        }
    }
    for (unsigned i = 0; i < s->threads; i++) {
        pthread_join(workers[i].thread, NULL);
        seconds += workers[i].seconds / s->threads;
    }
    pthread_barrier_destroy(&barrier);
    return seconds;
}

static worker *new_workers(const contender *c, const settings *s)
{
    worker *workers = calloc(s->threads, sizeof(*workers));
    for (unsigned i = 0; i < s->threads; i++) {
        workers[i] = (worker){.contender = c, .clock = s->clock, .objects = s->objects};
        workers[i].table = calloc(s->objects, sizeof(char *));
    }
    run(workers, s, 10UL * s->objects, 1); /* hardly a slot is left empty, and all is warm */
    return workers;
}

static void measure(contender c[], const settings *s)
{
    worker *workers[CONTENDERS];
    for (unsigned i = 0; i < CONTENDERS; i++) {
        workers[i] = new_workers(&c[i], s);
    }
    for (unsigned round = 0; round < s->rounds; round++) {
        for (unsigned i = 0; i < CONTENDERS; i++) {
            unsigned which = (round + i) % CONTENDERS;
            c[which].seconds[round] = run(workers[which], s, s->steps, 1000 + round);
        }
    }
    for (unsigned i = 0; i < CONTENDERS; i++) {
        for (unsigned t = 0; t < s->threads; t++) {
            free(workers[i][t].table);
        }
        free(workers[i]);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double at_fraction(double values[], unsigned count, double fraction)
{
    qsort(values, count, sizeof(*values), compare);
    return values[(unsigned)(fraction * (count - 1))];
}

/* c[0] is the heap. */
static void report(contender c[], const settings *s)
{
    double ratios[CONTENDERS][ROUNDS_MOST];
    for (unsigned i = 0; i < CONTENDERS; i++) {
        for (unsigned round = 0; round < s->rounds; round++) {
            ratios[i][round] = c[i].seconds[round] / c[0].seconds[round];
        }
    }
    printf("%u threads, %u objects each; medians of %u rounds, %s time\n", s->threads, s->objects,
           s->rounds, s->clock == CLOCK_MONOTONIC ? "wall" : "CPU");
    for (unsigned i = 0; i < CONTENDERS; i++) {
        double median = at_fraction(c[i].seconds, s->rounds, 0.5);
        printf("%-10s %6.1f ns for a free and a malloc", c[i].name,
               median / (double)s->steps * 1e9);
        if (i > 0) {
            printf("; speed of the heap / its speed: %.3f (middle half %.3f to %.3f)",
                   at_fraction(ratios[i], s->rounds, 0.5), at_fraction(ratios[i], s->rounds, 0.25),
                   at_fraction(ratios[i], s->rounds, 0.75));
        }
        printf("\n");
    }
}

/* --------------------------------------------------------------------------- options ---- */

static const struct argp_option options[] = {
    {"threads", 't', "N", 0, "threads (2)", 0},
    {"rounds", 'r', "N", 0, "rounds (31)", 0},
    {"steps", 's', "N", 0, "steps of each thread in a round (1000000)", 0},
    {"objects", 'o', "N", 0, "objects of each thread (10000)", 0},
    {"wall", 'w', NULL, 0, "measure the time that passes, not the CPU time of the threads", 0},
    {"pool", 'p', "MIB", 0, "size of the pool in MiB (1024)", 0},
    {0}};

static unsigned long number(const char *text, unsigned long most, struct argp_state *state)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == '-' || *end || value < 1 || value > most) {
        argp_error(state, "%s: not a number from 1 to %lu", text, most);
    }
    return value;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    settings *s = state->input;
    switch (key) {
    case 't':
        s->threads = (unsigned)number(text, THREADS_MOST, state);
        return 0;
    case 'r':
        s->rounds = (unsigned)number(text, ROUNDS_MOST, state);
        return 0;
    case 's':
        s->steps = number(text, 1000000000, state);
        return 0;
    case 'o':
        s->objects = (unsigned)number(text, 100000000, state);
        return 0;
    case 'w':
        s->clock = CLOCK_MONOTONIC;
        return 0;
    case 'p':
        s->pool_mib = number(text, 1UL << 24, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        options, parse,
        NULL,    "Compares the speed of a heap on a pool with plain jemalloc's, in steady state.",
        NULL,    NULL,
        NULL};
    settings s = {.threads = 2,
                  .rounds = 31,
                  .objects = 10000,
                  .steps = 1000000,
                  .pool_mib = 1024,
                  .clock = CLOCK_THREAD_CPUTIME_ID};
    argp_parse(&argp, argc, argv, 0, NULL, &s);

    lfb_pool_error error;
    lfb_pool_config config = {.size = s.pool_mib << 20};
    lfb_pool *pool = lfb_pool_create(&config, &error);
    lfb_heap *heap = pool ? lfb_heap_create(pool, 0, &error) : NULL;
    if (!heap) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    static contender c[CONTENDERS] = {{.name = "heap", .way = WAY_HEAP},
                                      {.name = "mallocx", .way = WAY_MALLOCX},
                                      {.name = "malloc", .way = WAY_MALLOC}};
    c[0].heap = heap;
    measure(c, &s);
    report(c, &s);
    lfb_heap_destroy(heap);
    lfb_pool_close(pool);
    return 0;
}
