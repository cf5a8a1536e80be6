/* SPDX-License-Identifier: MIT */
/*
 * One run: one allocator, fresh, through one workload with one order and number of threads. Each
 * thread, pinned to a CPU, sets up and warms up (prepare), waits for the others, works against the
 * clock (work), waits again, and gives back what it holds.
 *
 * The loops are the workloads'; an operation costs them a call through a pointer, a random number
 * and an entry of an array of blocks, the same for all allocators. What else there is to do in a
 * run, timing each call or checking it, is done by an allocator wrapped around the other
 * (latency.h, verify.h), so that the loops know nothing of it.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include "allocator.h"
#include "team.h"
#include "xorshift.h"

#include <time.h>

enum {
    HARNESS_BATCH = 256, /* operations between two looks at the clock */
    HARNESS_NONE = -1,   /* no block in this entry */
    HARNESS_FRAG_SAMPLES = 6,
    HARNESS_MAX_THREADS = 256
};

typedef struct cell {
    const struct workload *workload;
    unsigned order; /* of each block; 0 for workloads that mix orders */
    unsigned threads;
    size_t pages;
    uint64_t budget_ns; /* about how long the timed part runs */
    uint64_t seed;
} cell;

/* What `frag` finds out beside its time. */
typedef struct frag_outcome {
    bool valid;
    size_t huge[HARNESS_FRAG_SAMPLES]; /* wholly free 2 MiB blocks after 0, 20, ... 100 rounds */
    size_t ideal;
    size_t allocated; /* order-9 allocations that succeed at the end */
} frag_outcome;

typedef struct worker {
    _Alignas(128) const allocator *allocator;
    int64_t *held; /* a workload of one order: pages; else see harness_pack */
    size_t count;  /* entries in use */
    xorshift random;
    unsigned thread;
    unsigned order;
    struct run *run;

    uint64_t operations; /* in the timed part */
    uint64_t failures;
    uint64_t cpu_ns;
    uint64_t cpu_start;
    uint64_t wall_start;
    uint64_t wall_end; /* a workload that tidies up in `work` sets it before that */
    allocator_counts counts;
    allocator_counts counts_start;
} worker;

typedef struct run {
    cell cell;
    const allocator *allocator;
    worker *workers;
    unsigned size; /* workers */
    team_gate gate;
    uint64_t deadline; /* by harness_now; set when all are prepared */
    atomic_bool stop;
    void *shared;                                      /* the workload's */
    bool (*at_end)(const allocator *a, const cell *c); /* when all is given back; NULL: nothing */
    bool sound;                                        /* what at_end said */
    size_t metadata;
    frag_outcome frag;
} run;

typedef struct workload {
    const char *name;
    const char *about;
    bool by_order;    /* runs for each order that is asked for */
    bool range_only;  /* needs an allocator that can be exhausted, or has a range to fragment */
    bool takes_bulk;  /* calls get_bulk and put_bulk where there are any */
    bool fails;       /* it is failures that are measured */
    unsigned threads; /* always that many lanes, used by one thread; 0: as asked for */
    unsigned least_order;
    /* Entries of `held` for each thread; 0: too few pages for this cell. */
    size_t (*capacity)(const cell *c);
    /* Both may be NULL. false: no memory. */
    bool (*open)(run *r);
    void (*close)(run *r);
    void (*prepare)(worker *w);
    void (*work)(worker *w);
    /* Entries of `held` are packed, and this releases one; NULL: they are pages. */
    void (*put)(worker *w, int64_t packed);
} workload;

typedef struct sample {
    double ns;   /* of CPU time an operation, mean of all threads */
    double rate; /* operations a second of wall time, all threads together */
    uint64_t failures;
    uint64_t operations;
    double updates; /* the following three: a call, if the allocator counts them */
    double cas_failures;
    double lines;
} sample;

/* false: the allocator or the harness had no memory, or there were no more threads. */
bool harness_run(run *r, sample *out);

/* ------------------------------------------------------------------------- for workloads ---- */

static inline uint64_t harness_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static inline bool harness_is_over(const worker *w)
{
    return harness_now() >= w->run->deadline;
}

/* Between these two a thread's CPU time and updates count. Not for gates: they are passed outside.
 */
void harness_start_clock(worker *w);
void harness_stop_clock(worker *w);

/* All workers of the run. */
void harness_meet(worker *w);

/* A block and its order, or its length in pages: below 2^16. */
static inline int64_t harness_pack(int64_t page, unsigned size)
{
    return page < 0 ? HARNESS_NONE : page * 65536 + size;
}

static inline int64_t harness_page(int64_t packed)
{
    return packed >> 16;
}

static inline unsigned harness_size(int64_t packed)
{
    return (unsigned)(packed & 0xffff);
}

/* Blocks of the worker's order into held[from] to held[to - 1]; returns how many there were none
 * for. */
size_t harness_fill(worker *w, size_t from, size_t to);

/* Releases held[from] to held[to - 1]. */
void harness_empty(worker *w, size_t from, size_t to);

#endif
